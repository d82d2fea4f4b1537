// What time will bring, as far as it is known now: who gets into groups, and out of them, as planned states come into force,
// exemptions end and dates pass. Pure.
import { setImmediate } from 'node:timers/promises'
import type { Membership, SubjectInGroup } from './cell.ts'
import { concernedBy, isReport } from './concerned.ts'
import { eachTurn, latestDue } from './due.ts'
import { type CellFacts, evaluate } from './engine.ts'
import type { RuleSet } from './rule-set.ts'

/** Of some cells: more than that are not looked at. */
export const mostInstants = 10_000
/** Of one user or device by one rule, over all instants: more than that are not made. */
const mostEvaluations = 1_000_000
/** Then whoever else waits for the processor has a turn. */
const evaluationsPerTurn = 5_000

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

/**
 * When memberships of these cells may become others by time alone, the earliest first; null: too often to be looked at, or
 * too much to evaluate each time.
 */
export function instantsOf(cells: readonly CellFacts[], rules: RuleSet, now: Date): readonly Date[] | null {
  const found = new Set<number>()
  const consider = (instant: number): void => {
    if (instant > now.getTime() && instant <= latestDue) found.add(instant)
  }
  if (rules.instants.length * subjectsIn(cells) > mostEvaluations) return null
  for (const cell of cells) {
    const { stateChanges = [] } = cell
    if (stateChanges.length > mostInstants) return null
    eachTurn(cell, rules, consider)
    // A planned state changes the user, and what is compared with `now` may be when that happened.
    for (const { at } of stateChanges) eachTurn({ ...cellAt(cell, at), devices: [] }, rules, consider)
  }
  if (found.size > mostInstants || found.size * evaluationsOf(cells, rules) > mostEvaluations) return null
  return [...found].sort((a, b) => a - b).map((instant) => new Date(instant))
}

const subjectsIn = (cells: readonly CellFacts[]): number =>
  cells.reduce((count, { devices }) => count + devices.length + 1, 0)

const evaluationsOf = (cells: readonly CellFacts[], { groups }: RuleSet): number =>
  subjectsIn(cells) * groups.length

/** Who will be in which group at that instant. */
export function membershipsAt(cells: readonly CellFacts[], rules: RuleSet, at: Date): readonly Membership[] {
  return cells.flatMap((cell) => evaluate(cellAt(cell, at), rules, at).memberships)
}

/** Is there such a membership, now or later? Null: there are too many instants to tell. */
export async function everMember(
  cells: readonly CellFacts[],
  rules: RuleSet,
  now: Date,
  isSuch: (one: SubjectInGroup) => boolean,
): Promise<boolean | null> {
  const instants = instantsOf(cells, rules, now)
  if (instants === null) return null
  return someInTurn([now, ...instants], evaluationsOf(cells, rules), (at) =>
    membershipsAt(cells, rules, at).some(isSuch),
  )
}

export interface CellsChanged {
  readonly before: readonly CellFacts[]
  readonly after: readonly CellFacts[]
  /** As they are stored before the change. */
  readonly members: readonly SubjectInGroup[]
  /** Those of the groups that are asked about, and of all that these read. */
  readonly rules: RuleSet
  readonly now: Date
}

/** Does this move count? */
export type Counts = (one: SubjectInGroup, move: 'join' | 'leave') => boolean

const all: Counts = () => true

/**
 * Does a change bring it about that somebody is in a group, now or later, who otherwise would not be then, or is out of one?
 * Also where they are in now: to stay longer is a gain. A device that reports to be there moves nobody who is in. Users who are
 * not active are looked at as if they were, too: somebody will make them so. Null: there are too many instants to tell.
 */
export async function movesLater(change: CellsChanged, counts: Counts = all): Promise<boolean | null> {
  const moved = await moves(change, counts)
  const { before, after } = change
  if (moved !== false || [...before, ...after].every((cell) => activated(cell) === cell)) return moved
  return moves({ ...change, before: before.map(activated), after: after.map(activated) }, counts)
}

const madeActive = new WeakMap<object, CellFacts['user']>()

/** The cell as if its user were active. */
export function activated(cell: CellFacts): CellFacts {
  const { user } = cell
  if (user === null || user.state === 'active') return cell
  const known = madeActive.get(user) ?? { ...user, state: 'active' as const }
  madeActive.set(user, known)
  return { ...cell, user: known }
}

async function moves(change: CellsChanged, counts: Counts): Promise<boolean | null> {
  const { before, after, members, now } = change
  const rules = concernedBy(before, after, change.rules)
  if (rules.groups.length === 0) return false
  const cells = [...before, ...after]
  const instants = instantsOf(cells, rules, now)
  if (instants === null) return null
  const keyOf = ({ subjectId, groupId }: SubjectInGroup) => subjectId + groupId
  const keysOf = (list: readonly SubjectInGroup[]) => new Set(list.map(keyOf))
  const stay = keysOf(
    isReport(before, after, change.rules, now) ? [...members, ...membershipsAt(before, rules, now)] : [],
  )
  return someInTurn([now, ...instants], evaluationsOf(cells, rules), (at) => {
    const [old, fresh] = [membershipsAt(before, rules, at), membershipsAt(after, rules, at)]
    const [otherwise, then] = [keysOf(old), keysOf(fresh)]
    const joins = fresh.filter((one) => !otherwise.has(keyOf(one)) && !stay.has(keyOf(one)))
    const leaves = old.filter((one) => !then.has(keyOf(one)))
    return joins.some((one) => counts(one, 'join')) || leaves.some((one) => counts(one, 'leave'))
  })
}

/** `evaluations`: how many each takes. */
async function someInTurn(
  instants: readonly Date[],
  evaluations: number,
  test: (at: Date) => boolean,
): Promise<boolean> {
  const perTurn = Math.max(1, Math.floor(evaluationsPerTurn / Math.max(1, evaluations)))
  for (const [i, at] of instants.entries()) {
    if (test(at)) return true
    if (i % perTurn === perTurn - 1) await setImmediate()
  }
  return false
}
