// A queue per key: what concerns one subject happens one after the other, so that its attempts cannot outrun their
// count, and a crowd of right passwords for one account is hashed once and not a hundred times.
import { Fault } from '../../base/result.ts'

export class OneAtATime {
  readonly #tails = new Map<string, { tail: Promise<unknown>; waiting: number }>()
  readonly #longest: number
  readonly #whenFull: string

  /** @param longest how many may wait for one key before the next is told `busy`, in the words of `whenFull` */
  constructor(longest = 64, whenFull = 'too many attempts for one account at once') {
    this.#longest = longest
    this.#whenFull = whenFull
  }

  /** Does anybody with this key wait, or have a turn? */
  isWaitedFor(key: string): boolean {
    return this.#tails.has(key)
  }

  /** Runs `work` when those before it with the same key are done. */
  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#tails.get(key) ?? { tail: Promise.resolve(), waiting: 0 }
    if (queue.waiting >= this.#longest) throw new Fault('busy', this.#whenFull)
    this.#tails.set(key, queue)
    queue.waiting++
    const mine = queue.tail.then(work, work)
    queue.tail = mine.catch(() => undefined)
    try {
      return await mine
    } finally {
      if (--queue.waiting === 0) this.#tails.delete(key)
    }
  }
}
