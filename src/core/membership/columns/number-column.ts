// A column of numbers, or of dates as epoch milliseconds; NaN where the value is missing.
import type { AttributeValue } from '../../directory/types.ts'
import { type Column, type Estimate, type RowTest, type Term, type TermTest, termTest } from './column.ts'
import { type Numbers, numbersArray, resized } from './storage.ts'

/** Up to so many values are compared one by one. */
const fewValues = 8

export class NumberColumn implements Column {
  #values: Numbers

  constructor(rows: number) {
    this.#values = numbersArray(rows).fill(Number.NaN)
  }

  get bytes(): number {
    return this.#values.byteLength
  }

  /** NaN where the value is missing. */
  get values(): Float64Array {
    return this.#values
  }

  resize(rows: number): void {
    const before = this.#values.length
    this.#values = resized(this.#values, rows, numbersArray)
    this.#values.fill(Number.NaN, Math.min(before, rows))
  }

  set(row: number, value: AttributeValue | undefined): void {
    this.#values[row] = value === undefined ? Number.NaN : (value as number)
  }

  narrow(test: TermTest, mask: Uint8Array): void {
    const { term, missing } = test
    const values = this.#values
    if (term.kind === 'in') {
      narrowIn(values, term.values as readonly number[], missing, mask)
      return
    }
    const { right, base } = comparison(test)
    // Where a missing value passes, those that fail are looked for: NaN is none of them.
    const flip = missing ? 1 : 0
    const sought = missing ? 7 - right : right
    loops[sought]?.(values, base, flip, mask)
  }

  rowTest(test: TermTest): RowTest {
    const values = this.#values
    const { missing, holds } = test
    return (row) => {
      const value = values[row] as number
      return Number.isNaN(value) ? missing : holds(value)
    }
  }

  estimate({ term }: TermTest): Estimate {
    const isEquality = term.kind !== 'present' && (term.kind === 'in' || ('op' in term && term.op === 'eq'))
    return { cost: 1.5, share: isEquality ? 0.05 : 0.4, isExact: false }
  }

  fit(): void {}
}

/** Which differences from `base` are right: 1 those below 0, 2 that of 0, 4 those above, added up. */
function comparison({ term, instant }: TermTest): { readonly right: number; readonly base: number } {
  if (term.kind === 'present') return { right: 7, base: 0 }
  const isDate = term.kind === 'date'
  // The closure looks at the sign of the difference alone, so that of 0 tells what there is to know.
  const ofZero: Term = isDate ? { ...term, when: { at: 0 } } : ({ ...term, value: 0 } as Term)
  const { holds } = termTest(ofZero, 0)
  const right = (holds(-1) ? 1 : 0) + (holds(0) ? 2 : 0) + (holds(1) ? 4 : 0)
  return { right, base: isDate ? instant : ((term as { value?: number }).value as number) }
}

type Loop = (values: Float64Array, base: number, flip: number, mask: Uint8Array) => void

/** By what is right. A condition taken as a number needs no jump, which would be foreseen wrongly every other time. */
const loops: readonly Loop[] = [
  (_values, _base, flip, mask) => {
    if (flip === 0) mask.fill(0)
  },
  (values, base, flip, mask) => {
    for (let row = 0; row < mask.length; row++)
      (mask[row] as number) &= Number((values[row] as number) - base < 0) ^ flip
  },
  (values, base, flip, mask) => {
    for (let row = 0; row < mask.length; row++)
      (mask[row] as number) &= Number((values[row] as number) - base === 0) ^ flip
  },
  (values, base, flip, mask) => {
    for (let row = 0; row < mask.length; row++)
      (mask[row] as number) &= Number((values[row] as number) - base <= 0) ^ flip
  },
  (values, base, flip, mask) => {
    for (let row = 0; row < mask.length; row++)
      (mask[row] as number) &= Number((values[row] as number) - base > 0) ^ flip
  },
  (values, base, flip, mask) => {
    for (let row = 0; row < mask.length; row++) {
      const difference = (values[row] as number) - base
      ;(mask[row] as number) &= (Number(difference < 0) | Number(difference > 0)) ^ flip
    }
  },
  (values, base, flip, mask) => {
    for (let row = 0; row < mask.length; row++)
      (mask[row] as number) &= Number((values[row] as number) - base >= 0) ^ flip
  },
  (values, _base, flip, mask) => {
    for (let row = 0; row < mask.length; row++) {
      ;(mask[row] as number) &= Number(!Number.isNaN(values[row])) ^ flip
    }
  },
]

function narrowIn(values: Float64Array, sought: readonly number[], missing: boolean, mask: Uint8Array): void {
  const known = sought.length > fewValues ? new Set(sought) : null
  for (let row = 0; row < mask.length; row++) {
    if (mask[row] === 0) continue
    const value = values[row] as number
    const isRight = Number.isNaN(value) ? missing : known === null ? sought.includes(value) : known.has(value)
    if (!isRight) mask[row] = 0
  }
}
