// Time-based one-time codes (RFC 6238): six digits, 30 seconds, SHA-1, one step of tolerance either way.
// Says which step a code belongs to; that no step counts twice is seen to where steps are recorded.
import { generateSecret, generateURI, verifySync } from 'otplib'
import { Secret } from '../../base/secrets.ts'

const stepSeconds = 30

/** Base32 of at least 128 bits (RFC 4226 §4 R6), as an enrolment may bring. */
export function isTotpSeed(text: string): boolean {
  return /^[A-Z2-7]{26,128}$/.test(text.replace(/[\s=-]/g, '').toUpperCase())
}

export function normalizeSeed(text: string): Secret {
  return new Secret(text.replace(/[\s=-]/g, '').toUpperCase())
}

/** 160 random bits, base32. */
export function newTotpSeed(): Secret {
  return new Secret(generateSecret({ length: 20 }))
}

/** What an authenticator application scans. Holds the seed. */
export function totpUri(seed: Secret, issuer: string, account: string): Secret {
  return new Secret(generateURI({ issuer, label: account, secret: seed.reveal() }))
}

/** The time step that this code belongs to, or null where it fits none of the three around `at`. */
export function stepOfCode(seed: Secret, code: string, at: Date): number | null {
  if (!/^\d{6}$/.test(code)) return null
  const epoch = Math.floor(at.getTime() / 1000)
  const result = verifySync({
    secret: seed.reveal(),
    token: code,
    epoch,
    epochTolerance: stepSeconds,
    period: stepSeconds,
    digits: 6,
  })
  return result.valid && 'timeStep' in result ? result.timeStep : null
}
