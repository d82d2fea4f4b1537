// What an ID token says of how somebody signed in, worked out from the proofs that count: true then, and told unchanged ever after.
import { isMet, secondFactors } from '../../core/access/demands.ts'
import type { Proof } from '../../core/access/request.ts'
import { methodOfFactor, oneFactor, refedsMfa, twoFactors } from './terms.ts'

export interface Authentication {
  readonly acr: string
  readonly amr: readonly string[]
  /** Seconds; of the oldest proof that counts. */
  readonly authTime: number
}

/** @param wanted the levels that were asked for, in order of preference */
export function authenticationOf(proof: readonly Proof[], wanted: readonly string[]): Authentication {
  const kinds = new Set(proof.map(({ kind }) => kind))
  const isTwo = isMet({ anyOf: secondFactors }, kinds)
  const achieved = isTwo ? [twoFactors, refedsMfa, oneFactor] : [oneFactor]
  const methods = [...new Set([...kinds].map((kind) => methodOfFactor[kind]))]
  const oldest = Math.min(...proof.map(({ at }) => at.getTime()))
  return {
    acr: wanted.find((level) => achieved.includes(level)) ?? (achieved[0] as string),
    amr: isTwo ? [...methods, 'mfa'] : methods,
    authTime: Math.floor(oldest / 1000),
  }
}
