// A column of texts, or of lists of texts, most of which occur once: one after the other as UTF-8, each with a terminator, in
// one piece of memory. New rows and changed ones are put at the end; what is left behind is cleared away when it is much.
import type { AttributeValue } from '../../directory/types.ts'
import type { Column, Estimate, RowTest, TermTest } from './column.ts'
import { narrowWithOdd } from './odd.ts'
import { resized, roomy, type Shorts, shortsArray, type Words, wordsArray } from './storage.ts'
import { type BytesTest, bytesTest, soughtBytes, terminator } from './text-search.ts'

/** In bytes; longer values are kept as they are, which is rare. */
const longest = 0xffff
/** Left-over bytes, and bytes out of order, that are not worth clearing away. */
const leastWaste = 4_096
/** Where the rows are so many times the native searches, those cost less than looking at every row. */
const rowsPerSearch = 50

export class TextColumn implements Column {
  readonly #isList: boolean
  #bytes = Buffer.alloc(leastWaste)
  /** Where the row's texts begin, and their length with terminators: 0 where the value is missing or odd. */
  #starts: Words
  #lengths: Shorts
  /** What is not well-formed, or too long. */
  readonly #odd = new Map<number, AttributeValue>()
  #end = 0
  #wasted = 0
  /** Before this, texts lie in the order of their rows, the last of which is `#lastInOrder`. */
  #endOfOrder = 0
  #lastInOrder = -1
  #scratch = Buffer.alloc(longest)

  constructor(rows: number, isList: boolean) {
    this.#isList = isList
    this.#starts = wordsArray(rows)
    this.#lengths = shortsArray(rows)
  }

  get bytes(): number {
    return this.#bytes.length + this.#starts.byteLength + this.#lengths.byteLength
  }

  resize(rows: number): void {
    this.#starts = resized(this.#starts, rows, wordsArray)
    this.#lengths = resized(this.#lengths, rows, shortsArray)
  }

  set(row: number, value: AttributeValue | undefined): void {
    const length = value === undefined ? 0 : this.#encode(value)
    if (length < 0) this.#odd.set(row, value as AttributeValue)
    else this.#odd.delete(row)
    this.#put(row, Math.max(0, length))
  }

