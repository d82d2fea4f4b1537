// What `decide` reads and does, and what is kept while somebody is in.
import type {
  ApplicationSessionId,
  ConversationId,
  FactorId,
  OrganizationId,
  ResourceId,
  SessionId,
  UserId,
} from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { EnrolledFactor, ResourceFacts, SubjectFacts } from '../access/facts.ts'
import type { ClaimedSubject, DoorName, Proof, ResourceClaim, Wanted } from '../access/request.ts'
import type { AuditBody } from '../audit/record.ts'
import type { LockoutSettings, Organization } from '../directory/types.ts'
import type { Page } from './reading.ts'

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
  /** Has the subject got in from there lately? `subject` null: nobody's question, for the same work. */
  isFamiliar(
    organization: OrganizationId,
    subject: string | null,
    peer: string | null,
    at: Date,
  ): Promise<boolean>
  /** Would an attempt from there be told `locked` now? Counts nothing. */
  isLocked(
    organization: OrganizationId,
    subject: string,
    peer: string | null,
    at: Date,
    settings: LockoutSettings,
  ): Promise<boolean>
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
  /** Uses up the recovery code with this SHA-256 digest; false when there is none. Durable, and once only. */
  useRecoveryCode(organization: OrganizationId, factor: FactorId, digest: Buffer): Promise<boolean>
}

/** The answer to a challenge may come from there only: from that browser, or else from that address. */
interface Origin {
  readonly peer: string | null
  /** Null where the door's peers are no browsers. */
  readonly browser: string | null
}

/** What waits for somebody. Lost on restart without Redis, which costs the person one more try. */
export type Conversation = PendingChallenge | PendingSignIn | ParkedRequest

/** A challenge that waits for its answer, with what was proven before. */
export interface PendingChallenge extends Origin {
  readonly kind: 'challenge'
  readonly organization: OrganizationId
  readonly subject: string
  readonly resource: ResourceId
  readonly proof: readonly Proof[]
}

/** Somebody whom a door sent to sign in, and where to go on afterwards. */
export interface PendingSignIn {
  readonly kind: 'sign-in'
  readonly organization: OrganizationId
  readonly browser: string
  /** What is to be opened: sign-in asks for this very resource. */
  readonly resource: ResourceId
  readonly wanted: Wanted
  /** A path of this server. */
  readonly returnTo: string
  /** Who is signed in already, where that is known: filled in for them. */
  readonly login: string | null
  /** The step that is missing, where the first factor has been proven already. */
  readonly challenge: ConversationId | null
}

/** A door's own request that it goes on with once the browser is back. */
export interface ParkedRequest {
  readonly kind: 'request'
  readonly organization: OrganizationId
  readonly browser: string
  readonly door: DoorName
  /** Made of JSON; of no meaning to anybody but the door. */
  readonly data: unknown
}

export interface Conversations {
  park(id: ConversationId, conversation: Conversation, ttlSeconds: number): Promise<void>
  /** The conversation, which stays. */
  find(id: ConversationId): Promise<Conversation | null>
  /** Gives the conversation once; after that it is gone. */
  take(id: ConversationId): Promise<Conversation | null>
}

/** A browser that signed in. It is known by the token in its cookie, of which only the SHA-256 digest is stored. */
export interface Session {
  readonly id: SessionId
  readonly userId: UserId
  readonly proof: readonly Proof[]
  readonly peer: string | null
  readonly userAgent: string
  readonly createdAt: Date
  readonly seenAt: Date
  /** At the latest; it may end before, by standing idle. */
  readonly expiresAt: Date
}

export interface Sessions {
  /** The session with this digest, unless it has ended or stood idle for `idleSeconds`. */
  findByDigest(
    organization: OrganizationId,
    digest: Buffer,
    at: Date,
    idleSeconds: number,
  ): Promise<Session | null>
  find(organization: OrganizationId, id: SessionId, at: Date, idleSeconds: number): Promise<Session | null>
  list(organization: OrganizationId, user: UserId, at: Date, idleSeconds: number): Promise<readonly Session[]>
  /**
   * Stores the session under a new digest. `replacing` names the one the browser had: where it is the same user's it goes on
   * under its own id (returned) with the new digest and proofs; another user's is ended.
   */
  open(
    organization: OrganizationId,
    session: Session,
    digest: Buffer,
    replacing: SessionId | null,
  ): Promise<{ readonly id: SessionId; readonly ended: readonly ApplicationSession[] }>
  seen(organization: OrganizationId, id: SessionId, at: Date): Promise<void>
  /** Ends a session of this user with all that was opened through it; null when there was none. */
  end(
    organization: OrganizationId,
    id: SessionId,
    user: UserId,
    audit: AuditBody,
  ): Promise<readonly ApplicationSession[] | null>
}

/** What stays open at an application because of a permit. */
export interface ApplicationSession {
  readonly id: ApplicationSessionId
  readonly userId: UserId
  readonly resourceId: ResourceId
  /** Null where it outlives the session it came from. */
  readonly sessionId: SessionId | null
  readonly door: 'oidc' | 'saml'
  readonly proof: readonly Proof[]
  /** The door's own, made of JSON. */
  readonly details: Readonly<Record<string, unknown>>
  readonly openedAt: Date
  readonly expiresAt: Date
}

export interface ApplicationSessions {
  /** Stores it, or replaces the one with this id. Nothing is stored where the session that it names has ended. */
  save(organization: OrganizationId, session: ApplicationSession): Promise<void>
  find(organization: OrganizationId, id: ApplicationSessionId, at: Date): Promise<ApplicationSession | null>
  /** In id order. `keptBy`: those of this user that outlive the session they came from. */
  list(
    organization: OrganizationId,
    of:
      | { readonly session: SessionId }
      | { readonly user: UserId }
      | { readonly keptBy: UserId }
      | { readonly resource: ResourceId },
    at: Date,
    page: Page,
  ): Promise<readonly ApplicationSession[]>
  /** Those of these users who have a session here or at an application. */
  usersWithSessions(organization: OrganizationId, users: readonly UserId[]): Promise<readonly UserId[]>
  /** Ends it; false when it had ended already, so that of several that try one is told true. */
  end(organization: OrganizationId, id: ApplicationSessionId, audit: AuditBody | null): Promise<boolean>
}

/** Identifiers that may be used once, kept in the database until they would be too old anyway. */
export interface UsedOnce {
  /** True for the first who asks, whatever the process. */
  use(organization: OrganizationId, kind: string, value: string, until: Date): Promise<boolean>
}

/** Factors whose enrolment is not confirmed yet: one of a kind for each web session, gone with it, and counting for nothing. */
export interface PendingFactors {
  /** False where the session has ended. */
  save(
    organization: OrganizationId,
    session: SessionId,
    kind: 'totp',
    secret: Secret,
    until: Date,
  ): Promise<boolean>
  find(organization: OrganizationId, session: SessionId, kind: 'totp', at: Date): Promise<Secret | null>
  remove(organization: OrganizationId, session: SessionId, kind: 'totp'): Promise<void>
}

export interface AuditLog {
  /** Appends to the organization's hash chain; resolves once the records are durable. */
  append(organization: OrganizationId, body: AuditBody): Promise<void>
}
