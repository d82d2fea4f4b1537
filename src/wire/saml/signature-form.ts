// The form of the XML signature of a message: where it stands, what it refers to, and by which algorithms. Everything
// that XML Signature allows beyond what SAML needs (Core §5.4) is refused here, before anything is computed.
import { attributeOf, childElements, descendants, is, textOf, type XmlElement } from '../xml/tree.ts'
import {
  type DigestAlgorithm,
  isDigestAlgorithm,
  isSignatureAlgorithm,
  type SignatureAlgorithm,
} from './algorithms.ts'
import { refuse } from './problems.ts'
import { decodeBase64, decodeBase64Lines } from './values.ts'
import { namespaces, transforms } from './vocabulary.ts'

const { ds, saml } = namespaces

export interface SignatureForm {
  readonly signature: XmlElement
  readonly signedInfo: XmlElement
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly signatureValue: Buffer
  readonly reference: Reference
}

/** To the root of the message, without the signature in it. */
interface Reference {
  readonly digestAlgorithm: DigestAlgorithm
  readonly digestValue: Buffer
  /** Prefixes whose declarations are signed although nothing uses them visibly. */
  readonly inclusivePrefixes: ReadonlySet<string>
}

/** The signature of the message itself, or null; refuses one that stands anywhere else, and a second one. */
export function findSignature(root: XmlElement): XmlElement | null {
  const signatures = [...descendants(root)].filter((each) => is(each, ds, 'Signature'))
  const [signature] = signatures
  if (signature === undefined) return null
  const [issuer, second] = childElements(root)
  const afterIssuer = second === signature && issuer !== undefined && is(issuer, saml, 'Issuer')
  if (!afterIssuer || signatures.length > 1) refuse('signature-misplaced', signatures.at(-1))
  return signature
}

/** Core §5.4.1-5.4.4, and nothing that XML Signature allows beyond it. */
export function readForm(root: XmlElement, signature: XmlElement): SignatureForm {
  const [signedInfo, value, ...rest] = childElements(signature)
  if (signedInfo === undefined || value === undefined) refuse('signature-malformed', signature)
  if (!is(signedInfo, ds, 'SignedInfo') || !is(value, ds, 'SignatureValue'))
    refuse('signature-malformed', signature)
  // A KeyInfo may be there and is not believed. An Object may not: it is where wrapped messages are put.
  if (rest.length > 1 || rest.some((each) => !is(each, ds, 'KeyInfo')))
    refuse('signature-malformed', signature)
  const [method, algorithm, reference, ...more] = childElements(signedInfo)
  if (method === undefined || algorithm === undefined || reference === undefined || more.length > 0)
    refuse('signature-malformed', signedInfo)
  if (!is(method, ds, 'CanonicalizationMethod') || !is(reference, ds, 'Reference'))
    refuse('signature-malformed', signedInfo)
  if (attributeOf(method, 'Algorithm') !== transforms.exclusive || childElements(method).length > 0)
    refuse('signature-transform', method)
  const signatureAlgorithm = is(algorithm, ds, 'SignatureMethod') ? attributeOf(algorithm, 'Algorithm') : null
  if (signatureAlgorithm === null || !isSignatureAlgorithm(signatureAlgorithm))
    refuse('signature-algorithm', algorithm)
  return {
    signedInfo,
    signature,
    signatureAlgorithm,
    signatureValue: decodeBase64Lines(textOf(value), value),
    reference: readReference(root, reference),
  }
}

function readReference(root: XmlElement, reference: XmlElement): Reference {
  const id = attributeOf(root, 'ID')
  if (id === null || attributeOf(reference, 'URI') !== `#${id}`) refuse('signature-reference', reference)
  const [list, method, value, ...more] = childElements(reference)
  if (list === undefined || method === undefined || value === undefined || more.length > 0)
    refuse('signature-malformed', reference)
  if (!is(list, ds, 'Transforms') || !is(value, ds, 'DigestValue')) refuse('signature-malformed', reference)
  const algorithm = is(method, ds, 'DigestMethod') ? attributeOf(method, 'Algorithm') : null
  if (algorithm === null || !isDigestAlgorithm(algorithm)) refuse('signature-algorithm', method)
  return {
    digestAlgorithm: algorithm,
    digestValue: decodeBase64(textOf(value).trim(), value),
    inclusivePrefixes: readTransforms(list),
  }
}

/** Enveloped signature, then exclusive canonicalization, which may have a list of prefixes. */
function readTransforms(list: XmlElement): ReadonlySet<string> {
  const [enveloped, exclusive, ...more] = childElements(list)
  if (enveloped === undefined || exclusive === undefined || more.length > 0) {
    refuse('signature-transform', list)
  }
  const named = (each: XmlElement, algorithm: string) =>
    is(each, ds, 'Transform') && attributeOf(each, 'Algorithm') === algorithm
  if (!named(enveloped, transforms.enveloped) || !named(exclusive, transforms.exclusive)) {
    refuse('signature-transform', list)
  }
  const [prefixes, ...others] = [...childElements(enveloped), ...childElements(exclusive)]
  if (prefixes === undefined) return new Set()
  const right = prefixes === childElements(exclusive)[0] && others.length === 0
  if (!right || !is(prefixes, transforms.exclusive, 'InclusiveNamespaces')) {
    refuse('signature-transform', prefixes)
  }
  return new Set((attributeOf(prefixes, 'PrefixList') ?? '').split(/\s+/).filter((each) => each !== ''))
}
