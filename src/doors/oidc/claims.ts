// What an application is told of a user. The standard claims go by scope; what the application's release list and the bindings add
// comes with `profile`. The group claim is a list, whatever the number.
import type Provider from 'oidc-provider'
import type { Permit } from '../../core/access/decision.ts'
import type { AttributeValue, User } from '../../core/directory/types.ts'
import { reservedClaims } from './terms.ts'

/** Claims by names that the library does not know: they travel beside the others, and are let through where `profile` is. */
const released = Symbol('released')

type Claims = Readonly<Record<string, unknown>> & {
  readonly sub: string
  readonly [released]?: Readonly<Record<string, AttributeValue>>
}

/** All that there is; the library takes what was asked for. */
export function claimsOf({ principal, boundGroups, released: extra }: Permit, scope: string): Claims {
  if (principal.kind !== 'user') throw new TypeError('only people have claims')
  const own = Object.entries(extra).filter(([name]) => !reservedClaims.has(name))
  return {
    ...standardClaims(principal.user),
    groups: [...new Set(boundGroups.map(({ name }) => name))],
    ...(scope.split(' ').includes('profile') && { [released]: Object.fromEntries(own) }),
  }
}

/** OIDC Core §5.1. What the user does not have is left out. */
function standardClaims(user: User): Readonly<Record<string, unknown>> & { readonly sub: string } {
  const { displayName, givenName, familyName, email } = user
  const composed = [givenName, familyName].filter((part) => part !== null).join(' ')
  const claims = {
    // Never reused: ids are random, and a user who is made anew gets a new one.
    sub: user.id,
    name: displayName ?? (composed === '' ? user.username : composed),
    given_name: givenName,
    family_name: familyName,
    preferred_username: user.username,
    updated_at: Math.floor(user.updatedAt.getTime() / 1000),
    email,
    // Nobody here has proven that the address is theirs.
    email_verified: email === null ? null : false,
  }
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== null)) as typeof claims
}

/**
 * The library passes on only claims whose names its configuration lists; which names organizations give to theirs changes daily.
 * One place makes the claims of both ID token and userinfo, and here it is extended.
 */
export function letReleasedThrough(provider: Provider): void {
  const { prototype } = provider.Claims
  const { result } = prototype
  prototype.result = async function withReleased(this: { available: Claims }) {
    const claims = await result.call(this as never)
    return { ...claims, ...this.available[released] }
  }
}
