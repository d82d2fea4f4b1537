// Laws of the rule language for generated rules, subjects and texts: evaluation agrees with a slow interpreter of its own
// below, which shares no code with the compiler; printing and parsing are inverse; any text is answered, never thrown at.
import fc from 'fast-check'
import t from 'tap'
import type { GroupId } from '../../src/base/ids.ts'
import { checkRule, readRule } from '../../src/core/membership/language/check.ts'
import { compileRule } from '../../src/core/membership/language/compile.ts'
import type { Facts, Subject } from '../../src/core/membership/language/facts.ts'
import { formatRule } from '../../src/core/membership/language/format.ts'
import { parseRule } from '../../src/core/membership/language/parse.ts'
import { translatePattern } from '../../src/core/membership/language/pattern.ts'
import { subjectSchemas } from '../../src/core/membership/language/schema.ts'
import type { Expr, Value } from '../../src/core/membership/language/syntax.ts'
import {
  compareTexts,
  compareVersions,
  fold,
  parseVersion,
} from '../../src/core/membership/language/values.ts'
import {
  at,
  boolean,
  compare,
  declared,
  equality,
  groupOf,
  groups,
  hour,
  inDevices,
  instant,
  maybe,
  now,
  number,
  order,
  own,
  part,
  placeless,
  present,
  text,
  texts,
  tree,
  version,
  within,
} from '../support/generated-rules.ts'

const schemas = subjectSchemas([
  ...declared,
  { name: '__proto__', of: 'users', type: 'string', caseExact: false },
])

// ---- generators: what the interpreter below knows ----------------------------------------------------------

const userLeaf = fc.oneof(
  compare('department', [...equality, ...part, ...order], text),
  compare('badge', [...equality, ...part, ...order], text),
  compare('__proto__', equality, text),
  compare('skills', [...equality, ...part], text),
  compare('level', [...equality, ...order], number),
  compare('remote', equality, boolean),
  compare('started', [...equality, ...order], instant),
  compare('memberOf', equality, groupOf('g')),
  within('department', text),
  within('badge', text),
  within('skills', text),
  within('level', number),
  within('memberOf', groupOf('g')),
  ...['department', 'badge', 'skills', 'level', 'remote', 'started', 'memberOf', '__proto__'].map(present),
)
const deviceLeaf = fc.oneof(
  compare('name', [...equality, ...part, ...order], text),
  compare('osVersion', [...equality, ...order], version),
  compare('managed', equality, boolean),
  compare('lastContact', [...equality, ...order], instant),
  ...['name', 'osVersion', 'managed', 'lastContact'].map(present),
)

const devicesExpr = tree(deviceLeaf).map(inDevices)
const rule = tree(fc.oneof({ weight: 4, arbitrary: userLeaf }, { weight: 1, arbitrary: devicesExpr }))

const stored = fc.oneof(texts, fc.constantFrom('', null))
const moment = fc.constantFrom(now, now - hour, now + hour, now - 24 * hour, '2026-06-15', 'soon')
const member = fc.subarray(['g0', 'g1', 'g2', 'g3'] as GroupId[]).map((ids) => new Set(ids))
const device = fc
  .record({
    name: maybe(stored),
    osVersion: maybe(fc.constantFrom('1', '1.0', '1.10', '1.9', '2', '')),
    managed: maybe(fc.boolean()),
    lastContact: maybe(moment),
  })
  .map((values): Facts => ({ values: own(values), memberOf: new Set() }))
const subject: fc.Arbitrary<Subject> = fc.record({
  values: fc
    .record({
      department: maybe(stored),
      badge: maybe(stored),
      skills: maybe(fc.array(texts, { maxLength: 3 })),
      level: maybe(fc.constantFrom(-1, 0, 0.5, 1, Number.NaN, '1')),
      remote: maybe(fc.oneof(fc.boolean(), fc.constant('true'))),
      started: maybe(moment),
      ['__proto__']: maybe(texts),
    })
    .map(own),
  memberOf: member,
  devices: fc.array(device, { maxLength: 2 }),
})

