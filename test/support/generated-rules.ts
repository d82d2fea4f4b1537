// Generated rules and subjects for laws about the rule language, and the parts that such rules are made of: few attributes and
// few values, so that comparisons often hold, contradict each other and follow from each other.
import fc from 'fast-check'
import type { GroupId } from '../../src/base/ids.ts'
import type { SubjectKind } from '../../src/core/directory/types.ts'
import { checkRule, type GroupNames } from '../../src/core/membership/language/check.ts'
import type { CheckedRule } from '../../src/core/membership/language/checked.ts'
import type { Facts, Subject } from '../../src/core/membership/language/facts.ts'
import { formatRule } from '../../src/core/membership/language/format.ts'
import { parseRule } from '../../src/core/membership/language/parse.ts'
import { subjectSchemas } from '../../src/core/membership/language/schema.ts'
import type { CompareOp, Expr, Value } from '../../src/core/membership/language/syntax.ts'

export const now = Date.UTC(2026, 5, 15)
export const hour = 3_600_000

export const declared = [
  { name: 'badge', of: 'users', type: 'string', caseExact: true },
  { name: 'level', of: 'users', type: 'number', caseExact: false },
  { name: 'started', of: 'users', type: 'date', caseExact: false },
  { name: 'skills', of: 'users', type: 'list', caseExact: false },
  { name: 'remote', of: 'users', type: 'boolean', caseExact: false },
] as const
export const schemas = subjectSchemas(declared)
export const groups: GroupNames = {
  find: (name) => (/^[gd][0-2]$/.test(name) ? { id: name as GroupId, of: kindOf(name) } : undefined),
  names: () => ['g0', 'g1', 'g2', 'd0', 'd1', 'd2'],
}
const kindOf = (name: string): SubjectKind => (name.startsWith('g') ? 'users' : 'devices')

/** A rule with its tree, whose positions are those in `text`. */
export interface RuleUnderTest {
  readonly text: string
  readonly expr: Expr
  readonly checked: CheckedRule
}

/** Reads a rule that is sound. */
export function sound(text: string, of: SubjectKind = 'users'): RuleUnderTest {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(`${text.slice(0, 200)}: ${parsed.error[0]?.message}`)
  const checked = checkRule(parsed.value, schemas[of], groups)
  if (!checked.ok) throw new Error(`${text.slice(0, 200)}: ${checked.error[0]?.message}`)
  return { text, expr: parsed.value, checked: checked.value }
}

/** A tree without its positions, to compare with others. */
export const placeless = (expr: Expr): string =>
  JSON.stringify(expr, (key, value) => (key === 'at' ? undefined : value))

// ---- parts -------------------------------------------------------------------------------------------------

export const at = { start: 0, end: 0 }
const textValue = (value: string): Value => ({ kind: 'string', value, at })

export const words = ['a', 'A', 'ab', 'aB', 'b', 'É', 'e\u0301', 'ba', '\u{1F600}', '\uffee', '"', '\\']
export const texts = fc.constantFrom(...words)
export const text = texts.map(textValue)
export const number = fc
  .constantFrom(-1, 0, 0.5, 1, 1e21)
  .map((value): Value => ({ kind: 'number', value, at }))
export const boolean = fc.boolean().map((value): Value => ({ kind: 'boolean', value, at }))
export const instant = fc.oneof(
  fc.constantFrom(-2, -1, 1, 24).map((amount): Value => ({ kind: 'relative', amount, unit: 'h', at })),
  fc.constant<Value>({ kind: 'relative', amount: 0, unit: 's', at }),
  fc.constantFrom('2026-06-15', '2026-06-14T23:00:00Z', '2026-06-15T02:00:00+01:00').map(textValue),
)
const versions = fc.constantFrom('1', '1.0', '1.10', '1.9', '01.9', '1.9-beta', '2', '1.9.0')
export const version = versions.map(textValue)
/** Of the groups that rules read. */
export const groupOf = (letter: 'g' | 'd') =>
  fc.constantFrom(0, 1, 2).map((index) => textValue(`${letter}${index}`))
const pattern = fc
  .constantFrom('^a', 'b$', 'a|b', '^a?b*$', '')
  .map((value) => ({ kind: 'string', value, at }) as const)

export const equality = ['eq', 'ne'] as const
export const order = ['gt', 'ge', 'lt', 'le'] as const
export const part = ['co', 'sw', 'ew'] as const

const path = (name: string) => fc.constant({ name, at })
export const compare = (
  name: string,
  ops: readonly CompareOp[],
  value: fc.Arbitrary<Value>,
): fc.Arbitrary<Expr> =>
  fc.record({
    ...{ kind: fc.constant('compare' as const), path: path(name), op: fc.constantFrom(...ops) },
    ...{ value, at: fc.constant(at) },
  })
export const within = (name: string, value: fc.Arbitrary<Value>): fc.Arbitrary<Expr> =>
  fc.record({
    ...{ kind: fc.constant('in' as const), path: path(name), at: fc.constant(at) },
    values: fc.array(value, { minLength: 1, maxLength: 3 }),
  })
const matches = (name: string): fc.Arbitrary<Expr> =>
  fc.record({ kind: fc.constant('matches' as const), path: path(name), pattern, at: fc.constant(at) })
export const present = (name: string): fc.Arbitrary<Expr> =>
  fc.constant({ kind: 'present' as const, path: { name, at }, at })

/** That there is a device for which this holds. */
export const inDevices = (where: Expr): Expr => ({
  ...{ kind: 'any', collection: { name: 'devices', at }, where, at },
})

