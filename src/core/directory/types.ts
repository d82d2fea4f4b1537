// The things a directory holds, in the words that code, API and documents share. Shapes only: no behaviour.
import type {
  AttributeId,
  BindingId,
  DeviceId,
  ExemptionId,
  GroupId,
  OrganizationId,
  RadiusClientId,
  ResourceId,
  ServiceAccountId,
  StateChangeId,
  SubjectId,
  SuggestionId,
  UserId,
} from '../../base/ids.ts'

/** Every stored object has these. `version` grows by one with each change of the object (ETag / If-Match). */
export interface Stored {
  readonly version: number
  readonly createdAt: Date
  readonly updatedAt: Date
}

export interface Organization extends Stored {
  readonly id: OrganizationId
  /** In paths: `/o/acme`. */
  readonly slug: string
  readonly name: string
  /** DNS domain; the LDAP suffix follows from it. */
  readonly domain: string
  readonly settings: OrganizationSettings
}

export interface OrganizationSettings {
  /** May a password travel without TLS? `loopback`: only from the machine itself. */
  readonly clearTextPasswords: 'never' | 'loopback' | 'always'
  readonly lockout: LockoutSettings
  /** Seconds for which a successful password may be remembered as a keyed digest in memory; 0 turns it off. */
  readonly rememberPasswordSeconds: number
  readonly session: SessionSettings
  /** Of its pages: `#rrggbb`. */
  readonly color: string
  /** Standard attributes that users may change themselves in the portal. */
  readonly selfEditable: readonly UserText[]
  readonly hold: HoldSettings
  /** E-mail addresses of those who are told of suggestions in groups of mode `review`. */
  readonly reviewers: readonly string[]
}

/** When a new rule is not carried through before somebody confirms what it would move. */
export interface HoldSettings {
  /** More than so many of a hundred members. */
  readonly percent: number
  /** More than so many members. */
  readonly members: number
  /** Fewer than so many never. */
  readonly least: number
}

export interface SessionSettings {
  /** A web session ends after so many seconds without use. */
  readonly idleSeconds: number
  /** And so long after sign-in, used or not. */
  readonly longestSeconds: number
}

export interface LockoutSettings {
  /** Failures in a row that lock the account for a while. */
  readonly limit: number
  /** First lock, seconds; doubles with each further failure up to `longestSeconds`. */
  readonly firstSeconds: number
  readonly longestSeconds: number
  /** Wrong one-time codes a user may show within 24 hours, whatever happens in between. */
  readonly wrongCodesPerDay: number
}

export type AttributeValue = string | number | boolean | readonly string[]
export type AttributeValues = Readonly<Record<string, AttributeValue>>

export const userStates = ['staged', 'active', 'suspended'] as const
export type UserState = (typeof userStates)[number]

/** The standard text attributes of a user that are optional. */
export const userTexts = [
  'givenName',
  'familyName',
  'displayName',
  'department',
  'title',
  'employeeType',
  'location',
  'company',
  'costCenter',
] as const
export type UserText = (typeof userTexts)[number]

export interface User extends Stored, Readonly<Record<UserText, string | null>> {
  readonly id: UserId
  readonly username: string
  readonly email: string | null
  readonly state: UserState
  readonly managerId: UserId | null
  /** uidNumber and gidNumber in LDAP; given once, never reused. */
  readonly posixId: number
  readonly attributes: AttributeValues
}

export const operatingSystems = ['macos', 'windows', 'linux', 'ios', 'android'] as const
export type OperatingSystem = (typeof operatingSystems)[number]

export interface Device extends Stored {
  readonly id: DeviceId
  readonly name: string
  readonly os: OperatingSystem | null
  readonly osVersion: string | null
  readonly serialNumber: string | null
  readonly ownerId: UserId | null
  readonly managed: boolean
  readonly diskEncrypted: boolean | null
  readonly lastContact: Date | null
  /** `aa:bb:cc:dd:ee:ff`, lower case. */
  readonly mac: readonly string[]
  readonly attributes: AttributeValues
}

export type SubjectKind = 'users' | 'devices'
export const groupModes = ['static', 'dynamic', 'review'] as const
export type GroupMode = (typeof groupModes)[number]

export const factorKinds = ['password', 'totp', 'push', 'webauthn', 'certificate', 'recovery-code'] as const
export type FactorKind = (typeof factorKinds)[number]

export interface Group extends Stored {
  readonly id: GroupId
  readonly name: string
  readonly of: SubjectKind
  readonly mode: GroupMode
  /** Rule text; null for a static group. */
  readonly rule: string | null
  /** Any one of these is demanded of a member, beside the first factor, whatever grants the access. */
  readonly factors: readonly FactorKind[]
  /** gidNumber in LDAP. */
  readonly posixId: number
  /** `activating` while a new rule is being carried through the organization: each subject is under the old rule or the new one. */
  readonly status: 'active' | 'activating'
}

export interface Exemption {
  readonly id: ExemptionId
  readonly groupId: GroupId
  readonly subjectId: SubjectId
  readonly kind: 'always' | 'never'
  readonly reason: string
  readonly expiresAt: Date | null
  readonly createdAt: Date
}

/** A state that a user is to have from an instant on. */
export interface StateChange {
  readonly id: StateChangeId
  readonly userId: UserId
  readonly state: UserState
  readonly at: Date
  readonly reason: string
  readonly createdAt: Date
}

