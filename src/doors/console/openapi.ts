// Schemas of the API document (OpenAPI 3.1 is JSON Schema). They describe: what is accepted is decided in core, from the
// same descriptions, with better messages.
import type { FastifySchema } from 'fastify'
import { type TSchema, Type } from 'typebox'
import { type JsonSchema, type Shape, schemaOf } from '../../core/directory/spec.ts'
import { findingCodes } from '../../core/membership/analysis/finding.ts'
import type { ApiKind } from './kinds.ts'
import { defaultLimit, largestLimit } from './request.ts'

const plain = (schema: JsonSchema): TSchema => Type.Unsafe(schema)
const uuid = Type.String({ format: 'uuid' })

const problem = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.Optional(Type.String()),
    errors: Type.Optional(
      Type.Array(
        Type.Object({
          field: Type.String({ description: 'Where in what was sent' }),
          code: Type.String(),
          message: Type.String({ description: 'What is wrong and how to mend it' }),
          expected: Type.Optional(Type.Array(Type.String())),
          at: Type.Optional(Type.Object({ start: Type.Integer(), end: Type.Integer() })),
          suggestion: Type.Optional(Type.String()),
        }),
      ),
    ),
  },
  { description: 'A problem document (RFC 9457)' },
)

const noContent = { description: 'Done', type: 'null' }

export const problems = {
  '4xx': {
    description: 'The request is refused',
    content: { 'application/problem+json': { schema: problem } },
  },
  '5xx': { description: 'Busy or failed', content: { 'application/problem+json': { schema: problem } } },
}

/** Path parameters: the organization's slug, and ids. */
export function params(...names: readonly string[]): TSchema {
  const slug = Type.String({ description: 'Slug of the organization' })
  return Type.Object({ slug, ...Object.fromEntries(names.map((name) => [name, uuid])) })
}

export const pageQuery = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: largestLimit, default: defaultLimit })),
  after: Type.Optional(Type.String({ format: 'uuid', description: '`next` of the page before' })),
}
const filter = Type.Optional(
  Type.String({ maxLength: 8192, description: 'SCIM filter syntax, such as: department eq "Sales"' }),
)

export const pageOf = (item: TSchema): TSchema =>
  Type.Object({ items: Type.Array(item), next: Type.Union([uuid, Type.Null()]) })

/** An object as answers show it. */
export function shownAs(
  shape: Shape,
  shown: Readonly<Record<string, JsonSchema>> = {},
  told: Readonly<Record<string, TSchema>> = {},
): TSchema {
  const fields = Object.entries(shape).flatMap(([name, spec]) => {
    if (spec.writeOnly) return []
    const nullable = spec.absent !== 'required' && spec.absent.value === null
    return [[name, plain(nullable ? { anyOf: [spec.schema, { type: 'null' }] } : spec.schema)] as const]
  })
  const more = Object.entries(shown).map(([name, schema]) => [name, plain(schema)] as const)
  return Type.Object({
    id: uuid,
    version: Type.Integer(),
    ...Object.fromEntries([...fields, ...more]),
    createdAt: Type.String({ format: 'date-time' }),
    updatedAt: Type.String({ format: 'date-time' }),
    ...told,
  })
}

/** Of writes that may have to be confirmed. */
export const confirmation = Type.Object({
  confirm: Type.Optional(
    Type.Boolean({ description: 'Do it although it was refused with `confirm`: it moves or opens much' }),
  ),
})

/** What is odd about a rule. They refuse nothing. */
export const findings = (more: Readonly<Record<string, TSchema>> = {}): TSchema =>
  Type.Array(
    Type.Object({
      code: Type.String({ enum: [...findingCodes] }),
      at: Type.Object(
        { start: Type.Integer(), end: Type.Integer() },
        { description: "Where in the rule's text, in UTF-16 units" },
      ),
      message: Type.String({ description: 'What is odd and how to mend it' }),
      ...more,
    }),
    { description: 'What is odd about the rule. They are warnings' },
  )

type Operation = 'list' | 'create' | 'read' | 'change' | 'remove'

export function ofKind(
  kind: Pick<ApiKind, 'path' | 'title' | 'shown' | 'told'> & {
    readonly collection: { readonly shape: Shape }
  },
  query: Readonly<Record<string, TSchema>> = { filter },
): Record<Operation, FastifySchema> {
  const { title, path, collection } = kind
  const shown = shownAs(collection.shape, kind.shown)
  const written = shownAs(collection.shape, kind.shown, kind.told)
  const tags = [path]
  const headers = Type.Object({
    'if-match': Type.Optional(Type.String({ description: 'ETag that it must still have' })),
  })
  return {
    list: {
      ...describe(`list${title}`, `Lists ${path}`, tags),
      params: params(),
      querystring: Type.Object({ ...query, ...pageQuery }),
      response: { 200: pageOf(shown), ...problems },
    },
    create: {
      ...describe(`create${title}`, `Makes a new one of ${path}`, tags),
      params: params(),
      querystring: confirmation,
      body: plain(schemaOf(collection.shape)),
      response: { 201: written, ...problems },
    },
    read: {
      ...describe(`read${title}`, `One of ${path}`, tags),
      params: params('id'),
      response: { 200: shown, ...problems },
    },
    change: {
      ...describe(`change${title}`, 'Changes it by a merge patch (RFC 7396): null clears', tags),
      params: params('id'),
      headers,
      querystring: confirmation,
      body: plain(schemaOf(collection.shape, true)),
      response: { 200: written, ...problems },
    },
    remove: {
      ...describe(`remove${title}`, 'Removes it', tags),
      params: params('id'),
      headers,
      response: { 204: noContent, ...problems },
    },
  }
}

export function describe(operationId: string, summary: string, tags: readonly string[]): FastifySchema {
  return { operationId, summary, tags: [...tags] } as FastifySchema
}

/** A route of no kind: `answer` is what it gives with 200, or nothing (204). */
export function operation(
  operationId: string,
  summary: string,
  tag: string,
  parts: { params?: TSchema; query?: TSchema; body?: JsonSchema; answer?: TSchema; created?: TSchema } = {},
): FastifySchema {
  const { body, answer, created } = parts
  const good = created ? { 201: created } : answer ? { 200: answer } : { 204: noContent }
  return {
    ...describe(operationId, summary, [tag]),
    params: parts.params ?? params(),
    ...(parts.query && { querystring: parts.query }),
    ...(body && { body: plain(body) }),
    response: { ...good, ...problems },
  }
}
