// Brings the memberships of many cells to what the rules say: evaluates them, writes those that differ in one statement, and
// reads again what somebody else has changed meanwhile.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import { Fault } from '../../base/result.ts'
import type { Cells } from '../ports.ts'
import type { Cell, CellRewrite, CellSubject } from './cell.ts'
import { dueToStore, nextDue } from './due.ts'
import { difference, evaluate, noSuggestions, suggestionChanges } from './engine.ts'
import { type Cause, membershipRecords } from './history.ts'
import { evaluateGroups } from './incremental/evaluate-change.ts'
import type { Sampled } from './incremental/sampled.ts'
import { affectedGroups } from './preview/affected.ts'
import { withoutRemovedGroups } from './removed-groups.ts'
import type { RuleSet, RuleSets } from './rule-set.ts'
import type { GroupsAsked } from './sets/set-engine.ts'

const mostAttempts = 12
/** Evaluated one after the other; then whoever else waits for the processor has a turn. */
const cellsPerTurn = 25

export interface Rewritten {
  readonly written: number
  /** In how many of them more than the next instant is new. */
  readonly moved: number
}

export class Rewriting {
  readonly #ports: { readonly cells: Cells; readonly clock: Clock }
  readonly #rules: RuleSets
  readonly #sampled: Sampled
  #concerned: {
    readonly asked: object
    readonly rules: RuleSet
    readonly groups: ReadonlySet<GroupId>
  } | null = null

  constructor(ports: { readonly cells: Cells; readonly clock: Clock }, rules: RuleSets, sampled: Sampled) {
    this.#ports = ports
    this.#rules = rules
    this.#sampled = sampled
  }

  /**
   * `asked`: only these groups, and those that read them, can be other than they are stored. Throws Fault when the database is away or
   * the cells are too contended.
   */
  async rewrite(
    organization: OrganizationId,
    cells: readonly Cell[],
    cause: Cause,
    asked: GroupsAsked = 'all',
  ): Promise<Rewritten> {
    let left = cells
    const counts = { written: 0, moved: 0 }
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt >= mostAttempts)
        throw new Fault('busy', 'the same users change again and again while a rule is carried through')
      const newest = left.map(({ epoch }) => epoch).sort((a, b) => (a < b ? 1 : -1))[0] ?? 0n
      const rules = await this.#rules.at(organization, newest)
      const groups = typeof asked === 'string' ? 'all' : this.#concernedBy(asked, rules)
      const now = this.#ports.clock.now()
      const rewritten = await eachInTurn(left, (cell) =>
        this.#evaluate(organization, cell, groups, rules, cause, now),
      )
      const rewrites = rewritten.filter((one) => one !== null)
      if (rewrites.length === 0) return counts
      const missed = await this.#ports.cells.rewrite(organization, rules.epoch, rewrites, now)
      const again = new Set<string>(missed.map(({ id }) => id))
      counts.written += rewrites.length - missed.length
      counts.moved += rewrites.filter((one) => moves(one) && !again.has(one.subject.id)).length
      if (missed.length > 0) await this.#rules.latest(organization)
      left = await this.#readAgain(organization, missed)
    }
    return counts
  }

  /** These groups and all that read them. Found once for all the cells of a question. */
  #concernedBy(asked: readonly GroupId[], rules: RuleSet): ReadonlySet<GroupId> {
    const known = this.#concerned
    if (known?.asked === asked && known.rules === rules) return known.groups
    const groups = new Set(asked.flatMap((id) => affectedGroups(rules, id).map((group) => group.id)))
    this.#concerned = { asked, rules, groups }
    return groups
  }

  /** Null where everything is as it should be. */
  #evaluate(
    organization: OrganizationId,
    cell: Cell,
    groups: ReadonlySet<GroupId> | 'all',
    rules: RuleSet,
    cause: Cause,
    now: Date,
  ): CellRewrite | null {
    const inFull = () => evaluate(cell, rules, now)
    const { memberships, suggestions, takenOver, kept } =
      groups === 'all'
        ? inFull()
        : this.#sampled.check(evaluateGroups(cell, groups, rules, now), inFull, organization)
    const change = withoutRemovedGroups(difference(cell.memberships, memberships), rules, [cell])
    const suggested = suggestionChanges(cell.suggestions, suggestions)
    const due = dueToStore(cell.due, nextDue(cell, rules, now), now)
    const { subject, version, devices } = cell
    const subjects = { users: cell.user === null ? [] : [cell.user], devices }
    const audit = membershipRecords(subjects, cell.memberships, change, cause, now)
    const rewrite = { subject, version, ...change, suggestions: suggested, takenOver, kept, due, audit }
    return moves(rewrite) || due?.getTime() !== cell.due?.getTime() ? rewrite : null
  }

  /** A device that has got an owner meanwhile is in its owner's cell. */
  async #readAgain(organization: OrganizationId, subjects: readonly CellSubject[]): Promise<readonly Cell[]> {
    const { cells } = this.#ports
    const found = await cells.readMany(organization, subjects)
    const ids = new Set<string>(found.map(({ subject }) => subject.id))
    const others = subjects.filter(({ kind, id }) => kind === 'device' && !ids.has(id))
    const owned = await Promise.all(others.map((subject) => cells.read(organization, subject)))
    return distinct([...found, ...owned])
  }
}

/** What `work` makes of each, with turns for others in between. */
export async function eachInTurn<T, R>(list: readonly T[], work: (one: T) => R): Promise<readonly R[]> {
  const results: R[] = []
  for (const [i, one] of list.entries()) {
    results.push(work(one))
    if (i % cellsPerTurn === cellsPerTurn - 1) await setImmediate()
  }
  return results
}

/**
 * Each once, users before devices and in the order of their ids, without those that are not there. In that order they are
 * locked when they are written.
 */
export function distinct(cells: readonly (Cell | null)[]): readonly Cell[] {
  const byId = new Map(
    cells.flatMap((cell) => (cell === null ? [] : [[cell.subject.id as string, cell] as const])),
  )
  const key = ({ subject: { kind, id } }: Cell): string => (kind === 'user' ? `1 ${id}` : `2 ${id}`)
  return [...byId.values()].sort((a, b) => (key(a) < key(b) ? -1 : 1))
}

function moves({ put, remove, suggestions = noSuggestions, takenOver = [] }: CellRewrite): boolean {
  const suggested = suggestions.put.length + suggestions.remove.length
  return put.length + remove.length + suggested + takenOver.length > 0
}
