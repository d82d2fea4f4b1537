// What the set engine (population.ts, evaluate.ts) asks of whoever runs it: memberships by ordinal, and what it is asked for.
// Ordinals are small whole numbers that stand for users and for devices, each kind with its own.
import type { GroupId } from '../../../base/ids.ts'
import type { Device, SubjectKind, User } from '../../directory/types.ts'

/** One byte for each ordinal: 1 for those in the set, 0 for all others. */
export type Mask = Uint8Array<ArrayBuffer>

/** Effective memberships. Groups are asked for by number, so that no id is looked up row by row. */
export interface MembersView {
  /** The number of a group, or -1: then nobody is in it. */
  numberOf(group: GroupId): number
  /** Is the subject with this ordinal in the group with this number? */
  has(of: SubjectKind, ordinal: number, group: number): boolean
  /** Puts 1 into `mask` for every member. Ordinals that do not fit into it are left out. */
  fill(of: SubjectKind, group: number, mask: Uint8Array): void
  /** Puts 1 into `mask` for everybody who is in a group other than `except`. */
  fillAny(of: SubjectKind, except: ReadonlySet<number>, mask: Uint8Array): void
}

/**
 * The columns of an organization as their one writer sees them. Values are those of the rules: what `userFacts` and
 * `deviceFacts` say. Ordinals start at 0, are dense, and may be given anew after removal.
 */
export interface PopulationWriter {
  upsertUser(ordinal: number, user: User): void
  /** Its devices have no owner from then on. */
  removeUser(ordinal: number): void
  /** -1: nobody owns it. The owner may also come later; until then nothing is known of it. */
  upsertDevice(ordinal: number, device: Device, ownerOrdinal: number): void
  removeDevice(ordinal: number): void
  /** Gives back memory that is only there to grow into: for when everything is in. */
  fit(): void
}

/** What a rule is evaluated with. */
export interface Circumstances {
  /** Epoch milliseconds. */
  readonly now: number
  readonly members: MembersView
  /** Groups evaluated before in the same run: these masks count, not what `members` says of them. */
  readonly computed?: ReadonlyMap<GroupId, ComputedGroup>
}

export interface ComputedGroup {
  readonly of: SubjectKind
  readonly mask: Mask
}
