// The keys of an organization as its doors use them: made when they are first needed, remembered until the change feed tells
// that they changed, and rotated without a signature that somebody cannot check.
import { createPrivateKey, type KeyObject } from 'node:crypto'
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, SigningKeyId } from '../../base/ids.ts'
import { Fault, ok, type Result } from '../../base/result.ts'
import { Problems } from '../directory/problem.ts'
import { optional, otherwise, readObject, type Shape } from '../directory/spec.ts'
import type { Organization } from '../directory/types.ts'
import { boolean, choice, integer } from '../directory/values.ts'
import { type By, changeBody, invalid, type Refusal, refusalOf, refuse } from '../directory/writing.ts'
import type { ChangeFeed, KeyPurpose, SigningKey, SigningKeys } from '../ports.ts'
import { algorithmsOf, makeKey } from './make.ts'
import {
  beginningOf,
  type KeyState,
  leadSeconds,
  publishedAt,
  signingAt,
  stateOf,
  withdrawals,
} from './timeline.ts'

export const keyPurposes = ['oidc', 'saml'] as const satisfies readonly KeyPurpose[]

export const rotateShape = {
  purpose: choice(keyPurposes),
  /** From now until the new key signs; it is published at once. */
  activateAfterSeconds: optional(integer(0, 90 * 24 * 60 * 60)),
  /** Others know a private key: the new one signs at once, and what the old ones signed is good for nothing from now on. */
  compromised: otherwise(boolean(), false),
} satisfies Shape

/** Whose keys they are: the name is for certificates. */
export type KeyOwner = Pick<Organization, 'id' | 'name'>

export interface Signer {
  readonly key: SigningKey
  readonly privateKey: KeyObject
}

export interface ListedKey extends SigningKey {
  readonly state: KeyState
}

export interface KeyRing {
  /** What signs now; keys are made where there are none. Throws Fault. */
  current(owner: KeyOwner, purpose: KeyPurpose, algorithm: SigningKey['algorithm'], at: Date): Promise<Signer>
  /** All that others may meet a signature of, the newest first; keys are made where there are none. Throws Fault. */
  published(owner: KeyOwner, purpose: KeyPurpose, at: Date): Promise<readonly SigningKey[]>
  privateKey(organization: OrganizationId, key: SigningKeyId): Promise<KeyObject>
  /** What there is, of all purposes; makes nothing. */
  list(organization: OrganizationId, at: Date): Promise<readonly ListedKey[]>
  /** `{ purpose, activateAfterSeconds?, compromised? }`: new keys of a purpose. Owners only. */
  rotate(by: By, body: unknown): Promise<Result<readonly ListedKey[], Refusal>>
}

interface Ports {
  readonly signingKeys: SigningKeys
  readonly feed: Pick<ChangeFeed, 'subscribe'>
  readonly clock: Clock
}

/** More are published only where somebody rotates again and again within a day. */
const mostPublished = 16
const mostRemembered = 10_000
const attempts = 3
const house = { actor: { kind: 'system', name: 'keys' } } as const

