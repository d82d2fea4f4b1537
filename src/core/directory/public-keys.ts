// Public keys that others give us, to check their signatures or to encrypt for them: JSON Web Keys and certificates. What is
// too weak, too dear to compute with, or not public, is refused when it comes in.
import { createPublicKey, type JsonWebKey, type KeyObject, X509Certificate } from 'node:crypto'
import { inside } from './problem.ts'
import { describe, isPlainObject, own, type Spec } from './spec.ts'
import { text } from './values.ts'

export type PublicJwk = Readonly<Record<string, unknown>>

/** RFC 7518 §6: what only the owner has. */
const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']
/** What is kept; other members are to be ignored (RFC 7517 §4). */
const keptMembers = ['kty', 'kid', 'use', 'alg', 'n', 'e', 'crv', 'x', 'y']
const algorithms = /^(?:RS|PS|ES)(?:256|384|512)$|^EdDSA$|^Ed25519$/
const curves = ['prime256v1', 'secp384r1', 'secp521r1']

/** Why a key is not good for what it is to do, or null. */
function weakness(key: KeyObject, types: readonly ('rsa' | 'ec' | 'ed25519')[]): string | null {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key
  if (!types.some((each) => each === type))
    return `expected a key of type ${types.join(' or ').toUpperCase()}`
  if (type === 'ec' && !curves.includes(details.namedCurve ?? '')) return 'expected P-256, P-384 or P-521'
  if (type !== 'rsa') return null
  const { modulusLength = 0, publicExponent = 0n } = details
  if (modulusLength < 2048 || modulusLength > 8192) return 'expected an RSA key of 2048 to 8192 bits'
  const isUsual = publicExponent >= 3n && publicExponent <= 0xffff_ffffn && publicExponent % 2n === 1n
  return isUsual ? null : 'the public exponent of this RSA key is none that is in use, such as 65537'
}

/** A public key for signatures, as JWK. */
export const publicJwk: Spec<PublicJwk> = {
  schema: {
    type: 'object',
    description: 'A public JSON Web Key (RFC 7517): RSA, EC or Ed25519',
    properties: { kty: { type: 'string', enum: ['RSA', 'EC', 'OKP'] } },
    required: ['kty'],
  },
  absent: 'required',
  read(value, field, problems) {
    if (!isPlainObject(value)) {
      return problems.add(field, 'wrong-type', `a JSON Web Key is expected here, not ${describe(value)}`)
    }
    const secret = privateMembers.find((name) => own(value, name) !== undefined)
    if (secret !== undefined) {
      const message =
        'this is a private key, which must not leave its owner: send the public one, and make a new pair'
      return problems.add(inside(field, secret), 'private-key', message)
    }
    const jwk: Record<string, unknown> = {}
    for (const name of keptMembers) {
      const member = own(value, name)
      if (member === undefined) continue
      const read = text({ most: 2048 }).read(member, inside(field, name), problems)
      if (read === undefined) return undefined
      jwk[name] = read
    }
    if (jwk.use !== undefined && jwk.use !== 'sig') {
      return problems.add(inside(field, 'use'), 'unknown-value', 'expected a key for signatures', ['sig'])
    }
    if (jwk.alg !== undefined && !algorithms.test(jwk.alg as string)) {
      return problems.add(
        inside(field, 'alg'),
        'unknown-value',
        'expected an algorithm such as RS256 or ES256',
      )
    }
    const key = attempt(() => createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' }))
    const fault = key === null ? 'this is no public JSON Web Key' : weakness(key, ['rsa', 'ec', 'ed25519'])
    return fault === null ? jwk : problems.add(field, 'bad-key', fault)
  },
}

const armour = /^-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----$/

/**
 * A certificate in PEM, or its base64 as metadata has it. Only its key is used: who issued it and until when it is valid means
 * nothing in SAML metadata, where the certificate is trusted because it stands there.
 */
export function certificate(types: readonly ('rsa' | 'ec')[]): Spec<string> {
  return {
    schema: { type: 'string', minLength: 1, maxLength: 16_384, description: 'A certificate in PEM' },
    absent: 'required',
    read(value, field, problems) {
      const read = text({ most: 16_384, lines: true }).read(value, field, problems)
      if (read === undefined) return undefined
      const base64 = (armour.exec(read.trim())?.[1] ?? read).replace(/\s+/g, '')
      const parsed = /^[A-Za-z0-9+/]+={0,2}$/.test(base64)
        ? attempt(() => new X509Certificate(Buffer.from(base64, 'base64')))
        : null
      const key = parsed && attempt(() => parsed.publicKey)
      if (!parsed || !key) {
        return problems.add(
          field,
          'bad-certificate',
          'expected one X.509 certificate in PEM, and nothing else',
        )
      }
      const fault = weakness(key, types)
      return fault === null ? parsed.toString() : problems.add(field, 'bad-key', fault)
    },
  }
}

function attempt<T>(work: () => T): T | null {
  try {
    return work()
  } catch {
    return null
  }
}
