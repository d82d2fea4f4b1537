// What a condition means, evaluated in JavaScript without any SQL, and conditions and users to try it on: values that
// mean something to SQL and to LIKE.
import fc from 'fast-check'
import { isId } from '../../../src/base/ids.ts'
import type { Condition, ConditionValue, Field } from '../../../src/core/directory/condition.ts'
import { nameKey } from '../../../src/core/directory/names.ts'
import type { User } from '../../../src/core/directory/types.ts'
import { makeUser } from '../../support/store.ts'

export const texts = [
  'ada',
  'ADA',
  'a_a',
  'a%a',
  'a\\a',
  'axa',
  '%',
  '_',
  '\\',
  "o'x",
  '*)(uid=*',
  'a  b',
  '✓ada',
  '$1',
  "'; drop table users; --",
]
const dates = ['2026-01-01T00:00:00.000Z', '2026-03-01T12:00:00.000Z', '2026-03-01T12:00:00.001Z'].map(
  (each) => new Date(each),
)

type Kind = 'key' | 'text' | 'exact' | 'uuid' | 'integer' | 'number' | 'boolean' | 'date' | 'list'
interface Known {
  readonly kind: Kind
  readonly field: Field
  readonly values: (user: User) => readonly unknown[]
}
const some = (value: unknown): readonly unknown[] =>
  value === null || value === undefined ? [] : [value].flat()
const standard = (kind: Kind, name: keyof User & string): Known => ({
  kind,
  field: { standard: name },
  values: (user) => some(user[name]),
})
const custom = (
  kind: Kind,
  name: string,
  type: 'string' | 'number' | 'boolean' | 'date' | 'list',
): Known => ({
  kind,
  field: { custom: name, type, caseExact: kind === 'exact' },
  values: (user) => some(user.attributes[name]),
})
const known: readonly Known[] = [
  standard('key', 'username'),
  standard('key', 'email'),
  standard('text', 'department'),
  standard('text', 'state'),
  standard('uuid', 'managerId'),
  standard('uuid', 'id'),
  standard('integer', 'version'),
  standard('date', 'createdAt'),
  custom('text', 'nick', 'string'),
  custom('exact', "ba'dge", 'string'),
  custom('number', 'level', 'number'),
  custom('boolean', 'vip', 'boolean'),
  custom('date', 'hired', 'date'),
  custom('list', 'skills', 'list'),
]

export function population(): User[] {
  const pick = <T>(list: readonly T[], index: number): T => list[index % list.length] as T
  const users: User[] = []
  for (let i = 0; i < 30; i++) {
    const attributes: Record<string, string | number | boolean | readonly string[]> = {}
    if (i % 3 !== 0) attributes.nick = pick(texts, i)
    if (i % 4 !== 0) attributes["ba'dge"] = pick(texts, i * 7)
    if (i % 5 !== 0) attributes.level = pick([0, -1.5, 1.5, 1e21, 7], i)
    if (i % 2 !== 0) attributes.vip = i % 3 === 0
    if (i % 3 !== 1) attributes.hired = (pick(dates, i) as Date).toISOString()
    if (i % 4 !== 1) attributes.skills = i % 8 === 0 ? [] : [pick(texts, i), pick(texts, i * 3)]
    users.push(
      makeUser(`${pick(texts, i)}${i < texts.length ? '' : i}`, {
        email: i % 3 === 0 ? null : `${pick(texts, i)}${i}@x.example`,
        department: i % 5 === 0 ? null : pick(texts, i * 2),
        state: pick(['active', 'staged', 'suspended'] as const, i),
        managerId: i % 2 === 0 ? (users[0]?.id ?? null) : null,
        version: 1 + (i % 3),
        createdAt: pick(dates, i),
        attributes,
      }),
    )
  }
  // two usernames that differ only by case are one
  return users.filter(
    (user, i) => users.findIndex((each) => nameKey(each.username) === nameKey(user.username)) === i,
  )
}

type Truth = boolean | null
const not = (truth: Truth): Truth => (truth === null ? null : !truth)

