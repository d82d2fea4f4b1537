// Every change of a user or device goes this way: read its cell, plan, evaluate, and write facts and memberships in one
// conditional statement; start over when somebody else was faster. A new rule is carried through all cells the same way.
import type { Clock } from '../../base/clock.ts'
import type { DeviceId, ExemptionId, GroupId, OrganizationId, UserId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { Fault, type Result } from '../../base/result.ts'
import type { AuditBody } from '../audit/record.ts'
import type { Problem } from '../directory/problem.ts'
import type { Device, Exemption, User } from '../directory/types.ts'
import type { Cells, GroupRecords, RuleSource, WriteOutcome } from '../ports.ts'
import type {
  Cell,
  CellRewrite,
  CellSubject,
  Membership,
  MembershipInput,
  RowChange,
  SubjectInGroup,
} from './cell.ts'
import { type CellFacts, difference, evaluate } from './engine.ts'
import { RuleSets } from './rule-set.ts'

/** What is to happen to the cells that were read. Made anew from fresh cells after a conflict, so it must be pure. */
export interface CellPlan {
  readonly user?: RowChange<User, UserId>
  readonly devices?: readonly RowChange<Device, DeviceId>[]
  readonly manual?: { readonly add: readonly SubjectInGroup[]; readonly remove: readonly SubjectInGroup[] }
  readonly exemptions?: readonly RowChange<Exemption, ExemptionId>[]
  readonly audit: readonly AuditBody[]
}

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
  readonly groups: Pick<GroupRecords, 'activate' | 'barrier' | 'find' | 'unfinished'>
  readonly clock: Clock
  readonly log: Log
}

const mostAttempts = 12
const cellsPerChunk = 500

export class MembershipEngine {
  readonly #ports: MembershipPorts
  readonly #rules: RuleSets

