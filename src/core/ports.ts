// All that core needs from outside, in one file: the store, the vault and the feed of changes implement these.
import type {
  ConversationId,
  DeviceId,
  ExemptionId,
  FactorId,
  GroupId,
  OrganizationId,
  ResourceId,
  ServiceAccountId,
  SubjectId,
  TokenId,
  UserId,
} from '../base/ids.ts'
import type { Secret } from '../base/secrets.ts'
import type { EnrolledFactor, ResourceFacts, SubjectFacts } from './access/facts.ts'
import type { ClaimedSubject, Proof, ResourceClaim } from './access/request.ts'
import type { AuditBody, AuditRecord } from './audit/record.ts'
import type { Condition } from './directory/condition.ts'
import type {
  AttributeDefinition,
  BindingAttributes,
  Device,
  Exemption,
  FactorKind,
  Group,
  LockoutSettings,
  Organization,
  RadiusClient,
  Resource,
  Stored,
  User,
} from './directory/types.ts'
import type { Cell, CellBatch, CellChange, CellRewrite, CellSubject, Membership } from './membership/cell.ts'

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
  reserve(
    organization: OrganizationId,
    subject: string | null,
    peer: string | null,
    at: Date,
    settings: LockoutSettings,
  ): Promise<'go' | 'locked'>
  /**
   * `returned`: that attempt was no failure; `cleared`: it let the subject in, so earlier failures are forgotten.
   * `subject` null: nobody's attempt, for the same work.
   */
  settle(
    organization: OrganizationId,
    subject: string | null,
    peer: string | null,
    at: Date,
    how: 'returned' | 'cleared',
  ): Promise<void>
  /**
   * Counts one showing of a one-time code against the daily limit of wrong ones; false when that is used up. `subject`
   * null: nobody's, for the same work.
   */
  reserveCode(
    organization: OrganizationId,
    subject: string | null,
    at: Date,
    settings: LockoutSettings,
  ): Promise<boolean>
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
  epoch(organization: OrganizationId): Promise<bigint>
  /** Groups, attribute schema and the epoch they belong to. */
  read(
    organization: OrganizationId,
  ): Promise<{ epoch: bigint; groups: readonly Group[]; attributes: readonly AttributeDefinition[] }>
}

export interface Cells {
  /** The cell in which this subject is evaluated (a device's is its owner's); null when there is none. */
  read(organization: OrganizationId, subject: CellSubject): Promise<Cell | null>
  /** Cells in id order after a cursor: for carrying a new rule through the organization. */
  scan(organization: OrganizationId, after: string | null, limit: number): Promise<readonly Cell[]>
  /** Those of these cells that (still) exist, in id order. */
  readMany(organization: OrganizationId, subjects: readonly CellSubject[]): Promise<readonly Cell[]>
  /** Cells of all organizations whose next evaluation is due at this instant, those that wait longest first. */
  due(
    at: Date,
    limit: number,
  ): Promise<readonly { readonly organization: OrganizationId; readonly subject: CellSubject }[]>
  /** When the first cell of all organizations is due; null: none ever is. */
  firstDue(): Promise<Date | null>
  /**
   * Writes facts, memberships, change-log rows and audit records in one statement (one transaction where two cells
   * are concerned), provided that the cells still have their versions and the rules their epoch.
   */
  write(organization: OrganizationId, change: CellChange): Promise<WriteOutcome>
  /**
   * Gives cells new memberships (and versions), with their audit records, in one transaction; returns those that had
   * changed meanwhile and were left alone.
   */
  rewrite(
    organization: OrganizationId,
    epoch: bigint,
    rewrites: readonly CellRewrite[],
    at: Date,
  ): Promise<readonly CellSubject[]>
  /** Many new users with their devices and memberships in one transaction; nothing is written unless all is. */
  insertMany(organization: OrganizationId, change: CellBatch): Promise<WriteOutcome>
}

// ---- writing the directory -------------------------------------------------------------------------------

/**
 * `conflict`: somebody changed it meanwhile (read again). `taken`: a value that must be unique belongs to another object.
 * `missing`: it names an object that does not exist. `in-use`: others still refer to it.
 */
