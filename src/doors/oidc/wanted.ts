// What an authorization request wants of the sign-in: a level, freshness, a certain person.
import { errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { Wanted } from '../../core/access/request.ts'
import { isCompact } from './compact.ts'
import { oneFactor, refedsMfa, twoFactors } from './terms.ts'

export interface Wish {
  readonly secondFactor: Wanted['secondFactor']
  /** Proofs that are older do not count, seen from this moment on. */
  readonly freshSince: Date | null
  /** In order of preference. */
  readonly levels: readonly string[]
  /** Must one of the levels be reached? */
  readonly isEssential: boolean
  /** The person that is meant, where the request names one. */
  readonly subject: string | null
  /** Has the person to be asked, whoever is signed in? */
  readonly asksAgain: boolean
}

const mostLevels = 20

/** `now`: the instant at which the request first came. Throws InvalidRequest. */
export function wishOf({ oidc }: KoaContextWithOIDC, now: Date): Wish {
  const { levels, isEssential } = levelsOf(oidc)
  const hint = oidc.params?.id_token_hint
  if (hint !== undefined && !isCompact(hint)) throw new errors.InvalidRequest('id_token_hint is not a token')
  const asksAgain = oidc.prompts.has('login') || oidc.prompts.has('select_account')
  const maxAge = oidc.params?.max_age === undefined ? null : Number(oidc.params.max_age)
  const since = asksAgain ? now.getTime() : maxAge === null ? null : now.getTime() - maxAge * 1000
  return {
    secondFactor: secondFactorOf(levels),
    freshSince: since === null ? null : new Date(Math.max(since, 0)),
    levels,
    isEssential,
    subject: subjectOf(oidc),
    asksAgain,
  }
}

/**
 * `acr_values` are voluntary in the letter (OIDC Core §3.1.2.1), and are meant by everybody who sends them: they are demanded. Where
 * one factor would do as well, two are asked of those who have them.
 */
function secondFactorOf(levels: readonly string[]): Wanted['secondFactor'] {
  const known = levels.filter((level) => [oneFactor, twoFactors, refedsMfa].includes(level))
  if (known.length === 0 || known[0] === oneFactor) return null
  return known.includes(oneFactor) ? 'where-enrolled' : 'demanded'
}

function levelsOf({ params, claims }: KoaContextWithOIDC['oidc']): Pick<Wish, 'levels' | 'isEssential'> {
  // The library lets acr_values take the place of the claim; an essential claim must not be lost that way.
  const own = parsed(params?.claims)?.id_token?.acr
  const request = (own?.essential === true ? own : claims.id_token?.acr) ?? own
  if (request === null || request === undefined) return { levels: [], isEssential: false }
  const values: unknown = request.values ?? (request.value === undefined ? [] : [request.value])
  if (!isListOfTexts(values)) throw new errors.InvalidRequest('the values of the claim acr must be texts')
  return { levels: values, isEssential: request.essential === true && values.length > 0 }
}

function subjectOf({ entities, claims }: KoaContextWithOIDC['oidc']): string | null {
  const { value } = claims.id_token?.sub ?? {}
  const hinted = entities.IdTokenHint?.payload.sub
  if (value !== undefined) return String(value)
  return typeof hinted === 'string' ? hinted : null
}

interface ClaimsRequest {
  readonly id_token?: {
    readonly acr?: {
      readonly essential?: unknown
      readonly value?: unknown
      readonly values?: unknown
    } | null
  }
}

/** The library has read it already, so that it can be read. */
const parsed = (claims: unknown): ClaimsRequest | null =>
  typeof claims === 'string' ? (JSON.parse(claims) as ClaimsRequest) : null

const isListOfTexts = (value: unknown): value is readonly string[] =>
  Array.isArray(value) && value.length <= mostLevels && value.every((one) => typeof one === 'string')
