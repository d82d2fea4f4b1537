// EncryptedAssertion (Core §2.3.4): AES-256-GCM under a fresh key, and that key under the service provider's RSA key by
// OAEP. Never CBC, whose padding tells the plain text, and never RSA 1.5. OAEP stays with SHA-1 and MGF1, where its
// strength does not rest on collisions, because that is the one form that every service provider can undo.
import { constants, createCipheriv, publicEncrypt } from 'node:crypto'
import type { XmlElement } from '../xml/tree.ts'
import { asSent, canonical } from '../xml/write.ts'
import { parseCertificate } from './certificates.ts'
import { refuse } from './problems.ts'
import { element } from './vocabulary.ts'

const algorithms = {
  aes256Gcm: 'http://www.w3.org/2009/xmlenc11#aes256-gcm',
  rsaOaep: 'http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p',
  sha1: 'http://www.w3.org/2000/09/xmldsig#sha1',
  element: 'http://www.w3.org/2001/04/xmlenc#Element',
} as const

export interface Encryption {
  /** PEM, with an RSA key. */
  readonly certificate: string
  /** 32 random bytes, for this assertion only. */
  readonly key: Buffer
  /** 12 random bytes. */
  readonly iv: Buffer
}

export function encryptAssertion(assertion: XmlElement, encryption: Encryption): XmlElement {
  const { key, iv } = encryption
  const certificate = parseCertificate(encryption.certificate)
  if (certificate.keyType !== 'rsa') refuse('certificate-not-rsa')
  const cipher = createCipheriv('aes-256-gcm', key, iv)
  const encrypted = Buffer.concat([cipher.update(asSent(canonical(assertion)), 'utf8'), cipher.final()])
  const wrappedKey = publicEncrypt(
    { key: certificate.key, padding: constants.RSA_PKCS1_OAEP_PADDING, oaepHash: 'sha1' },
    key,
  )
  // XML Encryption 1.1 §5.2.4: the IV, the cipher text, the tag.
  const data = Buffer.concat([iv, encrypted, cipher.getAuthTag()])
  return element('saml:EncryptedAssertion', {}, [
    element('xenc:EncryptedData', { Type: algorithms.element }, [
      element('xenc:EncryptionMethod', { Algorithm: algorithms.aes256Gcm }),
      element('ds:KeyInfo', {}, [encryptedKey(wrappedKey)]),
      cipherData(data),
    ]),
  ])
}

function encryptedKey(wrappedKey: Buffer): XmlElement {
  return element('xenc:EncryptedKey', {}, [
    element('xenc:EncryptionMethod', { Algorithm: algorithms.rsaOaep }, [
      element('ds:DigestMethod', { Algorithm: algorithms.sha1 }),
    ]),
    cipherData(wrappedKey),
  ])
}

function cipherData(bytes: Buffer): XmlElement {
  return element('xenc:CipherData', {}, [element('xenc:CipherValue', {}, [bytes.toString('base64')])])
}
