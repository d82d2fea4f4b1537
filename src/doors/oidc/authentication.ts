// What an ID token says of how somebody signed in, worked out from the proofs that count: true then, and told unchanged ever after.
import type { Proof } from '../../core/access/request.ts'
import { strengthOf } from '../../core/access/strength.ts'
import { methodOfFactor, oneFactor, refedsMfa, twoFactors } from './terms.ts'

export interface Authentication {
  readonly acr: string
  readonly amr: readonly string[]
  /** Seconds; of the oldest proof that counts. */
  readonly authTime: number
}

/** @param wanted the levels that were asked for, in order of preference */
export function authenticationOf(proof: readonly Proof[], wanted: readonly string[]): Authentication {
  const { kinds, isTwoFactors, since } = strengthOf(proof)
  const achieved = isTwoFactors ? [twoFactors, refedsMfa, oneFactor] : [oneFactor]
  const methods = [...new Set([...kinds].map((kind) => methodOfFactor[kind]))]
  return {
    acr: wanted.find((level) => achieved.includes(level)) ?? (achieved[0] as string),
    amr: isTwoFactors ? [...methods, 'mfa'] : methods,
    authTime: Math.floor(since.getTime() / 1000),
  }
}
