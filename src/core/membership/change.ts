// Every change of a user or device goes this way: read its cell, plan, evaluate, and write facts and memberships in one
// conditional statement; start over when somebody else was faster. A new rule is carried through all cells the same way.
import type { Clock } from '../../base/clock.ts'
import type { GroupId, OrganizationId, SubjectId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { Fault, type Result } from '../../base/result.ts'
import type { Problem } from '../directory/problem.ts'
import type { Device, Group, User } from '../directory/types.ts'
import type { Cells, GroupRecords, RuleSource, WriteOutcome } from '../ports.ts'
import { apply, type CellPlan, cellsOf } from './apply.ts'
import type {
  Cell,
  CellBatch,
  CellDue,
  CellSubject,
  Membership,
  MembershipInput,
  SubjectInGroup,
} from './cell.ts'
import { dueToStore, nextDue } from './due.ts'
import { type CellFacts, difference, type Evaluation, evaluate, suggestionChanges } from './engine.ts'
import { everyCell, oneAhead } from './every-cell.ts'
import {
  type Cause,
  causeOf,
  membershipRecords,
  ruleCause,
  ruleCauseOf,
  stateRecord,
  timeCause,
} from './history.ts'
import { evaluateChange, evaluateFresh } from './incremental/evaluate-change.ts'
import { type EvaluationObserver, Sampled } from './incremental/sampled.ts'
import { namesRemovedGroup, withoutRemovedGroups } from './removed-groups.ts'
import { distinct, eachInTurn, Rewriting } from './rewriting.ts'
import { type RuleSet, RuleSets } from './rule-set.ts'
import type { GroupsAsked, SetEngine } from './sets/set-engine.ts'

export type CellOutcome =
  | {
      readonly outcome: 'written'
      readonly joined: readonly Membership[]
      readonly left: readonly SubjectInGroup[]
    }
  | { readonly outcome: 'refused'; readonly problems: readonly Problem[] }
  | Extract<WriteOutcome, { field: string }>

export interface MembershipPorts {
  readonly cells: Cells
  readonly rules: RuleSource
  readonly groups: Pick<GroupRecords, GroupsCarried>
  /** Says which cells are to be written, so that not all of them have to be read. Without it, or when it fails, all are. */
  readonly sets?: Pick<SetEngine, 'differing'>
  readonly observe?: EvaluationObserver
  readonly clock: Clock
  readonly log: Log
}

type GroupsCarried = 'activate' | 'barrier' | 'find' | 'membersByRule' | 'removed' | 'takeOut' | 'unfinished'

const mostAttempts = 12
/** Few, since reading and writing them keeps the main thread for a while. */
const cellsPerChunk = 100
/** Then whoever waits for what is overdue tries again. */
const mostOverduePages = 1_000

export class MembershipEngine {
  readonly #ports: MembershipPorts
  readonly #rules: RuleSets
  readonly #sampled: Sampled
  readonly #rewriting: Rewriting
  /** Under way, by group and version: the timer that finishes what is unfinished waits for them, and does not do the same beside them. */
  readonly #activations = new Map<string, Promise<void>>()

  constructor(ports: MembershipPorts) {
    this.#ports = ports
    this.#rules = new RuleSets(ports.rules, ports.log)
    this.#sampled = new Sampled(ports.log, ports.observe)
    this.#rewriting = new Rewriting(ports, this.#rules, this.#sampled)
  }

  /**
   * Changes the cells of these subjects (of a device: its owner's). `plan` gets them in the order asked for, null where there
   * is none. Throws Fault when the database is away or the cells are too contended.
   */
  async change(
    organization: OrganizationId,
    subjects: readonly CellSubject[],
    plan: (cells: readonly (Cell | null)[]) => Result<CellPlan, readonly Problem[]>,
  ): Promise<CellOutcome> {
    for (let attempt = 0; attempt < mostAttempts; attempt++) {
      const cells = await Promise.all(
        subjects.map((subject) => this.#ports.cells.read(organization, subject)),
      )
      const planned = plan(cells)
      if (!planned.ok) return { outcome: 'refused', problems: planned.error }
      const before = distinct(cells)
      if (before.some((cell) => hasDueState(cell, this.#ports.clock.now()))) {
        await this.reevaluate(
          organization,
          before.map(({ subject }) => subject),
        )
        continue
      }
      const outcome = await this.#write(organization, before, planned.value, causeOf(planned.value.audit))
      if (outcome.outcome !== 'conflict') return outcome
      await this.#rules.latest(organization)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * attempt))
    }
    throw new Fault('busy', 'too many changes of the same user at once: try again')
  }

  /** Evaluates the cells as they will be, and writes them if they are still as they were. */
  async #write(
    organization: OrganizationId,
    before: readonly Cell[],
    plan: CellPlan,
    cause: Cause,
  ): Promise<CellOutcome | Extract<WriteOutcome, { outcome: 'conflict' }>> {
    const rules = await this.#rulesAt(organization, before[0]?.epoch)
    const at = this.#ports.clock.now()
    const after = apply(before, plan)
    const memberships = before.flatMap((cell) => cell.memberships)
    const evaluated = after.map((facts) => this.#evaluate(organization, before, facts, rules, at))
    const moved = difference(
      memberships,
      evaluated.flatMap((one) => one.memberships),
    )
    const change = withoutRemovedGroups(moved, rules, after)
    const { audit, reject, manual, guard, ...rows } = plan
    const problems = (await guard?.(memberships, change, { before, after, rules, now: at })) ?? []
    if (problems.length > 0) return { outcome: 'refused', problems }
    if (namesRemovedGroup(plan, rules)) return { outcome: 'missing', field: 'groupId' }
    const takenOver = evaluated.flatMap((one) => one.takenOver)
    const kept = evaluated.flatMap((one) => one.kept)
    const written = await this.#ports.cells.write(organization, {
      epoch: rules.epoch,
      cells: before.map(({ subject, version }) => ({ subject, version })),
      ...rows,
      manual: { add: [...(manual?.add ?? []), ...kept], remove: [...(manual?.remove ?? []), ...takenOver] },
      devices: rows.devices ?? [],
      memberships: change,
      suggestions: {
        ...suggestionChanges(
          before.flatMap((cell) => cell.suggestions),
          evaluated.flatMap((one) => one.suggestions),
        ),
        reject: reject ?? [],
      },
      dues: duesOf(after, before, rules, at),
      audit: [...audit, ...membershipRecords(everyone(before, after), memberships, change, cause, at)],
      at,
    })
    return written.outcome === 'written'
      ? { outcome: 'written', joined: change.put, left: change.remove }
      : written
  }

  /** Memberships of users and devices that are not stored yet, when they can next change, and the epoch they are true for. */
  async evaluateNew(
    organization: OrganizationId,
    users: readonly User[],
    devices: readonly Device[],
    inputs: readonly MembershipInput[],
    cause: Cause = ruleCause,
  ): Promise<Pick<CellBatch, 'epoch' | 'memberships' | 'suggestions' | 'dues' | 'audit'>> {
    const rules = await this.#rulesAt(organization)
    const now = this.#ports.clock.now()
    const cells = cellsOf(users, devices, inputs)
    const evaluated = await eachInTurn(cells, (facts) => ({
      ...this.#evaluate(organization, [], facts, rules, now),
      dues: duesOf([facts], [], rules, now),
    }))
    const memberships = evaluated.flatMap((one) => one.memberships)
    const suggestions = evaluated.flatMap((one) => one.suggestions)
    const dues = evaluated.flatMap((one) => one.dues)
    const audit = membershipRecords({ users, devices }, [], { put: memberships, remove: [] }, cause, now)
    return { epoch: rules.epoch, memberships, suggestions, dues, audit }
  }

  /**
   * Carries the rules as they are through every cell of the organization, then marks the group active. Whoever wrote under
   * the old epoch is waited for; a cell that somebody changes meanwhile is evaluated again. Of a group that has been removed,
   * takes everybody out.
   */
  async activateGroup(organization: OrganizationId, id: GroupId): Promise<void> {
    const group = await this.#ports.groups.find(organization, id)
    if (group?.status === 'active') return
    const key = `${id} ${group?.version ?? 'removed'}`
    const carry = () =>
      group === null ? this.#takeOut(organization, id) : this.#carryThrough(organization, group)
    const running = this.#activations.get(key) ?? carry()
    this.#activations.set(key, running)
    await running.finally(() => this.#activations.delete(key))
  }

  async #takeOut(organization: OrganizationId, id: GroupId): Promise<void> {
    const { groups } = this.#ports
    if (!(await groups.removed(organization)).includes(id)) return
    await groups.barrier()
    // From one to the next, since those who have left are looked at again otherwise; once more at the end, for who came meanwhile.
    for (let after: SubjectId | null = null; ; ) {
      const page = await groups.takeOut(organization, id, after)
      if (page === null) return
      after = page.last
    }
  }

  async #carryThrough(organization: OrganizationId, group: Group): Promise<void> {
    const { id } = group
    await this.#ports.groups.barrier()
    if (group.mode !== 'dynamic') await this.#keepMembers(organization, group)
    await this.reconcile(organization, [id], ruleCauseOf(group))
    await this.#ports.groups.activate(organization, id, group.version)
  }

  /**
   * Makes manual members of those who are stored as members by rule of a group that was dynamic. One whose cell has become another
   * meanwhile is left to the reconciliation that follows.
   */
  async #keepMembers(organization: OrganizationId, group: Group): Promise<void> {
    const { groups, cells } = this.#ports
    for (let after: SubjectId | null = null; ; ) {
      const page = await groups.membersByRule(organization, group.id, after, cellsPerChunk)
      const found = await cells.readMany(
        organization,
        page.map(({ cell }) => cell),
      )
      await this.#rewriting.rewrite(organization, distinct(found), ruleCauseOf(group))
      const last = page.at(-1)
      if (last === undefined) return
      after = last.subjectId
    }
  }

  /**
   * Afterwards, what is stored is what the rules say: finishes rules that are not carried through, and evaluates whatever is overdue. Cells that
   * cannot be written are left as they are.
   */
  async settle(organization: OrganizationId): Promise<void> {
    await this.#finishRules(organization)
    const { cells, clock, log } = this.#ports
    for (let page = 0; page < mostOverduePages; page++) {
      const due = await cells.due(clock.now(), cellsPerChunk, organization)
      if (due.length === 0) return
      const subjects = due.map(({ subject }) => subject)
      const written = await this.reevaluate(organization, subjects).catch((error: unknown) => {
        log.error({ err: error, organization }, 'memberships that time has changed could not be written')
        return 0
      })
      if (written === 0) return
    }
  }

  /** Finishes what a process that died, or a database that was away, has left. */
  async resume(organization: OrganizationId): Promise<void> {
    const rules = this.#finishRules(organization)
    // One that cannot be carried through does not keep the others' members in.
    await rules.catch(() => {})
    for (const id of await this.#ports.groups.removed(organization))
      await this.activateGroup(organization, id)
    await rules
  }

  async #finishRules(organization: OrganizationId): Promise<void> {
    for (const { id } of await this.#ports.groups.unfinished(organization))
      await this.activateGroup(organization, id)
  }

  /**
   * Brings every cell's memberships to what the rules say, or at least those that these groups, and groups that read them,
   * concern. Returns in how many cells a membership or a suggestion was changed.
   */
  async reconcile(
    organization: OrganizationId,
    groups: GroupsAsked = 'all',
    cause: Cause = ruleCause,
  ): Promise<number> {
    let changed = 0
    for await (const cells of oneAhead(this.#differing(organization, groups)))
      changed += (await this.#rewriting.rewrite(organization, cells, cause, groups)).moved
    return changed
  }

  /** Those cells, and where they are not known, all there are. */
  async *#differing(organization: OrganizationId, groups: GroupsAsked): AsyncGenerator<readonly Cell[]> {
    const { sets, cells, log } = this.#ports
    const pages = sets?.differing(organization, groups)[Symbol.asyncIterator]()
    while (pages !== undefined) {
      const page = await pages.next().catch((error: unknown) => error as Error)
      if (page instanceof Error) {
        log.warn({ err: page, organization }, 'which cells differ is not known: all of them are read')
        break
      }
      if (page.done) return
      for (let from = 0; from < page.value.length; from += cellsPerChunk)
        yield await cells.readMany(organization, page.value.slice(from, from + cellsPerChunk))
    }
    yield* everyCell(cells, organization, cellsPerChunk)
  }

  /**
   * Evaluates these cells because time has passed: exemptions end, scheduled states come into force, relative dates turn.
   * What that changes is recorded. Returns how many cells were written.
   */
  async reevaluate(organization: OrganizationId, subjects: readonly CellSubject[]): Promise<number> {
    const cells = await this.#ports.cells.readMany(organization, subjects)
    const now = this.#ports.clock.now()
    const [states, others] = [
      cells.filter((cell) => hasDueState(cell, now)),
      cells.filter((cell) => !hasDueState(cell, now)),
    ]
    let written = 0
    for (const cell of states) written += await this.#applyStates(organization, cell)
    return written + (await this.#rewriting.rewrite(organization, others, timeCause)).written
  }

  /** Gives a user the state that is due. One that somebody else is writing at this moment is left to the next round. */
  async #applyStates(organization: OrganizationId, cell: Cell): Promise<number> {
    const at = this.#ports.clock.now()
    const due = cell.stateChanges.filter((change) => change.at <= at)
    const last = due.at(-1)
    if (last === undefined || cell.user === null) return 0
    const plan: CellPlan = {
      user: { do: 'update', row: { ...cell.user, state: last.state, updatedAt: at } },
      stateChanges: due.map(({ id }) => ({ do: 'remove', id })),
      audit: [stateRecord(cell.user, last, at)],
    }
    const { outcome } = await this.#write(organization, [cell], plan, timeCause)
    if (outcome === 'conflict') await this.#rules.latest(organization)
    return outcome === 'written' ? 1 : 0
  }

  /** Rules of at least this epoch, or else of the latest. While some are carried through it is asked whether they still are. */
  async #rulesAt(organization: OrganizationId, epoch?: bigint): Promise<RuleSet> {
    const { groups, rules } = this.#ports
    const set = await this.#rules.at(organization, epoch ?? (await rules.epoch(organization)))
    if (set.unsettled.length === 0 || (await groups.unfinished(organization)).length > 0) return set
    return this.#rules.settle(organization, set)
  }

  /** Evaluates what of a cell can have changed, now and then all of it. */
  #evaluate(
    organization: OrganizationId,
    before: readonly Cell[],
    facts: CellFacts,
    rules: RuleSet,
    now: Date,
  ): Evaluation {
    const { id } = subjectOf(facts)
    const stored = before.find(({ subject }) => subject.id === id)
    // A device that has lost its owner is a new cell, and may be one of those who are kept.
    if (stored === undefined && rules.keeping.size > 0) return evaluate(facts, rules, now)
    const evaluation =
      stored === undefined ? evaluateFresh(facts, rules, now) : evaluateChange(stored, facts, rules, now)
    return this.#sampled.check(evaluation, () => evaluate(facts, rules, now), organization)
  }
}

/** When cells as they will be are next due, knowing what is stored for them as they were. */
function duesOf(
  after: readonly CellFacts[],
  before: readonly Cell[],
  rules: RuleSet,
  now: Date,
): readonly CellDue[] {
  const stored = new Map<string, Date | null>(before.map(({ subject, due }) => [subject.id, due]))
  return after.map((facts) => {
    const subject = subjectOf(facts)
    return { subject, due: dueToStore(stored.get(subject.id) ?? null, nextDue(facts, rules, now), now) }
  })
}

function subjectOf({ user, devices: [device] }: CellFacts): CellSubject {
  if (user !== null) return { kind: 'user', id: user.id }
  if (device === undefined) throw new TypeError('a cell of nobody')
  return { kind: 'device', id: device.id }
}

function hasDueState({ stateChanges }: Pick<Cell, 'stateChanges'>, now: Date): boolean {
  return stateChanges.some(({ at }) => at <= now)
}

/** Of these cells before and after a change, everybody once, as they are called afterwards. */
function everyone(before: readonly Cell[], after: readonly CellFacts[]) {
  const users = new Map<string, User>()
  const devices = new Map<string, Device>()
  for (const cell of [...before, ...after]) {
    if (cell.user !== null) users.set(cell.user.id, cell.user)
    for (const device of cell.devices) devices.set(device.id, device)
  }
  return { users: [...users.values()], devices: [...devices.values()] }
}
