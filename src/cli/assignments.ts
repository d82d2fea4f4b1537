// Turns flags and key=value into the body of a request: by the type of the field where it is known, by the declaration
// of a custom attribute, and as JSON where key:=value says so.
import type { Api } from './api.ts'
import { usage } from './failure.ts'
import type { Field, FieldType, Kind } from './kinds.ts'
import { idOf, quoted } from './names.ts'

export interface Assignment {
  readonly key: string
  readonly value: string
  /** `key:=value`: the value is JSON. */
  readonly json: boolean
}

/** `key=value` or `key:=json`; null where the word is none. */
export function parseAssignment(word: string): Assignment | null {
  const found = /^([A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_:/-]+?)*)(:?)=(.*)$/s.exec(word)
  if (found === null) return null
  const [, key = '', colon, value = ''] = found
  return { key, value, json: colon === ':' }
}

export interface Parts {
  readonly api: () => Promise<Api>
  readonly now: () => Date
}

/** The object that the assignments make; an empty value clears (null). */
export async function bodyOf(
  kind: Kind,
  assignments: readonly Assignment[],
  parts: Parts,
): Promise<Record<string, unknown>> {
  const body: Record<string, unknown> = {}
  for (const { key, value, json } of assignments) {
    const field = kind.fields.find(({ name, path }) => name === key || path === key)
    const path = (field?.path ?? key).split('.')
    place(body, path, json ? parseJson(key, value) : await read(kind, field, path, value, parts))
  }
  return body
}

function place(body: Record<string, unknown>, path: readonly string[], value: unknown): void {
  let object = body
  for (const [index, name] of path.entries()) {
    if (name === '__proto__') throw usage('"__proto__" is the name of no field')
    if (index === path.length - 1) object[name] = value
    else {
      const next = Object.hasOwn(object, name) ? object[name] : undefined
      const inner = typeof next === 'object' && next !== null ? next : {}
      object[name] = inner
      object = inner as Record<string, unknown>
    }
  }
}

function parseJson(key: string, value: string): unknown {
  try {
    return JSON.parse(value) as unknown
  } catch {
    throw usage(`${key}:= is followed by JSON, such as ${key}:=20 or ${key}:='["a"]'`)
  }
}

async function read(
  kind: Kind,
  field: Field | undefined,
  path: readonly string[],
  value: string,
  parts: Parts,
): Promise<unknown> {
  const type = field?.type ?? (await customType(kind, path, parts))
  if (type === 'list' || type === 'clients' || type === 'services') return listOf(type, value)
  if (value === '') return null
  switch (type) {
    case 'text':
      return value
    case 'boolean':
      return parseBoolean(path, value)
    case 'number':
      return parseNumber(path, value)
    case 'date':
      return parseDate(value, parts.now())
    case 'replies':
      return split(value).map((reply) => {
        const [name = '', ...rest] = reply.split('=')
        const sent = rest.join('=').trim()
        return { name: name.trim(), value: /^[0-9]+$/.test(sent) ? Number(sent) : sent }
      })
    case 'user':
    case 'group':
    case 'resource':
      return idOf(await parts.api(), type, value)
    default:
      return type satisfies never
  }
}

/** Custom attributes of users and devices have the type that was declared. */
async function customType(kind: Kind, path: readonly string[], { api }: Parts): Promise<FieldType> {
  const [first, name, ...more] = path
  if (first !== 'attributes' || name === undefined || more.length > 0) return 'text'
  if (kind.name !== 'user' && kind.name !== 'device') return 'text'
  const filter = `of eq ${quoted(kind.path)} and name eq ${quoted(name)}`
  const { items } = await (await api()).list('/attributes', { filter }, 1)
  const type = items[0]?.type
  return type === 'number' || type === 'boolean' || type === 'date' || type === 'list' ? type : 'text'
}

const split = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')

function listOf(type: 'list' | 'clients' | 'services', value: string): unknown[] {
  const parts = split(value)
  if (type === 'list') return parts
  return parts.map((part) => (type === 'clients' ? { address: part } : { url: part }))
}

export function parseBoolean(path: readonly string[], value: string): boolean {
  if (/^(?:true|yes|on)$/i.test(value)) return true
  if (/^(?:false|no|off)$/i.test(value)) return false
  throw usage(`${path.join('.')} is true or false, not ${quoted(value)}`)
}

function parseNumber(path: readonly string[], value: string): number {
  const number = Number(value)
  if (value.trim() !== '' && Number.isFinite(number)) return number
  throw usage(`${path.join('.')} is a number, not ${quoted(value)}`)
}

const unitsMs: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }

/** `now`, `now-30d` and `now+12h` as an instant; everything else as it is, for the server to judge. */
export function parseDate(value: string, now: Date): string {
  const found = /^now(?:([+-])([0-9]{1,6})([smhdw]))?$/.exec(value)
  if (found === null) return value
  const [, sign, count = '0', unit = 's'] = found
  const distance = Number(count) * (unitsMs[unit] ?? 0)
  return new Date(now.getTime() + (sign === '-' ? -distance : distance)).toISOString()
}
