// A certificate of the machine's own, so that LDAPS and StartTLS work from the first start: a small CA, which clients can
// be told to trust, and a server certificate that is renewed before it expires. Replaces nothing that it did not make.
import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { canonicalAddress } from '../base/ip.ts'
import { Fault } from '../base/result.ts'
import { createAuthority, createServerCertificate, type Issued } from './issue.ts'

export interface CertificateFiles {
  /** What clients are to trust; null where the certificate is not of this CA. */
  readonly caFile: string | null
  readonly certificateFile: string
  readonly keyFile: string
  /** `given`: somebody put a certificate of their own there. */
  readonly origin: 'given' | 'reused' | 'issued'
}

const dayMs = 86_400_000
const renewalMs = 30 * dayMs
/** The longest that Apple's clients accept of a private CA. */
const serverDays = 825
const authorityDays = 3650

/**
 * Makes sure that `folder` holds ca.pem, server.pem and server-key.pem (mode 0600), valid for localhost, this machine's
 * name and `names` (DNS names or addresses). The server's certificate is issued anew when less than 30 days are left, when
 * the names have changed or when a file is damaged; the CA stays as long as it is sound.
 * Throws Fault('unavailable') where somebody else's certificate lies there without its key.
 */
export async function ensureCertificate(
  folder: string,
  names: readonly string[],
  now: Date = new Date(),
): Promise<CertificateFiles> {
  const path = {
    ca: join(folder, 'ca.pem'),
    caKey: join(folder, 'ca-key.pem'),
    server: join(folder, 'server.pem'),
    serverKey: join(folder, 'server-key.pem'),
  }
  const files = { caFile: path.ca, certificateFile: path.server, keyFile: path.serverKey }
  mkdirSync(folder, { recursive: true, mode: 0o755 })
  const wanted = subjectNames(names)
  if (isForeign(path.server)) {
    if (readPair(path.server, path.serverKey) !== null) return { ...files, caFile: null, origin: 'given' }
    throw new Fault(
      'unavailable',
      `${path.server} is not made by Muster, and ${path.serverKey} is not its key`,
    )
  }
  const server = readPair(path.server, path.serverKey)
  const authority = readPair(path.ca, path.caKey)

  const issuer = authority !== null && leftMs(authority, now) > renewalMs ? authority : null
  const isSound =
    server !== null &&
    issuer !== null &&
    server.verify(issuer.publicKey) &&
    leftMs(server, now) > renewalMs &&
    sameNames(server, wanted)
  for (const key of [path.serverKey, path.caKey]) if (existsSync(key)) chmodSync(key, 0o600)
  if (isSound) return { ...files, origin: 'reused' }

  const ca: Issued =
    issuer === null
      ? await createAuthority(authorityName(), now, authorityDays)
      : { certificate: issuer.toString(), key: readFileSync(path.caKey, 'utf8') }
  if (issuer === null) {
    write(path.caKey, ca.key, 0o600)
    write(path.ca, ca.certificate, 0o644)
  }
  const issued = await createServerCertificate(ca, wanted, now, serverDays)
  write(path.serverKey, issued.key, 0o600)
  write(path.server, issued.certificate, 0o644)
  return { ...files, origin: 'issued' }
}

const authorityPrefix = 'Muster development CA'
/** Told apart by a number, so that a client that trusts two of them cannot mix them up. */
const authorityName = () => `${authorityPrefix} ${randomBytes(4).toString('hex')}`

/** Validity that has not begun counts as none: the clock went back, or was wrong when it was issued. */
function leftMs(certificate: X509Certificate, now: Date): number {
  return certificate.validFromDate > now ? 0 : certificate.validToDate.getTime() - now.getTime()
}

/** Sorted, in canonical form, each once; what is neither a DNS name nor an address cannot stand in a certificate. */
function subjectNames(names: readonly string[]): string[] {
  const isDnsName = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/
  const all = ['localhost', '127.0.0.1', '::1', hostname(), ...names]
  const spelled = all.map((name) => canonicalAddress(name) ?? name.toLowerCase())
  return [...new Set(spelled)]
    .filter((name) => canonicalAddress(name) !== null || isDnsName.test(name))
    .sort()
}

function sameNames(certificate: X509Certificate, wanted: readonly string[]): boolean {
  const present = (certificate.subjectAltName ?? '').split(', ').map((entry) => {
    const value = entry.replace(/^(DNS|IP Address):/, '')
    return canonicalAddress(value) ?? value
  })
  return present.sort().join() === wanted.join()
}

/** A certificate that somebody else made, and that is not ours to replace. */
function isForeign(certificateFile: string): boolean {
  const certificate = readCertificate(certificateFile)
  return certificate !== null && !certificate.issuer.startsWith(`CN=${authorityPrefix}`)
}

/** null: absent, damaged, or the key of another certificate. */
function readPair(certificateFile: string, keyFile: string): X509Certificate | null {
  const certificate = readCertificate(certificateFile)
  if (certificate === null || !existsSync(keyFile)) return null
  try {
    return certificate.checkPrivateKey(createPrivateKey(readFileSync(keyFile))) ? certificate : null
  } catch {
    return null
  }
}

function readCertificate(file: string): X509Certificate | null {
  if (!existsSync(file)) return null
  const text = readFileSync(file)
  try {
    return new X509Certificate(text)
  } catch {
    return null
  }
}

/** Never half a file: written beside and moved. The key goes first; a stop in between shows as a pair that does not fit. */
function write(path: string, text: string, mode: number): void {
  const beside = `${path}.new`
  writeFileSync(beside, text, { mode })
  chmodSync(beside, mode)
  renameSync(beside, path)
}
