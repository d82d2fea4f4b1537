// What a logout that goes from one service provider to the next still has to do (Profiles §4.4), as it is parked between two steps.
import type { ApplicationSession } from '../../core/ports.ts'
import { sessionIndexOf } from './response.ts'

/** A service provider where somebody is signed in. Made of JSON, as all of these are. */
export interface Participant {
  readonly entityId: string
  readonly nameId: string
  readonly nameIdFormat: string
  readonly sessionIndexes: readonly string[]
}

/** A service provider's request to end a session, found to be in order. */
export interface LogoutWish {
  readonly what: 'logout'
  readonly entityId: string
  readonly requestId: string
  readonly relayState: string | null
  readonly nameId: string
  readonly nameIdFormat: string | null
  readonly sessionIndexes: readonly string[]
}

export interface Chain {
  readonly what: 'chain'
  /** Whom to answer in the end; null: it began with us. */
  readonly initiator: Pick<LogoutWish, 'entityId' | 'requestId' | 'relayState'> | null
  /** Where the browser goes in the end, where it began with us and not in the portal. */
  readonly returnTo: string | null
  /** Who is to be told next. */
  readonly waiting: readonly Participant[]
  /** The entity ID of the one whose answer is waited for. */
  readonly asked: string | null
  /** Could somebody not be told? */
  readonly isPartial: boolean
}

/** A browser is not sent further than this. */
const mostParticipants = 30

export function chainOf(
  ended: readonly ApplicationSession[],
  initiator: Chain['initiator'],
  returnTo: string | null = null,
): Chain {
  const participants = new Map<string, Participant>()
  for (const { door, id, details } of ended) {
    const { entityId, nameId, nameIdFormat } = details as Readonly<Record<string, string>>
    if (door !== 'saml' || entityId === undefined || nameId === undefined || nameIdFormat === undefined)
      continue
    if (entityId === initiator?.entityId) continue
    const key = `${entityId} ${nameId}`
    const sessionIndexes = [...(participants.get(key)?.sessionIndexes ?? []), sessionIndexOf(id)]
    participants.set(key, { entityId, nameId, nameIdFormat, sessionIndexes })
  }
  const all = [...participants.values()]
  return {
    what: 'chain',
    initiator,
    returnTo,
    waiting: all.slice(0, mostParticipants),
    asked: null,
    isPartial: all.length > mostParticipants,
  }
}
