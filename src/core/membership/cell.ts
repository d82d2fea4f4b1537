// The cell: a user with its devices (or an unowned device alone) is the unit of evaluation, locking, versioning and
// propagation. Shapes only; engine.ts evaluates, change.ts writes.
import type { DeviceId, GroupId, SubjectId, UserId } from '../../base/ids.ts'
import type { AuditBody } from '../audit/record.ts'
import type { Device, User } from '../directory/types.ts'

export type CellSubject = { readonly kind: 'user'; readonly id: UserId } | { readonly kind: 'device'; readonly id: DeviceId }

export const membershipReasons = ['rule', 'exemption', 'manual'] as const
export type MembershipReason = (typeof membershipReasons)[number]

export interface Membership {
  readonly subjectId: SubjectId
  readonly groupId: GroupId
  readonly reasons: readonly MembershipReason[]
}

/** What decides membership beside the rules, per subject and group. */
export interface MembershipInput {
  readonly subjectId: SubjectId
  readonly groupId: GroupId
  readonly kind: 'manual' | 'always' | 'never'
}

export interface Cell {
  readonly subject: CellSubject
  /** Compared by every write; grows with each. */
  readonly version: bigint
  readonly user: User | null
  readonly devices: readonly Device[]
  readonly memberships: readonly Membership[]
  readonly inputs: readonly MembershipInput[]
  /** The rules' epoch at the time of reading. */
  readonly epoch: bigint
}

export type RowChange<T, Id> =
  | { readonly do: 'insert'; readonly row: T }
  | { readonly do: 'update'; readonly row: T }
  | { readonly do: 'remove'; readonly id: Id }

export interface CellChange {
  readonly epoch: bigint
  /** Cells that must still have these versions; a new cell has none. Two when a device changes its owner. */
  readonly cells: readonly { readonly subject: CellSubject; readonly version: bigint }[]
  readonly user?: RowChange<User, UserId>
  readonly devices: readonly RowChange<Device, DeviceId>[]
  readonly inputs: { readonly add: readonly MembershipInput[]; readonly remove: readonly MembershipInput[] }
  readonly memberships: {
    /** New ones, and those whose reasons changed. */
    readonly put: readonly Membership[]
    readonly remove: readonly { readonly subjectId: SubjectId; readonly groupId: GroupId }[]
  }
  readonly audit: readonly AuditBody[]
  readonly at: Date
}
