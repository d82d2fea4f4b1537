// Small whole numbers for ids, given once and never again: what columns and entries are indexed by.
import { findId, formatId, hashId, parseId } from '../replica/layout.ts'

const least = 64

export class Ordinals {
  #ids = new Uint32Array(least * 4)
  /** Open addressing, as in replica/layout.ts. */
  #slots = new Uint32Array(least * 2)
  #size = 0
  #inOrder = 0
  readonly #words = new Uint32Array(4)

  /** How many have been given. */
  get size(): number {
    return this.#size
  }

  /** So many of the first are in the order of their ids: all of those that were read in that order. */
  get inOrder(): number {
    return this.#inOrder
  }

  get bytes(): number {
    return this.#ids.byteLength + this.#slots.byteLength
  }

  /** Undefined where the id has none. */
  find(id: string): number | undefined {
    if (!parseId(id, this.#words)) return undefined
    const found = findId({ ids: this.#ids, slots: this.#slots }, this.#words)
    return found < 0 ? undefined : found
  }

  /** That of this id; a new one where it has none. */
  of(id: string): number {
    const known = this.find(id)
    if (known !== undefined) return known
    if (!parseId(id, this.#words)) throw new TypeError(`not an id: ${JSON.stringify(id)}`)
    if ((this.#size + 1) * 4 > this.#ids.length) this.#grow()
    const ordinal = this.#size++
    this.#ids.set(this.#words, ordinal * 4)
    this.#enter(ordinal)
    if (this.#inOrder === ordinal && (ordinal === 0 || this.compare(ordinal - 1, ordinal) < 0))
      this.#inOrder++
    return ordinal
  }

  idOf(ordinal: number): string {
    return formatId(this.#ids, ordinal * 4)
  }

  /** Negative, zero or positive, as the texts of the ids are. */
  compare(a: number, b: number): number {
    for (let i = 0; i < 4; i++) {
      const difference = (this.#ids[a * 4 + i] as number) - (this.#ids[b * 4 + i] as number)
      if (difference !== 0) return difference
    }
    return 0
  }

  /** Is the id of this ordinal greater than this one (four words)? */
  isAfter(ordinal: number, words: Uint32Array): boolean {
    for (let i = 0; i < 4; i++) {
      const difference = (this.#ids[ordinal * 4 + i] as number) - (words[i] as number)
      if (difference !== 0) return difference > 0
    }
    return false
  }

  #grow(): void {
    const ids = new Uint32Array(Math.ceil(this.#ids.length * 0.375) * 4)
    ids.set(this.#ids)
    this.#ids = ids
    const slots = 2 ** Math.ceil(Math.log2((ids.length / 4) * 1.5))
    if (slots === this.#slots.length) return
    this.#slots = new Uint32Array(slots)
    for (let ordinal = 0; ordinal < this.#size; ordinal++) this.#enter(ordinal)
  }

  #enter(ordinal: number): void {
    const mask = this.#slots.length - 1
    let slot = hashId(this.#ids, ordinal * 4) & mask
    while (this.#slots[slot] !== 0) slot = (slot + 1) & mask
    this.#slots[slot] = ordinal + 1
  }
}
