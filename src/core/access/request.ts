// The one question that every door asks.
import type {
  ConversationId,
  OrganizationId,
  ResourceId,
  ServiceAccountId,
  SessionId,
  UserId,
} from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { FactorKind } from '../directory/types.ts'

/** Who the door was told this is. `login` is what a person types (username or e-mail); `service` a service account's name. */
export type ClaimedSubject =
  | { readonly by: 'login'; readonly name: string }
  | { readonly by: 'user-id'; readonly id: UserId }
  | { readonly by: 'service'; readonly name: string }
  | { readonly by: 'service-id'; readonly id: ServiceAccountId }

/** What was shown. `password` may end in `,123456` where the door has a single field for both. */
export type Evidence =
  | { readonly kind: 'password'; readonly password: Secret }
  | { readonly kind: 'code'; readonly code: Secret }
  | { readonly kind: 'conversation'; readonly id: ConversationId }
  /** A browser's session: what was proven when it was opened, as far as that still holds. */
  | { readonly kind: 'session'; readonly id: SessionId }
  /** Proofs that an open permit already rests on: used to ask again whether it still holds. */
  | { readonly kind: 'standing'; readonly proof: readonly Proof[] }

/** A factor that has been proven. `factorVersion` changes when the factor does, which ends what rests on it. */
export interface Proof {
  readonly kind: FactorKind
  readonly factorVersion: string
  readonly at: Date
}

export type ResourceClaim =
  | { readonly kind: 'directory' }
  | { readonly kind: 'portal' }
  | { readonly kind: 'console' }
  | { readonly kind: 'id'; readonly id: ResourceId }

export const doorNames = ['ldap', 'radius', 'oidc', 'saml', 'signin', 'portal', 'console', 'scim'] as const
export type DoorName = (typeof doorNames)[number]

export interface Circumstance {
  /** Canonical address of the verified peer; null where it could not be established. */
  readonly peer: string | null
  readonly door: DoorName
  /** Was the transport encrypted, or otherwise such that a password on it is not readable (RADIUS hides it)? */
  readonly secured: boolean
  /** What a browser is known by before anybody has signed in; absent where the peer is none. Never recorded. */
  readonly browser?: string
}

/**
 * A further step that a door can carry to the person: a prompt for a code, waiting for a push, sending them to sign in (again),
 * or asking once more after a wrong code.
 */
export type Means = 'prompt' | 'push' | 'sign-in' | 'retry'

/** What the application, or the page, wants beyond what the house demands. */
export interface Wanted {
  /** A second factor: `demanded` whoever it is, or of those who have one. */
  readonly secondFactor: 'demanded' | 'where-enrolled' | null
  /** Proofs that are older do not count (max_age, prompt=login, ForceAuthn). */
  readonly freshSince: Date | null
}

export const nothingWanted: Wanted = { secondFactor: null, freshSince: null }

/** A browser's session is to be opened if the answer is yes. */
export interface Opening {
  /** The session that the browser has already: it goes on under a new token where it is the same user's, and ends otherwise. */
  readonly replacing: SessionId | null
  readonly userAgent: string
}

export interface AccessRequest {
  readonly organization: OrganizationId
  readonly subject: ClaimedSubject
  readonly evidence: readonly Evidence[]
  readonly resource: ResourceClaim
  readonly circumstance: Circumstance
  readonly means: readonly Means[]
  readonly wanted?: Wanted
  readonly opening?: Opening
  /** What the person is shown to quote: under it the audit log has the decision. Not secret, and of no meaning. */
  readonly reference?: string
  readonly at: Date
}
