// What cells look like after a plan: pure, so that a plan can be applied again to cells that somebody has changed meanwhile.
import type { DeviceId, ExemptionId, StateChangeId, UserId } from '../../base/ids.ts'
import type { AuditBody } from '../audit/record.ts'
import type { Problem } from '../directory/problem.ts'
import type { Device, Exemption, StateChange, User } from '../directory/types.ts'
import type { Cell, ManualMember, Membership, MembershipInput, RowChange, SubjectInGroup } from './cell.ts'
import type { CellFacts, Difference } from './engine.ts'
import type { RuleSet } from './rule-set.ts'

/** What is to happen to the cells that were read. Made anew from fresh cells after a conflict, so it must be pure. */
export interface CellPlan {
  readonly user?: RowChange<User, UserId>
  readonly devices?: readonly RowChange<Device, DeviceId>[]
  readonly manual?: { readonly add: readonly ManualMember[]; readonly remove: readonly SubjectInGroup[] }
  /** Suggestions that are not to be shown again while the facts stay as they are. */
  readonly reject?: readonly SubjectInGroup[]
  readonly stateChanges?: readonly RowChange<StateChange, StateChangeId>[]
  readonly exemptions?: readonly RowChange<Exemption, ExemptionId>[]
  readonly audit: readonly AuditBody[]
  /** Asked before anything is written. */
  readonly guard?: CellGuard | undefined
}

/** Cells as they are and as they will be, under these rules. */
export interface Guarded {
  readonly before: readonly Cell[]
  readonly after: readonly CellFacts[]
  readonly rules: RuleSet
  readonly now: Date
}

/** Why these joins and leaves are refused; none: they are not. `put` has also memberships whose reasons changed. */
export type CellGuard = (
  before: readonly Membership[],
  change: Difference,
  cells: Guarded,
) => Promise<readonly Problem[]>

/** The cells as they will be: devices find their owners anew. */
export function apply(before: readonly Cell[], plan: CellPlan): readonly CellFacts[] {
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
  const added = plan.manual?.add ?? []
  const addedKeys = new Set(added.map(key))
  const manual = [
    ...before.flatMap((cell) =>
      cell.inputs.filter(
        (one) => one.kind === 'manual' && !gone.has(key(one)) && !(one.approved && addedKeys.has(key(one))),
      ),
    ),
    ...added.map((one) => ({ ...one, kind: 'manual' as const, expiresAt: null })),
  ]
  const stateChanges = changeRows(
    before.flatMap((cell) => cell.stateChanges),
    plan.stateChanges ?? [],
  )
  // Who is taken out by hand is not kept either.
  const memberships = before.flatMap((cell) => cell.memberships).filter((one) => !gone.has(key(one)))
  return cellsOf(users, devices, [...manual, ...exempted.values()], stateChanges, memberships)
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
export function cellsOf(
  users: readonly User[],
  devices: readonly Device[],
  inputs: readonly MembershipInput[],
  stateChanges: readonly StateChange[] = [],
  memberships: readonly Membership[] = [],
): readonly CellFacts[] {
  const bySubject = Map.groupBy(inputs, ({ subjectId }) => subjectId)
  const membershipsBySubject = Map.groupBy(memberships, ({ subjectId }) => subjectId)
  const ids = new Set(users.map(({ id }) => id))
  const byOwner = Map.groupBy(devices, ({ ownerId }) =>
    ownerId !== null && ids.has(ownerId) ? ownerId : null,
  )
  type Subjects = readonly { readonly id: User['id'] | Device['id'] }[]
  const storedOf = (subjects: Subjects) => ({
    inputs: subjects.flatMap(({ id }): MembershipInput[] => bySubject.get(id) ?? []),
    memberships: subjects.flatMap(({ id }): Membership[] => membershipsBySubject.get(id) ?? []),
  })
  return [
    ...users.map((user) => {
      const own = byOwner.get(user.id) ?? []
      return {
        user,
        devices: own,
        ...storedOf([user, ...own]),
        stateChanges: stateChanges.filter(({ userId }) => userId === user.id),
      }
    }),
    ...(byOwner.get(null) ?? []).map((device) => ({
      user: null,
      devices: [device],
      ...storedOf([device]),
    })),
  ]
}
