// A column of few distinct texts or numbers, or of booleans: a code for each row, 0 where the value is missing.
import type { AttributeValue } from '../../directory/types.ts'
import type { Column, Estimate, RowTest, TermTest } from './column.ts'
import { Dictionary } from './dictionary.ts'
import { Codes } from './storage.ts'

export class CodeColumn<Value extends string | number | boolean> implements Column {
  readonly dictionary = new Dictionary<Value>()
  readonly #codes: Codes

  constructor(rows: number) {
    this.#codes = new Codes(rows)
  }

  get bytes(): number {
    return this.#codes.bytes + this.dictionary.bytes
  }

  resize(rows: number): void {
    this.#codes.resize(rows)
  }

  set(row: number, value: AttributeValue | undefined): void {
    const before = this.#codes.at(row)
    // Added before the other is released: what stays the same keeps its code.
    this.#codes.set(row, value === undefined ? 0 : this.dictionary.add(value as Value))
    this.dictionary.release(before)
  }

  get(row: number): Value | undefined {
    const code = this.#codes.at(row)
    return code === 0 ? undefined : this.dictionary.valueOf(code)
  }

  narrow(test: TermTest, mask: Uint8Array): void {
    const answers = this.#answers(test)
    answers[0] = test.missing ? 1 : 0
    const codes = this.#codes.array
    if (codes instanceof Uint8Array) narrowBytes(codes, answers, mask)
    else if (codes instanceof Uint16Array) narrowShorts(codes, answers, mask)
    else narrowWords(codes, answers, mask)
  }

  rowTest(test: TermTest): RowTest {
    const answers = this.#answers(test)
    const codes = this.#codes
    const { missing } = test
    return (row) => {
      const code = codes.at(row)
      return code === 0 ? missing : answers[code] === 1
    }
  }

  estimate(test: TermTest): Estimate {
    const { uses } = this.dictionary
    const rows = this.#codes.array.length
    const right = this.dictionary.usesOf(this.#answers(test)) + (test.missing ? rows - uses : 0)
    return { cost: 1, share: right / rows, isExact: true }
  }

  fit(): void {}

  #answers(test: TermTest): Uint8Array {
    return this.dictionary.answers(test, test.holds, soughtBy(test) as readonly Value[] | null)
  }
}

/** Of an equality, the values that are asked for: only these can be equal. Versions are compared as numbers: 14 is 14.0. */
function soughtBy({ term }: TermTest): readonly AttributeValue[] | null {
  if (term.attribute.type === 'version') return null
  if (term.kind === 'in') return term.values
  return term.kind === 'compare' && (term.op === 'eq' || term.op === 'ne') ? [term.value] : null
}

// One loop for each kind of array: a loop that meets all of them looks each time which it is.

function narrowBytes(codes: Uint8Array, answers: Uint8Array, mask: Uint8Array): void {
  for (let row = 0; row < mask.length; row++) (mask[row] as number) &= answers[codes[row] as number] as number
}

function narrowShorts(codes: Uint16Array, answers: Uint8Array, mask: Uint8Array): void {
  for (let row = 0; row < mask.length; row++) (mask[row] as number) &= answers[codes[row] as number] as number
}

function narrowWords(codes: Uint32Array, answers: Uint8Array, mask: Uint8Array): void {
  for (let row = 0; row < mask.length; row++) (mask[row] as number) &= answers[codes[row] as number] as number
}
