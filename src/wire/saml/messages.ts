// The messages that we read and write, as values. Texts are whole and as they were sent, except that white space
// around URIs is gone; instants are UTC.

export interface NameId {
  readonly value: string
  readonly format: string | null
  readonly nameQualifier: string | null
  readonly spNameQualifier: string | null
}

/** What every message has (Core §3.2). */
export interface Envelope {
  readonly id: string
  readonly issueInstant: Date
  readonly destination: string | null
  readonly issuer: string
}

export interface NameIdPolicy {
  readonly format: string | null
  readonly spNameQualifier: string | null
  readonly allowCreate: boolean
}

export const comparisons = ['exact', 'minimum', 'maximum', 'better'] as const
export type Comparison = (typeof comparisons)[number]

export interface RequestedAuthnContext {
  readonly comparison: Comparison
  /** In the order of preference. References to declarations are among them: no class is named like one of those. */
  readonly classRefs: readonly string[]
}

/** Core §3.4.1. */
export interface AuthnRequest extends Envelope {
  readonly kind: 'AuthnRequest'
  readonly acsUrl: string | null
  readonly acsIndex: number | null
  /** The binding that the answer should take. */
  readonly protocolBinding: string | null
  readonly subject: NameId | null
  readonly nameIdPolicy: NameIdPolicy | null
  readonly forceAuthn: boolean
  readonly isPassive: boolean
  readonly requestedAuthnContext: RequestedAuthnContext | null
}

/** Core §3.7.1. */
export interface LogoutRequest extends Envelope {
  readonly kind: 'LogoutRequest'
  readonly nameId: NameId
  /** Empty: all sessions of that user. */
  readonly sessionIndexes: readonly string[]
  readonly notOnOrAfter: Date | null
  readonly reason: string | null
}

/** Core §3.7.2. */
export interface LogoutResponse extends Envelope {
  readonly kind: 'LogoutResponse'
  readonly inResponseTo: string | null
  readonly status: Status
}

/** What a service provider sends. */
export type SamlMessage = AuthnRequest | LogoutRequest | LogoutResponse

export interface Status {
  /** One of the four of the top level. */
  readonly code: string
  /** Says more about it, below. */
  readonly subcode: string | null
  readonly message: string | null
}

export interface Attribute {
  readonly name: string
  readonly nameFormat: string
  readonly friendlyName: string | null
  readonly values: readonly string[]
}

/** Core §2.3.3, as the Web Browser SSO profile has it (Profiles §4.1.4.2). */
export interface Assertion {
  readonly id: string
  readonly issueInstant: Date
  readonly issuer: string
  readonly nameId: NameId
  /** The URL of the assertion consumer service that this is sent to. */
  readonly recipient: string
  readonly inResponseTo: string | null
  /** The entity ID of the service provider. */
  readonly audience: string
  readonly notBefore: Date
  /** No more than five minutes after `issueInstant`. */
  readonly notOnOrAfter: Date
  readonly authnInstant: Date
  readonly sessionIndex: string
  readonly sessionNotOnOrAfter: Date | null
  readonly authnContextClassRef: string
  readonly attributes: readonly Attribute[]
}

/** Core §3.3.3: our answer to an AuthnRequest, or a sign-in that we begin (`inResponseTo` is null). */
export interface Response extends Envelope {
  readonly destination: string
  readonly inResponseTo: string | null
  readonly status: Status
  /** Null unless the status is success. */
  readonly assertion: Assertion | null
}

/** Signs with RSA-SHA256, off this thread; `certificate` (PEM) tells the other side which key it was. */
export interface Signer {
  readonly certificate: string
  readonly sign: (bytes: Buffer) => Promise<Buffer>
}

export interface AssertionConsumerService {
  readonly index: number | null
  readonly location: string
  readonly isDefault: boolean
}

export interface SingleLogoutService {
  readonly binding: 'redirect' | 'post'
  readonly location: string
  /** Where LogoutResponses go. */
  readonly responseLocation: string
}

/** What metadata say of a service provider (Metadata §2.4.4). Certificates are PEM. */
export interface ServiceProvider {
  readonly entityId: string
  /** Those of HTTP-POST, at least one, the default first. */
  readonly assertionConsumerServices: readonly AssertionConsumerService[]
  readonly singleLogoutServices: readonly SingleLogoutService[]
  readonly signingCertificates: readonly string[]
  readonly encryptionCertificates: readonly string[]
  readonly authnRequestsSigned: boolean
  readonly wantAssertionsSigned: boolean
  readonly nameIdFormats: readonly string[]
  readonly validUntil: Date | null
}

/** What our own metadata say (Metadata §2.4.3). */
export interface IdentityProvider {
  readonly entityId: string
  /** PEM; the one in use and, while keys are changed, the next or the last one. */
  readonly signingCertificates: readonly string[]
  readonly singleSignOnUrl: string
  readonly singleLogoutUrl: string
  readonly nameIdFormats: readonly string[]
  readonly wantAuthnRequestsSigned: boolean
}
