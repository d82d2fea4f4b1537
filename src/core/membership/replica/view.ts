// Reading memberships in shared memory, without locks, while somebody else writes them. What cannot be read whole is null:
// then the database is asked.
import {
  findId,
  mostEntries,
  parseId,
  rowIsThere,
  rowLength,
  rowStart,
  rowVersion,
  rowWords,
  sequence,
  type TableParts,
} from './layout.ts'

/** What is known of a subject; `entries` as in layout.ts. */
export interface Row {
  /** The lowest 32 bits of the cell's version. */
  readonly version: number
  readonly entries: readonly number[]
}

export class MembershipView {
  readonly #parts: TableParts
  readonly #words = new Uint32Array(4)

  constructor(parts: TableParts) {
    this.#parts = parts
  }

  /** `absent`: nobody by that id. Null: it is being written, or has been replaced. */
  read(id: string): Row | 'absent' | null {
    const { control, rows, slab } = this.#parts
    if (!parseId(id, this.#words)) return 'absent'
    const before = Atomics.load(control, sequence)
    if ((before & 1) === 1) return null
    const subject = findId(this.#parts, this.#words)
    let row: Row | 'absent' = 'absent'
    if (subject >= 0) {
      const at = subject * rowWords
      const start = rows[at + rowStart] as number
      const length = rows[at + rowLength] as number
      if (length > mostEntries || start + length > slab.length) return null
      const version = rows[at + rowVersion] as number
      if (rows[at + rowIsThere] === 1) {
        const entries: number[] = []
        for (let i = 0; i < length; i++) entries.push(slab[start + i] as number)
        row = { version, entries }
      }
    }
    // Adding nothing, instead of loading: also on machines that reorder, what was read above was read before this.
    return Atomics.add(control, sequence, 0) === before ? row : null
  }
}
