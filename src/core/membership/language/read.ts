// Reads an attribute from facts. What is missing is decided here and nowhere else: absent, null, an empty text, an empty
// list, and a value that is not of the attribute's declared type. So is what every object inherits (`constructor`,
// `__proto__`): those are functions and objects, and no attribute is of such a type.
import type { AttributeValue } from '../../directory/types.ts'
import type { Facts } from './facts.ts'
import type { Attribute, AttributeType } from './schema.ts'
import { parseInstant } from './values.ts'

export type Read<T> = (facts: Facts) => T | undefined

type Raw = AttributeValue | null | undefined

const isText = (raw: unknown): boolean => typeof raw === 'string'
const text = (raw: Raw): string | undefined => (typeof raw === 'string' && raw !== '' ? raw : undefined)

const typed: Record<AttributeType, (raw: Raw) => AttributeValue | undefined> = {
  string: text,
  version: text,
  number: (raw) => (typeof raw === 'number' && Number.isFinite(raw) ? raw : undefined),
  boolean: (raw) => (typeof raw === 'boolean' ? raw : undefined),
  date: (raw) => (typeof raw === 'string' ? parseInstant(raw) : typed.number(raw)),
  list: (raw) => (Array.isArray(raw) && raw.length > 0 && raw.every(isText) ? raw : undefined),
}

/** How `attribute` is read: texts as stored, dates as epoch milliseconds. */
export function reader({ name, type }: Pick<Attribute, 'name' | 'type'>): Read<AttributeValue> {
  const take = typed[type]
  return ({ values }) => take(values[name])
}
