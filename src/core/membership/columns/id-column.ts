// A column of ids: four words for each row, all of them 0 where the value is missing or odd.
import { isId } from '../../../base/ids.ts'
import type { AttributeValue } from '../../directory/types.ts'
import { formatId, parseId } from '../replica/layout.ts'
import type { Column, Estimate, RowTest, TermTest } from './column.ts'
import { narrowWithOdd } from './odd.ts'
import { resized, type Words, wordsArray } from './storage.ts'

const nil = '00000000-0000-0000-0000-000000000000'

/** Can a value be kept here in few bytes? */
export const isPlainId = (value: string): boolean => value !== nil && isId(value)

export class IdColumn implements Column {
  #words: Words
  /** Texts that are no ids. */
  readonly odd = new Map<number, AttributeValue>()
  readonly #parsed = new Uint32Array(4)

  constructor(rows: number) {
    this.#words = wordsArray(rows * 4)
  }

  get bytes(): number {
    return this.#words.byteLength
  }

  resize(rows: number): void {
    this.#words = resized(this.#words, rows * 4, wordsArray)
  }

  set(row: number, value: AttributeValue | undefined): void {
    this.odd.delete(row)
    this.#parsed.fill(0)
    if (value !== undefined) {
      if (isPlainId(value as string)) parseId(value as string, this.#parsed)
      else this.odd.set(row, value)
    }
    this.#words.set(this.#parsed, row * 4)
  }

  get(row: number): AttributeValue | undefined {
    if (this.#isMissing(row)) return this.odd.get(row)
    return formatId(this.#words, row * 4)
  }

  narrow(test: TermTest, mask: Uint8Array): void {
    narrowWithOdd(this.odd, test, mask, () => {
      const isRight = this.#regularTest(test)
      for (let row = 0; row < mask.length; row++) if (mask[row] === 1 && !isRight(row)) mask[row] = 0
    })
  }

  rowTest(test: TermTest): RowTest {
    const isRight = this.#regularTest(test)
    return (row) => {
      const odd = this.odd.get(row)
      return odd === undefined ? isRight(row) : test.holds(odd)
    }
  }

  estimate({ term }: TermTest): Estimate {
    if (term.kind === 'present') return { cost: 2, share: 0.9, isExact: false }
    if (term.kind === 'in' || (term.kind === 'compare' && term.op === 'eq'))
      return { cost: 4, share: 0.000_01, isExact: false }
    return { cost: 150, share: 0.5, isExact: false }
  }

  fit(): void {}

  #isMissing(row: number): boolean {
    const [words, at] = [this.#words, row * 4]
    return words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0 && words[at + 3] === 0
  }

  #regularTest(test: TermTest): RowTest {
    const { term, missing, negated } = test
    if (term.kind === 'present') return (row) => !this.#isMissing(row) || missing
    const texts =
      term.kind === 'in'
        ? (term.values as readonly string[])
        : term.kind === 'compare' && (term.op === 'eq' || term.op === 'ne')
          ? [term.value as string]
          : null
    if (texts !== null) {
      const isEqual = this.#isOneOf(texts.filter(isPlainId))
      return (row) => (this.#isMissing(row) ? missing : isEqual(row) !== negated)
    }
    return (row) => (this.#isMissing(row) ? missing : test.holds(formatId(this.#words, row * 4)))
  }

  #isOneOf(ids: readonly string[]): RowTest {
    const words = this.#words
    const known = new Map<number, Uint32Array[]>()
    for (const id of ids) {
      const parsed = new Uint32Array(4)
      parseId(id, parsed)
      known.set(parsed[0] as number, [...(known.get(parsed[0] as number) ?? []), parsed])
    }
    const [only] = known.size === 1 ? known.keys() : [-1]
    return (row) => {
      const at = row * 4
      const first = words[at] as number
      if (only !== -1 && first !== only) return false
      const alike = known.get(first)
      if (alike === undefined) return false
      for (const id of alike) {
        if (words[at + 1] === id[1] && words[at + 2] === id[2] && words[at + 3] === id[3]) return true
      }
      return false
    }
  }
}
