// Turns a checked rule into nested closures; no code is generated. Logic has two values: for a missing value every
// positive operator is false, and `ne` and `not (… pr)` are true. For a list, any element may satisfy a positive operator.
import { linearRegex } from '../../../base/linear-regex.ts'
import type { CheckedRule } from './checked.ts'
import type { Facts, Subject } from './facts.ts'
import { type Read, reader } from './read.ts'
import type { Attribute } from './schema.ts'
import type { CompareOp, OrderOp } from './syntax.ts'
import { compareTexts, compareVersions, fold, parseVersion } from './values.ts'

/** Does the rule hold for the subject? `now` in epoch milliseconds. Never throws, never looks at a clock. */
export type Predicate = (subject: Subject, now: number) => boolean

/**
 * What a comparison with a missing value is: what the language says, or always false (then the rule holds where it certainly
 * does), or always true (where it possibly does). Under `not` the last two change places: that is Kleene's logic. `pr` and
 * `memberOf` always have a value.
 */
export type Missing = 'as defined' | 'false' | 'true'

export const underNot = {
  'as defined': 'as defined',
  false: 'true',
  true: 'false',
} as const satisfies Record<Missing, Missing>

/** Is one present value right? Texts arrive as stored. */
type Test = (value: never) => boolean

const orders: Record<OrderOp, (difference: number) => boolean> = {
  gt: (difference) => difference > 0,
  ge: (difference) => difference >= 0,
  lt: (difference) => difference < 0,
  le: (difference) => difference <= 0,
}

/** Compiles a rule; costs time in proportion to its size. */
export function compileRule(rule: CheckedRule, missing: Missing = 'as defined'): Predicate {
  switch (rule.kind) {
    case 'and':
    case 'or':
      return chain(
        rule.kind,
        rule.items.map((item) => compileRule(item, missing)),
      )
    case 'not': {
      const item = compileRule(rule.item, underNot[missing])
      return (subject, now) => !item(subject, now)
    }
    case 'any': {
      const where = compileRule(rule.where, missing)
      return (subject, now) => subject.devices?.some((device) => where(device, now)) ?? false
    }
    case 'member':
      return of(rule.side, memberTest(rule))
    case 'present': {
      const read = reader(rule.attribute)
      return of(rule.side, (facts) => read(facts) !== undefined)
    }
    case 'date':
      return of(rule.side, dateTest(rule, whenMissing(rule.op === 'ne', missing)))
    case 'compare': {
      const negated = rule.op === 'ne'
      return of(rule.side, holds(rule.attribute, compareTest(rule), negated, whenMissing(negated, missing)))
    }
    case 'in':
      return of(rule.side, holds(rule.attribute, inTest(rule), false, whenMissing(false, missing)))
    case 'matches':
      return of(rule.side, holds(rule.attribute, matchTest(rule), false, whenMissing(false, missing)))
    default:
      return rule satisfies never
  }
}

/** What a missing value gives: the language says that nothing is equal to it. */
const whenMissing = (negated: boolean, missing: Missing): boolean =>
  missing === 'as defined' ? negated : missing === 'true'

const nothing: Facts = { values: Object.create(null), memberOf: new Set() }

const folders = new WeakMap<Attribute, (text: string) => string>()

/**
 * `fold`, remembering its last answer per attribute: a thousand rules ask the same subject for its department, one after
 * the other. Costs a comparison of the same string with itself, which is one of pointers.
 */
function folder(attribute: Attribute): (text: string) => string {
  const known = folders.get(attribute)
  if (known !== undefined) return known
  let last = ''
  let folded = ''
  const remembering = (text: string): string => {
    if (text !== last) {
      folded = fold(text)
      last = text
    }
    return folded
  }
  folders.set(attribute, remembering)
  return remembering
}

type FactsTest = (facts: Facts, now: number) => boolean

/** A missing owner is one of whom nothing is known. */
function of(side: 'self' | 'owner', test: FactsTest): Predicate {
  return side === 'self' ? test : (subject, now) => test(subject.owner ?? nothing, now)
}

