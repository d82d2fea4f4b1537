// A column of lists of texts with few distinct elements: for each row a run of codes. Changed rows get a new run at the end;
// what is left behind is cleared away when it is much.
import type { AttributeValue } from '../../directory/types.ts'
import type { Column, Estimate, RowTest, TermTest } from './column.ts'
import { Dictionary } from './dictionary.ts'
import { Codes, resized, roomy, type Words, wordsArray } from './storage.ts'

/** Left-over runs that are not worth clearing away. */
const leastWaste = 4_096

export class ListColumn implements Column {
  readonly dictionary = new Dictionary<string>()
  #starts: Words
  readonly #lengths: Codes
  #elements = new Codes(leastWaste)
  #end = 0
  #wasted = 0
  /** Rows that have a list. */
  #present = 0

  constructor(rows: number) {
    this.#starts = wordsArray(rows)
    this.#lengths = new Codes(rows)
  }

  get bytes(): number {
    return this.#starts.byteLength + this.#lengths.bytes + this.#elements.bytes + this.dictionary.bytes
  }

  resize(rows: number): void {
    this.#starts = resized(this.#starts, rows, wordsArray)
    this.#lengths.resize(rows)
  }

  set(row: number, value: AttributeValue | undefined): void {
    const list = (value ?? []) as readonly string[]
    const length = this.#lengths.at(row)
    const codes = list.map((element) => this.dictionary.add(element))
    const start = this.#starts[row] as number
    for (let i = 0; i < length; i++) this.dictionary.release(this.#elements.at(start + i))
    this.#present += (list.length > 0 ? 1 : 0) - (length > 0 ? 1 : 0)
    if (codes.length > length) {
      this.#wasted += length
      this.#makeRoom(codes.length, row)
      this.#starts[row] = this.#end
      this.#end += codes.length
    } else this.#wasted += length - codes.length
    this.#lengths.set(row, codes.length)
    const to = this.#starts[row] as number
    for (const [i, code] of codes.entries()) this.#elements.set(to + i, code)
  }

  get(row: number): readonly string[] | undefined {
    const length = this.#lengths.at(row)
    if (length === 0) return undefined
    const start = this.#starts[row] as number
    return Array.from({ length }, (_, i) => this.dictionary.valueOf(this.#elements.at(start + i)))
  }

  narrow(test: TermTest, mask: Uint8Array): void {
    const isRight = this.rowTest(test)
    for (let row = 0; row < mask.length; row++) if (mask[row] === 1 && !isRight(row)) mask[row] = 0
  }

  rowTest(test: TermTest): RowTest {
    const answers = this.#answers(test)
    const starts = this.#starts
    const lengths = this.#lengths.array
    const elements = this.#elements.array
    const { missing, negated } = test
    return (row) => {
      const length = lengths[row] as number
      if (length === 0) return missing
      const start = starts[row] as number
      for (let i = start; i < start + length; i++) {
        if (answers[elements[i] as number] === 1) return !negated
      }
      return negated
    }
  }

  estimate(test: TermTest): Estimate {
    const rows = this.#starts.length
    // As if no row had two of the elements: an upper bound, which is 0 only where none has one.
    const found = Math.min(this.dictionary.usesOf(this.#answers(test)), this.#present)
    const right = test.negated ? this.#present - found : found
    const share = (right + (test.missing ? rows - this.#present : 0)) / rows
    return { cost: 5, share, isExact: !test.negated }
  }

  fit(): void {
    this.#compact(this.#end - this.#wasted)
  }

  /** Of the elements; `negated` is left to the row. */
  #answers(test: TermTest): Uint8Array {
    return this.dictionary.answers(test, (element) => test.holds([element]) !== test.negated)
  }

  #makeRoom(more: number, changing: number): void {
    if (this.#end + more <= this.#elements.array.length && this.#wasted <= leastWaste + this.#end / 2) return
    // The row that changes is about to leave its run.
    this.#lengths.set(changing, 0)
    this.#compact(roomy(this.#end - this.#wasted + more))
  }

  #compact(room: number): void {
    const elements = new Codes(Math.max(leastWaste, room))
    let end = 0
    for (let row = 0; row < this.#starts.length; row++) {
      const start = this.#starts[row] as number
      const length = this.#lengths.at(row)
      this.#starts[row] = end
      for (let i = 0; i < length; i++) elements.set(end++, this.#elements.at(start + i))
    }
    this.#elements = elements
    this.#end = end
    this.#wasted = 0
  }
}
