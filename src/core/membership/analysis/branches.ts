// Items of `and` and `or` that can be left out without any difference, one after the other: what is kept is never justified
// by what goes.
import type { Budget } from './budget.ts'
import { type Chain, type Claim, type Clause, type Literal, literalOf, topicOf } from './clauses.ts'
import { type Context, isImpossible } from './conjunction.ts'
import { type Finding, listed, quote, quoteLiteral } from './finding.ts'
import { clashOf } from './reasons.ts'

/** With so many of its siblings an item is compared, those that speak of the same; with more it would get slow. */
const maxSiblings = 32
/** One item may cost so much, so that the others get their turn. */
const maxStepsEach = 20_000

/** Reports into `findings` until there are `most`. */
export function reportBranches(root: Clause, findings: Finding[], budget: Budget, most: number): void {
  const visit = (clause: Clause, context: Context | null): void => {
    if (budget.isSpent || findings.length >= most) return
    switch (clause.kind) {
      case 'term':
        return
      case 'not':
        visit(clause.item, context)
        return
      case 'any':
        visit(clause.where, null)
        return
      default: {
        const kept = prune(clause, context, findings, budget, most)
        const inner = clause.kind === 'and' ? withLiterals(kept, context) : context
        for (const item of kept) visit(item, inner)
      }
    }
  }
  visit(root, null)
}

/** What is certain for one item of an `and` because the others are literals. An item that is one needs no look inside. */
function withLiterals(items: readonly Clause[], outer: Context | null): Context {
  const literals = new Map<string, Literal[]>()
  for (const item of items) {
    const literal = literalOf(item)
    // Inside of devices[…] nothing is known of the user, and a devices[…] is looked into by itself.
    if (literal === undefined || literal.clause.kind === 'any') continue
    const topic = topicOf(literal)
    const known = literals.get(topic)
    if (known) known.push(literal)
    else literals.set(topic, [literal])
  }
  return { literals, outer }
}

/** Gives the items that are kept; at least one. */
function prune(
  chain: Chain,
  context: Context | null,
  findings: Finding[],
  budget: Budget,
  most: number,
): readonly Clause[] {
  const siblings = new Siblings(chain)
  // The last ones go first, so that of two that say the same the earlier one stays.
  for (let index = chain.items.length - 1; index >= 0 && siblings.size > 1; index--) {
    if (budget.isSpent) break
    const own = budget.lend(maxStepsEach)
    const reason = removable(chain.kind, index, siblings, own, context)
    budget.takeBack(own)
    if (reason === undefined) continue
    siblings.remove(index)
    const item = chain.items[index]!
    const code = chain.kind === 'or' ? 'unreachable-branch' : 'redundant'
    findings.push({ code, at: item.expr.at, message: `${quote(item.expr)} ${reason}` })
    if (findings.length >= most) break
  }
  return siblings.kept()
}

/** Why the item makes no difference, as the end of a sentence. */
function removable(
  kind: 'and' | 'or',
  index: number,
  siblings: Siblings,
  budget: Budget,
  context: Context | null,
): string | undefined {
  const item = siblings.chain.items[index]!
  // In an `or` an item goes if it cannot hold while the others do not; in an `and` if it cannot fail while they hold.
  const claim: Claim = { clause: item, holds: kind === 'or' }
  const othersAs = (clause: Clause): Claim => ({ clause, holds: kind === 'and' })
  if (isImpossible([claim], budget, context)) return never(kind, claim, budget, context)
  const others = siblings.related(index)
  if (others.length === 0 || !budget.spend(4 * others.length)) return undefined
  if (!isImpossible([claim, ...others.map(othersAs)], budget, context)) return undefined
  const single = others.find((other) => isImpossible([claim, othersAs(other)], budget, context))
  const because = single === undefined ? 'the others together' : quote(single.expr)
  return kind === 'or'
    ? `makes no difference: whatever fulfils it also fulfils ${because}. Take it out, or narrow the other`
    : `makes no difference: it follows from ${because}. Take it out, or say here what else is meant`
}

function never(kind: 'and' | 'or', claim: Claim, budget: Budget, context: Context | null): string {
  const clash = clashOf([claim], budget, context)
  if (kind === 'and') return 'makes no difference: it always holds here. Take it out, or mend it'
  const [first, second] = clash
  const why =
    second !== undefined
      ? `: ${listed(clash.map(quoteLiteral))} cannot hold together`
      : first !== undefined
        ? `: nothing fulfils ${quoteLiteral(first)}`
        : ''
  return `can never hold here${why}. Take it out, or mend it`
}

function topicsIn(clause: Clause, found = new Set<string>()): ReadonlySet<string> {
  switch (clause.kind) {
    case 'and':
    case 'or':
      for (const item of clause.items) topicsIn(item, found)
      return found
    case 'not':
      return topicsIn(clause.item, found)
    default:
      return found.add(topicOf({ clause, holds: true }))
  }
}

/** The items of a chain that are left, and which of them speak of the same things. */
class Siblings {
  readonly chain: Chain
  readonly #left: Set<number>
  readonly #topics: readonly ReadonlySet<string>[]
  readonly #byTopic = new Map<string, Set<number>>()

  constructor(chain: Chain) {
    this.chain = chain
    this.#left = new Set(chain.items.keys())
    this.#topics = chain.items.map((item) => topicsIn(item))
    for (const [index, topics] of this.#topics.entries()) {
      for (const topic of topics) {
        const indexes = this.#byTopic.get(topic)
        if (indexes) indexes.add(index)
        else this.#byTopic.set(topic, new Set([index]))
      }
    }
  }

  get size(): number {
    return this.#left.size
  }

  remove(index: number): void {
    this.#left.delete(index)
    for (const topic of this.#topics[index] ?? []) this.#byTopic.get(topic)?.delete(index)
  }

  kept(): readonly Clause[] {
    return this.chain.items.filter((_, index) => this.#left.has(index))
  }

  /** The first items, besides this one, that share a topic with it. */
  related(index: number): readonly Clause[] {
    const found = new Set<number>()
    for (const topic of this.#topics[index] ?? []) {
      for (const other of this.#byTopic.get(topic) ?? []) {
        if (other !== index) found.add(other)
        if (found.size === maxSiblings) break
      }
      if (found.size === maxSiblings) break
    }
    return [...found].sort((a, b) => a - b).map((one) => this.chain.items[one]!)
  }
}