/** A join or leave that waits for somebody's approval. */
export interface Suggestion {
  readonly id: SuggestionId
  readonly groupId: GroupId
  readonly subjectId: SubjectId
  readonly operation: 'join' | 'leave'
  readonly since: Date
  readonly rejectedAt: Date | null
}

export const attributeTypes = ['string', 'number', 'boolean', 'date', 'list'] as const
export type AttributeType = (typeof attributeTypes)[number]

/** A custom attribute that the organization has declared. */
export interface AttributeDefinition extends Stored {
  readonly id: AttributeId
  readonly name: string
  readonly of: SubjectKind
  readonly type: AttributeType
  readonly caseExact: boolean
  /** May users change it themselves, in the portal? Of users only. */
  readonly selfEditable: boolean
  readonly description: string | null
}

export const resourceKinds = ['directory', 'network', 'application', 'portal', 'console'] as const
export type ResourceKind = (typeof resourceKinds)[number]

/** A RADIUS client as a network resource shows it: the secret never comes back. */
export interface RadiusClient {
  readonly id: RadiusClientId
  /** CIDR in canonical form. */
  readonly network: string
}

export interface NetworkSettings {
  readonly clients: readonly RadiusClient[]
  /** Chosen when the request carries this NAS-Identifier. */
  readonly nasIdentifier: string | null
  /** Chosen when Called-Station-Id ends in `:SSID`. */
  readonly ssid: string | null
}

/** What an application shows of a user, by the name it has there: `{ badge: 'attributes.badge', mail: 'email' }`. */
export type ReleasedAttributes = Readonly<Record<string, string>>

export const clientAuthentications = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const
export const grantTypes = ['authorization_code', 'refresh_token', 'client_credentials'] as const

/** An OpenID Connect client, in the words of RFC 7591. Its secret never comes back. */
export interface OidcApplication {
  readonly protocol: 'oidc'
  readonly clientId: string
  readonly tokenEndpointAuthMethod: (typeof clientAuthentications)[number]
  readonly redirectUris: readonly string[]
  readonly postLogoutRedirectUris: readonly string[]
  readonly grantTypes: readonly (typeof grantTypes)[number][]
  /** Is a code challenge demanded? Always of clients without a secret. */
  readonly pkce: boolean
  readonly idTokenSignedResponseAlg: 'RS256' | 'ES256'
  /** Public keys (JWK), for `private_key_jwt`. */
  readonly jwks: readonly Readonly<Record<string, unknown>>[]
  readonly backchannelLogoutUri: string | null
  /** Where the portal sends people to; null: it is not shown there. */
  readonly launchUrl: string | null
  readonly release: ReleasedAttributes
}

export const nameIdFormats = ['persistent', 'email', 'unspecified'] as const
export const samlBindings = ['redirect', 'post'] as const

/** A SAML service provider, in the words of its metadata. */
export interface SamlApplication {
  readonly protocol: 'saml'
  readonly entityId: string
  /** HTTP-POST only. */
  readonly assertionConsumerServices: readonly {
    readonly index: number
    readonly url: string
    readonly isDefault: boolean
  }[]
  readonly singleLogoutServices: readonly {
    readonly binding: (typeof samlBindings)[number]
    readonly url: string
  }[]
  /** PEM. */
  readonly signingCertificates: readonly string[]
  /** PEM; assertions are encrypted when there is one. */
  readonly encryptionCertificate: string | null
  readonly wantsSignedRequests: boolean
  readonly nameIdFormat: (typeof nameIdFormats)[number]
  /** May the portal open it without a request of its own? */
  readonly allowIdpInitiated: boolean
  readonly launchUrl: string | null
  readonly release: ReleasedAttributes
}

export type Application = OidcApplication | SamlApplication

export interface Resource extends Stored {
  readonly id: ResourceId
  readonly name: string
  readonly kind: ResourceKind
  readonly enabled: boolean
  /** Present for `network` only. */
  readonly network: NetworkSettings | null
  /** May be present for `application` only; one without it cannot be opened yet. */
  readonly application: Application | null
}

export interface RadiusReply {
  readonly vlan?: number
  readonly reply?: readonly { readonly name: string; readonly value: string | number }[]
}

/** What the resource receives when this binding grants access, by kind of resource. */
export interface BindingAttributes {
  readonly radius?: RadiusReply
  readonly ldap?: {
    readonly loginShell?: string
    readonly homeDirectory?: string
    readonly gidNumber?: number
  }
  readonly claims?: Readonly<Record<string, AttributeValue>>
  readonly role?: 'owner' | 'administrator' | 'auditor' | 'helpdesk'
}

export interface Binding extends Stored {
  readonly id: BindingId
  readonly groupId: GroupId
  readonly resourceId: ResourceId
  readonly attributes: BindingAttributes
  /** Any one of these is demanded beside the first factor. */
  readonly factors: readonly FactorKind[]
  /** Lower goes first: where two bindings give the same attribute, the first one wins. */
  readonly order: number
}

export const directoryBranches = ['users', 'groups', 'devices'] as const
export type DirectoryBranch = (typeof directoryBranches)[number]

/** An account of a program, not of a person: binds to the directory and reads what it is allowed to. */
export interface ServiceAccount extends Stored {
  readonly id: ServiceAccountId
  readonly name: string
  readonly enabled: boolean
  readonly reads: readonly DirectoryBranch[]
}
