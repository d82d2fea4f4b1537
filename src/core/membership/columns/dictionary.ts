// Distinct values by small numbers (codes), each with how often it is used, and what comparisons say of each of them: a
// comparison is evaluated once for each distinct value, not once for each row.
import type { TermTest } from './column.ts'
import { resized, roomy, wordsArray } from './storage.ts'

/** For each code 0 or 1; `seen` and `era` say how much of the dictionary's journal is in it. */
interface Answers {
  table: Uint8Array
  seen: number
  era: number
}

/** An object and its places in a map and in an array. */
const bytesOfValue = 80
/** Remembered for each dictionary, in bytes. */
const mostRemembered = 1 << 20

export class Dictionary<Value extends string | number | boolean> {
  /** By code; 0 stands for no value at all. */
  readonly #values: (Value | undefined)[] = [undefined]
  readonly #codes = new Map<Value, number>()
  #counts = wordsArray(16)
  readonly #free: number[] = []
  /** Codes in the order in which they were given to values; begun anew with each era. */
  #journal: number[] = []
  #era = 0
  #uses = 0
  #characters = 0
  /** What has been asked last, where it is not remembered: it is asked twice in a row. */
  #latest: { readonly test: TermTest; readonly table: Uint8Array } | null = null
  readonly #answers = new Map<string, Answers>()
  #remembered = 0

  /** Distinct values in use. */
  get size(): number {
    return this.#codes.size
  }

  /** How often values are used, together. */
  get uses(): number {
    return this.#uses
  }

  /** Of values, which are JavaScript objects, roughly. */
  get bytes(): number {
    return this.#counts.byteLength + this.#remembered + this.size * bytesOfValue + this.#characters
  }

  valueOf(code: number): Value {
    return this.#values[code] as Value
  }

  /** The code of a value, used once more than before. */
  add(value: Value): number {
    const code = this.#codes.get(value) ?? this.#enter(value)
    ;(this.#counts[code] as number)++
    this.#uses++
    return code
  }

  /** Used once less than before; what nobody uses any more is forgotten. */
  release(code: number): void {
    if (code === 0) return
    this.#uses--
    if (--(this.#counts[code] as number) > 0) return
    const value = this.#values[code] as Value
    if (typeof value === 'string') this.#characters -= value.length
    this.#codes.delete(value)
    this.#values[code] = undefined
    this.#free.push(code)
  }

  /**
   * What the test says of each code. The entry of code 0 is for the caller to set; that of an unused code means nothing. `sought`:
   * the only values of which it can say something else than of all the others; null: each has to be asked about.
   */
  answers(
    test: TermTest,
    holds: (value: Value) => boolean,
    sought: readonly Value[] | null = null,
  ): Uint8Array {
    if (this.#latest?.test === test) return this.#latest.table
    const known = test.key === null ? undefined : this.#answers.get(test.key)
    if (known !== undefined && known.era === this.#era) {
      this.#catchUp(known, holds)
      return known.table
    }
    const table = new Uint8Array(this.#values.length)
    if (sought === null) for (const [value, code] of this.#codes) table[code] = holds(value) ? 1 : 0
    else {
      if (test.negated) table.fill(1)
      for (const value of sought) {
        const code = this.#codes.get(value)
        if (code !== undefined) table[code] = holds(value) ? 1 : 0
      }
    }
    if (test.key === null) this.#latest = { test, table }
    else this.#remember(test.key, { table, seen: this.#journal.length, era: this.#era })
    return table
  }

  /** How many uses there are of the values that are 1 in the table. */
  usesOf(table: Uint8Array): number {
    let uses = 0
    // An unused code is used 0 times.
    for (let code = 1; code < table.length; code++) {
      if (table[code] === 1) uses += this.#counts[code] as number
    }
    return uses
  }

  /** The distinct values in use. */
  values(): IterableIterator<Value> {
    return this.#codes.keys()
  }

  #enter(value: Value): number {
    const code = this.#free.pop() ?? this.#values.length
    if (code === this.#counts.length) this.#counts = resized(this.#counts, roomy(code + 16), wordsArray)
    this.#values[code] = value
    this.#codes.set(value, code)
    if (typeof value === 'string') this.#characters += value.length
    this.#journal.push(code)
    // To read that much of the journal costs more than to begin anew.
    if (this.#journal.length > 2 * this.#values.length + 1_000) {
      this.#journal = []
      this.#era++
    }
    return code
  }

  #catchUp(answers: Answers, holds: (value: Value) => boolean): void {
    if (answers.table.length < this.#values.length) {
      const longer = new Uint8Array(roomy(this.#values.length))
      longer.set(answers.table)
      this.#remembered += longer.length - answers.table.length
      answers.table = longer
    }
    for (; answers.seen < this.#journal.length; answers.seen++) {
      const code = this.#journal[answers.seen] as number
      const value = this.#values[code]
      if (value !== undefined) answers.table[code] = holds(value) ? 1 : 0
    }
  }

  #remember(key: string, answers: Answers): void {
    this.#forget(key)
    this.#answers.set(key, answers)
    this.#remembered += answers.table.length
    for (const oldest of this.#answers.keys()) {
      if (this.#remembered <= mostRemembered || oldest === key) return
      this.#forget(oldest)
    }
  }

  #forget(key: string): void {
    const known = this.#answers.get(key)
    if (known === undefined) return
    this.#remembered -= known.table.length
    this.#answers.delete(key)
  }
}
