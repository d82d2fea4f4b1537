// One comparison of one field as SQL: columns by their type, custom attributes by their declaration. What cannot be
// asked of a field (a number's substring, an id that is none) is null. Every value, and every name of a custom
// attribute, is a parameter; nothing here can make a statement fail while it runs.
import { isId } from '../base/ids.ts'
import type { Condition, ConditionValue } from '../core/directory/condition.ts'
import { nameKey } from '../core/directory/names.ts'
import type { AttributeType } from '../core/directory/types.ts'
import type { Column } from './rows.ts'
import { name, Sql, sql } from './sql.ts'

type Fragment = Sql<'fragment'>
/** `ne` is the negation of `eq` and does not come here. */
type Operator = 'eq' | 'gt' | 'ge' | 'lt' | 'le'
export type Question =
  | { readonly op: Operator; readonly value: ConditionValue }
  | { readonly op: 'present' }
  | Extract<Condition, { op: 'substring' }>

const signs = { eq: '=', gt: '>', ge: '>=', lt: '<', le: '<=' } as const satisfies Record<Operator, string>
const sign = (op: Operator): Fragment => new Sql([` ${signs[op]} `], [])

/** The leaf for a column, or null where the question means nothing for its type. */
export function columnSql(alias: string, column: Column<never>, question: Question): Fragment | null {
  const at = (of: string) => sql`${name(alias)}.${name(of)}`
  const own = at(column.column)
  if (column.type === 'text[]') {
    if (question.op === 'present') return sql`cardinality(${own}) > 0`
    const leaf = textSql(sql`item`, question, foldInSql)
    return leaf && sql`exists (select from unnest(${own}) item where ${leaf})`
  }
  if (question.op === 'present') return sql`${own} is not null`
  switch (column.type) {
    case 'text':
      return column.key === null
        ? textSql(own, question, foldInSql)
        : textSql(at(column.key), question, foldInKey)
    case 'uuid':
      if (question.op === 'substring') return textSql(sql`${own}::text`, question, foldInSql)
      return typeof question.value === 'string' && isId(question.value.toLowerCase())
        ? sql`${own}${sign(question.op)}${question.value.toLowerCase()}::uuid`
        : null
    case 'integer':
      if (question.op === 'substring') return null
      return integerSql(own, question.op, question.value)
    case 'boolean':
      return question.op === 'eq' && typeof question.value === 'boolean'
        ? sql`${own} = ${question.value}::boolean`
        : null
    case 'timestamptz':
      if (question.op === 'substring') return null
      return isStorableDate(question.value)
        ? sql`${own}${sign(question.op)}${question.value}::timestamptz`
        : null
    case 'jsonb':
      return null
    default:
      return column.type satisfies never
  }
}

interface Custom {
  readonly custom: string
  readonly type: AttributeType
  readonly caseExact: boolean
}

/** The leaf for a custom attribute. A stored value of another type than the declared one never makes it fail. */
export function customSql(alias: string, field: Custom, question: Question): Fragment | null {
  if (!isStorable(field.custom)) return null
  const json = sql`${name(alias)}.attributes->${field.custom}::text`
  const text = sql`(${name(alias)}.attributes->>${field.custom}::text)`
  const fold = field.caseExact ? foldNothing : foldInSql
  if (question.op === 'present') return sql`coalesce(${json}, 'null') not in ('null', '[]')`
  switch (field.type) {
    case 'string':
      return textSql(text, question, fold)
    case 'list': {
      const leaf = textSql(sql`item`, question, fold)
      const items = sql`case when jsonb_typeof(${json}) = 'array' then ${json} else '[]' end`
      return leaf && sql`exists (select from jsonb_array_elements_text(${items}) item where ${leaf})`
    }
    case 'number':
      if (question.op === 'substring' || typeof question.value !== 'number' || Number.isNaN(question.value))
        return null
      return sql`case when jsonb_typeof(${json}) = 'number' then ${text}::numeric end${sign(question.op)}${question.value}::numeric`
    case 'boolean':
      return question.op === 'eq' && typeof question.value === 'boolean'
        ? sql`(${json}) = to_jsonb(${question.value}::boolean)`
        : null
    case 'date':
      // Stored as Date.toISOString() writes them: in the order of their characters, which no cast can stumble over.
      if (question.op === 'substring' || !isStorableDate(question.value)) return null
      return sql`${text} collate "C"${sign(question.op)}${question.value.toISOString()}::text`
    default:
      return field.type satisfies never
  }
}

/** How letters' case is left out of account: what is compared, and with what. */
interface Fold {
  readonly stored: (own: Fragment) => Fragment
  readonly whole: (asked: string) => Fragment
  /** Part of a text, or a pattern. */
  readonly part: (asked: string) => Fragment
}
const foldInSql: Fold = {
  stored: (own) => sql`lower(${own})`,
  whole: (asked) => sql`lower(${asked}::text)`,
  part: (asked) => sql`lower(${asked}::text)`,
}
const foldNothing: Fold = {
  stored: (own) => own,
  whole: (asked) => sql`${asked}::text`,
  part: (asked) => sql`${asked}::text`,
}
/** The column holds the folded spelling already. */
const foldInKey: Fold = {
  stored: (own) => own,
  whole: (asked) => sql`${nameKey(asked)}::text`,
  // as nameKey does, but white space at the ends of a part stands between words
  part: (asked) => sql`${asked.normalize('NFKC').replace(/\s+/g, ' ').toLowerCase()}::text`,
}

function textSql(own: Fragment, question: Exclude<Question, { op: 'present' }>, fold: Fold): Fragment | null {
  const stored = fold.stored(own)
  if (question.op === 'substring') {
    const parts = [question.initial, ...question.any, question.final]
    if (!parts.every(isStorable)) return null
    // normalized first: a full-width per cent sign would become a wildcard if it were folded after the escaping
    const pattern = parts
      .map((part) => escapeLike(fold === foldInKey ? part.normalize('NFKC') : part))
      .join('%')
    return sql`${stored} like ${fold.part(pattern)}`
  }
  if (typeof question.value !== 'string' || !isStorable(question.value)) return null
  if (question.op === 'eq') return sql`${stored} = ${fold.whole(question.value)}`
  return sql`${stored} collate "C"${sign(question.op)}${fold.whole(question.value)}`
}

const escapeLike = (text: string): string => text.replace(/[\\%_]/g, '\\$&')

/** PostgreSQL stores neither NUL nor half a surrogate pair, so no stored value can be compared with one. */
const isStorable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

function isStorableDate(value: ConditionValue): value is Date {
  if (!(value instanceof Date) || Number.isNaN(value.getTime())) return false
  const year = value.getUTCFullYear()
  return year >= 1 && year <= 9999
}

function integerSql(own: Fragment, op: Operator, value: ConditionValue): Fragment | null {
  if (typeof value !== 'number' || Number.isNaN(value)) return null
  if (Number.isInteger(value) && Math.abs(value) < 2 ** 31) return sql`${own}${sign(op)}${value}::integer`
  return sql`${own}::float8${sign(op)}${value}::float8`
}
