// The signature and digest algorithms that we accept. SHA-1 is not among them, and no HMAC is: a public key must never
// be taken for a shared secret.
import { createHash, verify } from 'node:crypto'
import type { Certificate } from './certificates.ts'

// RFC 6931 §2.3.2-2.3.4 and §2.3.6.
const signatures = {
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256': { hash: 'sha256', keyType: 'rsa' },
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha384': { hash: 'sha384', keyType: 'rsa' },
  'http://www.w3.org/2001/04/xmldsig-more#rsa-sha512': { hash: 'sha512', keyType: 'rsa' },
  'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256': { hash: 'sha256', keyType: 'ec' },
} as const
export type SignatureAlgorithm = keyof typeof signatures

const digests = {
  'http://www.w3.org/2001/04/xmlenc#sha256': 'sha256',
  'http://www.w3.org/2001/04/xmldsig-more#sha384': 'sha384',
  'http://www.w3.org/2001/04/xmlenc#sha512': 'sha512',
} as const
export type DigestAlgorithm = keyof typeof digests

/** What we sign with. */
export const rsaSha256: SignatureAlgorithm = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
export const sha256: DigestAlgorithm = 'http://www.w3.org/2001/04/xmlenc#sha256'

export function isSignatureAlgorithm(uri: string): uri is SignatureAlgorithm {
  return Object.hasOwn(signatures, uri)
}

export function isDigestAlgorithm(uri: string): uri is DigestAlgorithm {
  return Object.hasOwn(digests, uri)
}

/** Base64 of the digest. */
export function digest(algorithm: DigestAlgorithm, data: string): string {
  return createHash(digests[algorithm]).update(data, 'utf8').digest('base64')
}

/** Whether the key of one of the certificates made this signature. */
export function isSignedByOneOf(
  certificates: readonly Certificate[],
  algorithm: SignatureAlgorithm,
  data: Buffer,
  signature: Buffer,
): boolean {
  const { hash, keyType } = signatures[algorithm]
  return certificates
    .filter((certificate) => certificate.keyType === keyType)
    .some(({ key }) => {
      if (keyType === 'rsa') return verify(hash, data, key, signature)
      // XML Signature has r and s side by side; redirects of some, OpenSAML among them, have them in DER.
      return (['ieee-p1363', 'der'] as const).some((dsaEncoding) => {
        return verify(hash, data, { key, dsaEncoding }, signature)
      })
    })
}