export type WriteOutcome =
  | { readonly outcome: 'written' }
  | { readonly outcome: 'conflict' }
  | { readonly outcome: 'taken' | 'missing' | 'in-use'; readonly field: string }

/** Storage of one kind of object. An update or removal succeeds only while the stored version is `version`. */
export interface Records<T extends Stored & { readonly id: string }> {
  find(organization: OrganizationId, id: T['id']): Promise<T | null>
  list(organization: OrganizationId, where: Condition, page: Page): Promise<readonly T[]>
  insert(organization: OrganizationId, row: T, audit: AuditBody): Promise<WriteOutcome>
  /** Stores `row` with `version + 1`, where `row.version` is the version it was read at. */
  update(organization: OrganizationId, row: T, audit: AuditBody): Promise<WriteOutcome>
  remove(organization: OrganizationId, id: T['id'], version: number, audit: AuditBody): Promise<WriteOutcome>
}

/** Groups: every write that touches a rule starts a new epoch, which ends what was evaluated under the old one. */
export interface GroupRecords extends Records<Group> {
  /** Marks the group as active once its rule has been carried through; false when its rule changed meanwhile. */
  activate(organization: OrganizationId, id: GroupId, version: number): Promise<boolean>
  /** Resolves once no transaction that began before now is still running: writers of an older epoch are gone. */
  barrier(): Promise<void>
  /** Groups that are `activating`: at this moment, or left so by whoever died or failed. */
  unfinished(organization: OrganizationId): Promise<readonly Group[]>
}

/** A network resource's clients: the secrets go in, and never come out again by this port. */
export interface ResourceRecords extends Records<Resource> {
  /** `secrets`: by canonical CIDR; a client of the organization that has one already may be left out. */
  save(
    organization: OrganizationId,
    row: Resource,
    isNew: boolean,
    secrets: ReadonlyMap<string, Secret>,
    audit: AuditBody,
  ): Promise<WriteOutcome>
  /** Which of these CIDRs this organization already has as a client. */
  knownClients(organization: OrganizationId, networks: readonly string[]): Promise<readonly RadiusClient[]>
}

export interface Credentials {
  list(
    organization: OrganizationId,
    owner: UserId | ServiceAccountId,
  ): Promise<readonly { id: FactorId; kind: FactorKind; createdAt: Date }[]>
  /** Replaces the factor of this kind. `secret`: a PHC string for a password, base32 for a TOTP seed. */
  save(
    organization: OrganizationId,
    owner: UserId | ServiceAccountId,
    kind: FactorKind,
    secret: Secret,
    audit: AuditBody,
  ): Promise<WriteOutcome>
  remove(
    organization: OrganizationId,
    owner: UserId | ServiceAccountId,
    kind: FactorKind,
    audit: AuditBody,
  ): Promise<boolean>
}

export interface ApiToken extends Stored {
  readonly id: TokenId
  readonly name: string
  readonly role: 'owner' | 'administrator' | 'auditor'
  readonly expiresAt: Date | null
}

export interface Tokens extends Omit<Records<ApiToken>, 'insert'> {
  /** `digest`: SHA-256 of the token; the token itself is not stored. */
  insert(
    organization: OrganizationId,
    row: ApiToken & { readonly digest: Buffer },
    audit: AuditBody,
  ): Promise<WriteOutcome>
  /** The token with this digest that has not expired. */
  findByDigest(organization: OrganizationId, digest: Buffer): Promise<ApiToken | null>
  /** Whose token this is, expired or not; digests are unique across organizations. */
  organizationOf(digest: Buffer): Promise<OrganizationId | null>
}

export interface Exemptions {
  find(organization: OrganizationId, id: ExemptionId): Promise<Exemption | null>
  list(
    organization: OrganizationId,
    where: { readonly group?: GroupId; readonly subject?: SubjectId },
    page: Page,
  ): Promise<readonly Exemption[]>
}