// ---- the other interpreter ---------------------------------------------------------------------------------

const types: Record<string, 'text' | 'exact' | 'list' | 'number' | 'boolean' | 'date' | 'version'> = {
  department: 'text',
  name: 'text',
  badge: 'exact',
  skills: 'list',
  level: 'number',
  remote: 'boolean',
  managed: 'boolean',
  started: 'date',
  lastContact: 'date',
  osVersion: 'version',
}

/** Values as an array of comparable things: empty where missing. */
function valuesOf(facts: Facts, name: string): (string | number | boolean)[] {
  const entry = Object.entries(facts.values).find(([key]) => key === name)
  const value = entry?.[1]
  if (value === undefined || value === null || value === '') return []
  const type = name === '__proto__' ? 'text' : types[name]
  if (type === 'list') return (value as string[]).map(plain)
  if (type === 'number') return typeof value === 'number' && !Number.isNaN(value) ? [value] : []
  if (type === 'boolean') return typeof value === 'boolean' ? [value] : []
  if (type === 'date')
    return [typeof value === 'number' ? value : Date.parse(String(value))].filter((ms) => !Number.isNaN(ms))
  return [type === 'text' ? plain(String(value)) : String(value)]
}

const plain = (value: string): string => value.normalize('NFC').toLowerCase()

function constant(name: string, value: Value): string | number | boolean {
  if (value.kind === 'relative') return now + value.amount * hour
  const type = name === '__proto__' ? 'text' : types[name]
  if (type === 'date') return Date.parse(String(value.value))
  return typeof value.value === 'string' && (type === 'text' || type === 'list')
    ? plain(value.value)
    : value.value
}

/** Order by code points or by version numbers, said differently from the product. */
function sign(name: string, a: string | number | boolean, b: string | number | boolean): number {
  if (typeof a === 'number' && typeof b === 'number') return Math.sign(a - b)
  if (types[name] === 'version') {
    const [left, right] = [a, b].map((version) =>
      String(version).replace(/-beta/, '.-1').split('.').map(Number),
    ) as [number[], number[]]
    for (let index = 0; index < 5; index++) {
      const difference = (left[index] ?? 0) - (right[index] ?? 0)
      if (difference !== 0) return Math.sign(difference)
    }
    return 0
  }
  return Math.sign(Buffer.compare(Buffer.from(String(a)), Buffer.from(String(b))))
}

function naive(expr: Expr, subject: Subject): boolean {
  switch (expr.kind) {
    case 'and':
      return expr.items.every((item) => naive(item, subject))
    case 'or':
      return expr.items.some((item) => naive(item, subject))
    case 'not':
      return !naive(expr.item, subject)
    case 'any':
      return (subject.devices ?? []).filter((one) => naive(expr.where, one)).length > 0
  }
  const name = expr.path.name
  if (expr.kind === 'matches') return false
  const has = name === 'memberOf' ? [...subject.memberOf] : valuesOf(subject, name)
  if (expr.kind === 'present') return has.length > 0
  const one = (op: string, value: Value): boolean =>
    has.some((own) => {
      const other = name === 'memberOf' && value.kind === 'string' ? value.value : constant(name, value)
      const difference = sign(name, own, other)
      if (op === 'co') return String(own).includes(String(other))
      if (op === 'sw') return String(own).startsWith(String(other))
      if (op === 'ew') return String(own).endsWith(String(other))
      return {
        eq: difference === 0,
        gt: difference > 0,
        ge: difference >= 0,
        lt: difference < 0,
        le: difference <= 0,
      }[op] as boolean
    })
  if (expr.kind === 'in') return expr.values.some((value) => one('eq', value))
  return expr.op === 'ne' ? !one('eq', expr.value) : one(expr.op, expr.value)
}

// ---- laws --------------------------------------------------------------------------------------------------

function evaluate(expr: Expr, who: Subject): boolean {
  const checked = checkRule(expr, schemas.users, groups)
  if (!checked.ok) throw new Error(checked.error.map((problem) => problem.message).join('; '))
  return compileRule(checked.value)(who, now)
}

