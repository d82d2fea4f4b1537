// Names under which an application is told something of a user, and those that nobody may give: they say who somebody is
// and what was proven, and come from the decision alone.
import { inside } from './problem.ts'
import type { Spec } from './spec.ts'
import { map } from './values.ts'

/** Checklist A11: whoever may write a binding or an application must not be able to forge these. */
export const reservedClaims: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'nbf', 'jti', 'sid', 'events'],
  ...[
    'auth_time',
    'nonce',
    'acr',
    'amr',
    'azp',
    'at_hash',
    'c_hash',
    's_hash',
    'client_id',
    'scope',
    'cnf',
    'act',
  ],
  'groups',
])

const claimName = /^[A-Za-z][A-Za-z0-9_:./-]{0,127}$/

/** A map from names of claims, or of SAML attributes (such as `urn:oid:2.5.4.42`). */
export function claims<T>(item: Spec<T>): Spec<Readonly<Record<string, T>>> {
  const plain = map(item, (name) => claimName.test(name))
  return {
    ...plain,
    read(value, field, problems) {
      const read = plain.read(value, field, problems)
      const reserved = Object.keys(read ?? {}).filter((name) => reservedClaims.has(name))
      for (const name of reserved) {
        problems.add(inside(field, name), 'reserved', `"${name}" is set by Muster alone: choose another name`)
      }
      return reserved.length === 0 ? read : undefined
    },
  }
}
