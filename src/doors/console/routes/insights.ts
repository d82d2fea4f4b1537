// What administrators ask about memberships: why, through what, since when, and what looks wrong. Only reads.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { acceptShape } from '../../../core/directory/group-proposals.ts'
import type { HistoryEntry, Insights } from '../../../core/directory/insights.ts'
import { optional, schemaOf } from '../../../core/directory/spec.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { auditSequence, limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'

type HistoryAsked = Parameters<Insights['groupHistory']>

const historyQuery = { limit, after: optional(auditSequence) }

const uuid = Type.String({ format: 'uuid' })
const orNull = (schema: ReturnType<typeof Type.Object>) => Type.Union([schema, Type.Null()])
const named = Type.Object({ id: uuid, name: Type.Union([Type.String(), Type.Null()]) })
const subject = Type.Object({ kind: Type.String(), id: uuid, name: Type.String() })
const group = Type.Object({ id: uuid, name: Type.String() })

const explanation = Type.Object({
  group: Type.Object({
    id: uuid,
    name: Type.String(),
    mode: Type.String(),
    rule: Type.Union([Type.String(), Type.Null()]),
  }),
  subject,
  member: Type.Boolean(),
  because: Type.Array(
    Type.Object({
      kind: Type.String({ enum: ['rule', 'exemption', 'manual', 'approved', 'nobody-added'] }),
      message: Type.String(),
      exemption: Type.Optional(Type.Object({})),
      clauses: Type.Optional(
        Type.Array(
          Type.Object({
            at: Type.Object({ start: Type.Integer(), end: Type.Integer() }),
            text: Type.String(),
            holds: Type.Boolean(),
            of: Type.String({ description: 'An attribute, memberOf, or devices' }),
            values: Type.Array(Type.Unknown()),
            message: Type.String(),
          }),
        ),
      ),
    }),
  ),
  suggests: Type.Union([Type.String({ enum: ['join', 'leave'] }), Type.Null()]),
})

const access = Type.Object({
  user: Type.Object({ id: uuid, username: Type.String(), state: Type.String() }),
  note: Type.Union([Type.String({ description: 'Why none of it lets anybody in now' }), Type.Null()]),
  chains: Type.Array(
    Type.Object({
      group,
      reasons: Type.Array(Type.String()),
      binding: Type.Object({}),
      resource: Type.Object({
        id: uuid,
        name: Type.String(),
        kind: Type.String(),
        enabled: Type.Boolean(),
      }),
    }),
  ),
  more: Type.Boolean(),
})

const history = {
  query: Type.Object({
    limit: document.pageQuery.limit,
    after: Type.Optional(Type.String({ description: '`next` of the page before' })),
  }),
  answer: Type.Object({
    items: Type.Array(
      Type.Object({
        sequence: Type.String({ description: 'Of the audit record' }),
        at: Type.String({ format: 'date-time' }),
        subject,
        joined: Type.Array(named),
        left: Type.Array(named),
        stayed: Type.Array(named, { description: 'Still a member, for other reasons than before' }),
        cause: Type.String({ description: 'The action of a change, such as user.update; or rule, or time' }),
        group: Type.Union([named, Type.Null()], {
          description: 'Whose rule was saved, or which group was removed',
        }),
        actor: Type.Object({}),
      }),
    ),
    next: Type.Union([Type.String(), Type.Null()]),
  }),
}

const findings = Type.Object({
  items: Type.Array(
    Type.Object({
      code: Type.String(),
      message: Type.String(),
      count: Type.Integer(),
      items: Type.Array(Type.Object({ group: orNull(group), subject: orNull(subject) })),
    }),
  ),
})

