// Authentication contexts: what a service provider asks for, as a demand of the decision, and what is said afterwards, which is never
// more than what was proven (Core §3.3.2.2.1).
import type { Proof, Wanted } from '../../core/access/request.ts'
import { provesTwo as isTwo } from '../../core/access/strength.ts'
import type { FactorKind } from '../../core/directory/types.ts'
import type { Comparison, RequestedAuthnContext } from '../../wire/saml/messages.ts'
import { contextClasses } from '../../wire/saml/vocabulary.ts'

type Kinds = ReadonlySet<FactorKind>

interface ContextClass {
  readonly factors: 1 | 2
  /** Is it true of somebody who has proven these? */
  readonly holds: (kinds: Kinds) => boolean
}

const mobileTwoFactor = 'urn:oasis:names:tc:SAML:2.0:ac:classes:MobileTwoFactorContract'
const tlsClient = 'urn:oasis:names:tc:SAML:2.0:ac:classes:TLSClient'

const hasPassword = (kinds: Kinds): boolean => kinds.has('password')

/** Those that can be asked for. */
const classes: Readonly<Record<string, ContextClass>> = {
  [contextClasses.unspecified]: { factors: 1, holds: () => true },
  [contextClasses.password]: { factors: 1, holds: hasPassword },
  [contextClasses.passwordProtectedTransport]: { factors: 1, holds: hasPassword },
  [contextClasses.refedsMfa]: { factors: 2, holds: isTwo },
  [contextClasses.microsoftMfa]: { factors: 2, holds: isTwo },
  [contextClasses.timeSyncToken]: { factors: 2, holds: (kinds) => kinds.has('totp') },
  [mobileTwoFactor]: {
    factors: 2,
    holds: (kinds) => isTwo(kinds) && (kinds.has('totp') || kinds.has('push')),
  },
}

/** What was asked for, as far as it is known here; made of JSON. */
export interface WantedContext {
  readonly comparison: Comparison
  /** In the order of preference; at least one. */
  readonly classes: readonly string[]
}

/** Null where nothing can satisfy it (NoAuthnContext). */
export function readContext(requested: RequestedAuthnContext): WantedContext | null {
  const { comparison, classRefs } = requested
  const known = [...new Set(classRefs)].filter((each) => Object.hasOwn(classes, each))
  if (known.length === 0) return null
  // Nothing is better than two factors, and an unknown class could be anything.
  const isOutOfReach = known.length < new Set(classRefs).size || known.some((each) => factorsOf(each) === 2)
  return comparison === 'better' && isOutOfReach ? null : { comparison, classes: known }
}

/** What is demanded of the person because of it. */
export function secondFactorFor(wanted: WantedContext | null): Wanted['secondFactor'] {
  if (wanted === null || wanted.comparison === 'maximum') return null
  if (wanted.comparison === 'better') return 'demanded'
  const [preferred, ...others] = wanted.classes.map(factorsOf)
  if (preferred !== 2) return null
  return others.includes(1) ? 'where-enrolled' : 'demanded'
}

/** The class to state for these proofs; null where none of what was asked for is true. */
export function contextOf(proof: readonly Proof[], wanted: WantedContext | null): string | null {
  const kinds: Kinds = new Set(proof.map(({ kind }) => kind))
  const own = ownClass(kinds)
  if (wanted === null) return own
  const echoed = wanted.classes.find((each) => classes[each]?.holds(kinds)) ?? null
  const reached = isTwo(kinds) ? 2 : 1
  const asked = wanted.classes.map(factorsOf)
  switch (wanted.comparison) {
    case 'exact':
      return echoed
    case 'minimum':
      return echoed ?? (asked.some((each) => reached >= each) ? own : null)
    case 'better':
      return asked.every((each) => reached > each) ? own : null
    case 'maximum':
      return echoed ?? (asked.some((each) => reached <= each) ? own : null)
    default:
      return wanted.comparison satisfies never
  }
}

/** Where nothing was asked for. A passkey is something held and something known in one. */
function ownClass(kinds: Kinds): string {
  if (isTwo(kinds)) return contextClasses.refedsMfa
  if (kinds.has('certificate')) return tlsClient
  return hasPassword(kinds) ? contextClasses.passwordProtectedTransport : contextClasses.unspecified
}

const factorsOf = (name: string): 1 | 2 => classes[name]?.factors ?? 1
