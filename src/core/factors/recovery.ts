// Recovery codes: what a person keeps on paper for the day the authenticator is lost. Each is good once and has 80 random
// bits, so that a plain digest of it is as hard to reverse as guessing it.
import { createHash, randomBytes } from 'node:crypto'
import { Secret } from '../../base/secrets.ts'

/** How many there are of a set. */
export const recoveryCodeCount = 10
const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
/** 16 characters of five bits each. */
const characters = 16

/** The one spelling of a typed code, or null where it is none. Case, spaces and hyphens mean nothing. */
export function normalizeRecoveryCode(text: string): Secret | null {
  if (text.length > 64) return null
  const plain = text.replace(/[\s-]/g, '').toUpperCase()
  return /^[A-Z2-7]{16}$/.test(plain) ? new Secret(plain) : null
}

/** A new set, as people are shown it: `ABCD-EFGH-IJKL-MNOP`. */
export function newRecoveryCodes(): readonly Secret[] {
  return Array.from({ length: recoveryCodeCount }, () => {
    // 256 is a multiple of 32: every character is equally likely.
    const plain = Array.from(randomBytes(characters), (byte) => alphabet[byte & 31]).join('')
    return new Secret(plain.replace(/(.{4})(?!$)/g, '$1-'))
  })
}

export function recoveryCodeDigest(code: Secret): Buffer {
  const plain = normalizeRecoveryCode(code.reveal())
  if (plain === null) throw new TypeError('not a recovery code')
  return createHash('sha256').update(plain.reveal()).digest()
}
