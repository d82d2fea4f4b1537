// Bounds the work of an analysis. Who runs out of it stops looking and reports nothing more: what is reported is still true.

/** Counts steps down: one is a comparison of two constants or so, well under a microsecond. */
export class Budget {
  #left: number

  constructor(steps: number) {
    this.#left = steps
  }

  get isSpent(): boolean {
    return this.#left <= 0
  }

  /** Asks for `steps`; false where there are not so many left, and from then on. */
  spend(steps: number): boolean {
    this.#left -= steps
    return this.#left > 0
  }

  /** A budget of its own for a part of the work, out of this one: give it back when the part is done. */
  lend(most: number): Budget {
    const steps = Math.max(0, Math.min(most, this.#left))
    this.#left -= steps
    return new Budget(steps)
  }

  /** Takes back what is left of what was lent. */
  takeBack(lent: Budget): void {
    this.#left += lent.#left
  }
}
