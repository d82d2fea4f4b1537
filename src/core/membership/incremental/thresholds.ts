// Comparisons by order (`gt`, `ge`, `lt`, `le`) of one attribute, sorted by what they compare with: a new value flips those
// whose threshold lies between it and the old one.
import type { OrderOp } from '../language/syntax.ts'
import type { Marks } from './marks.ts'

/** Negative, zero or positive; has to agree with the order in which thresholds are compared with each other. */
export type Compare<T> = (value: T, threshold: T, now: number) => number

const ops = ['gt', 'ge', 'lt', 'le', 'eq'] as const

export class Thresholds<T> {
  readonly #compare: Compare<T>
  readonly #entries: Record<OrderOp | 'eq', { readonly threshold: T; readonly rule: number }[]> = {
    ...{ gt: [], ge: [], lt: [], le: [], eq: [] },
  }
  #sorted = true

  constructor(compare: Compare<T>) {
    this.#compare = compare
  }

  add(op: OrderOp | 'eq', threshold: T, rule: number): void {
    this.#entries[op].push({ threshold, rule })
    this.#sorted = false
  }

  /** Marks the rules whose comparison is not the same for the two values; undefined: there is none. */
  mark(before: T | undefined, after: T | undefined, now: number, into: Marks): void {
    if (!this.#sorted) this.#sort()
    for (const op of ops) {
      const entries = this.#entries[op]
      if (entries.length === 0) continue
      if (op === 'eq') {
        for (const value of [before, after]) {
          if (value === undefined) continue
          this.#markBetween(
            'eq',
            this.#passed('eq', value, now, true),
            this.#passed('eq', value, now, false),
            into,
          )
        }
        continue
      }
      this.#markBetween(op, this.#boundary(op, before, now), this.#boundary(op, after, now), into)
    }
  }

  /** `gt` and `ge` hold for the thresholds in front of the boundary, `lt` and `le` for those behind it. */
  #boundary(op: OrderOp, value: T | undefined, now: number): number {
    if (value === undefined) return op === 'gt' || op === 'ge' ? 0 : this.#entries[op].length
    return this.#passed(op, value, now, op === 'gt' || op === 'le')
  }

  /** How many thresholds lie below the value; those equal to it count unless `strictly`. */
  #passed(op: OrderOp | 'eq', value: T, now: number, strictly: boolean): number {
    const entries = this.#entries[op]
    let [low, high] = [0, entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      const order = this.#compare(value, (entries[middle] as { threshold: T }).threshold, now)
      if (order > 0 || (order === 0 && !strictly)) low = middle + 1
      else high = middle
    }
    return low
  }

  #markBetween(op: OrderOp | 'eq', one: number, other: number, into: Marks): void {
    const entries = this.#entries[op]
    const end = Math.max(one, other)
    for (let index = Math.min(one, other); index < end; index++)
      into.add((entries[index] as { rule: number }).rule)
  }

  #sort(): void {
    for (const op of ops) this.#entries[op].sort((a, b) => this.#compare(a.threshold, b.threshold, 0))
    this.#sorted = true
  }
}
