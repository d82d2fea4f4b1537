// Describes what an administrator may send, field by field: one description gives the check and the JSON Schema, so
// that the API document cannot say anything else than what is accepted. Reads own properties only (no prototypes).
import { nearest } from '../../base/nearest.ts'
import { inside, type Problems } from './problem.ts'

export type JsonSchema = Readonly<Record<string, unknown>>

/** One field. `read` gives undefined once it has noted a problem. */
export interface Spec<T> {
  readonly schema: JsonSchema
  readonly read: (value: unknown, field: string, problems: Problems) => T | undefined
  /** What it is when nothing (or null) is sent. */
  readonly absent: { readonly value: T } | 'required'
  /** Never shown again by any answer. */
  readonly writeOnly?: boolean
  /** May be set when the object is made, and not changed afterwards. */
  readonly fixed?: boolean
}

export type Shape = Readonly<Record<string, Spec<unknown>>>
export type Values<S extends Shape> = {
  readonly [K in keyof S]: S[K] extends Spec<infer T> ? T : never
}

export const required = <T>(spec: Spec<T>): Spec<T> => ({ ...spec, absent: 'required' })
export const optional = <T>(spec: Spec<T>): Spec<T | undefined> => ({ ...spec, absent: { value: undefined } })
export const nullable = <T>(spec: Spec<T>): Spec<T | null> => ({ ...spec, absent: { value: null } })
export const fixed = <T>(spec: Spec<T>): Spec<T> => ({ ...spec, fixed: true })
export const writeOnly = <T>(spec: Spec<T>): Spec<T> => ({ ...spec, writeOnly: true })
export function otherwise<T>(spec: Spec<T>, value: T): Spec<T> {
  return { ...spec, absent: { value }, schema: { ...spec.schema, default: value } }
}

/** Fields that the house sets: they are shown and cannot be sent. */
const ours = new Set([
  'id',
  'version',
  'createdAt',
  'updatedAt',
  'organization',
  'organizationId',
  'posixId',
  'status',
])

/** Is this a plain object, as JSON and YAML make them? */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype = Object.getPrototypeOf(value) as unknown
  return prototype === Object.prototype || prototype === null
}

/** Own property, whatever its name. */
export function own(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined
}

/** Notes every property of `value` that the shape does not have; gives false when there was one. */
export function refuseUnknown(
  value: object,
  shape: object,
  field: string,
  problems: Problems,
  also: readonly string[] = [],
): boolean {
  const known = [...Object.keys(shape), ...also]
  let none = true
  for (const name of Object.keys(value)) {
    if (known.includes(name)) continue
    none = false
    // A name may be as long as the sender likes; the answer is not.
    const shown = name.length > 64 ? `${name.slice(0, 64)}…` : name
    const place = inside(field, shown)
    if (ours.has(name)) {
      problems.add(place, 'read-only', `"${shown}" is set by the server: leave it out`)
    } else {
      const guess = nearest(name, known)
      const hint = guess === undefined ? 'leave it out' : `did you mean "${guess}"?`
      problems.add(place, 'unknown-field', `there is no field ${JSON.stringify(shown)}: ${hint}`, known)
    }
  }
  return none
}

/** Reads an object of this shape; undefined when anything was wrong, and every fault is in `problems`. */
export function readObject<S extends Shape>(
  shape: S,
  value: unknown,
  field: string,
  problems: Problems,
): Values<S> | undefined {
  if (!isPlainObject(value)) {
    return problems.add(field, 'wrong-type', `an object is expected here, not ${describe(value)}`)
  }
  let good = refuseUnknown(value, shape, field, problems)
  const result: Record<string, unknown> = Object.create(null)
  for (const [name, spec] of Object.entries(shape)) {
    const read = readField(spec, own(value, name), inside(field, name), problems)
    if (read.good) result[name] = read.value
    else good = false
  }
  return good ? (result as Values<S>) : undefined
}

function readField(spec: Spec<unknown>, value: unknown, field: string, problems: Problems) {
  if (value === undefined || value === null) {
    if (spec.absent !== 'required') return { good: true, value: spec.absent.value }
    problems.add(field, 'required', 'this is required')
    return { good: false, value: undefined }
  }
  const read = spec.read(value, field, problems)
  return { good: read !== undefined, value: read }
}

/** The shape as JSON Schema: for a new object, or (`patch`) for a merge patch, where null clears. */
export function schemaOf(shape: Shape, patch = false): JsonSchema {
  const properties: Record<string, unknown> = {}
  const needed: string[] = []
  for (const [name, spec] of Object.entries(shape)) {
    if (patch && spec.fixed) continue
    const clears = spec.absent !== 'required' && (patch || spec.absent.value === null)
    const schema = spec.writeOnly ? { ...spec.schema, writeOnly: true } : spec.schema
    properties[name] = clears ? { anyOf: [schema, { type: 'null' }] } : schema
    if (!patch && spec.absent === 'required') needed.push(name)
  }
  return {
    type: 'object',
    additionalProperties: false,
    properties,
    ...(needed.length > 0 && { required: needed }),
  }
}

/** The kind of thing that `value` is, for messages. */
export function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'string') return 'a text'
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`
}