t.test('what is printed parses to the same tree', async () => {
  fc.assert(
    fc.property(rule, (expr) => {
      const printed = formatRule(expr)
      const parsed = parseRule(printed)
      if (!parsed.ok) throw new Error(printed)
      return placeless(parsed.value) === placeless(expr) && formatRule(parsed.value) === printed
    }),
    { numRuns: 500 },
  )
})

t.test('compiled rules agree with the interpreter', async () => {
  const seen = { true: 0, false: 0 }
  fc.assert(
    fc.property(rule, fc.array(subject, { minLength: 1, maxLength: 5 }), (expr, subjects) =>
      subjects.every((who) => {
        const holds = evaluate(expr, who)
        seen[`${holds}`]++
        return holds === naive(expr, who)
      }),
    ),
    { numRuns: 4_000 },
  )
  if (Math.min(seen.true, seen.false) < 500) throw new Error(`one-sided: ${JSON.stringify(seen)}`)
})

t.test('logic has two values: double negation, De Morgan, and ne is not eq', async () => {
  const not = (item: Expr): Expr => ({ kind: 'not', item, at })
  fc.assert(
    fc.property(rule, rule, subject, (a, b, who) => {
      const holds = (expr: Expr) => evaluate(expr, who)
      return (
        holds(not(not(a))) === holds(a) &&
        holds(not({ kind: 'and', items: [a, b], at })) ===
          holds({ kind: 'or', items: [not(a), not(b)], at }) &&
        holds(not({ kind: 'or', items: [a, b], at })) === holds({ kind: 'and', items: [not(a), not(b)], at })
      )
    }),
    { numRuns: 500 },
  )
  fc.assert(
    fc.property(userLeaf, subject, (leaf, who) => {
      if (leaf.kind !== 'compare' || (leaf.op !== 'eq' && leaf.op !== 'ne')) return true
      const other: Expr = { ...leaf, op: leaf.op === 'eq' ? 'ne' : 'eq' }
      return evaluate(leaf, who) !== evaluate(other, who)
    }),
    { numRuns: 1_000 },
  )
})

t.test('of a subject with no values every positive operator is false', async () => {
  const nobody: Subject = { values: own({}), memberOf: new Set() }
  fc.assert(
    fc.property(
      fc.oneof(userLeaf, devicesExpr),
      (leaf) => evaluate(leaf, nobody) === (leaf.kind === 'compare' && leaf.op === 'ne'),
    ),
    { numRuns: 500 },
  )
})

t.test('A07 F01 any text is answered with a rule or with problems inside the text', async () => {
  const pieces = fc.constantFrom(
    'and',
    'or',
    'not',
    '(',
    ')',
    '[',
    ']',
    ',',
    ' ',
    ' ',
    'department',
    'devices',
    'os',
    'memberOf',
    'owner.title',
    'eq',
    'ne',
    'pr',
    'in',
    'matches',
    '"a"',
    '"(a+)+"',
    '1',
    '-',
    '.5',
    'true',
    'null',
    'now',
    'now-30d',
    '+',
    '"',
    '\\',
    '\0',
    '\n',
    'é',
    '\u{1F600}',
    '\ud800',
    '__proto__',
  )
  const texts = fc.oneof(
    rule.map(formatRule),
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(pieces, { maxLength: 30 }).map((all) => all.join('')),
    fc.array(pieces, { maxLength: 30 }).map((all) => all.join(' ')),
    fc.tuple(rule, fc.nat(), fc.nat({ max: 3 }), pieces).map(([expr, place, length, piece]) => {
      const printed = formatRule(expr)
      const start = place % printed.length
      return printed.slice(0, start) + piece + printed.slice(start + length)
    }),
    fc
      .tuple(pieces, fc.constantFrom('', ' '))
      .map(([piece, gap]) => (piece + gap).repeat(65_536 / (piece.length + gap.length))),
  )
  const seen = { true: 0, false: 0 }
  fc.assert(
    fc.property(texts, (input) => {
      const result = readRule(input, schemas.users, groups)
      seen[`${result.ok}`]++
      if (result.ok) return true
      return (
        result.error.length > 0 &&
        result.error.every(
          ({ at, message }) =>
            0 <= at.start && at.start <= at.end && at.end <= input.length && message !== '',
        )
      )
    }),
    { numRuns: 3_000 },
  )
  if (Math.min(seen.true, seen.false) < 100) throw new Error(`one-sided: ${JSON.stringify(seen)}`)
})

