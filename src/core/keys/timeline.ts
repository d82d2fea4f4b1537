// When a signing key is published, when it signs and when it is withdrawn. Those who check signatures remember our keys for a
// while, so a key is shown before it signs, and long after. Pure: docs/decisions/0010-signing-keys.md has the picture.
import type { SigningKeyId } from '../../base/ids.ts'
import type { KeyPurpose, SigningKey } from '../ports.ts'

/** A key stays published for so long after it stopped signing: longer than anything that it signed is accepted. */
export const overlapSeconds = 24 * 60 * 60

/** From being published to signing: longer than keys are remembered. SAML service providers read metadata rarely. */
export const leadSeconds = { oidc: 60 * 60, saml: 7 * 24 * 60 * 60 } satisfies Record<KeyPurpose, number>

type Timed = Pick<SigningKey, 'id' | 'algorithm' | 'createdAt' | 'activeFrom' | 'retiredAt'>

/** The same order in every process, also where two begin at the same instant. */
const newestFirst = (a: Timed, b: Timed): number =>
  b.activeFrom.getTime() - a.activeFrom.getTime() || (a.id < b.id ? -1 : 1)

export const publishedAt = <K extends Timed>(keys: readonly K[], at: Date): readonly K[] =>
  keys.filter(({ retiredAt }) => retiredAt === null || retiredAt > at).toSorted(newestFirst)

/** The key that signs: of those that have begun the newest, and where none has (a clock is behind) the one that begins first. */
export function signingAt<K extends Timed>(
  keys: readonly K[],
  algorithm: SigningKey['algorithm'],
  at: Date,
): K | null {
  const own = publishedAt(keys, at).filter((key) => key.algorithm === algorithm)
  return own.find(({ activeFrom }) => activeFrom <= at) ?? own.at(-1) ?? null
}

export type KeyState = 'next' | 'signing' | 'retiring'

export function stateOf(keys: readonly Timed[], key: Timed, at: Date): KeyState {
  if (signingAt(keys, key.algorithm, at)?.id === key.id) return 'signing'
  return key.activeFrom > at ? 'next' : 'retiring'
}

/** May it have signed anything? One that was to sign as soon as it was made may have, whatever this process's clock says. */
const mayHaveSigned = ({ createdAt, activeFrom }: Timed, at: Date): boolean =>
  activeFrom <= at || activeFrom <= createdAt

/** When a new key begins to sign: after its lead, and in any case after those that sign already. */
export function beginningOf(keys: readonly Timed[], leadSeconds: number, at: Date): Date {
  const before = keys
    .filter((key) => mayHaveSigned(key, at))
    .map(({ activeFrom }) => activeFrom.getTime() + 1)
  return new Date(Math.max(at.getTime() + leadSeconds * 1000, ...before))
}

/**
 * When the other keys of the same algorithm are withdrawn once `made` is added: each a while after its successor began. One that
 * would begin only after `made` has signed nothing and never will: it goes at once.
 */
export function withdrawals(
  keys: readonly Timed[],
  made: Timed,
  at: Date,
): readonly { readonly id: SigningKeyId; readonly at: Date }[] {
  const others = publishedAt(keys, at).filter((key) => key.algorithm === made.algorithm)
  const overtaken = others.filter((key) => !mayHaveSigned(key, at) && key.activeFrom >= made.activeFrom)
  const chain = [made, ...others.filter((key) => !overtaken.includes(key))]
  const followed = chain.slice(1).map((key, position) => {
    const successor = chain[position] ?? made
    return { key, at: new Date(successor.activeFrom.getTime() + overlapSeconds * 1000) }
  })
  return [...overtaken.map((key) => ({ key, at })), ...followed]
    .filter((one) => one.key.retiredAt?.getTime() !== one.at.getTime())
    .map((one) => ({ id: one.key.id, at: one.at }))
}