function chain(kind: 'and' | 'or', items: readonly Predicate[]): Predicate {
  const decisive = kind === 'or'
  return (subject, now) => {
    for (const item of items) if (item(subject, now) === decisive) return decisive
    return !decisive
  }
}

function memberTest({ groups }: Extract<CheckedRule, { kind: 'member' }>): FactsTest {
  if (groups === null) return (facts) => facts.memberOf.size > 0
  return (facts) => groups.some((group) => facts.memberOf.has(group))
}

function dateTest(
  { attribute, op, when }: Extract<CheckedRule, { kind: 'date' }>,
  missing: boolean,
): FactsTest {
  const read = reader(attribute) as Read<number>
  const isRight = numberTest(op)
  return (facts, now) => {
    const value = read(facts)
    if (value === undefined) return missing
    return isRight(value - ('at' in when ? when.at : now + when.fromNow))
  }
}

/**
 * The test of one value lifted to what the subject has: nothing (`missing`), one value, or a list. `negated`: none may pass.
 */
function holds(attribute: Attribute, test: Test, negated: boolean, missing: boolean): FactsTest {
  const read = reader(attribute)
  const isRight = test as (value: unknown) => boolean
  if (attribute.type === 'list') {
    return (facts) => {
      const values = read(facts) as readonly string[] | undefined
      return values === undefined ? missing : values.some(isRight) !== negated
    }
  }
  return (facts) => {
    const value = read(facts)
    return value === undefined ? missing : isRight(value) !== negated
  }
}

/** The test of `op`; for `ne` that of `eq`, which `holds` negates. */
function compareTest({ attribute, op, value }: Extract<CheckedRule, { kind: 'compare' }>): Test {
  const positive = op === 'ne' ? 'eq' : op
  if (typeof value === 'number') {
    const isRight = numberTest(positive)
    return (stored: number) => isRight(stored - value)
  }
  if (typeof value === 'boolean') return (stored: boolean) => stored === value
  if (attribute.type === 'version' && positive !== 'co' && positive !== 'sw' && positive !== 'ew') {
    const version = parseVersion(value)
    const isRight = numberTest(positive)
    return (stored: string) => isRight(compareVersions(parseVersion(stored), version))
  }
  const isRight = textTest(positive, value)
  if (attribute.caseExact) return isRight
  const folded = folder(attribute)
  return (stored: string) => isRight(folded(stored))
}

function numberTest(op: CompareOp): (difference: number) => boolean {
  if (op === 'eq') return (difference) => difference === 0
  if (op === 'ne') return (difference) => difference !== 0
  return orders[op as OrderOp]
}

function textTest(op: CompareOp, value: string): (stored: string) => boolean {
  switch (op) {
    case 'eq':
      return (stored) => stored === value
    case 'co':
      return (stored) => stored.includes(value)
    case 'sw':
      return (stored) => stored.startsWith(value)
    case 'ew':
      return (stored) => stored.endsWith(value)
    default: {
      const isRight = numberTest(op)
      return (stored) => isRight(compareTexts(stored, value))
    }
  }
}

function inTest({ attribute, values }: Extract<CheckedRule, { kind: 'in' }>): Test {
  if (attribute.type === 'version') {
    const versions = values.map((value) => parseVersion(String(value)))
    return (stored: string) => {
      const version = parseVersion(stored)
      return versions.some((one) => compareVersions(version, one) === 0)
    }
  }
  const known = new Set(values)
  if (attribute.type === 'number' || attribute.caseExact)
    return (stored: string | number) => known.has(stored)
  const folded = folder(attribute)
  return (stored: string) => known.has(folded(stored))
}

function matchTest({ attribute, source }: Extract<CheckedRule, { kind: 'matches' }>): Test {
  const pattern = linearRegex(source)
  // The checker lets no other pattern through; were one to slip in, it would match nothing.
  if (pattern === null) return () => false
  if (attribute.caseExact) return (stored: string) => pattern.test(stored)
  const folded = folder(attribute)
  return (stored: string) => pattern.test(folded(stored))
}
