// Outcomes that are expected are values; a Fault is the infrastructure failing, and nobody's wrong password.

export type Result<T, E> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: E }

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value })
export const fail = <E>(error: E): { readonly ok: false; readonly error: E } => ({ ok: false, error })

/** Why something could not be decided: shown as "busy" or "unavailable", never as a refusal and never as a yes. */
export type FaultCause = 'busy' | 'unavailable' | 'internal'

/** Infrastructure failed (database away, queue full). Caught once, in `decide`, or turned into 503 by the API. */
export class Fault extends Error {
  readonly reason: FaultCause
  constructor(reason: FaultCause, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Fault'
    this.reason = reason
  }
}

/** The time that the caller allowed for a question is over; asking for less, or for longer, may be answered. */
export class TimedOut extends Error {
  constructor(message = 'the time allowed is over', options?: ErrorOptions) {
    super(message, options)
    this.name = 'TimedOut'
  }
}
