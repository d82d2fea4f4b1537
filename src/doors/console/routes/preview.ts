// What would this rule change, and is it sound? Without effects.
import type { FastifyInstance } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { previewShape } from '../../../core/directory/group-preview.ts'
import { checkShape } from '../../../core/directory/rule-check.ts'
import { optional, schemaOf } from '../../../core/directory/spec.ts'
import { id } from '../../../core/directory/values.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { limit, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'

const query = { limit, after: optional(id('the last subject of the sample before')) }

const uuid = Type.String({ format: 'uuid' })
const grant = {
  kind: Type.String({ enum: ['group', 'directory', 'network', 'application', 'portal', 'console'] }),
  resource: Type.String({ description: 'Name of the resource; of the group, as LDAP shows it' }),
  vlan: Type.Optional(Type.Integer()),
  role: Type.Optional(Type.String()),
}
const one = { subjectId: uuid, name: Type.String() }
const grants = Type.Array(Type.Object(grant))
const moved = Type.Object({ ...one, gains: grants, loses: grants })
const counts = Type.Array(Type.Object({ ...grant, count: Type.Integer() }))
const sampled = (sample: TSchema) =>
  Type.Object({
    count: Type.Integer(),
    sample: Type.Array(sample),
    next: Type.Union([uuid, Type.Null()]),
  })

const preview = Type.Object({
  joins: sampled(moved),
  leaves: sampled(moved),
  stays: Type.Object({ count: Type.Integer() }),
  unknowns: sampled(Type.Object(one)),
  gains: counts,
  loses: counts,
  findings: document.findings(),
})

const checked = Type.Object({
  rule: Type.String({ description: 'As it is printed: lower-case keywords, single spaces' }),
  json: Type.Object({}, { description: 'The same rule in its JSON form' }),
  findings: document.findings({ path: Type.String({ description: 'Where in `json`' }) }),
})

export function previewRoutes(app: FastifyInstance, { directory }: Pick<ApiServices, 'directory'>): void {
  app.post(
    '/groups/preview',
    {
      schema: document.operation('previewGroup', 'What a rule would change, without effects', 'groups', {
        query: Type.Object(document.pageQuery),
        body: schemaOf(previewShape),
        answer: preview,
      }),
    },
    async (request, reply) => {
      const read = readQuery(query, request.query)
      if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
      const { limit: most, after } = read.value
      const page = { limit: most, ...(after !== undefined && { after }) }
      const previewed = await directory.previewGroup(caller(request), request.body, page)
      return previewed.ok ? previewed.value : sendRefusal(reply, previewed.error)
    },
  )

  app.post(
    '/rules/check',
    {
      schema: document.operation(
        'checkRule',
        'Is a rule sound, what is odd about it, and its text and JSON form',
        'groups',
        { body: schemaOf(checkShape), answer: checked },
      ),
    },
    async (request, reply) => {
      const read = await directory.checkRule(caller(request), request.body)
      return read.ok ? read.value : sendRefusal(reply, read.error)
    },
  )
}
