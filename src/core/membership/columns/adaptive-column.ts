// A column in the form that suits its values: codes where values repeat, and where most occur once ids where they are ids, bytes
// for other texts, numbers for numbers. Texts are kept as rules look at them: folded, unless case counts.
import type { AttributeValue } from '../../directory/types.ts'
import type { Attribute } from '../language/schema.ts'
import { fold } from '../language/values.ts'
import { CodeColumn } from './code-column.ts'
import type { Column, Estimate, RowTest, TermTest } from './column.ts'
import { IdColumn, isPlainId } from './id-column.ts'
import { ListColumn } from './list-column.ts'
import { NumberColumn } from './number-column.ts'
import { TextColumn } from './text-column.ts'

type CodeForm = CodeColumn<string | number> | ListColumn

/** Of a column of ids, texts that are none. */
const mostOdd = 1_000

export class AdaptiveColumn implements Column {
  readonly #attribute: Attribute
  #form: CodeForm | IdColumn | TextColumn | NumberColumn
  #rows: number
  /** So many distinct values are kept as codes whether they repeat or not. */
  #mostUnasked: number

  constructor(attribute: Attribute, rows: number, mostUnasked: number) {
    this.#attribute = attribute
    this.#rows = rows
    this.#mostUnasked = mostUnasked
    this.#form = attribute.type === 'list' ? new ListColumn(rows) : new CodeColumn<string | number>(rows)
  }

  get bytes(): number {
    return this.#form.bytes
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

  /** Of numbers and dates, the value of each row, or NaN. Valid until the next change; not to be changed. */
  numbers(): Float64Array {
    const form = this.#form
    if (form instanceof NumberColumn) return form.values
    const numbers = new Float64Array(this.#rows).fill(Number.NaN)
    if (!(form instanceof CodeColumn)) return numbers
    for (let row = 0; row < numbers.length; row++) {
      const value = form.get(row)
      if (typeof value === 'number') numbers[row] = value
    }
    return numbers
  }

  #asCompared(value: AttributeValue): AttributeValue {
    if (this.#attribute.caseExact || typeof value === 'number') return value
    return typeof value === 'string' ? fold(value) : (value as readonly string[]).map(fold)
  }

  #reform(): void {
    const form = this.#form
    if (form instanceof IdColumn) {
      if (form.odd.size > mostOdd) this.#become(form, new TextColumn(this.#rows, false))
      return
    }
    if (!('dictionary' in form) || form.dictionary.size <= this.#mostUnasked) return
    if (form.dictionary.size * 2 > form.dictionary.uses) this.#become(form, this.#formFor(form))
    // Asked again when there are twice as many.
    else this.#mostUnasked = form.dictionary.size * 2
  }

  /** Where most values occur once. */
  #formFor(form: CodeForm): IdColumn | TextColumn | NumberColumn {
    const rows = this.#rows
    const { type } = this.#attribute
    if (type === 'number' || type === 'date') return new NumberColumn(rows)
    if (type === 'list') return new TextColumn(rows, true)
    const areIds = [...form.dictionary.values()].every((value) => isPlainId(value as string))
    return areIds ? new IdColumn(rows) : new TextColumn(rows, false)
  }

  #become(before: CodeForm | IdColumn, form: IdColumn | TextColumn | NumberColumn): void {
    for (let row = 0; row < this.#rows; row++) {
      const value = before.get(row)
      if (value !== undefined) form.set(row, value)
    }
    this.#form = form
  }
}
