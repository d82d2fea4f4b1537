// Bounds on work and on words: a gate for how much runs at once, a bucket for how often, a log that cannot be flooded.
import { type Clock, systemClock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import { Fault } from '../base/result.ts'

/** At most `limit` pieces of work at once and `queueLimit` waiting in order; the next one is refused. */
export class Gate {
  readonly #limit: number
  readonly #queueLimit: number
  readonly #queue: (() => void)[] = []
  #running = 0

  constructor(limit: number, queueLimit: number) {
    this.#limit = limit
    this.#queueLimit = queueLimit
  }

  get running(): number {
    return this.#running
  }

  get waiting(): number {
    return this.#queue.length
  }

  /** What `work` gives; throws Fault('busy'), without starting it, where the queue is full. */
  async run<T>(work: () => T | Promise<T>): Promise<T> {
    if (this.#running < this.#limit) this.#running++
    else if (this.#queue.length < this.#queueLimit)
      await new Promise<void>((start) => this.#queue.push(start))
    else throw new Fault('busy', `${this.#running} running and ${this.#queue.length} waiting already`)
    try {
      return await work()
    } finally {
      // The place goes straight to the next in line, so that nobody slips in between.
      const next = this.#queue.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

export interface Rate {
  readonly perSecond: number
  /** How many at once after a quiet time. */
  readonly burst: number
}

/** Tokens that come back at a steady rate. */
export class TokenBucket {
  readonly #rate: Rate
  readonly #clock: Clock
  #tokens: number
  #filledAtMs: number

  constructor(rate: Rate, clock: Clock = systemClock) {
    this.#rate = rate
    this.#clock = clock
    this.#tokens = rate.burst
    this.#filledAtMs = clock.monotonicMs()
  }

  /** True, and one token less, if there is one. */
  take(): boolean {
    const nowMs = this.#clock.monotonicMs()
    const returned = ((nowMs - this.#filledAtMs) / 1000) * this.#rate.perSecond
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + returned)
    this.#filledAtMs = nowMs
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}

/** A log for what strangers can cause: lines beyond the rate are counted, and the next line says how many. */
export function sparseLog(
  log: Log,
  rate: Rate = { perSecond: 1, burst: 10 },
  clock: Clock = systemClock,
): Log {
  const bucket = new TokenBucket(rate, clock)
  let suppressed = 0
  const at = (level: keyof Log) => (fields: object, message: string) => {
    if (!bucket.take()) {
      suppressed++
      return
    }
    log[level](suppressed > 0 ? { ...fields, suppressed } : fields, message)
    suppressed = 0
  }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