/** Terms joined by `and`, `or` and `not`. */
export function tree(term: fc.Arbitrary<Expr>, maxDepth = 4): fc.Arbitrary<Expr> {
  return fc.letrec<{ expr: Expr }>((tie) => ({
    expr: fc.oneof(
      { maxDepth, withCrossShrink: true },
      term,
      tie('expr').map((item): Expr => ({ kind: 'not', item, at })),
      fc.record({
        kind: fc.constantFrom('and' as const, 'or' as const),
        items: fc.array(tie('expr'), { minLength: 2, maxLength: 4 }),
        at: fc.constant(at),
      }),
    ),
  })).expr
}

// ---- rules -------------------------------------------------------------------------------------------------

function ofText(name: string): fc.Arbitrary<Expr>[] {
  return [
    compare(name, [...equality, ...part, ...order], text),
    within(name, text),
    matches(name),
    present(name),
  ]
}

function ofGroups(name: string, letter: 'g' | 'd'): fc.Arbitrary<Expr>[] {
  const group = groupOf(letter)
  return [compare(name, equality, group), within(name, group), present(name)]
}

function userTerms(prefix: '' | 'owner.'): fc.Arbitrary<Expr>[] {
  return [
    ...ofText(`${prefix}department`),
    ...ofText(`${prefix}badge`),
    ...[compare(`${prefix}skills`, [...equality, ...part], text), within(`${prefix}skills`, text)],
    ...[matches(`${prefix}skills`), present(`${prefix}skills`)],
    ...[compare(`${prefix}level`, [...equality, ...order], number), within(`${prefix}level`, number)],
    ...[present(`${prefix}level`), compare(`${prefix}remote`, equality, boolean), present(`${prefix}remote`)],
    ...[compare(`${prefix}started`, [...equality, ...order], instant), present(`${prefix}started`)],
    ...ofGroups(`${prefix}memberOf`, 'g'),
  ]
}

const deviceTerms = [
  ...ofText('name'),
  ...[compare('osVersion', [...equality, ...order, ...part], version), within('osVersion', version)],
  ...[present('osVersion'), compare('managed', equality, boolean), present('managed')],
  ...[compare('lastContact', [...equality, ...order], instant), present('lastContact')],
  ...ofGroups('memberOf', 'd'),
]

const anyDevice = tree(fc.oneof(...deviceTerms)).map(inDevices)
export const userRule = tree(
  fc.oneof({ weight: 4, arbitrary: fc.oneof(...userTerms('')) }, { weight: 1, arbitrary: anyDevice }),
)
export const deviceRule = tree(fc.oneof(fc.oneof(...deviceTerms), fc.oneof(...userTerms('owner.'))))
export const anyRule = fc.oneof(userRule, deviceRule)

/** Rules that speak of one or two attributes only, so that their terms have much to do with each other. */
export const narrowRule: fc.Arbitrary<Expr> = fc
  .shuffledSubarray(
    [
      fc.oneof(...ofText('department')),
      fc.oneof(...ofText('badge')),
      fc.oneof(...userTerms('').slice(8, 12)),
      fc.oneof(...userTerms('').slice(12, 15)),
      fc.oneof(...userTerms('').slice(15, 17)),
      fc.oneof(...userTerms('').slice(17, 19)),
      fc.oneof(...ofGroups('memberOf', 'g')),
      fc.oneof(anyDevice, tree(fc.oneof(...ofText('name'))).map(inDevices)),
      fc.oneof(...deviceTerms.slice(4, 7)).map(inDevices),
    ],
    { minLength: 1, maxLength: 2 },
  )
  .chain((terms) => tree(fc.oneof(...terms)))

// ---- subjects ----------------------------------------------------------------------------------------------

export const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined, freq: 3 })
const stored = fc.oneof(
  { weight: 5, arbitrary: texts },
  { weight: 1, arbitrary: fc.constantFrom('', null, 'abba', 'c', 'aba') },
)
const moment = fc.constantFrom(now, now - hour, now + hour, now - 24 * hour, now - 1, '2026-06-15', 'soon')
export const own = (values: object): Facts['values'] => Object.assign(Object.create(null), values)
const memberOf = (letter: 'g' | 'd') =>
  fc.subarray([0, 1, 2, 3].map((index) => `${letter}${index}` as GroupId)).map((ids) => new Set(ids))

const userFacts: fc.Arbitrary<Facts> = fc.record({
  values: fc
    .record({
      department: maybe(stored),
      badge: maybe(stored),
      skills: maybe(fc.array(fc.oneof(texts, fc.constantFrom('', 'c')), { maxLength: 3 })),
      level: maybe(fc.constantFrom(-1, 0, 0.5, 1, 0.75, 1e21, Number.NaN, '1')),
      remote: maybe(fc.oneof(fc.boolean(), fc.constant('true'))),
      started: maybe(moment),
    })
    .map(own),
  memberOf: memberOf('g'),
})
const deviceFacts: fc.Arbitrary<Facts> = fc.record({
  values: fc
    .record({
      id: fc.uuid(),
      name: maybe(stored),
      osVersion: maybe(fc.oneof(versions, fc.constantFrom('', '1-9', '---'))),
      managed: maybe(fc.boolean()),
      lastContact: maybe(moment),
    })
    .map(own),
  memberOf: memberOf('d'),
})

/** A user with up to three devices. */
export const userSubject: fc.Arbitrary<Subject> = fc
  .tuple(userFacts, fc.array(deviceFacts, { maxLength: 3 }))
  .map(([facts, devices]) => ({ ...facts, devices }))
/** A device with or without its owner. */
export const deviceSubject: fc.Arbitrary<Subject> = fc
  .tuple(deviceFacts, maybe(userFacts))
  .map(([facts, owner]) => (owner === undefined ? facts : { ...facts, owner }))

/** The rule of a generated tree. */
export const printed = (expr: Expr, of: SubjectKind = 'users'): RuleUnderTest => sound(formatRule(expr), of)
