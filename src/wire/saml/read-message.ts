// From the root element of a message to its value. Says nothing about who sent it: see receive.ts.
import {
  attributeOf,
  childElements,
  childrenNamed,
  is,
  onlyChild,
  textOf,
  type XmlElement,
} from '../xml/tree.ts'
import { samlLimits } from './limits.ts'
import {
  type AuthnRequest,
  type Comparison,
  comparisons,
  type Envelope,
  type LogoutRequest,
  type LogoutResponse,
  type NameId,
  type NameIdPolicy,
  type RequestedAuthnContext,
  type SamlMessage,
  type Status,
} from './messages.ts'
import { refuse } from './problems.ts'
import { optional, parseBoolean, parseId, parseIndex, parseInstant, parseUri, required } from './values.ts'
import { nameIdFormats, namespaces } from './vocabulary.ts'

const { saml, samlp } = namespaces

const readers: Readonly<Record<string, (root: XmlElement) => SamlMessage>> = {
  AuthnRequest: readAuthnRequest,
  LogoutRequest: readLogoutRequest,
  LogoutResponse: readLogoutResponse,
}

export function readMessage(root: XmlElement): SamlMessage {
  const read = root.namespace === samlp && Object.hasOwn(readers, root.name) ? readers[root.name] : undefined
  return read === undefined ? refuse('message-unknown', root) : read(root)
}

// Core §3.2.1, §3.2.2. The Issuer may be left out there, and may not in any profile that we serve.
function readEnvelope(root: XmlElement): Envelope {
  if (attributeOf(root, 'Version') !== '2.0') refuse('version-unsupported', root)
  return {
    id: required(root, 'ID', parseId),
    issueInstant: required(root, 'IssueInstant', parseInstant),
    destination: optional(root, 'Destination', parseUri),
    issuer: readIssuer(root),
  }
}

function readIssuer(root: XmlElement): string {
  const issuer = child(root, saml, 'Issuer')
  const format = attributeOf(issuer, 'Format')
  if (format !== null && format !== nameIdFormats.entity) refuse('issuer-malformed', issuer)
  return parseUri(textOf(issuer), issuer)
}

function readAuthnRequest(root: XmlElement): AuthnRequest {
  const acsUrl = optional(root, 'AssertionConsumerServiceURL', parseUri)
  const acsIndex = optional(root, 'AssertionConsumerServiceIndex', parseIndex)
  const protocolBinding = optional(root, 'ProtocolBinding', parseUri)
  if (acsIndex !== null && (acsUrl !== null || protocolBinding !== null)) refuse('acs-ambiguous', root)
  const subject = onlyChild(root, saml, 'Subject')
  const policy = onlyChild(root, samlp, 'NameIDPolicy')
  const context = onlyChild(root, samlp, 'RequestedAuthnContext')
  return {
    kind: 'AuthnRequest',
    ...readEnvelope(root),
    acsUrl,
    acsIndex,
    protocolBinding,
    subject: subject === null ? null : readNameId(subject),
    nameIdPolicy: policy === null ? null : readNameIdPolicy(policy),
    forceAuthn: optional(root, 'ForceAuthn', parseBoolean) ?? false,
    isPassive: optional(root, 'IsPassive', parseBoolean) ?? false,
    requestedAuthnContext: context === null ? null : readRequestedAuthnContext(context),
  }
}

function readNameIdPolicy(policy: XmlElement): NameIdPolicy {
  return {
    format: optional(policy, 'Format', parseUri),
    spNameQualifier: optional(policy, 'SPNameQualifier', parseUri),
    allowCreate: optional(policy, 'AllowCreate', parseBoolean) ?? false,
  }
}

function readRequestedAuthnContext(context: XmlElement): RequestedAuthnContext {
  const comparison = attributeOf(context, 'Comparison') ?? 'exact'
  if (!comparisons.includes(comparison as Comparison)) refuse('comparison-unknown', context)
  const references = childElements(context).filter(
    (each) => is(each, saml, 'AuthnContextClassRef') || is(each, saml, 'AuthnContextDeclRef'),
  )
  if (references.length === 0) refuse('element-missing', context)
  return {
    comparison: comparison as Comparison,
    classRefs: references.map((each) => parseUri(textOf(each), each)),
  }
}

function readLogoutRequest(root: XmlElement): LogoutRequest {
  const reason = attributeOf(root, 'Reason')
  if (reason !== null && reason.length > samlLimits.uri) refuse('value-too-long', root)
  return {
    kind: 'LogoutRequest',
    ...readEnvelope(root),
    nameId: readNameId(root) ?? refuse('element-missing', root),
    sessionIndexes: childrenNamed(root, samlp, 'SessionIndex').map((each) => bounded(textOf(each), each)),
    notOnOrAfter: optional(root, 'NotOnOrAfter', parseInstant),
    reason,
  }
}

function readLogoutResponse(root: XmlElement): LogoutResponse {
  return {
    kind: 'LogoutResponse',
    ...readEnvelope(root),
    inResponseTo: optional(root, 'InResponseTo', parseId),
    status: readStatus(child(root, samlp, 'Status')),
  }
}

function readStatus(status: XmlElement): Status {
  const code = child(status, samlp, 'StatusCode')
  const subcode = onlyChild(code, samlp, 'StatusCode')
  const message = onlyChild(status, samlp, 'StatusMessage')
  return {
    code: required(code, 'Value', parseUri),
    subcode: subcode === null ? null : required(subcode, 'Value', parseUri),
    message: message === null ? null : bounded(textOf(message), message),
  }
}

/** The NameID below a LogoutRequest or a Subject; null where a Subject has none. */
function readNameId(parent: XmlElement): NameId | null {
  const encrypted = onlyChild(parent, saml, 'EncryptedID')
  if (encrypted !== null) refuse('encrypted-id-unsupported', encrypted)
  const nameId = onlyChild(parent, saml, 'NameID')
  if (nameId === null) return null
  const value = bounded(textOf(nameId), nameId)
  if (value === '') refuse('value-empty', nameId)
  return {
    value,
    format: optional(nameId, 'Format', parseUri),
    nameQualifier: optional(nameId, 'NameQualifier', bounded),
    spNameQualifier: optional(nameId, 'SPNameQualifier', bounded),
  }
}

function child(parent: XmlElement, namespace: string, name: string): XmlElement {
  return onlyChild(parent, namespace, name) ?? refuse('element-missing', parent)
}

function bounded(text: string, at: XmlElement): string {
  if (text.length > samlLimits.uri) refuse('value-too-long', at)
  return text
}