/** The definition: RFC 4511 §4.5.1.7 with missing values as `condition.ts` says. */
export function evaluate(condition: Condition, user: User): Truth {
  switch (condition.op) {
    case 'and':
    case 'or': {
      const parts = condition.of.map((part) => evaluate(part, user))
      const decisive = condition.op === 'or'
      return parts.includes(decisive) ? decisive : parts.includes(null) ? null : !decisive
    }
    case 'not':
      return not(evaluate(condition.of, user))
    case 'true':
    case 'false':
      return condition.op === 'true'
    case 'eq':
    case 'ne':
    case 'gt':
    case 'ge':
    case 'lt':
    case 'le':
    case 'present':
    case 'substring': {
      const of = known.find(({ field }) => JSON.stringify(field) === JSON.stringify(condition.field))
      if (!of) return null
      const values = of.values(user)
      if (condition.op === 'present') return values.length > 0
      if (condition.op === 'substring') {
        const parts = [condition.initial, ...condition.any, condition.final]
        if (!parts.every(storable) || !['key', 'text', 'exact', 'uuid', 'list'].includes(of.kind)) return null
        return values.some((value) =>
          matches(
            fold(of.kind, value as string),
            parts.map((part) => foldPart(of.kind, part)),
          ),
        )
      }
      if (!answerable(of.kind, condition.op, condition.value)) return null
      const { op, value: asked } = condition
      if (op === 'ne') return !values.some((value) => order(of.kind, value, asked) === 0)
      const test = {
        eq: (n: number) => n === 0,
        gt: (n: number) => n > 0,
        ge: (n: number) => n >= 0,
        lt: (n: number) => n < 0,
        le: (n: number) => n <= 0,
      }[op]
      return values.some((value) => test(order(of.kind, value, asked)))
    }
    default:
      return null
  }
}

const storable = (text: string): boolean => !text.includes('\0') && text.isWellFormed()

function answerable(kind: Kind, op: string, value: ConditionValue): boolean {
  if (kind === 'integer' || kind === 'number') return typeof value === 'number' && !Number.isNaN(value)
  if (kind === 'boolean') return typeof value === 'boolean' && (op === 'eq' || op === 'ne')
  if (kind === 'date')
    return value instanceof Date && !Number.isNaN(value.getTime()) && value.getUTCFullYear() < 10_000
  if (kind === 'uuid') return typeof value === 'string' && isId(value.toLowerCase())
  return typeof value === 'string' && storable(value)
}

function fold(kind: Kind, text: string): string {
  return kind === 'key' ? nameKey(text) : kind === 'exact' ? text : text.toLowerCase()
}
function foldPart(kind: Kind, text: string): string {
  if (kind !== 'key') return fold(kind, text)
  return text.normalize('NFKC').replace(/\s+/g, ' ').toLowerCase()
}

function order(kind: Kind, value: unknown, asked: ConditionValue): number {
  if (kind === 'integer' || kind === 'number') return Math.sign((value as number) - (asked as number))
  if (kind === 'boolean') return value === asked ? 0 : 1
  if (kind === 'date') return Math.sign(new Date(value as string).getTime() - (asked as Date).getTime())
  return Buffer.compare(Buffer.from(fold(kind, value as string)), Buffer.from(fold(kind, asked as string)))
}

function matches(text: string, [initial = '', ...rest]: readonly string[]): boolean {
  const final = rest.pop() ?? ''
  if (!text.startsWith(initial)) return false
  let from = initial.length
  for (const part of rest) {
    const found = text.indexOf(part, from)
    if (found < 0) return false
    from = found + part.length
  }
  return text.length - final.length >= from && text.endsWith(final)
}

export function anyCondition(ids: readonly string[]): fc.Arbitrary<Condition> {
  const field: fc.Arbitrary<Field> = fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom(...known.map((each) => each.field)) },
    { weight: 1, arbitrary: fc.constantFrom<Field>({ standard: 'constructor' }, { standard: 'secret' }) },
  )
  const text = fc.oneof(
    fc.constantFrom(...texts, '', 'a', 'active', '1', 'ａ％ａ', 'x\0', '\ud800', ' '),
    fc.constantFrom(...ids),
  )
  const value: fc.Arbitrary<ConditionValue> = fc.oneof(
    { weight: 5, arbitrary: text },
    fc.constantFrom(0, 1, 2, 1.5, -1.5, 1e21, 2 ** 40, Number.NaN, Number.POSITIVE_INFINITY),
    fc.boolean(),
    fc.constantFrom(...dates, new Date(Number.NaN), new Date(8.64e15)),
  )
  const leaf: fc.Arbitrary<Condition> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ op: fc.constantFrom('eq', 'ne', 'gt', 'ge', 'lt', 'le'), field, value }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        op: fc.constant('substring' as const),
        field,
        initial: text,
        any: fc.array(text, { maxLength: 2 }),
        final: text,
      }),
    },
    { weight: 1, arbitrary: fc.record({ op: fc.constant('present' as const), field }) },
    {
      weight: 1,
      arbitrary: fc.record({ op: fc.constantFrom('true' as const, 'false' as const, 'unknown' as const) }),
    },
  )
  return fc.letrec<{ condition: Condition }>((tie) => ({
    condition: fc.oneof(
      { maxDepth: 4, withCrossShrink: true },
      leaf,
      fc.record({ op: fc.constant('not' as const), of: tie('condition') }),
      fc.record({
        op: fc.constantFrom('and' as const, 'or' as const),
        of: fc.array(tie('condition'), { maxLength: 3 }),
      }),
    ),
  })).condition
}
