// A rule prepared for columns: comparisons bound to their columns, what concerns owners put together, and the parts of `and`
// and `or` in the order in which they decide most for their cost.
import type { SubjectKind } from '../../directory/types.ts'
import type { CheckedRule } from '../language/checked.ts'
import { type Missing, underNot } from '../language/compile.ts'
import { type Column, type TermTest, termTest } from './column.ts'
import { mergedItems } from './merge.ts'
import type { Population } from './population.ts'

type Members = Extract<CheckedRule, { kind: 'member' }>['groups']

/** `cost`: nanoseconds for each row; `share`: the part of the rows for which it is expected to hold. */
export type Plan = { readonly cost: number; readonly share: number } & (
  | { readonly kind: 'and' | 'or'; readonly items: readonly Plan[] }
  | { readonly kind: 'not'; readonly item: Plan }
  /** Of users: for one of its devices `where` holds. */
  | { readonly kind: 'any'; readonly where: Plan }
  /** Of devices: for the owner, or for somebody of whom nothing is known, `of` holds. */
  | { readonly kind: 'owner'; readonly of: Plan }
  | { readonly kind: 'member'; readonly of: SubjectKind; readonly groups: Members }
  | { readonly kind: 'term'; readonly column: Column; readonly test: TermTest }
  /** Holds for nobody. */
  | { readonly kind: 'never' }
)

/** Throws a RangeError where the population has no column for an attribute. */
export function planRule(
  rule: CheckedRule,
  of: SubjectKind,
  population: Population,
  now: number,
  missing: Missing,
): Plan {
  const plan = (node: CheckedRule, of: SubjectKind, missing: Missing): Plan => {
    // What is asked of owners alone is asked of all users once, and then looked up for each device.
    if (of === 'devices' && isAboutOwner(node)) {
      const ofOwner = plan(node, 'users', missing)
      return { kind: 'owner', of: ofOwner, cost: 3 + ofOwner.cost, share: ofOwner.share }
    }
    switch (node.kind) {
      case 'and':
      case 'or': {
        const items = groupOwners({ ...node, items: mergedItems(node) }, of)
        return chain(
          node.kind,
          items.map((item) => plan(item, of, missing)),
        )
      }
      case 'not': {
        const item = plan(node.item, of, underNot[missing])
        return { kind: 'not', item, cost: item.cost + 0.3, share: 1 - item.share }
      }
      case 'any': {
        const where = plan(node.where, 'devices', missing)
        return { kind: 'any', where, cost: 3 + where.cost * 1.5, share: 1 - (1 - where.share) ** 1.3 }
      }
      case 'member':
        return { kind: 'member', of, groups: node.groups, cost: 0.5, share: 0.05 }
      default: {
        const column = population[of].column(node.attribute)
        const test = termTest(node, now, missing)
        const { cost, share, isExact } = column.estimate(test)
        if (isExact && share === 0) return { kind: 'never', cost: 0, share: 0 }
        return { kind: 'term', column, test, cost, share }
      }
    }
  }
  return plan(rule, of, missing)
}

/** Does everything in it concern the owner? */
function isAboutOwner(node: CheckedRule): boolean {
  switch (node.kind) {
    case 'and':
    case 'or':
      return node.items.every(isAboutOwner)
    case 'not':
      return isAboutOwner(node.item)
    case 'any':
      return false
    default:
      return node.side === 'owner'
  }
}

/** The items of a chain, those about the owner as one. */
function groupOwners(
  node: Extract<CheckedRule, { kind: 'and' | 'or' }>,
  of: SubjectKind,
): readonly CheckedRule[] {
  if (of === 'users') return node.items
  const { true: ofOwner = [], false: others = [] } = Object.groupBy(node.items, (item) =>
    isAboutOwner(item) ? 'true' : 'false',
  )
  return ofOwner.length < 2 ? node.items : [...others, { ...node, items: ofOwner }]
}

function chain(kind: 'and' | 'or', items: readonly Plan[]): Plan {
  // The part of the rows that an item decides, for what it costs.
  const decided = ({ share }: Plan): number => (kind === 'and' ? 1 - share : share)
  const rank = (item: Plan): number => item.cost / (decided(item) + 0.001)
  const ordered = items.toSorted((a, b) => rank(a) - rank(b))
  let open = 1
  let cost = 0
  for (const item of ordered) {
    cost += item.cost * open
    open *= 1 - decided(item)
  }
  return { kind, items: ordered, cost, share: kind === 'and' ? open : 1 - open }
}
