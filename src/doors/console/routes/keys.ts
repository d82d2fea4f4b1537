// The keys that sign tokens and assertions: which there are, and new ones. Private halves never leave the store by here.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { schemaOf } from '../../../core/directory/spec.ts'
import { type ListedKey, rotateShape } from '../../../core/keys/signing-keys.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendRefusal } from '../problem-document.ts'
import type { ApiServices } from '../services.ts'

const instant = Type.String({ format: 'date-time' })
const listed = Type.Object({
  items: Type.Array(
    Type.Object({
      id: Type.String({ format: 'uuid' }),
      purpose: Type.String({ enum: ['oidc', 'saml'] }),
      algorithm: Type.String({ enum: ['RS256', 'ES256'] }),
      state: Type.String({
        enum: ['next', 'signing', 'retiring'],
        description: 'Published and not signing yet; signing; published for those who hold what it signed',
      }),
      createdAt: instant,
      activeFrom: instant,
      retiredAt: Type.Union([instant, Type.Null()]),
      publicKey: Type.Optional(Type.String({ description: 'PEM' })),
      certificate: Type.Optional(Type.String({ description: 'PEM; of a key for SAML' })),
    }),
  ),
  next: Type.Null(),
})

export function keyRoutes(app: FastifyInstance, { keys, clock }: Pick<ApiServices, 'keys' | 'clock'>): void {
  app.get(
    '/keys',
    { schema: document.operation('listKeys', 'Signing keys that are published', 'keys', { answer: listed }) },
    async (request) => answer(await keys.list(caller(request).organization.id, clock.now())),
  )

  app.post(
    '/keys/rotate',
    {
      schema: document.operation('rotateKeys', 'Makes new signing keys; the old ones go by and by', 'keys', {
        body: schemaOf(rotateShape),
        answer: listed,
      }),
    },
    async (request, reply) => {
      const rotated = await keys.rotate(caller(request), request.body)
      return rotated.ok ? answer(rotated.value) : sendRefusal(reply, rotated.error)
    },
  )
}

const answer = (keys: readonly ListedKey[]) => ({ items: keys.map(show), next: null })

function show({ publicText, ...key }: ListedKey) {
  const { id, purpose, algorithm, state, createdAt, activeFrom, retiredAt } = key
  const half = purpose === 'saml' ? { certificate: publicText } : { publicKey: publicText }
  return { id, purpose, algorithm, state, createdAt, activeFrom, retiredAt, ...half }
}