t.test('A07 any pattern is translated or refused, and the translation matches the same texts', async () => {
  const atom = fc.constantFrom(
    'a',
    'B',
    '[a-c]',
    '[^A-B]',
    '\\d',
    '\\w',
    '.',
    '[\\d_x]',
    '-',
    '\\.',
    '\\x41',
    '\\u0062',
  )
  const count = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,3}', '{2,}', '+?', '{0,17}')
  const pattern = fc.letrec<{ any: string }>((tie) => ({
    any: fc
      .array(
        fc.tuple(
          fc.oneof(
            { maxDepth: 2 },
            atom,
            tie('any').map((inner) => `(${inner})`),
            tie('any').map((inner) => `(?:${inner}|b)`),
          ),
          count,
        ),
        { minLength: 1, maxLength: 3 },
      )
      .map((parts) => parts.map(([piece, times]) => piece + times).join('')),
  })).any
  const anchored = fc
    .tuple(fc.constantFrom('', '^'), pattern, fc.constantFrom('', '$'))
    .map((parts) => parts.join(''))
  const samples = fc.array(
    fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'B', 'c', '1', '_', '.', '-', 'x'), maxLength: 8 }),
    { maxLength: 8 },
  )
  let compared = 0
  fc.assert(
    fc.property(anchored, samples, (source, texts) => {
      for (const caseExact of [true, false]) {
        const translated = translatePattern(source, caseExact)
        if (!translated.ok) continue
        const ours = new RegExp(translated.value.source)
        const theirs = new RegExp(source, caseExact ? '' : 'i')
        for (const text of texts) {
          compared++
          if (ours.test(caseExact ? text : fold(text)) !== theirs.test(text)) return false
        }
      }
      return true
    }),
    { numRuns: 2_000 },
  )
  if (compared < 5_000) throw new Error(`only ${compared} comparisons`)
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom(...'ab()[]{}|*+?^$.\\-:<=!,019dpu'), maxLength: 25 }),
      (source) => {
        const result = translatePattern(source, false)
        return result.ok || result.error !== ''
      },
    ),
    { numRuns: 5_000 },
  )
})

t.test('values: folding is stable, orders are orders', async () => {
  const any = fc.oneof(texts, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }))
  fc.assert(fc.property(any, (value) => fold(fold(value)) === fold(value)))
  fc.assert(
    fc.property(
      any,
      any,
      (a, b) => Math.sign(compareTexts(a, b)) === Math.sign(Buffer.compare(utf32(a), utf32(b))),
    ),
  )
  const versions = fc
    .string({ unit: fc.constantFrom('0', '1', '2', '.', '.', '-', 'a', 'B'), maxLength: 8 })
    .map(parseVersion)
  fc.assert(
    fc.property(versions, versions, versions, (a, b, c) => {
      const reversed = Math.sign(compareVersions(a, b)) === -Math.sign(compareVersions(b, a))
      const chained = compareVersions(a, b) > 0 || compareVersions(b, c) > 0 || compareVersions(a, c) <= 0
      return (reversed || compareVersions(a, b) === 0) && chained && compareVersions(a, a) === 0
    }),
    { numRuns: 2_000 },
  )
})

/** Four bytes for each code point, big-endian: their order is the order of code points. */
function utf32(value: string): Buffer {
  const points = [...value].map((character) => character.codePointAt(0) ?? 0)
  const bytes = Buffer.alloc(points.length * 4)
  for (const [index, point] of points.entries()) bytes.writeUInt32BE(point, index * 4)
  return bytes
}
