// The values of one ordered attribute that some comparisons leave over: a stretch of the order, of which a finite list may
// be allowed and some may be excluded.
import type { OrderOp } from '../language/syntax.ts'

interface Bound<T> {
  readonly value: T
  /** The value itself is not included. */
  readonly isOpen: boolean
}

const opposite = { gt: 'le', ge: 'lt', lt: 'ge', le: 'gt' } as const

/** `keyOf`: equal for values that compare as equal. */
export class Range<T> {
  readonly #compare: (a: T, b: T) => number
  readonly #keyOf: (value: T) => unknown
  readonly #excluded = new Set<unknown>()
  #allowed: Map<unknown, T> | null = null
  #lower: Bound<T> | null = null
  #upper: Bound<T> | null = null

  constructor(compare: (a: T, b: T) => number, keyOf: (value: T) => unknown = (value) => value) {
    this.#compare = compare
    this.#keyOf = keyOf
  }

  get lower(): Bound<T> | null {
    return this.#lower
  }

  get upper(): Bound<T> | null {
    return this.#upper
  }

  /** What is left of the list of values that are possible at all; null where there is none. */
  left(): T[] | null {
    if (this.#allowed === null) return null
    const values: T[] = []
    for (const [key, value] of this.#allowed) {
      if (!this.#excluded.has(key) && this.#isWithin(value)) values.push(value)
    }
    return values
  }

  /** Only one of these (or, where it does not hold, none of these). */
  oneOf(values: readonly T[], holds: boolean): void {
    if (!holds) {
      for (const value of values) this.#excluded.add(this.#keyOf(value))
      return
    }
    const allowed = new Map<unknown, T>()
    for (const value of values) {
      const key = this.#keyOf(value)
      if (this.#allowed === null || this.#allowed.has(key)) allowed.set(key, value)
    }
    this.#allowed = allowed
  }

  order(op: OrderOp, value: T, holds: boolean): void {
    const side = holds ? op : opposite[op]
    const bound = { value, isOpen: side === 'gt' || side === 'lt' }
    if (side === 'gt' || side === 'ge') {
      if (this.#isTighter(bound, this.#lower, 1)) this.#lower = bound
    } else if (this.#isTighter(bound, this.#upper, -1)) this.#upper = bound
  }

  /** Is certainly nothing left? Between two different bounds there always may be something. */
  isEmpty(): boolean {
    const left = this.left()
    if (left !== null) return left.length === 0
    if (this.#lower === null || this.#upper === null) return false
    const difference = this.#compare(this.#lower.value, this.#upper.value)
    if (difference !== 0) return difference > 0
    return this.#lower.isOpen || this.#upper.isOpen || this.#excluded.has(this.#keyOf(this.#lower.value))
  }

  #isTighter(bound: Bound<T>, than: Bound<T> | null, direction: 1 | -1): boolean {
    if (than === null) return true
    const difference = this.#compare(bound.value, than.value) * direction
    return difference > 0 || (difference === 0 && bound.isOpen)
  }

  #isWithin(value: T): boolean {
    const above = this.#lower === null ? 1 : this.#compare(value, this.#lower.value)
    const below = this.#upper === null ? 1 : this.#compare(this.#upper.value, value)
    return (
      (above > 0 || (above === 0 && !this.#lower?.isOpen)) &&
      (below > 0 || (below === 0 && !this.#upper?.isOpen))
    )
  }
}
