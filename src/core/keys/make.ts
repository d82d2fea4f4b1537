// Makes signing keys, on Node's thread pool: RSA takes a while. A key for SAML comes with a certificate that it signs itself,
// because metadata carries keys in that form; nobody checks more of it than the key.
import { generateKeyPair, type KeyObject, randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { newId, type SigningKeyId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import type { KeyPurpose, SigningKey } from '../ports.ts'

export type NewKey = SigningKey & { readonly privateKey: Secret }

const generate = promisify(generateKeyPair)
const rs256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const
const dayMs = 86_400_000
/** Service providers whose clock is slow must not refuse a certificate made this minute. */
const slackMs = 3_600_000
const certificateDays = 3650

/** Which keys an organization has for a purpose: OIDC clients choose between two, SAML knows RSA everywhere. */
export const algorithmsOf = {
  oidc: ['RS256', 'ES256'],
  saml: ['RS256'],
} as const satisfies Record<KeyPurpose, readonly SigningKey['algorithm'][]>

/** `organization`: its name, for the certificate. */
export async function makeKey(
  purpose: KeyPurpose,
  algorithm: SigningKey['algorithm'],
  organization: string,
  createdAt: Date,
  activeFrom: Date,
): Promise<NewKey> {
  const { publicKey, privateKey } =
    algorithm === 'ES256'
      ? await generate('ec', { namedCurve: 'P-256' })
      : // 2048: what every service provider takes; 3072 costs three times as much with each signature.
        await generate('rsa', { modulusLength: 2048 })
  const publicText =
    purpose === 'saml'
      ? await selfSigned(publicKey, privateKey, `Muster SAML ${organization}`, createdAt)
      : publicKey.export({ format: 'pem', type: 'spki' }).toString()
  return {
    ...{ id: newId<SigningKeyId>(), purpose, algorithm, publicText, createdAt, activeFrom, retiredAt: null },
    privateKey: new Secret(privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()),
  }
}

async function selfSigned(
  publicKey: KeyObject,
  privateKey: KeyObject,
  commonName: string,
  now: Date,
): Promise<string> {
  // Loaded only here: it takes 100 ms, and most starts make no key.
  await import('reflect-metadata')
  const x509 = await import('@peculiar/x509')
  const { X509CertificateGenerator, Name } = x509
  type Given = Parameters<typeof X509CertificateGenerator.createSelfSigned>[0]
  const keys = {
    publicKey: publicKey.toCryptoKey(rs256, true, ['verify']),
    privateKey: privateKey.toCryptoKey(rs256, false, ['sign']),
  }
  const notBefore = new Date(now.getTime() - slackMs)
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    // RFC 5280 appendix A.1: a common name has at most 64 characters. Given so, nothing in it is syntax.
    name: new Name([{ CN: [{ utf8String: [...commonName].slice(0, 64).join('') }] }]),
    notBefore,
    notAfter: new Date(notBefore.getTime() + certificateDays * dayMs),
    // Node's type of a key knows more usages than the library's.
    keys: keys as unknown as Given['keys'],
    signingAlgorithm: rs256,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
    ],
  })
  return `${certificate.toString('pem').trimEnd()}\n`
}

/** Positive, 126 random bits (RFC 5280 §4.1.2.2). */
function serial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x3f) | 0x40
  return bytes.toString('hex')
}
