// How strongly, and since when, somebody has proven who they are: what doors tell applications, each in its own words.
import type { FactorKind } from '../directory/types.ts'
import { isMet, secondFactors } from './demands.ts'
import type { Proof } from './request.ts'

export interface Strength {
  readonly kinds: ReadonlySet<FactorKind>
  /** What an application that wants two factors would have accepted. */
  readonly isTwoFactors: boolean
  /** Of the oldest proof that counts: nothing fresher is claimed. */
  readonly since: Date
}

/** `proof`: that of a permit, never empty. */
export function strengthOf(proof: readonly Proof[]): Strength {
  const kinds = new Set(proof.map(({ kind }) => kind))
  return {
    kinds,
    isTwoFactors: provesTwo(kinds),
    since: new Date(Math.min(...proof.map(({ at }) => at.getTime()))),
  }
}

export const provesTwo = (kinds: ReadonlySet<FactorKind>): boolean => isMet({ anyOf: secondFactors }, kinds)
