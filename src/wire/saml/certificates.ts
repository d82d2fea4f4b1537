// Certificates as carriers of keys: SAML trusts a certificate because it was registered, not because of who issued it
// or how long it is valid (Metadata interoperability profile §2.6.1).
import { type KeyObject, X509Certificate } from 'node:crypto'
import { refuse } from './problems.ts'

export interface Certificate {
  readonly pem: string
  /** Base64 of the DER, in one line. */
  readonly base64: string
  readonly key: KeyObject
  readonly keyType: 'rsa' | 'ec'
}

/** Reads PEM, or base64 of DER as metadata have it. */
export function parseCertificate(text: string, at: { readonly offset: number } | number = 0): Certificate {
  const body = text.replace(/-----(?:BEGIN|END) CERTIFICATE-----/g, '').replace(/\s+/g, '')
  const certificate = /^[A-Za-z0-9+/]+={0,2}$/.test(body) ? read(body) : null
  if (certificate === null) refuse('certificate-malformed', at)
  const { publicKey } = certificate
  const keyType = keyTypeOf(publicKey)
  if (keyType === null) refuse('certificate-key', at)
  return {
    pem: certificate.toString(),
    base64: certificate.raw.toString('base64'),
    key: publicKey,
    keyType,
  }
}

function read(base64: string): X509Certificate | null {
  try {
    const certificate = new X509Certificate(Buffer.from(base64, 'base64'))
    // Reading the key is what fails where OpenSSL does not know its kind.
    return certificate.publicKey === undefined ? null : certificate
  } catch {
    return null
  }
}

function keyTypeOf(key: KeyObject): 'rsa' | 'ec' | null {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'rsa') return modulusLength >= 2048 && modulusLength <= 8192 ? 'rsa' : null
  return key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1' ? 'ec' : null
}
