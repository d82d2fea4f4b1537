// The audit log: newest first, filtered, and the proof that nothing in it was changed.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { AuditRecord } from '../../../core/audit/record.ts'
import { optional } from '../../../core/directory/spec.ts'
import { choice, date, id, text } from '../../../core/directory/values.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem } from '../problem-document.ts'
import { auditSequence, limit, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'

const query = {
  kind: optional(choice(['decision', 'change'])),
  outcome: optional(text({ most: 64 })),
  subject: optional(id('a user or service account')),
  target: optional(id('the object that was changed or asked for')),
  reference: optional(text({ most: 64 })),
  from: optional(date()),
  to: optional(date()),
  limit,
  after: optional(auditSequence),
}

const record = Type.Object({
  sequence: Type.String(),
  body: Type.Object({}),
  previous: Type.String(),
  hash: Type.String(),
})

export function auditRoutes(
  app: FastifyInstance,
  services: Pick<ApiServices, 'audit' | 'verifyAudit'>,
): void {
  app.get(
    '/audit',
    {
      schema: document.operation('listAudit', 'Decisions and changes, newest first', 'audit', {
        query: Type.Object({
          kind: Type.Optional(Type.String({ enum: ['decision', 'change'] })),
          outcome: Type.Optional(
            Type.String({ description: 'Outcome of a decision, or action of a change' }),
          ),
          subject: Type.Optional(Type.String({ format: 'uuid' })),
          target: Type.Optional(Type.String({ format: 'uuid' })),
          reference: Type.Optional(
            Type.String({ description: 'What a refused person was shown, such as 7K3M-Q0XA' }),
          ),
          from: Type.Optional(Type.String({ format: 'date-time' })),
          to: Type.Optional(Type.String({ format: 'date-time' })),
          limit: document.pageQuery.limit,
          after: Type.Optional(Type.String({ description: '`next` of the page before' })),
        }),
        answer: Type.Object({
          items: Type.Array(record),
          next: Type.Union([Type.String(), Type.Null()]),
        }),
      }),
    },
    async (request, reply) => {
      const read = readQuery(query, request.query)
      if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
      const { limit: most, after, ...sent } = read.value
      const where = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== undefined))
      const page = { limit: most + 1, ...(after !== undefined && { before: after }) }
      const rows = await services.audit.list(caller(request).organization.id, where, page)
      const items = rows.slice(0, most)
      const last = items.at(-1)
      return { items: items.map(show), next: rows.length > most && last ? String(last.sequence) : null }
    },
  )

  app.get(
    '/audit/verify',
    {
      schema: document.operation(
        'verifyAudit',
        'Checks the hash chain from its beginning to its end',
        'audit',
        {
          answer: Type.Object({
            intact: Type.Boolean(),
            records: Type.Optional(Type.String()),
            head: Type.Optional(Type.String()),
            sequence: Type.Optional(Type.String()),
            fault: Type.Optional(Type.String()),
          }),
        },
      ),
    },
    (request) => services.verifyAudit(caller(request).organization.id),
  )
}

/** `body` as an object; the hash covers the exact text, which `GET /audit/verify` checks. */
function show({ sequence: number, body, previous, hash }: AuditRecord) {
  return { sequence: String(number), body: JSON.parse(body) as unknown, previous, hash }
}
