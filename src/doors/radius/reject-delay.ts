// Holds refusals back for a while, so that guessing passwords is slow. Bounded: when too many wait, the one that has
// waited longest goes out at once, so that under a flood the delay shrinks and no answer is lost.
import { Oldest } from '../../base/oldest.ts'

export class RejectDelay {
  readonly #delayMs: number
  readonly #limit: number
  readonly #waiting = new Set<Waiting>()
  readonly #longest = new Oldest<Waiting>(this.#waiting, (one) => this.#waiting.has(one))
  #closed = false

  constructor(delayMs: number, limit: number) {
    this.#delayMs = delayMs
    this.#limit = limit
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Resolves when it is time to send. */
  wait(): Promise<void> {
    if (this.#closed || this.#delayMs <= 0) return Promise.resolve()
    return new Promise((resolve) => {
      const longest = this.#waiting.size >= this.#limit ? this.#longest.peek() : undefined
      if (longest !== undefined) this.#release(longest)
      const one: Waiting = { resolve, timer: setTimeout(() => this.#release(one), this.#delayMs) }
      this.#waiting.add(one)
    })
  }

  /** Lets all go that wait, and holds nothing back any more. */
  close(): void {
    this.#closed = true
    for (const one of this.#waiting) this.#release(one)
  }

  #release(one: Waiting): void {
    clearTimeout(one.timer)
    this.#waiting.delete(one)
    one.resolve()
  }
}

interface Waiting {
  readonly resolve: () => void
  readonly timer: NodeJS.Timeout
}