export function insightRoutes(app: FastifyInstance, { directory }: Pick<ApiServices, 'directory'>): void {
  const { insights } = directory
  proposalRoutes(app, directory)
  const noGroup = notFound('group').error
  const noUser = notFound('user').error

  app.get(
    '/groups/:id/members/:subjectId/explanation',
    {
      schema: document.operation(
        'explainMember',
        'Why a user or device is in a group, or is not: clause by clause',
        'groups',
        { params: document.params('id', 'subjectId'), answer: explanation },
      ),
    },
    async (request, reply) => {
      const [id, subjectId] = [pathId(request), pathId(request, 'subjectId')]
      const found = id && subjectId && (await insights.member(caller(request).organization.id, id, subjectId))
      return found || sendRefusal(reply, notFound('group, user or device').error)
    },
  )

  app.get(
    '/users/:id/access',
    {
      schema: document.operation('listAccess', 'What a user gets, and through which groups', 'users', {
        params: document.params('id'),
        answer: access,
      }),
    },
    async (request, reply) => {
      const id = pathId(request)
      const found = id && (await insights.access(caller(request).organization.id, id))
      return found || sendRefusal(reply, noUser)
    },
  )

  const { groupHistory, subjectHistory } = insights
  for (const { tag, name, summary, missing, entriesOf } of [
    {
      ...{ tag: 'groups', name: 'listGroupHistory', missing: noGroup, entriesOf: groupHistory },
      summary: 'Who joined and left, newest first',
    },
    {
      ...{ tag: 'users', name: 'listUserHistory', missing: noUser },
      summary: 'Groups that a user joined and left, newest first',
      entriesOf: (...[organization, id, page]: HistoryAsked) =>
        subjectHistory(organization, 'user', id, page),
    },
    {
      ...{ tag: 'devices', name: 'listDeviceHistory', missing: notFound('device').error },
      summary: 'Groups that a device joined and left, newest first',
      entriesOf: (...[organization, id, page]: HistoryAsked) =>
        subjectHistory(organization, 'device', id, page),
    },
  ]) {
    const schema = document.operation(name, summary, tag, { params: document.params('id'), ...history })
    app.get(`/${tag}/:id/history`, { schema }, async (request, reply) => {
      const id = pathId(request)
      if (!id) return sendRefusal(reply, missing)
      const read = readQuery(historyQuery, request.query)
      if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
      const { limit: most, after } = read.value
      const page = { limit: most + 1, ...(after !== undefined && { before: after }) }
      const entries = await entriesOf(caller(request).organization.id, id, page)
      if (entries === null) return sendRefusal(reply, missing)
      const last = entries[most - 1]
      const next = entries.length > most && last ? String(last.sequence) : null
      return { items: entries.slice(0, most).map(show), next }
    })
  }

  app.get(
    '/findings',
    {
      schema: document.operation('listFindings', 'What looks wrong with groups and exemptions', 'groups', {
        answer: findings,
      }),
    },
    async (request) => ({ items: await insights.findings(caller(request).organization.id) }),
  )
}

const proposals = Type.Object({
  items: Type.Array(
    Type.Object({
      group,
      attribute: Type.String(),
      value: Type.String(),
      people: Type.Integer({ description: 'Others with this value' }),
      members: Type.Integer({ description: 'How many of them are in the group' }),
      message: Type.String(),
    }),
  ),
})

/** Static groups that most of those like a user are in. */
function proposalRoutes(app: FastifyInstance, { groupProposals }: ApiServices['directory']): void {
  const noUser = notFound('user').error

  app.get(
    '/users/:id/group-suggestions',
    {
      schema: document.operation(
        'listGroupProposals',
        'Static groups that a user is not in, and most of those with the same department, title … are',
        'users',
        { params: document.params('id'), answer: proposals },
      ),
    },
    async (request, reply) => {
      const id = pathId(request)
      const items = id && (await groupProposals.of(caller(request).organization.id, id))
      return items ? { items } : sendRefusal(reply, noUser)
    },
  )

  app.post(
    '/users/:id/group-suggestions/accept',
    {
      schema: document.operation('acceptGroupProposals', 'Adds the user to these groups by hand', 'users', {
        params: document.params('id'),
        body: schemaOf(acceptShape),
      }),
    },
    async (request, reply) => {
      const id = pathId(request)
      if (!id) return sendRefusal(reply, noUser)
      const accepted = await groupProposals.accept(caller(request), id, request.body)
      return accepted.ok ? reply.code(204).send() : sendRefusal(reply, accepted.error)
    },
  )
}

const show = (entry: HistoryEntry) => ({ ...entry, sequence: String(entry.sequence) })