  constructor(ports: MembershipPorts) {
    this.#ports = ports
    this.#rules = new RuleSets(ports.rules, ports.log)
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
      const rules = await this.#rules.at(
        organization,
        before[0]?.epoch ?? (await this.#ports.rules.epoch(organization)),
      )
      const at = this.#ports.clock.now()
      const after = apply(before, planned.value)
      const { put, remove } = difference(
        before.flatMap(({ memberships }) => memberships),
        after.flatMap((facts) => evaluate(facts, rules, at)),
      )
      const written = await this.#ports.cells.write(organization, {
        epoch: rules.epoch,
        cells: before.map(({ subject, version }) => ({ subject, version })),
        ...planned.value,
        devices: planned.value.devices ?? [],
        memberships: { put, remove },
        at,
      })
      if (written.outcome === 'written') return { outcome: 'written', joined: put, left: remove }
      if (written.outcome !== 'conflict') return written
      await this.#rules.latest(organization)
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 5 * attempt))
    }
    throw new Fault('busy', 'too many changes of the same user at once: try again')
  }

  /** Memberships of users and devices that are not stored yet, and the epoch they are true for. */
  async evaluateNew(
    organization: OrganizationId,
    users: readonly User[],
    devices: readonly Device[],
    inputs: readonly MembershipInput[],
  ): Promise<{ readonly epoch: bigint; readonly memberships: readonly Membership[] }> {
    const rules = await this.#rules.latest(organization)
    const now = this.#ports.clock.now()
    const memberships = cellsOf(users, devices, inputs).flatMap((facts) => evaluate(facts, rules, now))
    return { epoch: rules.epoch, memberships }
  }

  /**
   * Carries the rules as they are through every cell of the organization, then marks the group active. Whoever wrote under
   * the old epoch is waited for; a cell that somebody changes meanwhile is evaluated again.
   */
  async activateGroup(organization: OrganizationId, id: GroupId): Promise<void> {
    const group = await this.#ports.groups.find(organization, id)
    if (group === null || group.status === 'active') return
    await this.#ports.groups.barrier()
    await this.reconcile(organization)
    await this.#ports.groups.activate(organization, id, group.version)
  }

  /** Finishes what a process that died has left. */
  async resume(organization: OrganizationId): Promise<void> {
    for (const group of await this.#ports.groups.unfinished(organization))
      await this.activateGroup(organization, group.id)
  }

  /** Brings every cell's memberships to what the rules say; returns how many cells were changed. */
  async reconcile(organization: OrganizationId): Promise<number> {
    let changed = 0
    for (let after: string | null = null; ; ) {
      const cells: readonly Cell[] = await this.#ports.cells.scan(organization, after, cellsPerChunk)
      const last = cells.at(-1)
      if (last === undefined) return changed
      after = last.subject.id
      changed += await this.#rewrite(organization, cells)
    }
  }

  async #rewrite(organization: OrganizationId, cells: readonly Cell[]): Promise<number> {
    let left = cells
    let changed = 0
    for (let attempt = 0; left.length > 0; attempt++) {
      if (attempt >= mostAttempts)
        throw new Fault('busy', 'the same users change again and again while a rule is carried through')
      const newest = left.map(({ epoch }) => epoch).sort((a, b) => (a < b ? 1 : -1))[0] ?? 0n
      const rules = await this.#rules.at(organization, newest)
      const now = this.#ports.clock.now()
      const rewrites = left.flatMap((cell): CellRewrite[] => {
        const { put, remove } = difference(cell.memberships, evaluate(cell, rules, now))
        return put.length + remove.length === 0
          ? []
          : [{ subject: cell.subject, version: cell.version, put, remove }]
      })
      if (rewrites.length === 0) return changed
      const missed = await this.#ports.cells.rewrite(organization, rules.epoch, rewrites, now)
      changed += rewrites.length - missed.length
      if (missed.length > 0) await this.#rules.latest(organization)
      const again = await Promise.all(missed.map((subject) => this.#ports.cells.read(organization, subject)))
      left = again.filter((cell) => cell !== null)
    }
    return changed
  }
}

function distinct(cells: readonly (Cell | null)[]): readonly Cell[] {
  const byId = new Map(
    cells.flatMap((cell) => (cell === null ? [] : [[cell.subject.id as string, cell] as const])),
  )
  return [...byId.values()].sort((a, b) => (a.subject.id < b.subject.id ? -1 : 1))
}

/** The cells as they will be: devices find their owners anew. */
function apply(before: readonly Cell[], plan: CellPlan): readonly CellFacts[] {
  const users = changeRows(
    before.flatMap(({ user }) => (user === null ? [] : [user])),
    plan.user ? [plan.user] : [],
  )
  const devices = changeRows(
    before.flatMap((cell) => cell.devices),
    plan.devices ?? [],
  )
  const key = (one: SubjectInGroup): string => one.subjectId + one.groupId
  const gone = new Set([...(plan.manual?.remove ?? [])].map(key))
  const exempted = new Map(
    before
      .flatMap((cell) => cell.inputs.filter(({ kind }) => kind !== 'manual'))
      .map((one) => [key(one), one]),
  )
  for (const change of plan.exemptions ?? []) {
    if (change.do === 'remove') {
      const held = before.flatMap(({ exemptionIds }) => exemptionIds).find(({ id }) => id === change.id)
      if (held) exempted.delete(key(held))
    } else exempted.set(key(change.row), change.row)
  }
  const manual = [
    ...before.flatMap((cell) => cell.inputs.filter((one) => one.kind === 'manual' && !gone.has(key(one)))),
    ...(plan.manual?.add ?? []).map((one) => ({ ...one, kind: 'manual' as const })),
  ]
  return cellsOf(users, devices, [...manual, ...exempted.values()])
}

function changeRows<T extends { readonly id: string }>(
  rows: readonly T[],
  changes: readonly RowChange<T, T['id']>[],
): readonly T[] {
  const byId = new Map(rows.map((row) => [row.id, row]))
  for (const change of changes) {
    if (change.do === 'remove') byId.delete(change.id)
    else byId.set(change.row.id, change.row)
  }
  return [...byId.values()]
}

/** Users with their devices, and devices that nobody (here) owns. */
function cellsOf(
  users: readonly User[],
  devices: readonly Device[],
  inputs: readonly MembershipInput[],
): readonly CellFacts[] {
  const bySubject = Map.groupBy(inputs, ({ subjectId }) => subjectId)
  const ids = new Set(users.map(({ id }) => id))
  const byOwner = Map.groupBy(devices, ({ ownerId }) =>
    ownerId !== null && ids.has(ownerId) ? ownerId : null,
  )
  const inputsOf = (subjects: readonly { id: User['id'] | Device['id'] }[]): MembershipInput[] =>
    subjects.flatMap(({ id }) => bySubject.get(id) ?? [])
  return [
    ...users.map((user) => {
      const own = byOwner.get(user.id) ?? []
      return { user, devices: own, inputs: inputsOf([user, ...own]) }
    }),
    ...(byOwner.get(null) ?? []).map((device) => ({
      user: null,
      devices: [device],
      inputs: inputsOf([device]),
    })),
  ]
}
