// Scheduled states of users: making, listing and cancelling them.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { UserId } from '../../../base/ids.ts'
import { optional, schemaOf } from '../../../core/directory/spec.ts'
import { type StateChange, userStates } from '../../../core/directory/types.ts'
import { id } from '../../../core/directory/values.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'
import { listTimeoutMs, pageOf } from './collections.ts'
import { subjectNames } from './subject-names.ts'

const query = {
  userId: optional(id<UserId>('a user')),
  limit,
  after: optional(id('the last scheduled state of the page before')),
}

const uuid = Type.String({ format: 'uuid' })
const instant = Type.String({ format: 'date-time' })
const scheduled = Type.Object({
  id: uuid,
  userId: uuid,
  username: Type.Union([Type.String(), Type.Null()]),
  state: Type.String({ enum: [...userStates] }),
  at: instant,
  reason: Type.String(),
  createdAt: instant,
})

export function stateChangeRoutes(app: FastifyInstance, { directory }: Pick<ApiServices, 'directory'>): void {
  const { stateChanges } = directory
  const path = '/state-changes'
  const tag = 'state-changes'
  const show =
    (names: ReadonlyMap<string, string>) =>
    ({ id: own, userId, state, at, reason, createdAt }: StateChange) => ({
      ...{ id: own, userId, username: names.get(userId) ?? null, state, at, reason, createdAt },
    })
  const namesOf = (organization: Parameters<typeof subjectNames>[1], rows: readonly StateChange[]) =>
    subjectNames(
      directory,
      organization,
      rows.map(({ userId }) => userId),
    )

  app.get(
    path,
    {
      schema: document.operation('listStateChanges', 'States that users are to have', tag, {
        query: Type.Object({ userId: Type.Optional(uuid), ...document.pageQuery }),
        answer: document.pageOf(scheduled),
      }),
    },
    async (request, reply) => {
      const organization = caller(request).organization.id
      const read = readQuery(query, request.query)
      if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
      const { userId, limit: most, after } = read.value
      const page = { limit: most + 1, timeoutMs: listTimeoutMs, ...(after !== undefined && { after }) }
      const where = userId === undefined ? {} : { user: userId }
      const rows = await stateChanges.list(organization, where, page)
      return pageOf(rows, most, (row) => row.id, show(await namesOf(organization, rows)))
    },
  )

  app.post(
    path,
    {
      schema: document.operation('scheduleState', 'From an instant on, users are to have this state', tag, {
        body: schemaOf(stateChanges.shape),
        created: Type.Object({ items: Type.Array(scheduled) }),
      }),
    },
    async (request, reply) => {
      const by = caller(request)
      const made = await stateChanges.schedule(by, request.body)
      if (!made.ok) return sendRefusal(reply, made.error)
      const names = await namesOf(by.organization.id, made.value)
      return reply.code(201).send({ items: made.value.map(show(names)) })
    },
  )

  app.delete(
    `${path}/:id`,
    {
      schema: document.operation('cancelStateChange', 'Cancels a scheduled state', tag, {
        params: document.params('id'),
      }),
    },
    async (request, reply) => {
      const own = pathId(request)
      if (!own) return sendRefusal(reply, notFound('scheduled state').error)
      const cancelled = await stateChanges.cancel(caller(request), own)
      return cancelled.ok ? reply.code(204).send() : sendRefusal(reply, cancelled.error)
    },
  )
}
