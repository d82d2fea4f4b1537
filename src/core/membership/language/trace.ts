// Why a rule holds for a subject, or why not: clause by clause with the values that were looked at. Each clause is decided
// by the same closures that decide memberships.
import type { AttributeValue } from '../../directory/types.ts'
import type { CheckedRule, Side } from './checked.ts'
import { compileRule } from './compile.ts'
import type { Facts, Subject } from './facts.ts'
import { reader } from './read.ts'
import type { Attribute } from './schema.ts'
import type { Span } from './syntax.ts'

/** Bounds what is shown; what is decided looks at everything. */
const traceLimits = { devices: 20, values: 20, characters: 200, decisive: 50 } as const

/** A clause of the rule, nested like the rule. `at` is its place in the rule's text. */
export type ClauseTrace =
  | Clause<'and' | 'or', { readonly items: readonly ClauseTrace[] }>
  | Clause<'not', { readonly item: ClauseTrace }>
  | DevicesTrace
  | TermTrace

/** A comparison, with what the subject (or its owner) has. Missing values are an empty list. */
export type TermTrace = Clause<
  'term',
  {
    readonly side: Side
    /** Null for `memberOf`. */
    readonly attribute: Attribute | null
    /** At most 20, texts cut at 200 characters; dates in epoch milliseconds. For `memberOf` ids of groups: those named. */
    readonly values: readonly (string | number | boolean)[]
    /** For `memberOf` the groups that are named, at most 20; null: none are, or it is an attribute. */
    readonly groups: readonly string[] | null
    /** How many values there are besides. */
    readonly more: number
    /** The device's or user's owner, of whom nothing is known, does not exist. */
    readonly ownerMissing: boolean
  }
>

/** `devices[…]`: at most 20 devices, first the one that makes it hold. */
export type DevicesTrace = Clause<
  'any',
  {
    readonly devices: readonly DeviceTrace[]
    /** How many devices there are. */
    readonly count: number
  }
>

export interface DeviceTrace {
  /** As far as they are known. */
  readonly id: string | null
  readonly name: string | null
  readonly holds: boolean
  readonly where: ClauseTrace
}

type Clause<Kind extends string, More> = {
  readonly kind: Kind
  readonly at: Span
  readonly holds: boolean
} & More

/** Looks at every clause, also at those that evaluation skips. `now` in epoch milliseconds. */
export function traceRule(rule: CheckedRule, subject: Subject, now: number): ClauseTrace {
  return tracer(rule)(subject, now)
}

type Tracer<Trace> = (subject: Subject, now: number) => Trace

/** Compiled once, because a clause about devices is asked of each of them. */
function tracer(rule: CheckedRule): Tracer<ClauseTrace> {
  switch (rule.kind) {
    case 'and':
    case 'or': {
      const { kind, at } = rule
      const traced = rule.items.map(tracer)
      return (subject, now) => {
        const items = traced.map((item) => item(subject, now))
        const holds = kind === 'and' ? items.every((item) => item.holds) : items.some((item) => item.holds)
        return { kind, at, holds, items }
      }
    }
    case 'not': {
      if (isMemberOfNe(rule)) return termTracer(rule.item, rule)
      const traced = tracer(rule.item)
      return (subject, now) => {
        const item = traced(subject, now)
        return { kind: 'not', at: rule.at, holds: !item.holds, item }
      }
    }
    case 'any':
      return devicesTracer(rule)
    default:
      return termTracer(rule)
  }
}

function devicesTracer({ where, at }: Extract<CheckedRule, { kind: 'any' }>): Tracer<DevicesTrace> {
  const traced = tracer(where)
  const isRight = compileRule(where)
  return (subject, now) => {
    const all = subject.devices ?? []
    const right = all.find((device) => isRight(device, now))
    const others = all.filter((device) => device !== right)
    const shown = (right ? [right, ...others] : others).slice(0, traceLimits.devices)
    const devices = shown.map((device): DeviceTrace => {
      const trace = traced(device, now)
      const { id, name } = device.values
      return { id: textOrNull(id), name: textOrNull(name), holds: trace.holds, where: trace }
    })
    return { kind: 'any', at, holds: right !== undefined, devices, count: all.length }
  }
}

