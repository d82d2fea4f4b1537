// A service provider for tests: keys, messages as text, and signatures made by xml-crypto and node:crypto, so that
// nothing in here is of the codec that it tests.
import { createSign, webcrypto } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import { SignedXml } from 'xml-crypto'

export interface KeyPair {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS #8. */
  readonly key: string
}

/** A self-signed certificate and its key. */
export async function createKeyPair(
  commonName: string,
  kind: 'rsa' | 'ec' | 'rsa-1024' = 'rsa',
): Promise<KeyPair> {
  await import('reflect-metadata')
  const { X509CertificateGenerator } = await import('@peculiar/x509')
  const algorithm =
    kind === 'ec'
      ? { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
      : {
          name: 'RSASSA-PKCS1-v1_5',
          hash: 'SHA-256',
          publicExponent: new Uint8Array([1, 0, 1]),
          modulusLength: kind === 'rsa' ? 2048 : 1024,
        }
  const keys = (await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as CryptoKeyPair
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: `CN=${commonName}`,
    notBefore: new Date('2020-01-01T00:00:00Z'),
    notAfter: new Date('2021-01-01T00:00:00Z'),
    keys,
    signingAlgorithm: algorithm,
  })
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64')
  const key = `-----BEGIN PRIVATE KEY-----\n${pkcs8.replace(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`
  return { certificate: certificate.toString('pem'), key }
}

const namespaces =
  'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
const common = 'Version="2.0" IssueInstant="2026-11-25T12:00:00Z"'
const issuer = '<saml:Issuer>https://sp.example/metadata</saml:Issuer>'

/** Messages of every kind, without a signature; `inner` follows the Issuer. */
export const unsigned = {
  AuthnRequest: (inner = '', attributes = '') =>
    `<samlp:AuthnRequest ${namespaces} ID="_request" ${common}${attributes}>${issuer}${inner}</samlp:AuthnRequest>`,
  LogoutRequest: (inner = '<saml:NameID>alice</saml:NameID>', attributes = '') =>
    `<samlp:LogoutRequest ${namespaces} ID="_request" ${common}${attributes}>${issuer}${inner}</samlp:LogoutRequest>`,
  LogoutResponse: (
    inner = '<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:Success"/></samlp:Status>',
    attributes = '',
  ) =>
    `<samlp:LogoutResponse ${namespaces} ID="_request" ${common}${attributes}>${issuer}${inner}</samlp:LogoutResponse>`,
} as const

export interface Signing {
  readonly signatureAlgorithm?: string
  readonly digestAlgorithm?: string
  readonly canonicalization?: string
  readonly transforms?: readonly string[]
  /** XPath of what is signed; the root by default. */
  readonly of?: string
  readonly reference?: string
  readonly action?: 'after' | 'append' | 'prepend' | 'before'
  readonly inclusive?: readonly string[]
  readonly emptyUri?: boolean
  readonly certificate?: string
}

const exclusive = 'http://www.w3.org/2001/10/xml-exc-c14n#'
const enveloped = 'http://www.w3.org/2000/09/xmldsig#enveloped-signature'

/** The message with an enveloped signature, right after its Issuer unless told otherwise. */
export function signXml(xml: string, privateKey: string, signing: Signing = {}): string {
  const signer = new SignedXml({
    privateKey,
    ...(signing.certificate === undefined ? {} : { publicCert: signing.certificate }),
    canonicalizationAlgorithm: signing.canonicalization ?? exclusive,
    signatureAlgorithm: signing.signatureAlgorithm ?? 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
  })
  signer.addReference({
    xpath: signing.of ?? '/*',
    digestAlgorithm: signing.digestAlgorithm ?? 'http://www.w3.org/2001/04/xmlenc#sha256',
    transforms: [...(signing.transforms ?? [enveloped, exclusive])],
    inclusiveNamespacesPrefixList: [...(signing.inclusive ?? [])],
    isEmptyUri: signing.emptyUri ?? false,
  })
  signer.computeSignature(xml, {
    prefix: 'ds',
    location: {
      reference: signing.reference ?? "/*/*[local-name(.)='Issuer']",
      action: signing.action ?? 'after',
    },
  })
  return signer.getSignedXml()
}

export const base64 = (xml: string): string => Buffer.from(xml).toString('base64')
export const deflated = (xml: string): string => deflateRawSync(xml).toString('base64')

/** The pieces of a redirect's query in the order in which they are signed, and the signature last. */
export function redirectQuery(
  xml: string,
  privateKey: string | null,
  {
    parameter = 'SAMLRequest',
    relayState = undefined as string | undefined,
    sigAlg = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
    hash = 'sha256',
    dsaEncoding = 'der' as 'der' | 'ieee-p1363',
  } = {},
): string[] {
  const parts = [`${parameter}=${encodeURIComponent(deflated(xml))}`]
  if (relayState !== undefined) parts.push(`RelayState=${encodeURIComponent(relayState)}`)
  if (privateKey === null) return parts
  parts.push(`SigAlg=${encodeURIComponent(sigAlg)}`)
  const signature = createSign(hash).update(parts.join('&')).sign({ key: privateKey, dsaEncoding }, 'base64')
  return [...parts, `Signature=${encodeURIComponent(signature)}`]
}