export interface Organizations {
  list(): Promise<readonly Organization[]>
  findBySlug(slug: string): Promise<Organization | null>
  insert(row: Organization, audit: AuditBody): Promise<WriteOutcome>
  update(row: Organization, audit: AuditBody): Promise<WriteOutcome>
}

/** A RADIUS client and the network resources it serves; the secret is for the door alone. */
export interface RadiusSite {
  readonly organization: OrganizationId
  /** CIDR, canonical. */
  readonly network: string
  readonly secret: Secret
  readonly resources: readonly {
    readonly id: ResourceId
    readonly nasIdentifier: string | null
    readonly ssid: string | null
  }[]
}

export interface RadiusSites {
  /** Every client of every organization, with all its resources: those that are turned off take their requests, too. */
  list(): Promise<readonly RadiusSite[]>
}

export interface AuditReader {
  /** Newest first; `before` is a sequence number. */
  list(
    organization: OrganizationId,
    where: AuditFilter,
    page: { readonly limit: number; readonly before?: bigint },
  ): Promise<readonly AuditRecord[]>
  /** In chain order, for verification. */
  scan(organization: OrganizationId, after: bigint, limit: number): Promise<readonly AuditRecord[]>
  /** Where the chain ends: what a truncated log cannot fake. */
  head(organization: OrganizationId): Promise<{ readonly sequence: bigint; readonly hash: string }>
}

export interface AuditFilter {
  readonly kind?: 'decision' | 'change'
  readonly outcome?: string
  readonly subject?: string
  readonly target?: string
  readonly from?: Date
  readonly to?: Date
}

// ---- reading the directory -------------------------------------------------------------------------------

export interface Page {
  readonly limit: number
  /** Id after which to go on; pages are in id order. */
  readonly after?: string
  /** Milliseconds after which the statement is cancelled: TimedOut is thrown. */
  readonly timeoutMs?: number
}

/** `groups`: effective memberships. */
export interface UserEntry {
  readonly user: User
  readonly groups: readonly GroupId[]
}
export interface DeviceEntry {
  readonly device: Device
  readonly groups: readonly GroupId[]
}

/** What a binding to a directory gives to the entries of a group's members. */
export interface PosixGrant {
  readonly groupId: GroupId
  readonly ldap: NonNullable<BindingAttributes['ldap']>
}

export interface DirectoryReader {
  /** `activeOnly`: as LDAP shows them. */
  users(
    organization: OrganizationId,
    where: Condition,
    page: Page,
    activeOnly: boolean,
  ): Promise<readonly UserEntry[]>
  /**
   * The users with any of these usernames, e-mail addresses or ids, whatever their state: many equality searches in one
   * statement. Keys may be spelled in any way; the entries come in no order and must be matched to them by `nameKey`.
   */
  usersByKey(
    organization: OrganizationId,
    by: 'username' | 'email' | 'id',
    keys: readonly string[],
  ): Promise<readonly UserEntry[]>
  devices(organization: OrganizationId, where: Condition, page: Page): Promise<readonly DeviceEntry[]>
  groups(organization: OrganizationId, where: Condition, page: Page): Promise<readonly Group[]>
  /** Members of a group in id order: active users (or devices), with the names that entries are called by. */
  memberNames(
    organization: OrganizationId,
    group: GroupId,
    page: Page,
  ): Promise<readonly { id: SubjectId; name: string }[]>
  /** Every effective member with its reasons, in id order, whatever its state. */
  members(organization: OrganizationId, group: GroupId, page: Page): Promise<readonly Membership[]>
  findUser(organization: OrganizationId, id: UserId): Promise<User | null>
  findUserByUsername(organization: OrganizationId, username: string): Promise<User | null>
  findDevice(organization: OrganizationId, id: DeviceId): Promise<Device | null>
  /** All groups' ids, names and kinds: what memberOf needs to spell DNs. Cached by whoever follows the feed. */
  groupNames(organization: OrganizationId): Promise<readonly { id: GroupId; name: string; of: Group['of'] }[]>
  /** Of all bindings to directories that are turned on, in the administrator's order. Cached like the names. */
  posixGrants(organization: OrganizationId): Promise<readonly PosixGrant[]>
}
