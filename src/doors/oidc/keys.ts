// The issuer's keys as oidc-provider takes them: private JWKs, of each algorithm first the one that signs now.
import type { JWK } from 'oidc-provider'
import type { KeyOwner } from '../../core/keys/signing-keys.ts'
import type { SigningKey } from '../../core/ports.ts'
import type { OidcServices } from './services.ts'

export interface IssuerKeys {
  readonly jwks: { readonly keys: JWK[] }
  /** When another key signs, or one is withdrawn; null where nothing is planned. */
  readonly changesAt: Date | null
}

export async function issuerKeys(
  keys: OidcServices['keys'],
  owner: KeyOwner,
  now: Date,
): Promise<IssuerKeys> {
  const published = await keys.published(owner, 'oidc', now)
  const instants = published
    .flatMap(({ activeFrom, retiredAt }) => [activeFrom, ...(retiredAt === null ? [] : [retiredAt])])
    .map((at) => at.getTime())
    .filter((ms) => ms > now.getTime())
  const jwks = await Promise.all(
    inOrder(published, now).map(async ({ id, algorithm }) => {
      const key = await keys.privateKey(owner.id, id)
      return { ...key.export({ format: 'jwk' }), kid: id, alg: algorithm, use: 'sig' } as JWK
    }),
  )
  return { jwks: { keys: jwks }, changesAt: instants.length === 0 ? null : new Date(Math.min(...instants)) }
}

/** What signs already goes first, the newest of it before the others; what does not sign yet is published behind. */
function inOrder(published: readonly SigningKey[], now: Date): readonly SigningKey[] {
  const rank = ({ activeFrom }: SigningKey): number =>
    activeFrom <= now ? -activeFrom.getTime() : activeFrom.getTime()
  return published.toSorted((a, b) => rank(a) - rank(b))
}
