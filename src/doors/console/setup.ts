// The first organization of an empty server: whoever holds the one-time setup token may describe it, once.
// Making it, and keeping the tokens, is injected.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { Result } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { ImportReport } from '../../core/directory/import.ts'
import { tokenDigest } from '../../core/directory/tokens.ts'
import type { Refusal } from '../../core/directory/writing.ts'
import { bearerOf } from './authenticate.ts'
import { problems } from './openapi.ts'
import { sendProblem, sendRefusal } from './problem-document.ts'
import { importBodyLimit, importReport } from './routes/import.ts'

export interface SetupReport {
  readonly organization: { readonly slug: string; readonly name: string; readonly domain: string }
  /** Null where a file was sent, and nobody named who is to sign in. */
  readonly owner: { readonly username: string } | null
  /** The owner's first API token: shown now and never again. */
  readonly token: string
  /** What was made, and secrets that were, beside that token. */
  readonly imported: ImportReport
}

export interface Setup {
  /** SHA-256 of the setup token; null once it was used, or where there is an organization already. */
  digest(): Buffer | null
  /** Makes the organization from `{ organization, owner }` or `{ file, owner? }`. It is never asked twice at the same time. */
  complete(body: unknown): Promise<Result<SetupReport, Refusal>>
}

const text = Type.String()
const body = Type.Union([
  Type.Object({
    organization: Type.Object({ slug: text, name: text, domain: text }),
    owner: Type.Object({ username: text, password: Type.Optional(text) }, { additionalProperties: true }),
  }),
  Type.Object({
    file: Type.Object(
      {},
      { additionalProperties: true, description: 'An organization file: as for /import' },
    ),
    owner: Type.Optional(Type.Object({ username: text, password: text })),
  }),
])
const report = Type.Object({
  organization: Type.Object({ slug: text, name: text, domain: text }),
  owner: Type.Union([Type.Object({ username: text }), Type.Null()]),
  token: text,
  imported: importReport,
})

export function setupRoutes(app: FastifyInstance, setup: Setup): void {
  let underWay = false

  app.post(
    '/api/v1/setup',
    {
      bodyLimit: importBodyLimit,
      schema: {
        operationId: 'setup',
        summary: 'Makes the first organization, with the one-time setup token',
        tags: ['setup'],
        body,
        response: { 201: report, ...problems },
      },
      // Before the body is read, which may be large.
      async onRequest(request, reply) {
        const expected = setup.digest()
        if (expected === null) return sendProblem(reply, 'not-found')
        const token = bearerOf(request)
        // Digests of random tokens: how long the comparison takes tells nothing.
        if (token === undefined || !tokenDigest(new Secret(token)).equals(expected)) {
          reply.header('www-authenticate', 'Bearer realm="muster setup"')
          return sendProblem(reply, 'unauthenticated')
        }
        return undefined
      },
    },
    async (request, reply) => {
      // Used while this body was read.
      if (setup.digest() === null) return sendProblem(reply, 'not-found')
      if (underWay) return sendProblem(reply, 'conflict')
      underWay = true
      try {
        const done = await setup.complete(request.body)
        if (!done.ok) return sendRefusal(reply, done.error)
        return reply.code(201).header('cache-control', 'no-store').send(done.value)
      } finally {
        underWay = false
      }
    },
  )
}
