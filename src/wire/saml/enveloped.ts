// The XML signature of an incoming message (Core §5.4). xml-crypto does the arithmetic; the rules that make a signature
// mean "the sender said all of this, and nothing else" are ours, checked before it sees anything. What it sees is our
// own writing of the tree, and what is read afterwards is what it found signed (XSW, CVE-2025-29775, CVE-2025-47949).
import { SignedXml } from 'xml-crypto'
import { parseXml } from '../xml/parse.ts'
import { attributeOf, childElements, descendants, is, textOf, type XmlElement } from '../xml/tree.ts'
import { asDeclared } from '../xml/write.ts'
import {
  type DigestAlgorithm,
  digest,
  isDigestAlgorithm,
  isSignatureAlgorithm,
  isSignedByOneOf,
  type SignatureAlgorithm,
} from './algorithms.ts'
import type { Certificate } from './certificates.ts'
import { messageLimits } from './limits.ts'
import { refuse } from './problems.ts'
import { decodeBase64, decodeBase64Lines } from './values.ts'
import { namespaces, transforms } from './vocabulary.ts'

const { ds, saml } = namespaces
const inclusiveNamespaces = 'InclusiveNamespaces'

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

/** The message as it was signed by the key of one of the certificates: read this, and no longer `root`. */
export function verifyEnveloped(root: XmlElement, certificates: readonly Certificate[]): XmlElement {
  const signature = findSignature(root) ?? refuse('signature-missing', root)
  refuseRepeatedIds(root)
  const rules = checkForm(root, signature)
  const signed = parseXml(Buffer.from(signedPart(root, signature, rules, certificates)), messageLimits)
  const same = is(signed, root.namespace, root.name) && attributeOf(signed, 'ID') === attributeOf(root, 'ID')
  if (!same || findSignature(signed) !== null) refuse('signature-reference', signature)
  return signed
}

interface Rules {
  readonly signatureAlgorithm: SignatureAlgorithm
  readonly digestAlgorithm: DigestAlgorithm
}

/** Core §5.4.1-5.4.4, and nothing that XML Signature allows beyond it. */
function checkForm(root: XmlElement, signature: XmlElement): Rules {
  const [signedInfo, value, ...rest] = childElements(signature)
  if (signedInfo === undefined || value === undefined) refuse('signature-malformed', signature)
  if (!is(signedInfo, ds, 'SignedInfo') || !is(value, ds, 'SignatureValue'))
    refuse('signature-malformed', signature)
  // A KeyInfo may be there and is not believed. An Object may not: it is where wrapped messages are put.
  if (rest.length > 1 || rest.some((each) => !is(each, ds, 'KeyInfo')))
    refuse('signature-malformed', signature)
  decodeBase64Lines(textOf(value), value)
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
  return { signatureAlgorithm, digestAlgorithm: checkReference(root, reference) }
}

function checkReference(root: XmlElement, reference: XmlElement): DigestAlgorithm {
  const id = attributeOf(root, 'ID')
  if (id === null || attributeOf(reference, 'URI') !== `#${id}`) refuse('signature-reference', reference)
  const [list, method, value, ...more] = childElements(reference)
  if (list === undefined || method === undefined || value === undefined || more.length > 0)
    refuse('signature-malformed', reference)
  if (!is(list, ds, 'Transforms') || !is(value, ds, 'DigestValue')) refuse('signature-malformed', reference)
  const names = childElements(list).map((each) =>
    is(each, ds, 'Transform') ? attributeOf(each, 'Algorithm') : null,
  )
  if (names.join(' ') !== `${transforms.enveloped} ${transforms.exclusive}`)
    refuse('signature-transform', list)
  for (const each of childElements(list).flatMap(childElements)) {
    if (!is(each, transforms.exclusive, inclusiveNamespaces)) refuse('signature-transform', each)
  }
  decodeBase64(textOf(value).trim(), value)
  const algorithm = is(method, ds, 'DigestMethod') ? attributeOf(method, 'Algorithm') : null
  if (algorithm === null || !isDigestAlgorithm(algorithm)) refuse('signature-algorithm', method)
  return algorithm
}

/** Whatever a library may take for an ID: of any namespace, written in any of the ways. */
function refuseRepeatedIds(root: XmlElement): void {
  const seen = new Set<string>()
  for (const element of descendants(root)) {
    for (const { name, value } of element.attributes) {
      if (name.toLowerCase() !== 'id') continue
      if (seen.has(value)) refuse('id-repeated', element)
      seen.add(value)
    }
  }
}

/** The canonical text that the signature covers. */
function signedPart(
  root: XmlElement,
  signature: XmlElement,
  rules: Rules,
  certificates: readonly Certificate[],
): string {
  const verifier = new SignedXml({
    // Required, and not used: our algorithm tries the key of each certificate. Never what KeyInfo holds.
    publicCert: certificates[0]?.pem ?? refuse('certificate-none', signature),
    getCertFromKeyInfo: () => null,
  })
  restrict(verifier, rules, certificates)
  try {
    verifier.loadSignature(asDeclared(signature))
    if (!verifier.checkSignature(asDeclared(root))) refuse('signature-wrong', signature)
  } catch {
    // A wrong signature and a broken one are told apart by the texts of its errors only.
    refuse('signature-wrong', signature)
  }
  const [text, ...others] = verifier.getSignedReferences()
  if (text === undefined || others.length > 0) refuse('signature-reference', signature)
  return text
}

/** Leaves the verifier nothing but the algorithms that this very message may use. */
function restrict(verifier: SignedXml, rules: Rules, certificates: readonly Certificate[]): void {
  const { signatureAlgorithm, digestAlgorithm } = rules
  verifier.SignatureAlgorithms = {
    [signatureAlgorithm]: class {
      getAlgorithmName = () => signatureAlgorithm
      getSignature = () => refuse('signature-malformed')
      verifySignature = (material: string, _key: unknown, value: string) =>
        isSignedByOneOf(certificates, signatureAlgorithm, Buffer.from(material), decodeBase64Lines(value))
    },
  }
  verifier.HashAlgorithms = {
    [digestAlgorithm]: class {
      getAlgorithmName = () => digestAlgorithm
      getHash = (text: string) => digest(digestAlgorithm, text)
    },
  }
  const { [transforms.exclusive]: exclusive, [transforms.enveloped]: enveloped } =
    verifier.CanonicalizationAlgorithms
  if (exclusive === undefined || enveloped === undefined) throw new Error('xml-crypto lacks a transform')
  verifier.CanonicalizationAlgorithms = {
    [transforms.exclusive]: exclusive,
    [transforms.enveloped]: enveloped,
  }
}
