// What time will bring, as far as it is known now: who gets into groups, and out of them, as planned states come into force,
// exemptions end and dates pass. Pure.
import type { Membership, SubjectInGroup } from './cell.ts'
import { nextDue } from './due.ts'
import { type CellFacts, evaluate } from './engine.ts'
import type { RuleSet } from './rule-set.ts'

/** Of one cell: more than that are not looked at. */
export const mostInstants = 1_000

/** The cell as it will be if nobody changes it: what is planned until then is in force. */
export function cellAt(cell: CellFacts, at: Date): CellFacts {
  const { user, stateChanges = [] } = cell
  const due = stateChanges.filter((change) => change.at <= at)
  const last = due.toSorted((a, b) => a.at.getTime() - b.at.getTime()).at(-1)
  if (last === undefined || user === null) return cell
  return {
    ...cell,
    user: { ...user, state: last.state, updatedAt: last.at },
    stateChanges: stateChanges.filter((change) => change.at > at),
  }
}

/** When memberships of these cells may become others by time alone, the earliest first; null: too often to be looked at. */
export function instantsOf(cells: readonly CellFacts[], rules: RuleSet, now: Date): readonly Date[] | null {
  const found = new Set<number>()
  for (const cell of cells) {
    for (let next = nextDue(cell, rules, now); next !== null; ) {
      found.add(next.getTime())
      if (found.size > mostInstants) return null
      next = nextDue(cellAt(cell, next), rules, next)
    }
  }
  return [...found].sort((a, b) => a - b).map((instant) => new Date(instant))
}

/** Who will be in which group at that instant. */
export function membershipsAt(cells: readonly CellFacts[], rules: RuleSet, at: Date): readonly Membership[] {
  return cells.flatMap((cell) => evaluate(cellAt(cell, at), rules, at).memberships)
}

/**
 * Does a change bring it about that somebody gets into a group later, who otherwise would not and is not in it now, or gets
 * out of one? Users who are not active are looked at as if they were, too: somebody will make them so. Also true where there
 * are too many instants to tell.
 */
export function movesLater(
  before: readonly CellFacts[],
  after: readonly CellFacts[],
  members: readonly SubjectInGroup[],
  rules: RuleSet,
  now: Date,
): boolean {
  const areActive = [...before, ...after].every((cell) => activated(cell) === cell)
  return (
    moves(before, after, members, rules, now) ||
    (!areActive && moves(before.map(activated), after.map(activated), members, rules, now))
  )
}

/** The cell as if its user were active. */
export function activated(cell: CellFacts): CellFacts {
  const { user } = cell
  return user === null || user.state === 'active' ? cell : { ...cell, user: { ...user, state: 'active' } }
}

function moves(
  before: readonly CellFacts[],
  after: readonly CellFacts[],
  members: readonly SubjectInGroup[],
  rules: RuleSet,
  now: Date,
): boolean {
  const instants = instantsOf([...before, ...after], rules, now)
  if (instants === null) return true
  const keyOf = ({ subjectId, groupId }: SubjectInGroup) => subjectId + groupId
  const inNow = new Set([...members, ...membershipsAt(before, rules, now)].map(keyOf))
  return [now, ...instants].some((at) => {
    const [old, fresh] = [before, after].map((cells) => membershipsAt(cells, rules, at).map(keyOf))
    const [otherwise, then] = [new Set(old), new Set(fresh)]
    return (
      [...then].some((key) => !otherwise.has(key) && !inNow.has(key)) ||
      [...otherwise].some((key) => !then.has(key))
    )
  })
}
