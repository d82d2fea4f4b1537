// The kinds of single values that administrators send: bounded texts, choices, numbers, dates, ids and lists of them.
import { isId } from '../../base/ids.ts'
import { nearest } from '../../base/nearest.ts'
import { parseInstant } from '../membership/language/values.ts'
import { inside } from './problem.ts'
import { describe, readObject, type Shape, type Spec, schemaOf, type Values } from './spec.ts'

export const limits = { text: 256, list: 64, customAttributes: 64, customText: 4096 } as const

const control = /\p{Cc}/u

export interface TextRules {
  readonly most?: number
  /** A further check, and the words that say what is wanted. */
  readonly check?: (text: string) => boolean
  readonly wanted?: string
  /** Line breaks and tabs are allowed (rules). */
  readonly lines?: boolean
  readonly format?: string
}

/** A text of 1 to `most` characters without control characters. */
export function text(rules: TextRules = {}): Spec<string> {
  const most = rules.most ?? limits.text
  const format = rules.format === undefined ? {} : { format: rules.format }
  return {
    schema: { type: 'string', minLength: 1, maxLength: most, ...format },
    absent: 'required',
    read(value, field, problems) {
      if (typeof value !== 'string') {
        return problems.add(field, 'wrong-type', `a text is expected here, not ${describe(value)}`)
      }
      const fault = textFault(value, most, rules.lines === true)
      if (fault) return problems.add(field, fault.code, fault.message)
      if (rules.check && !rules.check(value)) {
        return problems.add(field, 'bad-format', `expected ${rules.wanted ?? 'another format'}`)
      }
      return value
    },
  }
}

/** Why something was done, for those who ask later: blanks would tell them nothing. */
export const reason = (): Spec<string> =>
  text({ check: (value) => /[^\s\p{Cf}]/u.test(value), wanted: 'a reason in words, not blanks only' })

/** What is wrong with a text whatever it stands for: length, control characters, broken Unicode. */
export function textFault(
  value: string,
  most: number,
  lines = false,
): { code: string; message: string } | null {
  if (value === '') return { code: 'empty', message: 'an empty text is not accepted: send null to clear it' }
  if (value.length > most) {
    return { code: 'too-long', message: `at most ${most} characters are accepted; this has ${value.length}` }
  }
  if (control.test(lines ? value.replace(/[\n\r\t]/g, '') : value)) {
    return {
      code: 'control-character',
      message: 'control characters (such as NUL or a line break) are not accepted',
    }
  }
  if (!value.isWellFormed()) {
    return {
      code: 'bad-unicode',
      message: 'this text holds half of a surrogate pair: send well-formed Unicode',
    }
  }
  return null
}

export function boolean(): Spec<boolean> {
  return {
    schema: { type: 'boolean' },
    absent: 'required',
    read: (value, field, problems) =>
      typeof value === 'boolean'
        ? value
        : problems.add(field, 'wrong-type', `true or false is expected here, not ${describe(value)}`),
  }
}

export function integer(least: number, most: number): Spec<number> {
  return {
    schema: { type: 'integer', minimum: least, maximum: most },
    absent: 'required',
    read: (value, field, problems) =>
      typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most
        ? value
        : problems.add(field, 'out-of-range', `a whole number from ${least} to ${most} is expected here`),
  }
}

export function choice<const T extends string>(of: readonly T[]): Spec<T> {
  return {
    schema: { type: 'string', enum: of },
    absent: 'required',
    read(value, field, problems) {
      if (typeof value === 'string' && (of as readonly string[]).includes(value)) return value as T
      const guess = typeof value === 'string' ? nearest(value, of) : undefined
      const hint = guess === undefined ? '' : `; did you mean "${guess}"?`
      return problems.add(field, 'unknown-value', `expected one of: ${of.join(', ')}${hint}`, of)
    },
  }
}

