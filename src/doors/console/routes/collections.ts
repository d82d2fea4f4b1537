// The five routes that every kind of object has: list, create, read, change (merge patch), remove.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Condition } from '../../../core/directory/condition.ts'
import { readFilter } from '../../../core/directory/list-filter.ts'
import { optional } from '../../../core/directory/spec.ts'
import { id, text } from '../../../core/directory/values.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import { type ApiKind, render, type View } from '../kinds.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { ifMatch, limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'

/** No list may hold the database for longer. */
export const listTimeoutMs = 10_000

export const listQuery = {
  filter: optional(text({ most: 8_192, lines: true })),
  limit,
  after: optional(id('the last object of the page before')),
}

export function collectionRoutes(
  app: FastifyInstance,
  kind: ApiKind,
  { clock }: Pick<ApiServices, 'clock'>,
): void {
  const { path, collection } = kind
  const schema = document.ofKind(kind)
  const show = (object: Parameters<typeof kind.view>[0]): View =>
    render(object, kind.view(object), collection.shape, kind.shown)
  const missing = (reply: FastifyReply) => sendRefusal(reply, notFound(kind.title.toLowerCase()).error)

  app.get(`/${path}`, { schema: schema.list }, async (request, reply) => {
    const by = caller(request)
    const query = readQuery(listQuery, request.query)
    if (!query.ok) return sendProblem(reply, 'bad-request', query.error)
    let where: Condition = { op: 'true' }
    if (query.value.filter !== undefined) {
      const { schema: fields, groups } = await kind.filter(by)
      const filter = readFilter(query.value.filter, fields, clock.now(), groups)
      if (!filter.ok) return sendProblem(reply, 'bad-request', filter.error)
      where = filter.value
    }
    const { limit: most, after } = query.value
    const page = { limit: most + 1, timeoutMs: listTimeoutMs, ...(after !== undefined && { after }) }
    const rows = await collection.list(by.organization.id, where, page)
    return pageOf(rows, most, (row) => row.id, show)
  })

  app.post(`/${path}`, { schema: schema.create }, async (request, reply) => {
    const created = await collection.create(caller(request), request.body)
    if (!created.ok) return sendRefusal(reply, created.error)
    const { object, once } = created.value
    reply.header('location', `/o/${caller(request).organization.slug}/api/v1/${path}/${object.id}`)
    return tagged(reply.code(201), object, { ...show(object), ...once })
  })

  app.get(`/${path}/:id`, { schema: schema.read }, async (request, reply) => {
    const own = pathId(request)
    const object = own && (await collection.find(caller(request).organization.id, own))
    return object ? tagged(reply, object, show(object)) : missing(reply)
  })

  app.patch(`/${path}/:id`, { schema: schema.change }, async (request: FastifyRequest, reply) => {
    const own = pathId(request)
    if (!own) return missing(reply)
    const changed = await collection.update(caller(request), own, request.body, ifMatch(request))
    if (!changed.ok) return sendRefusal(reply, changed.error)
    const { object, once } = changed.value
    return tagged(reply, object, { ...show(object), ...once })
  })

  app.delete(`/${path}/:id`, { schema: schema.remove }, async (request, reply) => {
    const own = pathId(request)
    if (!own) return missing(reply)
    const removed = await collection.remove(caller(request), own, ifMatch(request))
    return removed.ok ? reply.code(204).send() : sendRefusal(reply, removed.error)
  })
}

/** One row more than asked for was read, to know whether there is a next page. */
export function pageOf<T>(
  rows: readonly T[],
  most: number,
  idOf: (row: T) => string,
  show: (row: T) => unknown,
) {
  const items = rows.slice(0, most)
  const last = items.at(-1)
  return { items: items.map(show), next: rows.length > most && last !== undefined ? idOf(last) : null }
}

export function tagged(
  reply: FastifyReply,
  { version }: { readonly version?: number },
  body: View,
): FastifyReply {
  if (version !== undefined) reply.header('etag', `"${version}"`)
  return reply.send(body)
}
