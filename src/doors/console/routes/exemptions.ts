// Exemptions: like other objects, but listed by group or subject, and without a version of their own.
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import { optional } from '../../../core/directory/spec.ts'
import type { Exemption } from '../../../core/directory/types.ts'
import { id } from '../../../core/directory/values.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'
import { listTimeoutMs, pageOf } from './collections.ts'

const query = {
  groupId: optional(id<GroupId>('a group')),
  subjectId: optional(id<SubjectId>('a user or device')),
  limit,
  after: optional(id('the last exemption of the page before')),
}
const queryId = Type.Optional(Type.String({ format: 'uuid' }))

export function exemptionRoutes(app: FastifyInstance, { directory }: Pick<ApiServices, 'directory'>): void {
  const { exemptions } = directory
  const path = 'exemptions'
  const schema = document.ofKind(
    { path, title: 'Exemption', collection: exemptions },
    { groupId: queryId, subjectId: queryId },
  )
  const missing = (reply: FastifyReply) => sendRefusal(reply, notFound('exemption').error)
  const show = ({ id: own, groupId, subjectId, kind, reason, expiresAt, createdAt }: Exemption) => ({
    ...{ id: own, groupId, subjectId, kind, reason, expiresAt, createdAt },
  })

  app.get(`/${path}`, { schema: schema.list }, async (request, reply) => {
    const read = readQuery(query, request.query)
    if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
    const { groupId, subjectId, limit: most, after } = read.value
    const where = {
      ...(groupId !== undefined && { group: groupId }),
      ...(subjectId !== undefined && { subject: subjectId }),
    }
    const page = { limit: most + 1, timeoutMs: listTimeoutMs, ...(after !== undefined && { after }) }
    const rows = await exemptions.list(caller(request).organization.id, where, page)
    return pageOf(rows, most, (row) => row.id, show)
  })

  app.post(`/${path}`, { schema: schema.create }, async (request, reply) => {
    const by = caller(request)
    const created = await exemptions.create(by, request.body)
    if (!created.ok) return sendRefusal(reply, created.error)
    const { object } = created.value
    reply.header('location', `/o/${by.organization.slug}/api/v1/${path}/${object.id}`)
    return reply.code(201).send(show(object))
  })

  app.get(`/${path}/:id`, { schema: schema.read }, async (request, reply) => {
    const own = pathId(request)
    const found = own && (await exemptions.find(caller(request).organization.id, own))
    return found ? show(found) : missing(reply)
  })

  app.patch(`/${path}/:id`, { schema: schema.change }, async (request, reply) => {
    const own = pathId(request)
    if (!own) return missing(reply)
    const changed = await exemptions.update(caller(request), own, request.body)
    return changed.ok ? show(changed.value.object) : sendRefusal(reply, changed.error)
  })

  app.delete(`/${path}/:id`, { schema: schema.remove }, async (request, reply) => {
    const own = pathId(request)
    if (!own) return missing(reply)
    const removed = await exemptions.remove(caller(request), own)
    return removed.ok ? reply.code(204).send() : sendRefusal(reply, removed.error)
  })
}