export function createKeyRing({ signingKeys, feed, clock }: Ports): KeyRing {
  const remembered = new Map<string, Promise<readonly SigningKey[]>>()
  const opened = new Map<SigningKeyId, Promise<KeyObject>>()
  feed.subscribe((changes) => {
    for (const { organization, kind, id } of changes) {
      if (kind !== 'signing-key' && kind !== 'organization') continue
      for (const purpose of keyPurposes) remembered.delete(`${organization} ${purpose}`)
      opened.delete(id as SigningKeyId)
    }
  })

  async function make(
    owner: KeyOwner,
    purpose: KeyPurpose,
    at: Date,
    by: Pick<By, 'actor'> = house,
  ): Promise<void> {
    const keys = await Promise.all(
      algorithmsOf[purpose].map((algorithm) => makeKey(purpose, algorithm, owner.name, at, at)),
    )
    const details = { purpose, keys: keys.map(({ id, algorithm }) => ({ id, algorithm })) }
    const audit = changeBody(by, at, 'signing-key.create', targetOf(owner), details)
    // `conflict`: another process was faster, and its keys are as good.
    await signingKeys.add(owner.id, keys, [], true, audit)
  }

  async function ensure(owner: KeyOwner, purpose: KeyPurpose, at: Date): Promise<readonly SigningKey[]> {
    const found = await signingKeys.list(owner.id, purpose, at)
    if (found.length > 0) return found
    await make(owner, purpose, at)
    return signingKeys.list(owner.id, purpose, at)
  }

  function recall(owner: KeyOwner, purpose: KeyPurpose, at: Date): Promise<readonly SigningKey[]> {
    return remember(remembered, `${owner.id} ${purpose}`, () => ensure(owner, purpose, at))
  }

  const privateKey = (organization: OrganizationId, id: SigningKeyId): Promise<KeyObject> =>
    remember(opened, id, async () => createPrivateKey((await signingKeys.open(organization, id)).reveal()))

  async function list(organization: OrganizationId, at: Date): Promise<readonly ListedKey[]> {
    const all = await Promise.all(keyPurposes.map((purpose) => signingKeys.list(organization, purpose, at)))
    return all.flatMap((keys) => keys.map((key) => ({ ...key, state: stateOf(keys, key, at) })))
  }

  async function rotateOnce(by: By, purpose: KeyPurpose, lead: number, compromised: boolean) {
    const { organization } = by
    const at = clock.now()
    const there = await signingKeys.list(organization.id, purpose, at)
    if (there.length === 0) {
      // Nothing that could be replaced: those that are made now are new.
      await make(organization, purpose, at, by)
      return null
    }
    if (there.length >= mostPublished) {
      const message = `${there.length} keys are published already: rotate again when the first of them are withdrawn`
      return refuse('conflict', '', message)
    }
    const activeFrom = beginningOf(there, lead, at)
    const keys = await Promise.all(
      algorithmsOf[purpose].map((algorithm) =>
        makeKey(purpose, algorithm, organization.name, at, activeFrom),
      ),
    )
    const retire = compromised
      ? there.map(({ id }) => ({ id, at }))
      : keys.flatMap((made) => withdrawals(there, made, at))
    const details = {
      ...{ purpose, compromised, activeFrom: activeFrom.toISOString() },
      made: keys.map(({ id, algorithm }) => ({ id, algorithm })),
      withdrawn: retire.map((one) => ({ id: one.id, at: one.at.toISOString() })),
    }
    const audit = changeBody(by, at, 'signing-key.rotate', targetOf(organization), details)
    return refusalOf(await signingKeys.add(organization.id, keys, retire, false, audit), 'signing key')
  }

  return {
    privateKey,
    list,

    async published(owner, purpose, at) {
      return publishedAt(await recall(owner, purpose, at), at)
    },

    async current(owner, purpose, algorithm, at) {
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const key = signingAt(await recall(owner, purpose, at), algorithm, at)
        if (key !== null) return { key, privateKey: await privateKey(owner.id, key.id) }
        // All that is remembered has been withdrawn meanwhile.
        remembered.delete(`${owner.id} ${purpose}`)
      }
      throw new Fault('internal', `the organization has no key for ${purpose} with ${algorithm}`)
    },

    async rotate(by, body) {
      if (by.role !== 'owner') return refuse('forbidden', '', 'only an owner may rotate signing keys')
      const problems = new Problems()
      const read = readObject(rotateShape, body, '', problems)
      if (!read) return invalid(problems.list)
      const { purpose, compromised } = read
      const { activateAfterSeconds = compromised ? 0 : leadSeconds[purpose] } = read
      if (compromised && activateAfterSeconds > 0) {
        const message = 'the old keys go at once, so the new ones must sign at once: leave this out'
        return invalid([{ field: 'activateAfterSeconds', code: 'out-of-range', message }])
      }
      const refusal = await rotateOnce(by, purpose, activateAfterSeconds, compromised)
      if (refusal) return refusal
      const keys = await list(by.organization.id, clock.now())
      return ok(keys.filter((key) => key.purpose === purpose))
    },
  }
}

const targetOf = ({ id, name }: KeyOwner) => ({ kind: 'organization', id, name })

/** What `load` gives, once for all who ask meanwhile and afterwards; failures are not remembered. */
function remember<K, V>(kept: Map<K, Promise<V>>, key: K, load: () => Promise<V>): Promise<V> {
  const known = kept.get(key)
  if (known !== undefined) return known
  if (kept.size >= mostRemembered) kept.clear()
  const loading = load().catch((error: unknown) => {
    if (kept.get(key) === loading) kept.delete(key)
    throw error
  })
  kept.set(key, loading)
  return loading
}
