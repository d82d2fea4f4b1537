// Enveloped signatures of what we send (Core §5.4): over our own canonical text, so that nothing has to be parsed.
import type { XmlElement } from '../xml/tree.ts'
import { attributeOf } from '../xml/tree.ts'
import { canonical } from '../xml/write.ts'
import { digest, rsaSha256, sha256 } from './algorithms.ts'
import { parseCertificate } from './certificates.ts'
import type { Signer } from './messages.ts'
import { element, transforms } from './vocabulary.ts'

/** The same element with its signature, after the Issuer, which is its first child. */
export async function signElement(unsigned: XmlElement, signer: Signer): Promise<XmlElement> {
  const signedInfo = element('ds:SignedInfo', {}, [
    element('ds:CanonicalizationMethod', { Algorithm: transforms.exclusive }),
    element('ds:SignatureMethod', { Algorithm: rsaSha256 }),
    element('ds:Reference', { URI: `#${attributeOf(unsigned, 'ID')}` }, [
      element('ds:Transforms', {}, [
        element('ds:Transform', { Algorithm: transforms.enveloped }),
        element('ds:Transform', { Algorithm: transforms.exclusive }),
      ]),
      element('ds:DigestMethod', { Algorithm: sha256 }),
      element('ds:DigestValue', {}, [digest(sha256, canonical(unsigned))]),
    ]),
  ])
  const signature = await signer.sign(Buffer.from(canonical(signedInfo)))
  const { base64 } = parseCertificate(signer.certificate)
  const [issuer, ...rest] = unsigned.children
  if (issuer === undefined) throw new Error('only an element with an Issuer can be signed')
  const children = [
    issuer,
    element('ds:Signature', {}, [
      signedInfo,
      element('ds:SignatureValue', {}, [signature.toString('base64')]),
      element('ds:KeyInfo', {}, [element('ds:X509Data', {}, [element('ds:X509Certificate', {}, [base64])])]),
    ]),
    ...rest,
  ]
  return { ...unsigned, children }
}
