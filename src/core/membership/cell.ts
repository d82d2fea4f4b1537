// The cell: a user with its devices (or an unowned device alone) is the unit of evaluation, locking, versioning and
// propagation. Shapes only; engine.ts evaluates, change.ts writes.
import type { DeviceId, ExemptionId, GroupId, StateChangeId, SubjectId, UserId } from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { AuditBody } from '../audit/record.ts'
import type { Device, Exemption, FactorKind, StateChange, User } from '../directory/types.ts'

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

/** What decides membership beside the rules: a manual member, or an exemption, which may have ended. */
export interface MembershipInput extends SubjectInGroup {
  readonly kind: 'manual' | 'always' | 'never'
  /** From then on it has no effect; null: it has no end. */
  readonly expiresAt: Date | null
  /** Of a manual member: by approval, or kept when the group's mode changed. A rule that matches takes it over. */
  readonly approved?: boolean
}

/** What the rule of a `review` group would change, if somebody approved it. */
export interface Suggested extends SubjectInGroup {
  readonly operation: 'join' | 'leave'
}

/** A suggestion as it is stored, until it is approved or its facts change back. */
export interface StoredSuggestion extends Suggested {
  /** Not to be shown again while the facts stay as they are. */
  readonly rejected: boolean
}

/** A member by hand, or (`approved`) by approval. */
export interface ManualMember extends SubjectInGroup {
  readonly approved?: boolean
}

export interface Cell {
  readonly subject: CellSubject
  /** Compared by every write; grows with each. */
  readonly version: bigint
  readonly user: User | null
  readonly devices: readonly Device[]
  readonly memberships: readonly Membership[]
  /** Also exemptions that have ended: evaluation knows the time, and there is one clock for all of it. */
  readonly inputs: readonly MembershipInput[]
  /** The exemptions among the inputs, by the id they are removed by. */
  readonly exemptionIds: readonly (SubjectInGroup & { readonly id: ExemptionId })[]
  /** Also those that were rejected. */
  readonly suggestions: readonly StoredSuggestion[]
  /** States that the user is to have, the earliest first. */
  readonly stateChanges: readonly StateChange[]
  /** The rules' epoch at the time of reading. */
  readonly epoch: bigint
  /** The stored instant at which it is next to be evaluated. */
  readonly due: Date | null
}

/** When a cell is next to be evaluated; null: not before something of it changes. */
export interface CellDue {
  readonly subject: CellSubject
  readonly due: Date | null
}

export interface SuggestionChanges {
  readonly put: readonly Suggested[]
  readonly remove: readonly SubjectInGroup[]
  readonly reject?: readonly SubjectInGroup[]
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
  readonly manual?: { readonly add: readonly ManualMember[]; readonly remove: readonly SubjectInGroup[] }
  readonly stateChanges?: readonly RowChange<StateChange, StateChangeId>[]
  readonly suggestions?: SuggestionChanges
  readonly memberships: {
    /** New ones, and those whose reasons changed. */
    readonly put: readonly Membership[]
    readonly remove: readonly SubjectInGroup[]
  }
  /** For the cells as they will be. Rows that are no cell of their own (any more) are never due. */
  readonly dues: readonly CellDue[]
  readonly audit: readonly AuditBody[]
  readonly at: Date
}

/** New users with their devices, for imports. */
export interface CellBatch {
  readonly epoch: bigint
  readonly users: readonly User[]
  readonly devices: readonly Device[]
  readonly manual: readonly ManualMember[]
  readonly exemptions?: readonly Exemption[]
  readonly stateChanges?: readonly StateChange[]
  readonly memberships: readonly Membership[]
  readonly suggestions?: readonly (Suggested & Partial<Pick<StoredSuggestion, 'rejected'>>)[]
  readonly dues: readonly CellDue[]
  /** PHC strings and TOTP seeds to seal. */
  readonly factors: readonly { readonly owner: UserId; readonly kind: FactorKind; readonly secret: Secret }[]
  readonly audit: readonly AuditBody[]
  readonly at: Date
}

/** New memberships for a cell whose facts stay as they are; nobody is told where only `due` is new. */
export interface CellRewrite extends CellDue {
  readonly version: bigint
  readonly put: readonly Membership[]
  readonly remove: readonly SubjectInGroup[]
  readonly suggestions?: SuggestionChanges
  /** Manual members that a rule has taken over. */
  readonly takenOver?: readonly SubjectInGroup[]
  /** Members by a rule that decides no longer, who stay as approved manual members. */
  readonly kept?: readonly SubjectInGroup[]
  readonly audit: readonly AuditBody[]
}
