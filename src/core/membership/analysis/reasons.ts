// Why something cannot hold: the few literals that contradict each other.
import type { Budget } from './budget.ts'
import type { Claim, Literal } from './clauses.ts'
import { Conjunction, type Context, clashIn, doClash } from './conjunction.ts'

/** Among so many the pair is looked for. */
const maxPaired = 40

/** Two that contradict each other, or one that cannot hold by itself, or more; empty where it takes more than one look. */
export function clashOf(
  claims: readonly Claim[],
  budget: Budget,
  context: Context | null = null,
): readonly Literal[] {
  const found = new Conjunction()
  const topics = found.add(claims, budget)
  const clash = clashIn({ literals: found.literals, outer: context }, topics, budget)
  if (clash === undefined || clash.length > maxPaired) return []
  const inOrder = clash.toSorted((a, b) => a.clause.expr.at.start - b.clause.expr.at.start)
  const single = inOrder.find((literal) => doClash([literal], budget))
  if (single !== undefined) {
    const inner =
      single.clause.kind === 'any' ? clashOf([{ clause: single.clause.where, holds: true }], budget) : []
    return inner.length > 0 ? inner : [single]
  }
  for (const [index, later] of inOrder.entries()) {
    for (const earlier of inOrder.slice(0, index))
      if (doClash([earlier, later], budget)) return [earlier, later]
  }
  return inOrder
}
