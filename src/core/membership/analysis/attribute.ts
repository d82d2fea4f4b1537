// Can these comparisons of one attribute hold together? Answers "certainly not" or "perhaps", never the other way round.
import type { Attribute } from '../language/schema.ts'
import { type OrderOp, orderOps, textOps } from '../language/syntax.ts'
import { compareTexts, compareVersions, parseVersion, type Version } from '../language/values.ts'
import type { Budget } from './budget.ts'
import type { Term } from './clauses.ts'
import { Range } from './range.ts'
import { TextParts } from './text-parts.ts'

/** That a comparison of an attribute (or of memberOf) holds, or that it does not. */
export interface TermClaim {
  readonly rule: Term
  readonly holds: boolean
}

/** Is there certainly no subject for which all of these hold? They are all about the same attribute of the same side. */
export function areContrary(claims: readonly TermClaim[], budget: Budget): boolean {
  const plain = claims.map(withoutNe)
  const demands = plain.filter((claim) => claim.holds)
  // Whoever has no value fulfils whatever only refuses.
  const [first] = demands
  if (first === undefined) return false
  const refusals = plain.filter((claim) => !claim.holds)
  if (refusals.some((claim) => isPresence(claim.rule))) return true
  if (first.rule.kind === 'member') return groupsAreContrary(demands, refusals, budget)
  const { attribute } = first.rule
  if (attribute.type !== 'list') return isNoValue(attribute, plain, budget)
  // Each demand can be met by another element, but every element has to keep clear of what is refused.
  return demands.some((demand) => isNoValue(attribute, [demand, ...refusals], budget))
}

/** `ne` is the same as "not eq", also of what is missing. */
function withoutNe({ rule, holds }: TermClaim): TermClaim {
  if ((rule.kind !== 'compare' && rule.kind !== 'date') || rule.op !== 'ne') return { rule, holds }
  return { rule: { ...rule, op: 'eq' }, holds: !holds }
}

const isPresence = (rule: Term): boolean =>
  rule.kind === 'present' || (rule.kind === 'member' && rule.groups === null)

function groupsAreContrary(
  demands: readonly TermClaim[],
  refusals: readonly TermClaim[],
  budget: Budget,
): boolean {
  const refused = new Set(refusals.flatMap(({ rule }) => groupsOf(rule) ?? []))
  return demands.some(({ rule }) => {
    const groups = groupsOf(rule)
    return groups !== null && budget.spend(groups.length) && groups.every((group) => refused.has(group))
  })
}

const groupsOf = (rule: Term) => (rule.kind === 'member' ? rule.groups : null)

/** Is there no value of which all of this is true? */
function isNoValue(attribute: Attribute, claims: readonly TermClaim[], budget: Budget): boolean {
  const size = claims.reduce((sum, { rule }) => sum + (rule.kind === 'in' ? rule.values.length : 1), 0)
  // Each takes a few times as long as a comparison: it is put into a set.
  if (!budget.spend(4 * size)) return false
  switch (attribute.type) {
    case 'boolean':
    case 'number':
      return isNoNumber(claims)
    case 'date':
      return isNoInstant(claims)
    case 'version':
      return isNoVersion(claims, budget)
    default:
      return isNoText(claims, budget)
  }
}

function isNoNumber(claims: readonly TermClaim[]): boolean {
  const range = new Range<number>((a, b) => a - b)
  let isBoolean = false
  for (const { rule, holds } of claims) {
    if (rule.kind === 'in') range.oneOf(rule.values.map(Number), holds)
    if (rule.kind !== 'compare') continue
    isBoolean ||= typeof rule.value === 'boolean'
    if (isOrder(rule.op)) range.order(rule.op, Number(rule.value), holds)
    else range.oneOf([Number(rule.value)], holds)
  }
  if (isBoolean) range.oneOf([0, 1], true)
  return range.isEmpty()
}

/** `now` is somewhere: instants are held against each other only where both are fixed, or both move. */
function isNoInstant(claims: readonly TermClaim[]): boolean {
  const fixed = new Range<number>((a, b) => a - b)
  const moving = new Range<number>((a, b) => a - b)
  for (const { rule, holds } of claims) {
    if (rule.kind !== 'date') continue
    const range = 'at' in rule.when ? fixed : moving
    const value = 'at' in rule.when ? rule.when.at : rule.when.fromNow
    if (isOrder(rule.op)) range.order(rule.op, value, holds)
    else range.oneOf([value], holds)
  }
  return fixed.isEmpty() || moving.isEmpty()
}

/** Versions that compare as equal can be written differently, so that parts of the text say nothing about them. */
function isNoVersion(claims: readonly TermClaim[], budget: Budget): boolean {
  const range = new Range<Version>(compareVersions, versionKey)
  const parts = new TextParts(budget)
  for (const { rule, holds } of claims) {
    if (rule.kind === 'in')
      range.oneOf(
        rule.values.map((value) => parseVersion(String(value))),
        holds,
      )
    else if (rule.kind === 'matches') parts.pattern(rule.source, holds)
    else if (rule.kind !== 'compare') continue
    else if (isPart(rule.op)) parts.part(rule.op, String(rule.value), holds)
    else if (isOrder(rule.op)) range.order(rule.op, parseVersion(String(rule.value)), holds)
    else range.oneOf([parseVersion(String(rule.value))], holds)
  }
  return range.isEmpty() || parts.isContrary
}

/** 14 and 14.0 are the same. */
function versionKey(version: Version): string {
  let length = version.length
  while (length > 0 && version[length - 1] === '0') length--
  return version.slice(0, length).join('.')
}

function isNoText(claims: readonly TermClaim[], budget: Budget): boolean {
  const range = new Range<string>(compareTexts)
  const parts = new TextParts(budget)
  for (const { rule, holds } of claims) {
    if (rule.kind === 'in') range.oneOf(rule.values.map(String), holds)
    else if (rule.kind === 'matches') parts.pattern(rule.source, holds)
    else if (rule.kind !== 'compare') continue
    else if (isPart(rule.op)) parts.part(rule.op, String(rule.value), holds)
    else if (isOrder(rule.op)) range.order(rule.op, String(rule.value), holds)
    else range.oneOf([String(rule.value)], holds)
  }
  const left = range.left()
  if (range.isEmpty() || parts.isContrary) return true
  return left === null ? parts.isOutside(range) : parts.refusesAll(left)
}

const isOrder = (op: string): op is OrderOp => (orderOps as readonly string[]).includes(op)
const isPart = (op: string): op is (typeof textOps)[number] => (textOps as readonly string[]).includes(op)
