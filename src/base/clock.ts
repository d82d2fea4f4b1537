// Time comes in from outside: whatever needs the time takes a Clock, so that tests can hold it still.

export interface Clock {
  /** The wall clock. */
  now(): Date
  /** Milliseconds that only ever grow; for durations. */
  monotonicMs(): number
}

export const systemClock: Clock = {
  now: () => new Date(),
  monotonicMs: () => performance.now(),
}
