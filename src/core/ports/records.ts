// Writing the directory, kind by kind, and the audit log as it is read.
import type {
  ExemptionId,
  FactorId,
  GroupId,
  OrganizationId,
  ResourceId,
  ServiceAccountId,
  SubjectId,
  TokenId,
  UserId,
} from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { AuditBody, AuditRecord, ChangeBody } from '../audit/record.ts'
import type { Condition } from '../directory/condition.ts'
import type {
  Exemption,
  FactorKind,
  Group,
  Organization,
  RadiusClient,
  Resource,
  Stored,
} from '../directory/types.ts'
import type { CellSubject } from '../membership/cell.ts'
import type { Page } from './reading.ts'

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

/**
 * Storage of what rules are made of or read, and of bindings, by which rules give access: every write starts a new epoch, which ends what was evaluated under the old one.
 * `epoch`: the one of the rules beside which the write was checked. It is a `conflict` once they have another. Without it,
 * the write is not compared with anything.
 */
export interface RuleRecords<T extends Stored & { readonly id: string }> extends Records<T> {
  insert(organization: OrganizationId, row: T, audit: AuditBody, epoch?: bigint): Promise<WriteOutcome>
  update(organization: OrganizationId, row: T, audit: AuditBody, epoch?: bigint): Promise<WriteOutcome>
  remove(
    organization: OrganizationId,
    id: T['id'],
    version: number,
    audit: AuditBody,
    epoch?: bigint,
  ): Promise<WriteOutcome>
}

export interface GroupRecords extends RuleRecords<Group> {
  /**
   * A dynamic group that becomes another is marked: until it is active, its members by rule are being kept as approved manual members,
   * and its rule and mode stay. It is a `conflict` while what is stored of it may not be what its rule says (some rule is not
   * carried through, or a member's cell is overdue), and while such members of it are still being kept.
   */
  update(organization: OrganizationId, row: Group, audit: AuditBody, epoch?: bigint): Promise<WriteOutcome>
  /** Marks the group as active once its rule has been carried through; false when its rule changed meanwhile. */
  activate(organization: OrganizationId, id: GroupId, version: number): Promise<boolean>
  /** Resolves once no transaction that began before now is still running: writers of an older epoch are gone. */
  barrier(): Promise<void>
  /**
   * The group is gone at once for everybody, however many are in it; it is then one of those `removed`. `readers` become
   * `activating`: their rules are to be carried through.
   */
  remove(
    organization: OrganizationId,
    id: GroupId,
    version: number,
    audit: ChangeBody,
    epoch?: bigint,
    readers?: readonly GroupId[],
  ): Promise<WriteOutcome>
  /** Of a group's members by rule, with the cells in which they are evaluated: the next after that subject, in id order. */
  membersByRule(
    organization: OrganizationId,
    id: GroupId,
    after: SubjectId | null,
    limit: number,
  ): Promise<readonly { readonly subjectId: SubjectId; readonly cell: CellSubject }[]>
  /** Groups that are gone, and whose members may not all have left yet. */
  removed(organization: OrganizationId): Promise<readonly GroupId[]>
  /**
   * Takes the next members after that subject, in id order, out of one of those, each with a record that the removal was the cause.
   * `last` null: there were none, and it is to be asked from the start again; null: nobody was left at all. To be asked after
   * `barrier`: whoever still adds members does so under older rules.
   */
  takeOut(
    organization: OrganizationId,
    id: GroupId,
    after: SubjectId | null,
  ): Promise<{ readonly last: SubjectId | null } | null>
  /** Notes groups that are neither there nor `removed`, and of which rows are stored all the same. Returns how many. */
  noteStrays(organization: OrganizationId, removal: Omit<ChangeBody, 'target'>): Promise<number>
  /** Groups that are `activating`: at this moment, or left so by whoever died or failed. */
  unfinished(organization: OrganizationId): Promise<readonly Group[]>
}

export interface ResourceSecrets {
  /** Of RADIUS clients by canonical CIDR; a client of the organization that has one already may be left out. */
  readonly radius?: ReadonlyMap<string, Secret>
  /** Of an OIDC client; one that has one already keeps it where this is left out. */
  readonly client?: Secret
}

/** Secrets of RADIUS and OIDC clients go in, and never come out again by this port. */
export interface ResourceRecords extends Records<Resource> {
  save(
    organization: OrganizationId,
    row: Resource,
    isNew: boolean,
    secrets: ResourceSecrets,
    audit: AuditBody,
  ): Promise<WriteOutcome>
  /** Which of these CIDRs this organization already has as a client. */
  knownClients(organization: OrganizationId, networks: readonly string[]): Promise<readonly RadiusClient[]>
}

/** What authority over a user was judged by. */
export interface CellStamp {
  /** Of the user's cell: what the user is, and is in. */
  readonly version: bigint
  /** Of the rules and bindings. */
  readonly epoch: bigint
}

export interface Credentials {
  list(
    organization: OrganizationId,
    owner: UserId | ServiceAccountId,
  ): Promise<readonly { id: FactorId; kind: FactorKind; createdAt: Date }[]>
  /**
   * Replaces the factor of this kind. `secret`: a PHC string for a password, base32 for a TOTP seed. `as`: it is a `conflict`
   * unless user, rules and bindings are still so.
   */
  save(
    organization: OrganizationId,
    owner: UserId | ServiceAccountId,
    kind: FactorKind,
    secret: Secret,
    audit: AuditBody,
    as?: CellStamp | null,
  ): Promise<WriteOutcome>
  /** With `totp` go the recovery codes that stand in for it. */
  remove(
    organization: OrganizationId,
    owner: UserId | ServiceAccountId,
    kind: FactorKind,
    audit: AuditBody,
  ): Promise<boolean>
  /** Replaces a user's recovery codes by those with these digests. */
  saveRecoveryCodes(
    organization: OrganizationId,
    owner: UserId,
    digests: readonly Buffer[],
    audit: AuditBody,
  ): Promise<WriteOutcome>
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
  /** `epoch`: as for what rules are made of; where it is given, the write starts a new one. */
  update(row: Organization, audit: AuditBody, epoch?: bigint): Promise<WriteOutcome>
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
  /** A group whose members the record tells of: those who joined or left. */
  readonly group?: string
  /** What a refused person was shown. */
  readonly reference?: string
  readonly from?: Date
  readonly to?: Date
}
