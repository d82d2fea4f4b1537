// Reads what requests have in common: query parameters, If-Match, ids and JSON bodies.
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { utf8 } from '../../base/bytes.ts'
import { isId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { type Problem, Problems } from '../../core/directory/problem.ts'
import { readObject, type Shape, type Spec, type Values } from '../../core/directory/spec.ts'

export const defaultLimit = 50
export const largestLimit = 500

/** `limit` of a list: a query has texts only. */
export const limit: Spec<number> = {
  schema: { type: 'integer', minimum: 1, maximum: largestLimit, default: defaultLimit },
  absent: { value: defaultLimit },
  read(value, field, problems) {
    const number = typeof value === 'string' && /^[0-9]{1,6}$/.test(value) ? Number(value) : 0
    return number >= 1 && number <= largestLimit
      ? number
      : problems.add(field, 'out-of-range', `a whole number from 1 to ${largestLimit} is expected here`)
  },
}

/** Where a page of audit records goes on. */
export const auditSequence: Spec<bigint> = {
  schema: { type: 'string', pattern: '^[0-9]{1,18}$' },
  absent: 'required',
  read: (value, field, problems) =>
    typeof value === 'string' && /^[0-9]{1,18}$/.test(value)
      ? BigInt(value)
      : problems.add(field, 'bad-cursor', 'expected `next` of the page before'),
}

export function readQuery<S extends Shape>(shape: S, query: unknown): Result<Values<S>, readonly Problem[]> {
  const problems = new Problems()
  // Fastify's query object has a prototype of its own without properties.
  const read = readObject(shape, { ...(query as object) }, '', problems)
  return read ? ok(read) : fail(problems.list)
}

/** The id in the path, or null where it is none: then there is no such object. */
export function pathId(request: FastifyRequest, name = 'id'): string | null {
  const value = (request.params as Record<string, string | undefined>)[name]
  return value !== undefined && isId(value) ? value : null
}

/** The version of If-Match; undefined without one (or with `*`). What is no version of ours matches nothing. */
export function ifMatch(request: FastifyRequest): number | undefined {
  const header = request.headers['if-match']
  if (header === undefined || header.trim() === '*') return undefined
  const found = /^(?:W\/)?"([0-9]{1,9})"$/.exec(header.trim())
  return found ? Number(found[1]) : -1
}

/** JSON bodies in strict UTF-8; `__proto__` and `constructor.prototype` are refused wherever they stand (A06). */
export function acceptJson(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  const parse = app.getDefaultJsonParser('error', 'error')
  app.addContentTypeParser(
    ['application/json', 'application/merge-patch+json'],
    { parseAs: 'buffer' },
    (request, body, done) => {
      const text = utf8(body as Buffer)
      if (text === null) return done(Object.assign(new Error('the body is not UTF-8'), { statusCode: 400 }))
      if (text.trim() === '') return done(null, undefined)
      parse(request, text, done)
    },
  )
}