/** An instant (RFC 3339) or a date. `now-90d` is accepted only with `relativeTo`. */
export function date(relativeTo?: () => Date): Spec<Date> {
  return {
    schema: { type: 'string', format: 'date-time' },
    absent: 'required',
    read(value, field, problems) {
      const parsed = instantOf(value, relativeTo)
      if (parsed !== null) return parsed
      return problems.add(field, 'bad-date', 'expected a date, such as 2026-01-31 or 2026-01-31T09:30:00Z')
    },
  }
}

const unitsMs: Readonly<Record<string, number>> = { s: 1e3, m: 6e4, h: 36e5, d: 864e5, w: 6048e5 }

/** An instant as rules read it: RFC 3339 with its zone, or a date, which begins at midnight UTC. */
export function instantOf(value: unknown, relativeTo?: () => Date): Date | null {
  // YAML has dates of its own.
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value
  if (typeof value !== 'string' || value.length > 40) return null
  const relative = relativeTo && /^now(?:([+-])(\d{1,6})([smhdw]))?$/.exec(value)
  if (relative) {
    const distance = Number(relative[2] ?? 0) * (unitsMs[relative[3] ?? 's'] ?? 0)
    return new Date(relativeTo().getTime() + (relative[1] === '-' ? -distance : distance))
  }
  const ms = parseInstant(value)
  return ms === undefined ? null : new Date(ms)
}

export function id<T extends string>(what: string): Spec<T> {
  return {
    schema: { type: 'string', format: 'uuid' },
    absent: 'required',
    read: (value, field, problems) =>
      typeof value === 'string' && isId(value)
        ? (value as T)
        : problems.add(field, 'bad-id', `expected the id of ${what} (a UUID in lower case)`),
  }
}

export function list<T>(item: Spec<T>, most: number = limits.list): Spec<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema, maxItems: most },
    absent: { value: [] },
    read(value, field, problems) {
      if (!Array.isArray(value)) {
        return problems.add(field, 'wrong-type', `a list is expected here, not ${describe(value)}`)
      }
      if (value.length > most) return problems.add(field, 'too-many', `at most ${most} entries are accepted`)
      const items: T[] = []
      for (const [index, entry] of value.entries()) {
        const read = item.read(entry, `${field}[${index}]`, problems)
        if (read !== undefined) items.push(read)
      }
      return items.length === value.length ? items : undefined
    },
  }
}

/** A list in which nothing is named twice. */
export function set<T extends string>(item: Spec<T>, most: number = limits.list): Spec<readonly T[]> {
  const plain = list(item, most)
  return {
    ...plain,
    schema: { ...plain.schema, uniqueItems: true },
    read: (value, field, problems) => {
      const items = plain.read(value, field, problems)
      return items && [...new Set(items)]
    },
  }
}

/** An object within an object. */
export function object<S extends Shape>(shape: S): Spec<Values<S>> {
  return {
    schema: schemaOf(shape),
    absent: 'required',
    read: (value, field, problems) => readObject(shape, value, field, problems),
  }
}

/** A map from free names to values; names that objects have by nature are refused. */
export function map<T>(item: Spec<T>, isName: (name: string) => boolean): Spec<Readonly<Record<string, T>>> {
  return {
    schema: { type: 'object', additionalProperties: item.schema },
    absent: { value: {} },
    read(value, field, problems) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return problems.add(field, 'wrong-type', `an object is expected here, not ${describe(value)}`)
      }
      const names = Object.keys(value)
      if (names.length > limits.customAttributes) {
        return problems.add(field, 'too-many', `at most ${limits.customAttributes} entries are accepted`)
      }
      const result: Record<string, T> = Object.create(null)
      for (const name of names) {
        const place = inside(field, name.slice(0, 64))
        if (!isName(name) || name in Object.prototype)
          problems.add(place, 'bad-name', 'this name is not accepted')
        else {
          const read = item.read((value as Record<string, unknown>)[name], place, problems)
          if (read !== undefined) result[name] = read
        }
      }
      return Object.keys(result).length === names.length ? result : undefined
    },
  }
}
