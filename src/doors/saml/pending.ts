// What this door parks between two requests of a browser. Each is taken once, and by the browser that began it; what came in a form
// of another site, without cookies, belongs to nobody yet and to whoever comes with it within a minute.
import { timingSafeEqual } from 'node:crypto'
import { type ConversationId, isId, newId, type ResourceId } from '../../base/ids.ts'
import type { Wanted } from '../../core/access/request.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { WantedContext } from './context.ts'
import type { Chain, LogoutWish } from './logout-chain.ts'
import type { SamlServices } from './services.ts'
import type { Format } from './subject.ts'

/** A sign-in that a service provider, or the portal, has asked for, found to be in order. Made of JSON. */
export interface SignInWish {
  readonly what: 'sign-in'
  readonly entityId: string
  readonly resource: ResourceId
  /** Where the answer goes. */
  readonly acs: string
  /** Null: nobody has asked, the answer is the beginning. */
  readonly inResponseTo: string | null
  readonly relayState: string | null
  readonly format: Format
  /** The person that is meant, where the request names one. */
  readonly subject: { readonly value: string; readonly format: string | null } | null
  readonly context: WantedContext | null
  readonly secondFactor: Wanted['secondFactor']
  /** Milliseconds; proofs that are older do not count. */
  readonly freshSince: number | null
  readonly isPassive: boolean
}

export type Pending = SignInWish | LogoutWish | Chain

/** Of what waits for somebody to sign in, or for a service provider to answer. */
const waitSeconds = 600
const unboundSeconds = 60
const nobody = ''

/** @param browser the only one that may go on with it; null: whoever comes first. Throws Fault. */
export async function park(
  pending: Pending,
  organization: Pick<Organization, 'id'>,
  browser: string | null,
  { conversations }: Pick<SamlServices, 'conversations'>,
): Promise<ConversationId> {
  const id = newId<ConversationId>()
  const conversation = {
    kind: 'request',
    organization: organization.id,
    browser: browser ?? nobody,
    door: 'saml',
    data: pending,
  } as const
  await conversations.park(id, conversation, browser === null ? unboundSeconds : waitSeconds)
  return id
}

export interface Taken {
  readonly pending: Pending
  /** Whose it is. */
  readonly browser: string
}

/**
 * Null where there is none that this browser may go on with. What it may not have, stays for whom it is. Throws Fault.
 * @param browser null where it is not known: then whoever knows the id may
 */
export async function take(
  id: string,
  { id: organization }: Pick<Organization, 'id'>,
  browser: string | null,
  { conversations }: Pick<SamlServices, 'conversations'>,
  isRight: (pending: Pending) => boolean,
): Promise<Taken | null> {
  if (!isId(id)) return null
  const found = await conversations.find(id as ConversationId)
  if (found?.kind !== 'request' || found.door !== 'saml' || found.organization !== organization) return null
  const isTheirs = browser === null || found.browser === nobody || isSame(found.browser, browser)
  if (!isTheirs || !isRight(found.data as Pending)) return null
  const taken = await conversations.take(id as ConversationId)
  // Somebody else may have been faster.
  return taken?.kind === 'request' ? { pending: taken.data as Pending, browser: taken.browser } : null
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
