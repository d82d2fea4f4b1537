// Everything that can be wrong with what a service provider sends or an administrator pastes, each with a sentence
// for the person who has to mend it.
import { WireError } from '../../base/bytes.ts'

export const problems = {
  'xml-too-large': 'The document is larger than is accepted.',
  'xml-not-utf8': 'The document is not in UTF-8. Save it as UTF-8.',
  'xml-doctype': 'The document has a DOCTYPE, which SAML does not use. Remove it.',
  'xml-processing-instruction': 'The document has a processing instruction. Remove it.',
  'xml-version': 'The document is not XML 1.0.',
  'xml-too-deep': 'The elements of the document are nested too deeply.',
  'xml-too-many-elements': 'The document has more elements than are accepted.',
  'xml-too-many-attributes': 'An element has more attributes than are accepted.',
  'xml-text-too-long': 'A text or an attribute is longer than is accepted.',
  'xml-malformed': 'The document is not well-formed XML.',
  'text-not-xml': 'A value holds a character that XML cannot carry, such as a control character.',
  'element-repeated': 'An element that may be there once is there twice.',
  'element-unexpected': 'There is an element where only text belongs.',
  'element-missing': 'A required element is missing.',
  'attribute-missing': 'A required attribute is missing.',
  'value-empty': 'A required value is empty.',
  'value-too-long': 'A value is longer than is accepted.',
  'value-not-boolean': 'A value should be true or false.',
  'value-not-number': 'An index should be a number from 0 to 65535.',
  'value-not-instant': 'A time should be in UTC, such as 2026-01-31T12:00:00Z.',
  'value-not-url': 'An address should be an absolute http or https URL without a fragment.',
  'id-malformed': 'An ID should begin with a letter or _ and hold letters, digits, _ - and . only.',
  'version-unsupported': 'Only SAML 2.0 is spoken here.',
  'issuer-malformed': 'The Issuer should be the entity ID of the sender.',
  'message-unknown': 'The message is not an AuthnRequest, a LogoutRequest or a LogoutResponse.',
  'parameter-mismatch': 'A request belongs in SAMLRequest and a response in SAMLResponse.',
  'acs-ambiguous':
    'AssertionConsumerServiceIndex excludes AssertionConsumerServiceURL and ProtocolBinding. Send one or the other.',
  'comparison-unknown': 'Comparison should be exact, minimum, maximum or better.',
  'encrypted-id-unsupported': 'Encrypted name identifiers are not supported. Send NameID in plain.',
  'query-too-long': 'The query string is longer than is accepted. Use the POST binding.',
  'parameter-missing': 'There is neither SAMLRequest nor SAMLResponse.',
  'parameter-repeated':
    'A parameter of the binding is there twice, or both SAMLRequest and SAMLResponse are.',
  'parameter-order': 'The parameters are not in the order in which they are signed.',
  'parameter-malformed': 'A parameter is not encoded as the binding asks for.',
  'encoding-unsupported': 'The only SAMLEncoding is DEFLATE.',
  'base64-malformed': 'A value is not base64.',
  'deflate-malformed': 'The message is not compressed as DEFLATE, or is too large when it is unpacked.',
  'relay-state-too-long': 'RelayState is longer than 1024 bytes.',
  'signature-missing': 'The message is not signed.',
  'signature-incomplete': 'SigAlg and Signature belong together.',
  'signature-misplaced': 'The one signature of a message follows its Issuer.',
  'signature-malformed': 'The signature has not the form that SAML asks for.',
  'signature-algorithm':
    'Sign with RSA-SHA256, RSA-SHA384, RSA-SHA512 or ECDSA-SHA256, and digest with SHA-256, SHA-384 or SHA-512.',
  'signature-reference': 'The signature should refer to the ID of the whole message, and to nothing else.',
  'signature-transform':
    'The transforms of a signature are enveloped-signature and exclusive canonicalization.',
  'signature-wrong': 'The signature does not match any of the registered certificates.',
  'id-repeated': 'Two elements have the same ID.',
  'certificate-none': 'No certificate is registered to check the signature with.',
  'certificate-malformed': 'A certificate cannot be read.',
  'certificate-key': 'A certificate should have an RSA key of 2048 to 8192 bits, or a P-256 key.',
  'certificate-not-rsa': 'A certificate for encryption should have an RSA key.',
  'metadata-not-entity': 'The document is not SAML metadata: its root should be EntityDescriptor.',
  'metadata-no-sp': 'The metadata describe no SAML 2.0 service provider.',
  'metadata-many-sps':
    'The metadata describe more than one service provider. Use the EntityDescriptor of the one that is meant.',
  'metadata-no-entity-id': 'The metadata have no entityID.',
  'metadata-no-acs': 'The metadata name no AssertionConsumerService with the HTTP-POST binding.',
  'metadata-acs-repeated': 'Two AssertionConsumerService elements have the same index.',
  'metadata-too-many-certificates': 'The metadata have more certificates than are accepted.',
} as const

export type SamlProblem = keyof typeof problems

/** Throws WireError; `at` is the element that is to blame, or where in the text it is. */
export function refuse(code: SamlProblem, at: { readonly offset: number } | number = 0): never {
  throw new WireError(code, typeof at === 'number' ? at : at.offset)
}

/** The sentence for a WireError of wire/saml or wire/xml. */
export function explain(error: WireError): string {
  return Object.hasOwn(problems, error.code)
    ? problems[error.code as SamlProblem]
    : 'The document cannot be read.'
}
