// What entries of one branch consist of: each attribute with where its values come from, so that what a filter asks and
// what an entry shows cannot drift apart. The branches themselves are in the *-entry.ts files.
import type { GroupId, UserId } from '../../base/ids.ts'
import type { Condition, Field } from '../../core/directory/condition.ts'
import type { AttributeDefinition, AttributeValue } from '../../core/directory/types.ts'
import { type AttributeType, findType, type Syntax, typeOf } from './schema.ts'
import type { Tree } from './tree.ts'
import { formatBoolean, formatTime } from './values.ts'

export type FieldSyntax = 'text' | 'integer' | 'number' | 'boolean' | 'time' | 'uuid'

/** Where the values of an attribute come from, as far as filters need to know. */
export type Source =
  | { readonly kind: 'field'; readonly field: Field; readonly syntax: FieldSyntax }
  /** The first case that holds: the text of its fields, joined by spaces. */
  | {
      readonly kind: 'cases'
      readonly cases: readonly { readonly when: Condition; readonly fields: readonly Field[] }[]
    }
  /** The same values in every entry; `also` in those that meet a condition. */
  | {
      readonly kind: 'constant'
      readonly syntax: Syntax
      readonly values: readonly string[]
      readonly also?: { readonly value: string; readonly when: Condition }
    }
  | { readonly kind: 'prefixed'; readonly prefix: string; readonly field: Field }
  /** The value of the first group that the entry's user is in, or else of a source that every entry has. */
  | {
      readonly kind: 'by-group'
      readonly choices: readonly {
        readonly group: GroupId
        readonly source: Extract<Source, { kind: 'constant' }>
      }[]
      readonly otherwise: Source
    }
  /** The entry's own DN. */
  | { readonly kind: 'own-dn'; readonly branch: 'users' | 'groups' | 'devices'; readonly field: Field }
  /** The DN of a user whose id is in the field. */
  | { readonly kind: 'user-dn'; readonly field: Field }
  | { readonly kind: 'member-of' }
  | { readonly kind: 'member' }
  | { readonly kind: 'member-uid' }

/** What spelling an entry takes beside the entry itself. */
export interface Spelling {
  readonly tree: Tree
  readonly groups: ReadonlyMap<GroupId, { readonly name: string; readonly dn: string }>
  /** Usernames of managers and owners. */
  readonly usernames: ReadonlyMap<UserId, string>
}

export interface Shown<T> {
  readonly type: AttributeType
  readonly source: Source
  readonly values: (subject: T, spelling: Spelling) => readonly string[]
}

/** The attributes of a branch's entries: those that `*` asks for first, then the operational ones. */
export interface Layout<T> {
  readonly list: readonly Shown<T>[]
  readonly byKey: ReadonlyMap<string, Shown<T>>
  /** How many of the list are not operational. */
  readonly plain: number
}

export function layoutOf<T>(shown: readonly Shown<T>[]): Layout<T> {
  const byKey = new Map<string, Shown<T>>()
  // A declared attribute comes later, and gives way: its name cannot take the place of one that entries have anyway.
  for (const one of shown) if (!byKey.has(one.type.key)) byKey.set(one.type.key, one)
  const all = [...byKey.values()]
  const list = [...all.filter(({ type }) => !type.operational), ...all.filter(({ type }) => type.operational)]
  return { list, byKey, plain: list.filter(({ type }) => !type.operational).length }
}

export const standard = (name: string): Field => ({ standard: name })
export const none: readonly string[] = []
export const some = (value: string | null): readonly string[] => (value === null ? none : [value])

/** An attribute that is a column as it stands. */
export function shownField<T>(
  name: string,
  property: keyof T & string,
  of: (subject: never) => T,
  syntax: FieldSyntax = 'text',
): Shown<never> {
  return {
    type: typeOf(name),
    source: { kind: 'field', field: standard(property), syntax },
    values: (subject) => formatValue((of(subject) as Record<string, unknown>)[property]),
  }
}

export function constant(name: string, values: readonly string[]): Shown<unknown> {
  const type = typeOf(name)
  return { type, source: { kind: 'constant', syntax: type.syntax, values }, values: () => values }
}

function formatValue(value: unknown): readonly string[] {
  if (value === null || value === undefined) return none
  if (Array.isArray(value)) return value.map(String)
  if (value instanceof Date) return [formatTime(value)]
  if (typeof value === 'boolean') return [formatBoolean(value)]
  return [String(value)]
}

const syntaxes = {
  string: 'text',
  number: 'number',
  boolean: 'boolean',
  date: 'time',
  list: 'text',
} as const satisfies Record<AttributeDefinition['type'], FieldSyntax>

/** An attribute that the organization has declared, under the name that it gave it. */
export function shownCustom<T>(
  definition: AttributeDefinition,
  of: (subject: T) => Readonly<Record<string, AttributeValue>>,
): Shown<T> {
  const { name, type, caseExact } = definition
  const field: Field = { custom: name, type, caseExact }
  return {
    type: customType(definition),
    source: { kind: 'field', field, syntax: syntaxes[type] },
    values(subject) {
      const attributes = of(subject)
      if (!Object.hasOwn(attributes, name)) return none
      const value = attributes[name]
      if (type !== 'date' || typeof value !== 'string') return formatValue(value)
      const date = new Date(value)
      return Number.isNaN(date.getTime()) ? none : [formatTime(date)]
    },
  }
}

/** Its OID follows from its id (ITU-T X.667), so that it is the same wherever the organization goes. */
export function customType({ id, name, type, caseExact }: AttributeDefinition): AttributeType {
  const known = findType(name.toLowerCase())
  if (known !== undefined) return known
  const syntax = type === 'string' || type === 'list' ? (caseExact ? 'exact' : 'text') : syntaxes[type]
  const oid = `2.25.${BigInt(`0x${id.replaceAll('-', '')}`)}`
  return {
    name,
    key: name.toLowerCase(),
    oid,
    aliases: [],
    syntax,
    single: type !== 'list',
    operational: false,
  }
}
