// The messages of LDAP (RFC 4511 §4) in the RFC's own words, as one union told apart by `protocolOp`. Shapes only:
// decoding and encoding are next door. DNs and attribute descriptions are text as it came, values are bytes.
import type { Filter } from './filter.ts'

/** RFC 4511 §4.1.11. `controlValue` null: absent, which is not the same as empty. */
export interface Control {
  readonly controlType: string
  readonly criticality: boolean
  readonly controlValue: Buffer | null
}

/** What every message has around its operation (RFC 4511 §4.1.1). */
export interface Envelope {
  /** 0 to 2^31-1; 0 only in unsolicited notifications. */
  readonly messageID: number
  readonly controls: readonly Control[]
}

/** `unsupported`: a choice beyond RFC 4511 (Microsoft's Sicily, say), to be answered with authMethodNotSupported. */
export type Authentication =
  | { readonly choice: 'simple'; readonly password: Buffer }
  | { readonly choice: 'sasl'; readonly mechanism: string; readonly credentials: Buffer | null }
  | { readonly choice: 'unsupported'; readonly tag: number }

export interface BindRequest extends Envelope {
  readonly protocolOp: 'bindRequest'
  /** 1 to 127; only 3 is spoken here. */
  readonly version: number
  readonly name: string
  readonly authentication: Authentication
}

export interface UnbindRequest extends Envelope {
  readonly protocolOp: 'unbindRequest'
}

/** In the order of their numbers on the wire. */
export const scopes = ['baseObject', 'singleLevel', 'wholeSubtree'] as const
export type Scope = (typeof scopes)[number]

/** In the order of their numbers on the wire. */
export const derefAliasesChoices = [
  'neverDerefAliases',
  'derefInSearching',
  'derefFindingBaseObj',
  'derefAlways',
] as const
export type DerefAliases = (typeof derefAliasesChoices)[number]

export interface SearchRequest extends Envelope {
  readonly protocolOp: 'searchRequest'
  readonly baseObject: string
  readonly scope: Scope
  readonly derefAliases: DerefAliases
  /** Entries; 0 for no limit asked. */
  readonly sizeLimit: number
  /** Seconds; 0 for no limit asked. */
  readonly timeLimit: number
  readonly typesOnly: boolean
  readonly filter: Filter
  /** Attribute descriptions, `*`, `+` or `1.1`, as they came. */
  readonly attributes: readonly string[]
}

/** An attribute and its values (RFC 4511 §4.1.7). */
export interface Attribute {
  readonly type: string
  readonly vals: readonly Buffer[]
}

/** In the order of their numbers on the wire; `increment` is of RFC 4525. */
export const changeOperations = ['add', 'delete', 'replace', 'increment'] as const
export type ChangeOperation = (typeof changeOperations)[number]

export interface Change {
  readonly operation: ChangeOperation
  readonly modification: Attribute
}

export interface ModifyRequest extends Envelope {
  readonly protocolOp: 'modifyRequest'
  readonly object: string
  readonly changes: readonly Change[]
}

export interface AddRequest extends Envelope {
  readonly protocolOp: 'addRequest'
  readonly entry: string
  readonly attributes: readonly Attribute[]
}

export interface DelRequest extends Envelope {
  readonly protocolOp: 'delRequest'
  readonly entry: string
}

export interface ModifyDNRequest extends Envelope {
  readonly protocolOp: 'modifyDNRequest'
  readonly entry: string
  readonly newrdn: string
  readonly deleteoldrdn: boolean
  readonly newSuperior: string | null
}

export interface CompareRequest extends Envelope {
  readonly protocolOp: 'compareRequest'
  readonly entry: string
  readonly attributeDesc: string
  readonly assertionValue: Buffer
}

export interface AbandonRequest extends Envelope {
  readonly protocolOp: 'abandonRequest'
  /** The message to abandon. */
  readonly abandonedID: number
}

export interface ExtendedRequest extends Envelope {
  readonly protocolOp: 'extendedRequest'
  readonly requestName: string
  readonly requestValue: Buffer | null
}

/** RFC 4511 §4.1.9. */
export interface LdapResult {
  /** One of result-codes.ts, or a newer one. */
  readonly resultCode: number
  readonly matchedDN: string
  readonly diagnosticMessage: string
  /** URIs; empty for none. */
  readonly referral: readonly string[]
}

export interface BindResponse extends Envelope, LdapResult {
  readonly protocolOp: 'bindResponse'
  readonly serverSaslCreds: Buffer | null
}

export interface SearchResultEntry extends Envelope {
  readonly protocolOp: 'searchResultEntry'
  readonly objectName: string
  readonly attributes: readonly Attribute[]
}

export interface SearchResultReference extends Envelope {
  readonly protocolOp: 'searchResultReference'
  readonly uris: readonly string[]
}

/** The responses that are an LDAPResult and nothing more. */
export interface ResultResponse extends Envelope, LdapResult {
  readonly protocolOp:
    | 'searchResultDone'
    | 'modifyResponse'
    | 'addResponse'
    | 'delResponse'
    | 'modifyDNResponse'
    | 'compareResponse'
}

export interface ExtendedResponse extends Envelope, LdapResult {
  readonly protocolOp: 'extendedResponse'
  readonly responseName: string | null
  readonly responseValue: Buffer | null
}

export interface IntermediateResponse extends Envelope {
  readonly protocolOp: 'intermediateResponse'
  readonly responseName: string | null
  readonly responseValue: Buffer | null
}

export type LdapRequest =
  | BindRequest
  | UnbindRequest
  | SearchRequest
  | ModifyRequest
  | AddRequest
  | DelRequest
  | ModifyDNRequest
  | CompareRequest
  | AbandonRequest
  | ExtendedRequest

export type LdapResponse =
  | BindResponse
  | SearchResultEntry
  | SearchResultReference
  | ResultResponse
  | ExtendedResponse
  | IntermediateResponse

export type LdapMessage = LdapRequest | LdapResponse
export type ProtocolOp = LdapMessage['protocolOp']

/** The identifier octet of each operation: APPLICATION class, constructed but for unbind, delete and abandon. */
export const operationTags = {
  bindRequest: 0x60,
  bindResponse: 0x61,
  unbindRequest: 0x42,
  searchRequest: 0x63,
  searchResultEntry: 0x64,
  searchResultDone: 0x65,
  searchResultReference: 0x73,
  modifyRequest: 0x66,
  modifyResponse: 0x67,
  addRequest: 0x68,
  addResponse: 0x69,
  delRequest: 0x4a,
  delResponse: 0x6b,
  modifyDNRequest: 0x6c,
  modifyDNResponse: 0x6d,
  compareRequest: 0x6e,
  compareResponse: 0x6f,
  abandonRequest: 0x50,
  extendedRequest: 0x77,
  extendedResponse: 0x78,
  intermediateResponse: 0x79,
} as const satisfies Record<ProtocolOp, number>

/** The operation of each identifier octet. */
export const operationsByTag: ReadonlyMap<number, ProtocolOp> = new Map(
  Object.entries(operationTags).map(([operation, tag]) => [tag, operation as ProtocolOp]),
)

/** The LDAPResult for a code, with nothing else to say unless given. */
export function ldapResult(resultCode: number, diagnosticMessage = '', matchedDN = ''): LdapResult {
  return { resultCode, matchedDN, diagnosticMessage, referral: [] }
}
