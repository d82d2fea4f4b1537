// All that core needs from outside, in one file: the store, the vault and the feed of changes implement these.
import type {
  ConversationId,
  DeviceId,
  ExemptionId,
  FactorId,
  GroupId,
  OrganizationId,
  ResourceId,
  SubjectId,
  UserId,
} from '../base/ids.ts'
import type { Secret } from '../base/secrets.ts'
import type { EnrolledFactor, ResourceFacts, SubjectFacts } from './access/facts.ts'
import type { ClaimedSubject, Proof, ResourceClaim } from './access/request.ts'
import type { AuditBody } from './audit/record.ts'
import type { Condition } from './directory/condition.ts'
import type {
  AttributeDefinition,
  Device,
  Exemption,
  Group,
  LockoutSettings,
  Organization,
  User,
} from './directory/types.ts'
import type { Cell, CellChange, CellSubject } from './membership/cell.ts'

// ---- what `decide` reads and does ------------------------------------------------------------------------

/** Facts for one decision, read from the database or from a cache that follows the change feed. */
export interface AccessFacts {
  findOrganization(organization: OrganizationId): Promise<Organization | null>
  findSubject(organization: OrganizationId, claimed: ClaimedSubject): Promise<SubjectFacts | null>
  findResource(organization: OrganizationId, claim: ResourceClaim): Promise<ResourceFacts | null>
}

export interface Lockouts {
  /**
   * Counts one attempt before it is evaluated, atomically in the database: of any number of simultaneous
   * attempts no more than the limit are told `go`. `subject` null: nobody by that name, same work, never locked.
   */
  reserve(organization: OrganizationId, subject: string | null, peer: string | null, at: Date, settings: LockoutSettings): Promise<'go' | 'locked'>
  /** `returned`: that attempt was no failure; `cleared`: it let the subject in, so earlier failures are forgotten. */
  settle(organization: OrganizationId, subject: string, peer: string | null, at: Date, how: 'returned' | 'cleared'): Promise<void>
  /** Counts one showing of a one-time code against the daily limit of wrong ones; false when that is used up. */
  reserveCode(organization: OrganizationId, subject: string, at: Date, settings: LockoutSettings): Promise<boolean>
  returnCode(organization: OrganizationId, subject: string): Promise<void>
}

export interface Factors {
  /** The secret of a factor: a password hash (PHC string) or a TOTP seed (base32). Throws Fault when it cannot be opened. */
  open(organization: OrganizationId, factor: EnrolledFactor): Secret
  /** Records that the code of this time step was used; false when this or a later step was used before. Durable. */
  useStep(organization: OrganizationId, factor: FactorId, step: number): Promise<boolean>
}

/** A challenge that waits for its answer. Lost on restart without Redis, which costs the person one more try. */
export interface Conversation {
  readonly organization: OrganizationId
  readonly subject: string
  readonly resource: ResourceId
  readonly peer: string | null
  readonly proof: readonly Proof[]
}

export interface Conversations {
  park(id: ConversationId, conversation: Conversation, ttlSeconds: number): Promise<void>
  /** Gives the conversation once; after that it is gone. */
  take(id: ConversationId): Promise<Conversation | null>
}

export interface AuditLog {
  /** Appends to the organization's hash chain; resolves once the records are durable. */
  append(organization: OrganizationId, body: AuditBody): Promise<void>
}

// ---- the change feed -------------------------------------------------------------------------------------

export const changeKinds = [
  'user',
  'device',
  'group',
  'resource',
  'binding',
  'attribute',
  'service-account',
  'organization',
] as const
export type ChangeKind = (typeof changeKinds)[number]

/** "This object of this organization is not what it was." Idempotent; order between objects means nothing. */
export interface Change {
  readonly organization: OrganizationId
  readonly kind: ChangeKind
  readonly id: string
}

export interface ChangeFeed {
  /** Called with every change, own ones before the write returns, those of other processes within milliseconds. */
  subscribe(listener: (changes: readonly Change[]) => void): () => void
  /** Milliseconds since this process was last known to have seen every committed change. */
  stalenessMs(): number
}

// ---- membership ------------------------------------------------------------------------------------------

export interface RuleSource {
  /** Groups, attribute schema and the epoch they belong to. */
  read(organization: OrganizationId): Promise<{ epoch: bigint; groups: readonly Group[]; attributes: readonly AttributeDefinition[] }>
}

export interface Cells {
  /** The cell in which this subject is evaluated (a device's is its owner's); null when there is none. */
  read(organization: OrganizationId, subject: CellSubject): Promise<Cell | null>
  /** Cells in id order after a cursor: for carrying a new rule through the organization. */
  scan(organization: OrganizationId, after: string | null, limit: number): Promise<readonly Cell[]>
  /**
   * Writes facts, memberships, change-log rows and audit records in one statement (one transaction where two cells
   * are concerned), provided that the cells still have their versions and the rules their epoch.
   */
  write(organization: OrganizationId, change: CellChange): Promise<'written' | 'conflict'>
}

// ---- reading the directory -------------------------------------------------------------------------------

export interface Page {
  readonly limit: number
  /** Id after which to go on; pages are in id order. */
  readonly after?: string
  /** Milliseconds after which the statement is cancelled (Fault `timeout` in its message). */
  readonly timeoutMs?: number
}

/** Only effective memberships in groups that are `active`. */
export interface UserEntry {
  readonly user: User
  readonly groups: readonly GroupId[]
}
export interface DeviceEntry {
  readonly device: Device
  readonly groups: readonly GroupId[]
}

export interface DirectoryReader {
  /** `activeOnly`: as LDAP shows them. */
  users(organization: OrganizationId, where: Condition, page: Page, activeOnly: boolean): Promise<readonly UserEntry[]>
  devices(organization: OrganizationId, where: Condition, page: Page): Promise<readonly DeviceEntry[]>
  groups(organization: OrganizationId, where: Condition, page: Page): Promise<readonly Group[]>
  /** Members of a group in id order: active users (or devices), with the names that entries are called by. */
  memberNames(organization: OrganizationId, group: GroupId, page: Page): Promise<readonly { id: SubjectId; name: string }[]>
  findUser(organization: OrganizationId, id: UserId): Promise<User | null>
  findDevice(organization: OrganizationId, id: DeviceId): Promise<Device | null>
  findGroup(organization: OrganizationId, id: GroupId): Promise<Group | null>
  /** All groups' ids, names and kinds: what memberOf needs to spell DNs. Cached by whoever follows the feed. */
  groupNames(organization: OrganizationId): Promise<readonly { id: GroupId; name: string; of: Group['of'] }[]>
  attributes(organization: OrganizationId): Promise<readonly AttributeDefinition[]>
  exemptions(organization: OrganizationId, group: GroupId | null, page: Page): Promise<readonly Exemption[]>
  findExemption(organization: OrganizationId, id: ExemptionId): Promise<Exemption | null>
}
