// For each ordinal a few numbers: groups with some bits each; and for each group who has it. Typed arrays only; has one writer,
// and readers in the same thread.

const growth = 1.25
const step = 4
const roomFor = (length: number): number => Math.ceil(length / step) * step

/** Ordinals with a value each, for one group. Valid until the next change. */
export interface Posting {
  readonly rows: Uint32Array
  /** Found when they are asked for. */
  readonly values: Uint8Array
}

const nobody: Posting = { rows: new Uint32Array(0), values: new Uint8Array(0) }

/** Who has entries of one group: everybody who does, each at least once, and some who did. */
interface Holders {
  rows: Uint32Array
  length: number
  /** How often somebody has lost it since they were last gone through. */
  stale: number
}

/** So many who had it are not worth going through the others. */
const mostStale = 64

export class Entries {
  /** How many bits of an entry are not the group's number; up to 8. */
  readonly bits: number
  /** Two words for each ordinal: where its entries begin, and how many there are. */
  #rows = new Uint32Array(128)
  #slab = new Uint32Array(256)
  #size = 0
  #end = 0
  #used = 0
  /** By the group's number. */
  readonly #holders: (Holders | undefined)[] = []

  constructor(bits: number) {
    this.bits = bits
  }

  get bytes(): number {
    const holders = this.#holders.reduce((sum, one) => sum + (one?.rows.byteLength ?? 0), 0)
    return this.#rows.byteLength + this.#slab.byteLength + holders
  }

  set(ordinal: number, entries: ArrayLike<number>): void {
    // Where hardly anybody has any, there is no room for those who have none.
    if (entries.length === 0 && ordinal >= this.#size) return
    if (ordinal * 2 >= this.#rows.length) {
      const rows = new Uint32Array(Math.ceil((ordinal + 1) * growth) * 2)
      rows.set(this.#rows)
      this.#rows = rows
    }
    this.#size = Math.max(this.#size, ordinal + 1)
    const lost = [...this.of(ordinal)].map((entry) => entry >>> this.bits)
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
    for (let i = 0; i < entries.length; i++) {
      const group = (entries[i] as number) >>> this.bits
      const at = lost.indexOf(group)
      if (at < 0) this.#add(group, ordinal)
      else lost[at] = -1
    }
    for (const group of lost) {
      const holders = this.#holders[group]
      if (holders !== undefined && ++holders.stale > mostStale && holders.stale * 2 > holders.length)
        this.#collect(group, holders)
    }
  }

  /** Gives back memory that is only there to grow into. */
  fit(): void {
    this.#compact(0, 1)
    this.#rows = this.#rows.slice(0, this.#size * 2)
    for (const holders of this.#holders)
      if (holders !== undefined) holders.rows = holders.rows.slice(0, holders.length)
  }

  #add(group: number, ordinal: number): void {
    const holders = this.#holders[group] ?? { rows: new Uint32Array(step), length: 0, stale: 0 }
    this.#holders[group] = holders
    if (holders.length === holders.rows.length) {
      const rows = new Uint32Array(Math.ceil((holders.length + 1) * growth))
      rows.set(holders.rows)
      holders.rows = rows
    }
    holders.rows[holders.length++] = ordinal
  }

  /** Valid until the next change. */
  of(ordinal: number): Uint32Array {
    if (ordinal >= this.#size) return this.#slab.subarray(0, 0)
    const start = this.#rows[ordinal * 2] as number
    return this.#slab.subarray(start, start + (this.#rows[ordinal * 2 + 1] as number))
  }

  /** Who has entries of these groups, each with the bits beside the group's number. */
  postings(groups: ReadonlySet<number>): ReadonlyMap<number, Posting> {
    return new Map(
      [...groups].map((group) => {
        const holders = this.#holders[group]
        if (holders === undefined) return [group, nobody]
        return [group, holders.stale > 0 ? this.#collect(group, holders) : this.#posting(group, holders)]
      }),
    )
  }

  /** Of holders among whom there is nobody else. */
  #posting(group: number, { rows: all, length }: Holders): Posting {
    const rows = all.subarray(0, length)
    const mask = (1 << this.bits) - 1
    let values: Uint8Array | null = null
    const find = (): Uint8Array => Uint8Array.from(rows, (row) => this.#entryOf(row, group) & mask)
    return {
      rows,
      get values() {
        values ??= find()
        return values
      },
    }
  }

  /** Each once, and from then on nobody else is among the holders. */
  #collect(group: number, holders: Holders): Posting {
    const { rows, length } = holders
    const seen = new Uint8Array(this.#size)
    let found = 0
    for (let i = 0; i < length; i++) {
      const row = rows[i] as number
      if (seen[row] === 1 || this.#entryOf(row, group) < 0) continue
      seen[row] = 1
      rows[found++] = row
    }
    holders.length = found
    holders.stale = 0
    return this.#posting(group, holders)
  }

  /** -1: there is none. */
  #entryOf(row: number, group: number): number {
    const start = this.#rows[row * 2] as number
    const end = start + (this.#rows[row * 2 + 1] as number)
    for (let i = start; i < end; i++) {
      const entry = this.#slab[i] as number
      if (entry >>> this.bits === group) return entry
    }
    return -1
  }

  /** Without what is no longer used, and with room for more. */
  #compact(more: number, spare = growth): void {
    const slab = new Uint32Array(Math.ceil((this.#used + more) * spare))
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
