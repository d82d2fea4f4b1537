// A column of texts or of lists of texts in the form that suits its values: codes where values repeat, ids where they are ids,
// bytes where most occur once. Texts are kept as rules look at them: folded, unless case counts.
import type { AttributeValue } from '../../directory/types.ts'
import type { Attribute } from '../language/schema.ts'
import { fold } from '../language/values.ts'
import { CodeColumn } from './code-column.ts'
import type { Column, Estimate, RowTest, TermTest } from './column.ts'
import { IdColumn, isPlainId } from './id-column.ts'
import { ListColumn } from './list-column.ts'
import { TextColumn } from './text-column.ts'

/** Of a column of ids, texts that are none. */
const mostOdd = 1_000

export class TextualColumn implements Column {
  readonly #attribute: Attribute
  #form: CodeColumn<string> | ListColumn | IdColumn | TextColumn
  #rows: number
  /** So many distinct values are kept as codes whether they repeat or not. */
  #mostUnasked: number

  constructor(attribute: Attribute, rows: number, mostUnasked: number) {
    this.#attribute = attribute
    this.#rows = rows
    this.#mostUnasked = mostUnasked
    this.#form = attribute.type === 'list' ? new ListColumn(rows) : new CodeColumn<string>(rows)
  }

  get bytes(): number {
    return this.#form.bytes
  }

  /** How many distinct values there are; null where nobody counts them. */
  get distinct(): number | null {
    return 'dictionary' in this.#form ? this.#form.dictionary.size : null
  }

  resize(rows: number): void {
    this.#rows = rows
    this.#form.resize(rows)
  }

  set(row: number, value: AttributeValue | undefined): void {
    this.#form.set(row, value === undefined ? undefined : this.#asCompared(value))
    this.#reform()
  }

  narrow(test: TermTest, mask: Uint8Array): void {
    this.#form.narrow(test, mask)
  }

  rowTest(test: TermTest): RowTest {
    return this.#form.rowTest(test)
  }

  estimate(test: TermTest): Estimate {
    return this.#form.estimate(test)
  }

  fit(): void {
    this.#form.fit()
  }

  #asCompared(value: AttributeValue): AttributeValue {
    if (this.#attribute.caseExact) return value
    return typeof value === 'string' ? fold(value) : (value as readonly string[]).map(fold)
  }

  #reform(): void {
    const form = this.#form
    if (form instanceof IdColumn) {
      if (form.odd.size > mostOdd) this.#become(new TextColumn(this.#rows, false))
      return
    }
    if (form instanceof TextColumn || form.dictionary.size <= this.#mostUnasked) return
    if (form.dictionary.size * 2 <= form.dictionary.uses) {
      // Asked again when there are twice as many.
      this.#mostUnasked = form.dictionary.size * 2
      return
    }
    const isList = form instanceof ListColumn
    const areIds = !isList && [...form.dictionary.values()].every(isPlainId)
    this.#become(areIds ? new IdColumn(this.#rows) : new TextColumn(this.#rows, isList))
  }

  #become(form: IdColumn | TextColumn): void {
    const before = this.#form as CodeColumn<string> | ListColumn | IdColumn
    for (let row = 0; row < this.#rows; row++) {
      const value = before.get(row)
      if (value !== undefined) form.set(row, value)
    }
    this.#form = form
  }
}
