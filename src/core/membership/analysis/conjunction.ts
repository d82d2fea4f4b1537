// Can these clauses hold together? Claims are taken apart into literals, which are held against each other topic by topic;
// of what is joined by `or`, branches that cannot hold are struck out, and a few cases are tried one by one. Answers
// "certainly not" or "perhaps".
import { areContrary, type TermClaim } from './attribute.ts'
import type { Budget } from './budget.ts'
import { type Claim, type Literal, topicOf } from './clauses.ts'

/** How often cases are tried within cases. */
const maxSplits = 3
/** How often what has been found may lead to more. */
const maxRounds = 4

/** What is known to hold, by topic, in layers from the inside to the outside. */
export interface Context {
  readonly literals: ReadonlyMap<string, readonly Literal[]>
  readonly outer: Context | null
}

/** A choice: one of these has to hold. */
interface Choice {
  readonly whole: Claim
  readonly branches: readonly Claim[]
}

/** Claims taken apart. */
export class Conjunction {
  readonly literals = new Map<string, Literal[]>()
  readonly choices: Choice[] = []

  /** Gives the topics that have got a literal more. */
  add(claims: readonly Claim[], budget: Budget): Set<string> {
    const topics = new Set<string>()
    // The last claim is taken first, hence backwards: what is found is in the order of the text.
    const open = claims.toReversed()
    for (let claim = open.pop(); claim !== undefined; claim = open.pop()) {
      budget.spend(1)
      const { clause, holds } = claim
      switch (clause.kind) {
        case 'not':
          open.push({ clause: clause.item, holds: !holds })
          break
        case 'and':
        case 'or': {
          const items = clause.items.map((item): Claim => ({ clause: item, holds }))
          // Joined by what comes to `and`, all of them hold.
          if ((clause.kind === 'and') === holds) for (const item of items.toReversed()) open.push(item)
          else this.choices.push({ whole: claim, branches: items })
          break
        }
        default:
          topics.add(this.#put({ clause, holds }))
      }
    }
    return topics
  }

  #put(literal: Literal): string {
    const topic = topicOf(literal)
    const known = this.literals.get(topic)
    if (known) known.push(literal)
    else this.literals.set(topic, [literal])
    return topic
  }
}

/** Is it certain that no subject fulfils all `claims` in `context`? */
export function isImpossible(
  claims: readonly Claim[],
  budget: Budget,
  context: Context | null = null,
  splits = maxSplits,
): boolean {
  if (budget.isSpent) return false
  const found = new Conjunction()
  const topics = found.add(claims, budget)
  const known: Context = { literals: found.literals, outer: context }
  if (clashIn(known, topics, budget) !== undefined) return true
  const rest = strikeOut(found, known, budget, splits > 0 ? maxRounds : 1)
  if (rest === 'impossible') return true
  const [first] = rest.toSorted((a, b) => a.branches.length - b.branches.length)
  if (splits === 0 || first === undefined) return false
  const others = rest.filter((choice) => choice !== first).map(({ whole }) => whole)
  return first.branches.every((branch) => isImpossible([branch, ...others], budget, known, splits - 1))
}

/** Strikes out branches that cannot hold; a choice with one branch left is none. Gives the choices that remain. */
function strikeOut(
  found: Conjunction,
  known: Context,
  budget: Budget,
  rounds: number,
): readonly Choice[] | 'impossible' {
  let choices: readonly Choice[] = found.choices.splice(0)
  for (let round = 0; round < rounds && choices.length > 0; round++) {
    const open: Choice[] = []
    let hasNew = false
    for (const choice of choices) {
      const branches = choice.branches.filter((branch) => !isImpossible([branch], budget, known, 0))
      const [only] = branches
      if (only === undefined) return 'impossible'
      if (branches.length > 1) {
        open.push({ ...choice, branches })
        continue
      }
      hasNew = true
      const topics = found.add([only], budget)
      if (clashIn(known, topics, budget) !== undefined) return 'impossible'
    }
    choices = [...open, ...found.choices.splice(0)]
    if (!hasNew) break
  }
  return choices
}

/** The literals of the first of these topics that cannot hold together. */
export function clashIn(
  context: Context,
  topics: Iterable<string>,
  budget: Budget,
): readonly Literal[] | undefined {
  for (const topic of topics) {
    const literals: Literal[] = []
    for (let layer: Context | null = context; layer !== null; layer = layer.outer) {
      for (const literal of layer.literals.get(topic) ?? []) literals.push(literal)
    }
    if (doClash(literals, budget)) return literals
  }
  return undefined
}

/** Do these literals, all on one topic, contradict each other? */
export function doClash(literals: readonly Literal[], budget: Budget): boolean {
  if (!budget.spend(literals.length)) return false
  const terms: TermClaim[] = []
  const devices: Claim[] = []
  for (const { clause, holds } of literals) {
    if (clause.kind === 'any') devices.push({ clause: clause.where, holds })
    else terms.push({ rule: clause.rule, holds })
  }
  if (terms.length > 0) return areContrary(terms, budget)
  // Each device that there has to be may be another one, but must not be one of those that there must not be.
  const refused = devices.filter(({ holds }) => !holds)
  return devices.some((claim) => claim.holds && isImpossible([claim, ...refused], budget))
}
