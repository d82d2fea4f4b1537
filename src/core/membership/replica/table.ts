// The one writer of an organization's memberships in shared memory. Every row is written between two steps of a sequence
// number, so that readers (view.ts) never see half of one; when a part is full, all parts are replaced.
import {
  bytesOf,
  findId,
  formatId,
  hashId,
  mostGroups,
  parseId,
  reasonBits,
  rowIsThere,
  rowLength,
  rowStart,
  rowVersion,
  rowWords,
  sequence,
  type TableParts,
} from './layout.ts'

/** Room for so much more when something is full: memory against copying. */
const growth = 1.25
const leastSubjects = 64
const leastEntries = 256
/** Entries of a row take a multiple of these, so that most changes fit where the row is. */
const step = 4
/** Rows that are changed between two steps of the sequence, where many are changed. */
const rowsAtOnce = 1_000

const roomFor = (length: number): number => Math.ceil(length / step) * step

export class MembershipTable {
  #parts: TableParts
  #subjects = 0
  #there = 0
  /** Where the next entries go. */
  #end = 0
  /** Words of the slab that rows use. */
  #used = 0
  readonly #words = new Uint32Array(4)
  readonly #replaced: (parts: TableParts) => void

  /** Sized for so many subjects and entries; `replaced` is told of the parts that readers are to use from then on. */
  constructor(subjects: number, entries: number, replaced: (parts: TableParts) => void) {
    this.#replaced = replaced
    this.#parts = emptyParts(subjects, entries)
  }

  get parts(): TableParts {
    return this.#parts
  }

