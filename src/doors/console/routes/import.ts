// Takes a whole organization's file at once: checked as a whole before anything is written.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import type { ApiServices } from '../services.ts'

/** Bytes. */
export const importBodyLimit = 64 * 1024 * 1024

export const importReport = Type.Object({
  counts: Type.Record(Type.String(), Type.Integer()),
  tokens: Type.Array(Type.Object({ name: Type.String(), token: Type.String() })),
  clientSecrets: Type.Array(Type.Object({ address: Type.String(), secret: Type.String() })),
  applicationSecrets: Type.Array(Type.Object({ clientId: Type.String(), secret: Type.String() })),
})

export function importRoutes(app: FastifyInstance, services: Pick<ApiServices, 'importOrganization'>): void {
  app.post(
    '/import',
    {
      bodyLimit: importBodyLimit,
      schema: document.operation('import', 'Adds what an organization file holds', 'import', {
        query: document.confirmation,
        body: { type: 'object', description: 'The file format of config/sample' },
        answer: importReport,
      }),
    },
    async (request, reply) => {
      const by = caller(request)
      if (by.role !== 'owner') {
        const message = 'only an owner may import'
        return sendProblem(reply, 'forbidden', [{ field: '', code: 'forbidden', message }])
      }
      const done = await services.importOrganization(by, request.body)
      if (!done.ok) return sendRefusal(reply, done.error)
      return reply.header('cache-control', 'no-store').send(done.value)
    },
  )
}
