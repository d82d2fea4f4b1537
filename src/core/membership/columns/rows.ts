// The users, or the devices, of a population: which ordinals are taken, and a column for each attribute.
import type { Facts } from '../language/facts.ts'
import { reader } from '../language/read.ts'
import type { Attribute, RuleSchema } from '../language/schema.ts'
import { AdaptiveColumn } from './adaptive-column.ts'
import { CodeColumn } from './code-column.ts'
import type { Column } from './column.ts'
import { paddedLength } from './mask.ts'
import { type Bytes, bytesArray, resized, roomy } from './storage.ts'

interface Kept {
  readonly attribute: Attribute
  readonly column: Column
  readonly read: ReturnType<typeof reader>
}

/** Four bytes for an ordinal, and some that stand for nobody. */
const mostRows = 0xffff_0000

export class Rows {
  /** 1 for ordinals that are taken. */
  live: Bytes = bytesArray(0)
  /** One more than the greatest ordinal that was ever taken. */
  size = 0
  /** How many are taken. */
  count = 0
  readonly #columns = new Map<string, Kept>()
  readonly #mostUnasked: number
  readonly #grown: (rows: number) => void

  constructor(schema: RuleSchema, mostUnasked: number, grown: (rows: number) => void) {
    this.#mostUnasked = mostUnasked
    this.#grown = grown
    this.declare(schema)
    this.#resize(paddedLength(1))
  }

  get bytes(): number {
    let bytes = this.live.byteLength
    for (const { column } of this.#columns.values()) bytes += column.bytes
    return bytes
  }

  /** As long as every mask: beyond `size` nobody lives, and every value is missing. */
  get length(): number {
    // At least one row at the end stands for a subject of whom nothing is known.
    return paddedLength(this.size + 1)
  }

  /** Columns for new attributes are empty; those of attributes that are gone or of another kind now are dropped. */
  declare(schema: RuleSchema): void {
    const attributes = [...schema.attributes.values()]
    for (const { attribute } of [...this.#columns.values()])
      if (!attributes.some((one) => isAlike(one, attribute))) this.#columns.delete(attribute.name)
    for (const attribute of attributes) {
      if (this.#columns.has(attribute.name)) continue
      const column = this.#columnFor(attribute)
      this.#columns.set(attribute.name, { attribute, column, read: reader(attribute) })
    }
  }

  /** Throws a RangeError where the rule was checked against other attributes than these. */
  column(attribute: Attribute): Column {
    const kept = this.#columns.get(attribute.name)
    if (kept !== undefined && isAlike(kept.attribute, attribute)) return kept.column
    throw new RangeError(`there is no column for the attribute ${JSON.stringify(attribute.name)}: declare it`)
  }

  /** Of an attribute that is a date: epoch milliseconds by ordinal, or NaN. Undefined where there is no such attribute. */
  dates(name: string): Float64Array | undefined {
    const kept = this.#columns.get(name)
    return kept?.attribute.type === 'date' && kept.column instanceof AdaptiveColumn
      ? kept.column.numbers()
      : undefined
  }

  put(ordinal: number, facts: Facts): void {
    this.take(ordinal)
    if (this.live[ordinal] === 0) this.count++
    this.live[ordinal] = 1
    for (const { column, read } of this.#columns.values()) column.set(ordinal, read(facts))
  }

  /** False where the ordinal is not taken. */
  remove(ordinal: number): boolean {
    if (this.live[ordinal] !== 1) return false
    this.live[ordinal] = 0
    this.count--
    for (const { column } of this.#columns.values()) column.set(ordinal, undefined)
    return true
  }

  /** Room for this ordinal. */
  take(ordinal: number): void {
    if (!Number.isInteger(ordinal) || ordinal < 0 || ordinal >= mostRows)
      throw new RangeError(`not an ordinal: ${ordinal}`)
    if (ordinal < this.size) return
    this.size = ordinal + 1
    if (this.length > this.live.length) this.#resize(paddedLength(roomy(this.length)))
  }

  fit(): void {
    this.#resize(this.length)
    for (const { column } of this.#columns.values()) column.fit()
  }

  #resize(rows: number): void {
    this.live = resized(this.live, rows, bytesArray)
    for (const { column } of this.#columns.values()) column.resize(rows)
    this.#grown(rows)
  }

  #columnFor(attribute: Attribute): Column {
    const rows = this.live.length
    if (attribute.type === 'boolean') return new CodeColumn<boolean>(rows)
    return new AdaptiveColumn(attribute, rows, this.#mostUnasked)
  }
}

function isAlike(one: Attribute, other: Attribute): boolean {
  return one.name === other.name && one.type === other.type && one.caseExact === other.caseExact
}