type Term = Exclude<CheckedRule, { kind: 'and' | 'or' | 'not' | 'any' }>

const nothing: Facts = { values: Object.create(null), memberOf: new Set() }

/** `memberOf ne "x"` is one comparison in the text. */
function isMemberOfNe(
  rule: Extract<CheckedRule, { kind: 'not' }>,
): rule is typeof rule & { readonly item: Extract<CheckedRule, { kind: 'member' }> } {
  return rule.item.kind === 'member' && rule.item.at.start === rule.at.start
}

/** `whole` decides, where `rule` is only what of it is looked at. */
function termTracer(rule: Term, whole: CheckedRule = rule): Tracer<TermTrace> {
  const isRight = compileRule(whole)
  const valuesOf = rule.kind === 'member' ? groupsOf(rule.groups) : attributeOf(rule.attribute)
  const common = { kind: 'term', at: rule.at, side: rule.side } as const
  const attribute = rule.kind === 'member' ? null : rule.attribute
  const groups = rule.kind === 'member' ? (rule.groups?.slice(0, traceLimits.values) ?? null) : null
  const fixed = { ...common, attribute, groups }
  return (subject, now) => {
    const facts = rule.side === 'owner' ? subject.owner : subject
    const ownerMissing = facts === undefined
    return { ...fixed, holds: isRight(subject, now), ownerMissing, ...valuesOf(facts ?? nothing) }
  }
}

type Shown = Pick<TermTrace, 'values' | 'more'>

function attributeOf(attribute: Attribute): (facts: Facts) => Shown {
  const read = reader(attribute)
  return (facts) => {
    const value = read(facts)
    if (value === undefined) return { values: [], more: 0 }
    const all: readonly (string | number | boolean)[] = isList(value) ? value : [value]
    return shorten(all)
  }
}

/** Of the groups that the rule names those that the subject is in; all of its groups where the rule names none. */
function groupsOf(groups: Extract<CheckedRule, { kind: 'member' }>['groups']): (facts: Facts) => Shown {
  return ({ memberOf }) => shorten(groups === null ? [...memberOf] : groups.filter((id) => memberOf.has(id)))
}

function shorten(all: readonly (string | number | boolean)[]): Shown {
  const values = all.slice(0, traceLimits.values).map(cut)
  return { values, more: all.length - values.length }
}

function cut(value: string | number | boolean): string | number | boolean {
  if (typeof value !== 'string' || value.length <= traceLimits.characters) return value
  return `${value.slice(0, traceLimits.characters)}…`
}

const isList = (value: AttributeValue): value is readonly string[] => Array.isArray(value)
const textOrNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

/**
 * The clauses that matter, in the order of the text, at most 50. Where the rule holds: enough of them to make it hold.
 * Where it does not: all that stand in the way (of alternatives, one would do). Whatever the other clauses were, the
 * outcome would be the same. Under `not` it is a clause that holds that stands in the way. A value path stands for itself.
 */
export function decisive(trace: ClauseTrace): readonly (TermTrace | DevicesTrace)[] {
  const found: (TermTrace | DevicesTrace)[] = []
  collect(trace, trace.holds, found)
  return found
}

function collect(trace: ClauseTrace, oneIsEnough: boolean, found: (TermTrace | DevicesTrace)[]): void {
  if (found.length >= traceLimits.decisive) return
  switch (trace.kind) {
    case 'not':
      collect(trace.item, oneIsEnough, found)
      return
    case 'and':
    case 'or': {
      const deciding = trace.items.filter((item) => item.holds === trace.holds)
      // An item that holds decides an `or`, and one that does not an `and`.
      const byOne = trace.holds === (trace.kind === 'or')
      for (const item of byOne && oneIsEnough ? deciding.slice(0, 1) : deciding)
        collect(item, oneIsEnough, found)
      return
    }
    default:
      found.push(trace)
  }
}
