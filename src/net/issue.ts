// Issues certificates (ECDSA P-256, RFC 5280 profiles). Decides nothing about when, and keeps no files.
import { createPrivateKey, randomBytes } from 'node:crypto'
import { isIP } from 'node:net'

/** Both PEM; the key as PKCS #8. */
export interface Issued {
  readonly certificate: string
  readonly key: string
}

type X509 = typeof import('@peculiar/x509')

/** The global one: its types are those that the library takes, whatever else is loaded. */
const { subtle } = globalThis.crypto
type PrivateKey = Awaited<ReturnType<typeof importKey>>

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const dayMs = 86_400_000
/** Clients whose clock is slow must not refuse a certificate made this minute. */
const slackMs = 3_600_000

/** Loaded only when something is to be issued: it takes 100 ms, and most starts have their certificate. */
async function load(): Promise<X509> {
  await import('reflect-metadata')
  return await import('@peculiar/x509')
}

/** A CA that can issue servers' certificates and no further CA. */
export async function createAuthority(commonName: string, now: Date, days: number): Promise<Issued> {
  const x509 = await load()
  const keys = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    ...validity(now, days),
    keys: keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

/** `names`: DNS names and addresses, which is where clients look (RFC 6125 §6.4.4), not at the subject. */
export async function createServerCertificate(
  ca: Issued,
  names: readonly string[],
  now: Date,
  days: number,
): Promise<Issued> {
  const x509 = await load()
  const issuer = new x509.X509Certificate(ca.certificate)
  const signingKey = await importKey(ca.key)
  const keys = await subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const { notBefore, notAfter } = validity(now, days)
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    issuer: issuer.subject,
    subject: 'CN=Muster',
    notBefore,
    // Nothing outlives the CA that vouches for it.
    notAfter: new Date(Math.min(notAfter.getTime(), issuer.notAfter.getTime())),
    publicKey: keys.publicKey,
    signingKey: signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      new x509.SubjectAlternativeNameExtension(
        names.map((name) => ({ type: isIP(name) === 0 ? ('dns' as const) : ('ip' as const), value: name })),
      ),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await exportKey(keys.privateKey) }
}

function validity(now: Date, days: number): { notBefore: Date; notAfter: Date } {
  const notBefore = new Date(now.getTime() - slackMs)
  return { notBefore, notAfter: new Date(notBefore.getTime() + days * dayMs) }
}

/** Positive, 127 random bits (RFC 5280 §4.1.2.2). */
function randomSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] as number) & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function exportKey(key: PrivateKey): Promise<string> {
  const der = Buffer.from(await subtle.exportKey('pkcs8', key))
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' }).export({
    format: 'pem',
    type: 'pkcs8',
  }) as string
}

async function importKey(pem: string) {
  const der = createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' })
  return await subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
}
