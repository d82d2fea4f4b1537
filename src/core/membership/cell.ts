// The cell: a user with its devices (or an unowned device alone) is the unit of evaluation, locking, versioning and
// propagation. Shapes only; engine.ts evaluates, change.ts writes.
import type { DeviceId, ExemptionId, GroupId, SubjectId, UserId } from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { AuditBody } from '../audit/record.ts'
import type { Device, Exemption, FactorKind, User } from '../directory/types.ts'

export type CellSubject =
  | { readonly kind: 'user'; readonly id: UserId }
  | { readonly kind: 'device'; readonly id: DeviceId }

export const membershipReasons = ['rule', 'exemption', 'manual'] as const
export type MembershipReason = (typeof membershipReasons)[number]

export interface SubjectInGroup {
  readonly subjectId: SubjectId
  readonly groupId: GroupId
}

export interface Membership extends SubjectInGroup {
  readonly reasons: readonly MembershipReason[]
}

/** What decides membership beside the rules: a manual member, or an exemption. Exemptions that have expired are left out. */
export interface MembershipInput extends SubjectInGroup {
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
  /** The exemptions among the inputs, by the id they are removed by. */
  readonly exemptionIds: readonly (SubjectInGroup & { readonly id: ExemptionId })[]
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
  readonly exemptions?: readonly RowChange<Exemption, ExemptionId>[]
  readonly manual?: { readonly add: readonly SubjectInGroup[]; readonly remove: readonly SubjectInGroup[] }
  readonly memberships: {
    /** New ones, and those whose reasons changed. */
    readonly put: readonly Membership[]
    readonly remove: readonly SubjectInGroup[]
  }
  readonly audit: readonly AuditBody[]
  readonly at: Date
}

/** New users with their devices, for imports. */
export interface CellBatch {
  readonly epoch: bigint
  readonly users: readonly User[]
  readonly devices: readonly Device[]
  readonly manual: readonly SubjectInGroup[]
  readonly memberships: readonly Membership[]
  /** PHC strings and TOTP seeds to seal. */
  readonly factors: readonly { readonly owner: UserId; readonly kind: FactorKind; readonly secret: Secret }[]
  readonly audit: readonly AuditBody[]
  readonly at: Date
}

/** New memberships for a cell whose facts stay as they are. */
export interface CellRewrite {
  readonly subject: CellSubject
  readonly version: bigint
  readonly put: readonly Membership[]
  readonly remove: readonly SubjectInGroup[]
}
