// Applications as their doors know them, the keys that sign for them, and what OpenID Connect keeps between requests.
import type { OrganizationId, SigningKeyId } from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { AuditBody } from '../audit/record.ts'
import type { Application, Resource } from '../directory/types.ts'
import type { WriteOutcome } from './records.ts'

export interface KnownApplication<A extends Application = Application> {
  readonly resource: Resource
  readonly application: A
  /** A client's secret; null where it has none. */
  readonly secret: Secret | null
}

export interface Applications {
  /** By client id or entity id, exactly as registered; also those that are turned off. */
  find<P extends Application['protocol']>(
    organization: OrganizationId,
    protocol: P,
    name: string,
  ): Promise<KnownApplication<Extract<Application, { protocol: P }>> | null>
}

export type KeyPurpose = 'oidc' | 'saml'

/** A key that signs for an organization. Published from `createdAt`, signing from `activeFrom`, withdrawn at `retiredAt`. */
export interface SigningKey {
  readonly id: SigningKeyId
  readonly purpose: KeyPurpose
  readonly algorithm: 'RS256' | 'ES256'
  /** SubjectPublicKeyInfo in PEM; for `saml` the self-signed certificate in PEM. */
  readonly publicText: string
  readonly createdAt: Date
  readonly activeFrom: Date
  readonly retiredAt: Date | null
}

export interface SigningKeys {
  /** Those that are published at this instant, the newest `activeFrom` first. */
  list(organization: OrganizationId, purpose: KeyPurpose, at: Date): Promise<readonly SigningKey[]>
  /** The private key, PKCS #8 in PEM. Throws Fault when it cannot be opened. */
  open(organization: OrganizationId, key: SigningKeyId): Promise<Secret>
  /**
   * Adds keys and withdraws older ones of the same purpose and algorithm at their instants, in one transaction. `ifNone`: only
   * where the purpose has none yet (of several processes that try, one adds, and the others are told `conflict`).
   */
  add(
    organization: OrganizationId,
    keys: readonly (SigningKey & { readonly privateKey: Secret })[],
    retire: readonly { readonly id: SigningKeyId; readonly at: Date }[],
    ifNone: boolean,
    audit: AuditBody,
  ): Promise<WriteOutcome>
}

/** What the OIDC door keeps: codes, tokens, interactions. Payloads are its own; identifiers are stored as digests. */
export interface OidcObjects {
  save(
    organization: OrganizationId,
    model: string,
    id: string,
    object: {
      readonly payload: Readonly<Record<string, unknown>>
      readonly grantId: string | null
      readonly uid: string | null
      readonly expiresAt: Date | null
    },
  ): Promise<void>
  find(organization: OrganizationId, model: string, id: string, at: Date): Promise<OidcObject | null>
  findByUid(organization: OrganizationId, model: string, uid: string, at: Date): Promise<OidcObject | null>
  /** True for the one that consumes it, false for all others, whatever the process. */
  consume(organization: OrganizationId, model: string, id: string, at: Date): Promise<boolean>
  remove(organization: OrganizationId, model: string, id: string): Promise<void>
  /** Those of these grants for which a token was given out that is still kept: somebody came with the code. */
  withTokens(organization: OrganizationId, grantIds: readonly string[]): Promise<ReadonlySet<string>>
  /** Removes everything of these grants. */
  removeGrants(organization: OrganizationId, grantIds: readonly string[]): Promise<void>
}

export interface OidcObject {
  readonly payload: Readonly<Record<string, unknown>>
  readonly consumedAt: Date | null
}