  /** Of all parts. */
  get bytes(): number {
    return bytesOf(this.#parts)
  }

  /** Subjects in it. */
  get size(): number {
    return this.#there
  }

  /** Puts the subject's entries (group number and reasons, see layout.ts) in the place of what was known of it. */
  put(id: string, version: number, entries: ArrayLike<number>): void {
    this.#parse(id)
    const { length } = entries
    let subject = findId(this.#parts, this.#words)
    const had = subject < 0 ? 0 : this.#row(subject, rowLength)
    const isNewPlace = roomFor(length) !== roomFor(had)
    if (
      (subject < 0 && this.#isFullOfSubjects()) ||
      (isNewPlace && this.#end + roomFor(length) > this.#parts.slab.length)
    ) {
      this.#replace(subject < 0 ? 1 : 0, roomFor(length))
      subject = findId(this.#parts, this.#words)
    }
    this.#begin()
    if (subject < 0) subject = this.#add()
    const { rows, slab } = this.#parts
    const row = subject * rowWords
    if (isNewPlace) {
      rows[row + rowStart] = this.#end
      this.#end += roomFor(length)
      this.#used += roomFor(length) - roomFor(had)
    }
    slab.set(entries, rows[row + rowStart] as number)
    rows[row + rowLength] = length
    rows[row + rowVersion] = version
    if (rows[row + rowIsThere] === 0) this.#there++
    rows[row + rowIsThere] = 1
    this.#finish()
  }

  /** The subject is not there (any more). Its number is not used again before the parts are replaced. */
  remove(id: string): void {
    this.#parse(id)
    const subject = findId(this.#parts, this.#words)
    if (subject < 0 || this.#row(subject, rowIsThere) === 0) return
    this.#begin()
    const { rows } = this.#parts
    const row = subject * rowWords
    this.#used -= roomFor(rows[row + rowLength] as number)
    this.#there--
    rows[row + rowLength] = 0
    rows[row + rowIsThere] = 0
    this.#finish()
  }

  /** Gives back what is more than `slack` times what is needed: for when everything is in. */
  fit(slack = 1.05): void {
    this.#begin()
    this.#renew(Math.ceil(this.#there * slack), Math.ceil(this.#used * slack))
  }

  /** Takes a group out of every row. */
  removeGroup(group: number): void {
    if (group >= mostGroups) throw new RangeError(`no group has the number ${group}`)
    const { rows, slab } = this.#parts
    for (let from = 0; from < this.#subjects; from += rowsAtOnce) {
      const to = Math.min(from + rowsAtOnce, this.#subjects)
      this.#begin()
      for (let subject = from; subject < to; subject++) {
        const row = subject * rowWords
        const start = rows[row + rowStart] as number
        const length = rows[row + rowLength] as number
        let kept = 0
        for (let i = 0; i < length; i++) {
          const entry = slab[start + i] as number
          if (entry >>> reasonBits !== group) slab[start + kept++] = entry
        }
        if (kept === length) continue
        // A row has the room that its length says: what is over is lost until the next replacement.
        this.#used -= roomFor(length) - roomFor(kept)
        rows[row + rowLength] = kept
      }
      this.#finish()
    }
  }

  /** Ids, versions and entries of every subject that is there; the entries are valid until the next call. */
  *subjects(): Generator<{ readonly id: string; readonly version: number; readonly entries: Uint32Array }> {
    for (let subject = 0; subject < this.#subjects; subject++) {
      if (this.#row(subject, rowIsThere) === 0) continue
      const { ids, slab } = this.#parts
      const start = this.#row(subject, rowStart)
      yield {
        id: formatId(ids, subject * 4),
        version: this.#row(subject, rowVersion),
        entries: slab.subarray(start, start + this.#row(subject, rowLength)),
      }
    }
  }

  #row(subject: number, word: number): number {
    return this.#parts.rows[subject * rowWords + word] as number
  }

  #parse(id: string): void {
    if (!parseId(id, this.#words)) throw new TypeError(`not an id: ${JSON.stringify(id)}`)
  }

  #isFullOfSubjects(): boolean {
    return (this.#subjects + 1) * rowWords > this.#parts.rows.length
  }

  #begin(): void {
    Atomics.add(this.#parts.control, sequence, 1)
  }

  #finish(): void {
    Atomics.add(this.#parts.control, sequence, 1)
  }

  #add(): number {
    const subject = this.#subjects++
    this.#parts.ids.set(this.#words, subject * 4)
    enter(this.#parts, subject)
    return subject
  }

  /** Makes room for so much more than there is. */
  #replace(subjects: number, entries: number): void {
    this.#begin()
    const isFull = subjects > 0 && this.#isFullOfSubjects()
    const room = this.#parts.rows.length / rowWords
    const wanted = Math.ceil((this.#there + subjects) * growth)
    this.#renew(isFull ? wanted : room, Math.ceil((this.#used + entries) * growth))
  }

  /** New parts of this size, without what is no longer used. The older ones are left closed. */
  #renew(subjects: number, entries: number): void {
    const old = this.#parts
    const parts = emptyParts(subjects, entries)
    let count = 0
    let end = 0
    for (let subject = 0; subject < this.#subjects; subject++) {
      const from = subject * rowWords
      if (old.rows[from + rowIsThere] === 0) continue
      const start = old.rows[from + rowStart] as number
      const length = old.rows[from + rowLength] as number
      parts.ids.set(old.ids.subarray(subject * 4, subject * 4 + 4), count * 4)
      parts.rows.set(old.rows.subarray(from, from + rowWords), count * rowWords)
      parts.rows[count * rowWords + rowStart] = end
      parts.slab.set(old.slab.subarray(start, start + length), end)
      end += roomFor(length)
      enter(parts, count++)
    }
    this.#parts = parts
    this.#subjects = count
    this.#end = end
    this.#used = end
    this.#replaced(parts)
  }
}

function enter({ ids, slots }: TableParts, subject: number): void {
  const mask = slots.length - 1
  let slot = hashId(ids, subject * 4) & mask
  while (slots[slot] !== 0) slot = (slot + 1) & mask
  slots[slot] = subject + 1
}

function emptyParts(subjects: number, entries: number): TableParts {
  const room = Math.max(leastSubjects, subjects)
  const words = (count: number) => new Uint32Array(new SharedArrayBuffer(count * 4))
  return {
    control: new Int32Array(new SharedArrayBuffer(4)),
    ids: words(room * 4),
    // never more than two thirds full
    slots: words(2 ** Math.ceil(Math.log2(room * 1.5))),
    rows: words(room * rowWords),
    slab: words(Math.max(leastEntries, entries)),
  }
}
