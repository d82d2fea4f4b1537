// Work that is done in rounds, one at a time, each of which says when the next one is due. Knows nothing of the work.
import type { Clock } from '../../base/clock.ts'

export class Rounds {
  readonly #work: () => Promise<number>
  readonly #shortestMs: number
  readonly #clock: Clock
  #timer: NodeJS.Timeout | null = null
  /** Monotonic times. */
  #next = Number.POSITIVE_INFINITY
  #began = Number.NEGATIVE_INFINITY
  #running: Promise<void> | null = null
  #again = false
  #stopped = false

  /** `work` never fails, and says how many milliseconds the next round can wait. `shortestMs`: see `soon`. */
  constructor(work: () => Promise<number>, shortestMs: number, clock: Clock) {
    this.#work = work
    this.#shortestMs = shortestMs
    this.#clock = clock
  }

  /** A round in so many milliseconds, unless one comes earlier. */
  in(ms: number): void {
    const at = this.#clock.monotonicMs() + ms
    if (this.#stopped || this.#running !== null || at >= this.#next) return
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#next = at
    this.#timer = setTimeout(() => this.#begin(), Math.max(0, Math.ceil(ms)))
    this.#timer.unref()
  }

  /** A round that begins after this call, and not sooner than the shortest time after the one before it. */
  soon(): void {
    if (this.#running !== null) this.#again = true
    else this.in(Math.max(0, this.#began + this.#shortestMs - this.#clock.monotonicMs()))
  }

  /** Begins no more rounds, and waits for the one that is under way. */
  async stop(): Promise<void> {
    this.#stopped = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#running
  }

  #begin(): void {
    this.#timer = null
    this.#next = Number.POSITIVE_INFINITY
    this.#began = this.#clock.monotonicMs()
    this.#running = this.#work().then((waitMs) => {
      this.#running = null
      this.in(waitMs)
      if (this.#again) this.soon()
      this.#again = false
    })
  }
}
