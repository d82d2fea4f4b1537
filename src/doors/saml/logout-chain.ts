// What a logout that goes from one service provider to the next still has to do (Profiles §4.4). Made of JSON.

/** A service provider where somebody is signed in. */
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
  /** Who is to be told next. */
  readonly waiting: readonly Participant[]
  /** The entity ID of the one whose answer is waited for. */
  readonly asked: string | null
  /** Could somebody not be told? */
  readonly isPartial: boolean
}
