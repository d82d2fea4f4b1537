// Where a user is signed in, here and at applications, and the end of all of it. No token is shown: none is known.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { OrganizationId, ResourceId, UserId } from '../../../base/ids.ts'
import { optional } from '../../../core/directory/spec.ts'
import { id } from '../../../core/directory/values.ts'
import { notFound } from '../../../core/directory/writing.ts'
import type { ApplicationSession, Session } from '../../../core/ports.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'
import { listTimeoutMs, pageOf } from './collections.ts'

const query = { limit, after: optional(id('the last session of the page before')) }
const reason = 'ended by an administrator'
const missing = notFound('user').error

const uuid = Type.String({ format: 'uuid' })
const instant = Type.String({ format: 'date-time' })
const orNull = (schema: typeof uuid) => Type.Union([schema, Type.Null()])
const shown = Type.Object({
  id: uuid,
  kind: Type.String({ enum: ['session', 'application-session'] }),
  application: Type.Union([Type.Object({ id: uuid, name: Type.String() }), Type.Null()]),
  sessionId: orNull(
    Type.String({
      format: 'uuid',
      description: 'Of an application session: the session it ends with; null where it outlives that one',
    }),
  ),
  since: instant,
  lastUsedAt: orNull(instant),
  expiresAt: instant,
  address: orNull(Type.String()),
  browser: orNull(Type.String({ description: 'What it says of itself' })),
})

export function sessionRoutes(
  app: FastifyInstance,
  {
    directory,
    webSessions,
    applicationSessions,
    clock,
  }: Pick<ApiServices, 'directory' | 'webSessions' | 'applicationSessions' | 'clock'>,
): void {
  const params = document.params('id')
  const tag = 'users'

  app.get(
    '/users/:id/sessions',
    {
      schema: document.operation(
        'listUserSessions',
        'Where a user is signed in, and what applications keep',
        tag,
        {
          params,
          query: Type.Object(document.pageQuery),
          answer: document.pageOf(shown),
        },
      ),
    },
    async (request, reply) => {
      const { organization } = caller(request)
      const own = pathId(request) as UserId | null
      const user = own && (await directory.users.find(organization.id, own))
      if (!user) return sendRefusal(reply, missing)
      const read = readQuery(query, request.query)
      if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
      const { limit: most, after } = read.value
      const page = { limit: most + 1, timeoutMs: listTimeoutMs, ...(after !== undefined && { after }) }
      const [web, atApplications] = await Promise.all([
        webSessions.list(organization, user.id),
        applicationSessions.list(organization.id, { user: user.id }, clock.now(), page),
      ])
      const names = await namesOf(organization.id, atApplications)
      // Two lists as one, in the order of ids: of the first there are never more than fit in a page or two.
      const all = [
        ...web.filter((one) => after === undefined || one.id > after).map(showSession),
        ...atApplications.map((one) => showApplication(one, names)),
      ].sort((a, b) => (a.id < b.id ? -1 : 1))
      return pageOf(
        all,
        most,
        (one) => one.id,
        (one) => one,
      )
    },
  )

  app.delete(
    '/users/:id/sessions',
    {
      schema: document.operation(
        'endUserSessions',
        'Signs a user out everywhere; applications are told, and keep no access',
        tag,
        { params },
      ),
    },
    async (request, reply) => {
      const { organization, actor } = caller(request)
      const own = pathId(request) as UserId | null
      const user = own && (await directory.users.find(organization.id, own))
      if (!user) return sendRefusal(reply, missing)
      const may = await directory.mayManage(caller(request), user.id)
      if (!may.ok) return sendRefusal(reply, may.error)
      await webSessions.endAll(organization.id, user, actor, reason, null)
      return reply.code(204).send()
    },
  )

  async function namesOf(
    organization: OrganizationId,
    of: readonly ApplicationSession[],
  ): Promise<ReadonlyMap<ResourceId, string>> {
    const ids = [...new Set(of.map(({ resourceId }) => resourceId))]
    if (ids.length === 0) return new Map()
    const where = ids.map((value) => ({ op: 'eq', field: { standard: 'id' }, value }) as const)
    const page = { limit: ids.length, timeoutMs: listTimeoutMs }
    const found = await directory.resources.list(organization, { op: 'or', of: where }, page)
    return new Map(found.map((one) => [one.id, one.name]))
  }
}

const showSession = ({ id: own, createdAt, seenAt, expiresAt, peer, userAgent }: Session) => ({
  ...{ id: own as string, kind: 'session', application: null, sessionId: null },
  ...{ since: createdAt, lastUsedAt: seenAt, expiresAt, address: peer, browser: userAgent },
})

/** Its use is not noted: an application uses it on its own, from wherever it stands. */
const showApplication = (
  { id: own, resourceId, sessionId, openedAt, expiresAt }: ApplicationSession,
  names: ReadonlyMap<ResourceId, string>,
) => ({
  ...{ id: own as string, kind: 'application-session', sessionId },
  application: { id: resourceId, name: names.get(resourceId) ?? '' },
  ...{ since: openedAt, lastUsedAt: null, expiresAt, address: null, browser: null },
})
