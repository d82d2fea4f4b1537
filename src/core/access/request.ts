// The one question that every door asks.
import type { ConversationId, OrganizationId, ResourceId, ServiceAccountId, UserId } from '../../base/ids.ts'
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
}

/** A further step that a door can carry to the person: a prompt for a code, or waiting for a push. */
export type Means = 'prompt' | 'push'

export interface AccessRequest {
  readonly organization: OrganizationId
  readonly subject: ClaimedSubject
  readonly evidence: readonly Evidence[]
  readonly resource: ResourceClaim
  readonly circumstance: Circumstance
  readonly means: readonly Means[]
  readonly at: Date
}
