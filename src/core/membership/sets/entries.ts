// For each ordinal a few numbers: groups with some bits each. Typed arrays only; has one writer, and readers in the same thread.

const growth = 1.25
const step = 4
const roomFor = (length: number): number => Math.ceil(length / step) * step

/** Ordinals with a value each, for one group. */
export interface Posting {
  readonly rows: Uint32Array
  readonly values: Uint8Array
}

const nobody: Posting = { rows: new Uint32Array(0), values: new Uint8Array(0) }

export class Entries {
  /** How many bits of an entry are not the group's number; up to 8. */
  readonly bits: number
  /** Two words for each ordinal: where its entries begin, and how many there are. */
  #rows = new Uint32Array(128)
  #slab = new Uint32Array(256)
  #size = 0
  #end = 0
  #used = 0

  constructor(bits: number) {
    this.bits = bits
  }

  get bytes(): number {
    return this.#rows.byteLength + this.#slab.byteLength
  }

  set(ordinal: number, entries: ArrayLike<number>): void {
    if (ordinal * 2 >= this.#rows.length) {
      const rows = new Uint32Array(Math.ceil((ordinal + 1) * growth) * 2)
      rows.set(this.#rows)
      this.#rows = rows
    }
    this.#size = Math.max(this.#size, ordinal + 1)
    const had = roomFor(this.#rows[ordinal * 2 + 1] as number)
    const room = roomFor(entries.length)
    if (room !== had) {
      if (this.#end + room > this.#slab.length) this.#compact(room)
      this.#rows[ordinal * 2] = this.#end
      this.#end += room
      this.#used += room - had
    }
    this.#slab.set(entries, this.#rows[ordinal * 2] as number)
    this.#rows[ordinal * 2 + 1] = entries.length
  }

  /** Valid until the next change. */
  of(ordinal: number): Uint32Array {
    if (ordinal >= this.#size) return this.#slab.subarray(0, 0)
    const start = this.#rows[ordinal * 2] as number
    return this.#slab.subarray(start, start + (this.#rows[ordinal * 2 + 1] as number))
  }

  /** Who has entries of these groups, each with the bits beside the group's number. */
  postings(groups: ReadonlySet<number>): ReadonlyMap<number, Posting> {
    const found = new Map<number, Posting>()
    for (const group of groups) found.set(group, nobody)
    if (groups.size === 0 || this.#used === 0) return found
    const last = Math.max(...groups)
    /** By group: 0 where it is not asked for, otherwise its place and 1. */
    const places = new Uint32Array(last + 1)
    const asked = [...groups]
    for (const [place, group] of asked.entries()) places[group] = place + 1
    const counts = this.#count(places, asked.length)
    const lists = asked.map((_, place): Posting => {
      const count = counts[place] as number
      return count === 0 ? nobody : { rows: new Uint32Array(count), values: new Uint8Array(count) }
    })
    this.#collect(places, lists)
    for (const [place, group] of asked.entries()) found.set(group, lists[place] as Posting)
    return found
  }

  // The two loops go through every entry there is: nothing is called in them.
  #count(places: Uint32Array, groups: number): Uint32Array {
    const rows = this.#rows
    const slab = this.#slab
    const { bits } = this
    const most = places.length
    const counts = new Uint32Array(groups)
    for (let row = 0; row < this.#size; row++) {
      const start = rows[row * 2] as number
      const end = start + (rows[row * 2 + 1] as number)
      for (let i = start; i < end; i++) {
        const group = (slab[i] as number) >>> bits
        if (group < most && places[group] !== 0) (counts[(places[group] as number) - 1] as number)++
      }
    }
    return counts
  }

  #collect(places: Uint32Array, lists: readonly Posting[]): void {
    const rows = this.#rows
    const slab = this.#slab
    const { bits } = this
    const mask = (1 << bits) - 1
    const most = places.length
    const filled = new Uint32Array(lists.length)
    for (let row = 0; row < this.#size; row++) {
      const start = rows[row * 2] as number
      const end = start + (rows[row * 2 + 1] as number)
      for (let i = start; i < end; i++) {
        const entry = slab[i] as number
        const group = entry >>> bits
        if (group >= most || places[group] === 0) continue
        const place = (places[group] as number) - 1
        const { rows: into, values } = lists[place] as Posting
        const at = (filled[place] as number)++
        into[at] = row
        values[at] = entry & mask
      }
    }
  }

  /** Without what is no longer used, and with room for more. */
  #compact(more: number): void {
    const slab = new Uint32Array(Math.ceil((this.#used + more) * growth) + 64)
    let end = 0
    for (let row = 0; row < this.#size; row++) {
      const start = this.#rows[row * 2] as number
      const length = this.#rows[row * 2 + 1] as number
      slab.set(this.#slab.subarray(start, start + length), end)
      this.#rows[row * 2] = end
      end += roomFor(length)
    }
    this.#slab = slab
    this.#end = end
    this.#used = end
  }
}
