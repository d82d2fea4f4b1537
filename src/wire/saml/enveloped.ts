// The XML signature of an incoming message (Core §5.4). A message counts as signed where two implementations that share
// no code say so: ours, which is cheap and refuses whoever has no registered key, and then xml-crypto. What is read
// afterwards is the text that both found signed, and nothing else of the document (XSW, CVE-2025-29775, CVE-2025-47949).
import { timingSafeEqual } from 'node:crypto'
import { SignedXml } from 'xml-crypto'
import { parseXml } from '../xml/parse.ts'
import { descendants, type XmlElement } from '../xml/tree.ts'
import { asDeclared, canonical } from '../xml/write.ts'
import { digest, isSignedByOneOf } from './algorithms.ts'
import type { Certificate } from './certificates.ts'
import { messageLimits } from './limits.ts'
import { refuse } from './problems.ts'
import { findSignature, readForm, type SignatureForm } from './signature-form.ts'
import { decodeBase64Lines } from './values.ts'
import { transforms } from './vocabulary.ts'

/** The message as it was signed by the key of one of the certificates: read this, and no longer `root`. */
export function verifyEnveloped(root: XmlElement, certificates: readonly Certificate[]): XmlElement {
  const signature = findSignature(root) ?? refuse('signature-missing', root)
  refuseRepeatedIds(root)
  const form = readForm(root, signature)
  const text = signedText(root, form, certificates)
  if (secondOpinion(root, form, certificates) !== text) refuse('signature-wrong', signature)
  return parseXml(Buffer.from(text), messageLimits)
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

/** The canonical text of the root without its signature, once it is known that it was signed. */
function signedText(root: XmlElement, form: SignatureForm, certificates: readonly Certificate[]): string {
  const { signature, signedInfo, signatureAlgorithm, signatureValue, reference } = form
  const signed = Buffer.from(canonical(signedInfo))
  if (!isSignedByOneOf(certificates, signatureAlgorithm, signed, signatureValue)) {
    refuse('signature-wrong', signature)
  }
  const bare = { ...root, children: root.children.filter((child) => child !== signature) }
  const text = canonical(bare, reference.inclusivePrefixes)
  const expected = Buffer.from(digest(reference.digestAlgorithm, text), 'base64')
  const { digestValue } = reference
  if (expected.length !== digestValue.length || !timingSafeEqual(expected, digestValue)) {
    refuse('signature-wrong', signature)
  }
  return text
}

/** What xml-crypto finds signed, or null. It is given our own writing of the tree: no comments, no CDATA, no DOCTYPE. */
function secondOpinion(
  root: XmlElement,
  form: SignatureForm,
  certificates: readonly Certificate[],
): string | null {
  const verifier = new SignedXml({
    // Asked for, and not used: our algorithm tries the key of each certificate, and never the one in KeyInfo.
    publicCert: certificates[0]?.pem ?? '',
    getCertFromKeyInfo: () => null,
  })
  restrict(verifier, form, certificates)
  try {
    verifier.loadSignature(asDeclared(form.signature))
    if (!verifier.checkSignature(asDeclared(root))) return null
  } catch {
    // It throws for some wrong signatures and returns false for others.
    return null
  }
  const [text, ...others] = verifier.getSignedReferences()
  return text === undefined || others.length > 0 ? null : text
}

/** Leaves xml-crypto nothing but the algorithms that this very message uses. */
function restrict(verifier: SignedXml, form: SignatureForm, certificates: readonly Certificate[]): void {
  const { signatureAlgorithm, reference } = form
  const { digestAlgorithm } = reference
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
