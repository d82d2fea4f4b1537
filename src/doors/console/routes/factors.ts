// Factors of users and service accounts: which kinds there are (never their secrets), enrolment by an administrator.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { type FactorsOf, type FactorView, factorShape } from '../../../core/directory/factors.ts'
import { schemaOf } from '../../../core/directory/spec.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendRefusal } from '../problem-document.ts'
import { pathId } from '../request.ts'

const shown = Type.Object({
  id: Type.String({ format: 'uuid' }),
  kind: Type.String(),
  createdAt: Type.String({ format: 'date-time' }),
})
const made = Type.Intersect([
  shown,
  Type.Object({
    secret: Type.Optional(Type.String({ description: 'A generated TOTP seed: shown now and never again' })),
    uri: Type.Optional(
      Type.String({ description: 'What an authenticator scans: shown now and never again' }),
    ),
  }),
])

export function factorRoutes(app: FastifyInstance, path: string, title: string, factors: FactorsOf): void {
  const params = document.params('id')
  const show = ({ id, kind, createdAt }: FactorView) => ({ id, kind, createdAt })
  const missing = notFound(path).error
  const describe = (verb: string, summary: string) => [`${verb}${title}Factor`, summary, path] as const

  app.get(
    `/${path}/:id/factors`,
    {
      schema: document.operation(...describe('list', 'Kinds of factors that are enrolled'), {
        params,
        answer: Type.Object({ items: Type.Array(shown), next: Type.Null() }),
      }),
    },
    async (request, reply) => {
      const owner = pathId(request)
      const found = owner && (await factors.list(caller(request).organization.id, owner))
      return found ? { items: found.map(show), next: null } : sendRefusal(reply, missing)
    },
  )

  app.post(
    `/${path}/:id/factors`,
    {
      schema: document.operation(...describe('enrol', 'Sets a password or enrols a TOTP seed'), {
        params,
        body: schemaOf(factorShape),
        created: made,
      }),
    },
    async (request, reply) => {
      const owner = pathId(request)
      if (!owner) return sendRefusal(reply, missing)
      const by = caller(request)
      const enrolled = await factors.enrol(by, owner, request.body)
      if (!enrolled.ok) return sendRefusal(reply, enrolled.error)
      const { object, once } = enrolled.value
      const location = `/o/${by.organization.slug}/api/v1/${path}/${owner}/factors/${object.kind}`
      return reply
        .code(201)
        .header('location', location)
        .header('cache-control', 'no-store')
        .send({ ...show(object), ...once })
    },
  )

  app.delete(
    `/${path}/:id/factors/:kind`,
    {
      schema: document.operation(...describe('remove', 'Takes a factor away'), {
        params: document.params('id', 'kind'),
      }),
    },
    async (request, reply) => {
      const owner = pathId(request)
      if (!owner) return sendRefusal(reply, missing)
      const { kind } = request.params as { kind: string }
      const removed = await factors.remove(caller(request), owner, kind)
      return removed.ok ? reply.code(204).send() : sendRefusal(reply, removed.error)
    },
  )
}
