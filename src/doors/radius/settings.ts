// What can be turned about the RADIUS door, and where it stands when nobody turns it.

export interface RadiusSettings {
  /** A refusal is held back for so long. */
  readonly rejectDelayMs: number
  /** Of so many refusals at most; see reject-delay.ts for those beyond. */
  readonly delayedRejects: number
  /** Requests being decided at once; further ones are not answered, so that the NAS turns to another server. */
  readonly undecided: number
  /** How long, and how many, replies are kept for a NAS that asks again. */
  readonly repliesKeptMs: number
  readonly repliesKept: number
}

export const radiusDefaults: RadiusSettings = {
  rejectDelayMs: 1000,
  delayedRejects: 8192,
  undecided: 2048,
  repliesKeptMs: 30_000,
  repliesKept: 65_536,
}