  narrow(test: TermTest, mask: Uint8Array): void {
    narrowWithOdd(this.#odd, test, mask, () => this.#narrow(test, mask))
  }

  rowTest(test: TermTest): RowTest {
    const isRight = this.#regularTest(test)
    if (this.#odd.size === 0) return isRight
    return (row) => {
      const odd = this.#odd.get(row)
      return odd === undefined ? isRight(row) : test.holds(odd)
    }
  }

  estimate({ term }: TermTest): Estimate {
    if (term.kind === 'present') return { cost: 1, share: 0.9, isExact: false }
    if (term.kind === 'matches') return { cost: 150, share: 0.1, isExact: false }
    if (term.kind === 'in') return { cost: 20, share: 0.001, isExact: false }
    const op = term.kind === 'compare' ? term.op : 'eq'
    if (op === 'eq') return { cost: 4, share: 0.000_01, isExact: false }
    if (op === 'ne') return { cost: 4, share: 0.999, isExact: false }
    return { cost: op === 'co' ? 12 : 6, share: op === 'sw' || op === 'co' ? 0.05 : 0.4, isExact: false }
  }

  fit(): void {
    this.#compact(this.#end - this.#wasted)
  }

  /** Into the scratch; its length there, or -1 where it cannot be kept in bytes. */
  #encode(value: AttributeValue): number {
    const texts = this.#isList ? (value as readonly string[]) : [value as string]
    let length = 0
    for (const text of texts) {
      // A UTF-16 unit takes at most three bytes.
      if (!text.isWellFormed() || length + text.length * 3 >= longest) return -1
      length += this.#scratch.write(text, length)
      this.#scratch[length++] = terminator
    }
    return length
  }

  /** Makes the first `length` bytes of the scratch the row's texts. */
  #put(row: number, length: number): void {
    const start = this.#starts[row] as number
    const before = this.#lengths[row] as number
    if (length === 0 && before === 0) return
    if (length === before && this.#scratch.compare(this.#bytes, start, start + length, 0, length) === 0)
      return
    this.#wasted += before
    this.#lengths[row] = 0
    if (length === 0) return
    const outOfOrder = this.#end - this.#endOfOrder
    if (this.#end + length > this.#bytes.length || this.#wasted + outOfOrder > leastWaste + this.#end / 4)
      this.#compact(roomy(this.#end - this.#wasted + length))
    if (this.#end === this.#endOfOrder && row > this.#lastInOrder) {
      this.#endOfOrder += length
      this.#lastInOrder = row
    }
    this.#scratch.copy(this.#bytes, this.#end, 0, length)
    this.#starts[row] = this.#end
    this.#lengths[row] = length
    this.#end += length
  }

  #compact(room: number): void {
    const bytes = Buffer.alloc(Math.max(leastWaste, room))
    let end = 0
    this.#lastInOrder = -1
    for (let row = 0; row < this.#starts.length; row++) {
      const length = this.#lengths[row] as number
      if (length === 0) continue
      const start = this.#starts[row] as number
      this.#bytes.copy(bytes, end, start, start + length)
      this.#starts[row] = end
      this.#lastInOrder = row
      end += length
    }
    this.#bytes = bytes
    this.#end = end
    this.#endOfOrder = end
    this.#wasted = 0
  }

  #narrow(test: TermTest, mask: Uint8Array): void {
    const sought = soughtBytes(test)
    if (sought !== null && test.term.kind === 'compare' && test.term.op === 'co') {
      this.#narrowBySearch(test, sought, mask)
      return
    }
    const isRight = this.#regularTest(test)
    for (let row = 0; row < mask.length; row++) if (mask[row] === 1 && !isRight(row)) mask[row] = 0
  }

  /** Of rows whose value is missing or kept as bytes. */
  #regularTest(test: TermTest): RowTest {
    const [bytes, starts, lengths] = [this.#bytes, this.#starts, this.#lengths]
    const { missing, negated, term } = test
    if (term.kind === 'present') return (row) => lengths[row] !== 0 || missing
    const isRight = this.#textsTest(test)
    return (row) => {
      const length = lengths[row] as number
      if (length === 0) return missing
      const start = starts[row] as number
      return isRight(bytes, start, start + length - 1) !== negated
    }
  }

  #textsTest(test: TermTest): BytesTest {
    if (!this.#isList) return bytesTest(test, (text) => text)
    const isRight = bytesTest(test, (text) => [text])
    return (bytes, from, to) => {
      for (let start = from; start <= to; ) {
        let end = start
        while (bytes[end] !== terminator) end++
        if (isRight(bytes, start, end)) return true
        start = end + 1
      }
      return false
    }
  }

  /** `co`: natively from one find to the next, as long as that are few, and row by row from then on. */
  #narrowBySearch(test: TermTest, sought: Buffer, mask: Uint8Array): void {
    const inOrder = this.#bytes.subarray(0, this.#endOfOrder)
    const isRight = this.#regularTest(test)
    let searches = 0
    let found = -1
    for (let row = 0; row < mask.length; row++) {
      if (mask[row] === 0) continue
      const start = this.#starts[row] as number
      const length = this.#lengths[row] as number
      if (length === 0 || start >= this.#endOfOrder || searches * rowsPerSearch > mask.length) {
        if (!isRight(row)) mask[row] = 0
        continue
      }
      if (found < start) {
        const at = inOrder.indexOf(sought, start)
        found = at < 0 ? this.#endOfOrder : at
        searches++
      }
      if (found >= start + length) mask[row] = 0
    }
  }
}
