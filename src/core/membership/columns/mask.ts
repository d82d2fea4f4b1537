// Sets of rows as one byte for each row, 0 or 1, and what is done with them four rows at a time.
import type { Mask } from './shapes.ts'

/** Masks are worked on in pieces of so many rows: their lengths, and those of columns, are multiples of it. */
const maskStep = 64

export const paddedLength = (rows: number): number => Math.ceil(rows / maskStep) * maskStep

/** Nobody, of so many rows. What is beyond them in its memory stays 0, so that it too is worked on four rows at a time. */
export const emptyMask = (rows: number): Mask => new Uint8Array(paddedLength(rows)).subarray(0, rows)

export function copyOf(mask: Uint8Array): Mask {
  const copy = emptyMask(mask.length)
  copy.set(mask)
  return copy
}

const wordsOf = (mask: Uint8Array): Uint32Array =>
  new Uint32Array(mask.buffer, mask.byteOffset, Math.ceil(mask.length / 4))

/** `mask` without what is not in `other`, which is as long. */
export function intersect(mask: Uint8Array, other: Uint8Array): void {
  const [into, from] = [wordsOf(mask), wordsOf(other)]
  for (let i = 0; i < into.length; i++) (into[i] as number) &= from[i] as number
}

/** `mask` without those in `part`, all of whom are in it. */
export function without(mask: Uint8Array, part: Uint8Array): void {
  const [into, from] = [wordsOf(mask), wordsOf(part)]
  for (let i = 0; i < into.length; i++) (into[i] as number) ^= from[i] as number
}

/** Those of `mask` who are not in `other`, which is as long; a new mask. */
export function except(mask: Uint8Array, other: Uint8Array): Mask {
  const left = copyOf(mask)
  const [into, from] = [wordsOf(left), wordsOf(other)]
  for (let i = 0; i < into.length; i++) (into[i] as number) &= ~(from[i] as number)
  return left
}

/** Takes those who are in both out of `open`, and adds them to `taken`. All three are as long. */
export function claim(open: Uint8Array, those: Uint8Array, taken: Uint8Array): void {
  const [left, wanted, into] = [wordsOf(open), wordsOf(those), wordsOf(taken)]
  for (let i = 0; i < left.length; i++) {
    const claimed = (left[i] as number) & (wanted[i] as number)
    ;(into[i] as number) |= claimed
    ;(left[i] as number) ^= claimed
  }
}

/** 1 for every row of which the byte, up to 7, is not 0. */
export function nonzero(bytes: Uint8Array): Mask {
  const mask = copyOf(bytes)
  const words = wordsOf(mask)
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number
    words[i] = (word | (word >>> 1) | (word >>> 2)) & 0x01010101
  }
  return mask
}

/** `value`, up to 255, for every row that is in the mask; 0 for the others. */
export function times(mask: Uint8Array, value: number): Mask {
  const bytes = copyOf(mask)
  const words = wordsOf(bytes)
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(words[i] as number, value)
  return bytes
}

/** Calls back with every row whose byte is not 0, upwards, beginning with the row `from`. */
export function eachRow(bytes: Uint8Array, found: (row: number) => void, from = 0): void {
  const words = wordsOf(bytes)
  for (let word = from >>> 2; word < words.length; word++) {
    if (words[word] === 0) continue
    for (let row = Math.max(from, word * 4); row < word * 4 + 4; row++) if (bytes[row]) found(row)
  }
}

/** The first `limit` rows, below `end`, whose byte is not 0 and that are wanted; upwards. */
export function firstRows(
  bytes: Uint8Array,
  end: number,
  limit: number,
  isWanted: (row: number) => boolean,
): number[] {
  const words = wordsOf(bytes)
  const rows: number[] = []
  for (let word = 0; word * 4 < end; word++) {
    if (words[word] === 0) continue
    for (let row = word * 4; row < Math.min(end, word * 4 + 4); row++) {
      if (!bytes[row] || !isWanted(row)) continue
      rows.push(row)
      if (rows.length === limit) return rows
    }
  }
  return rows
}

/** `mask` and those in `other`, which may be shorter or longer and need not lie on a word's boundary. */
export function unite(mask: Uint8Array, other: Uint8Array): void {
  const length = Math.min(mask.length, other.length)
  for (let i = 0; i < length; i++) (mask[i] as number) |= other[i] as number
}

export function countOf(mask: Uint8Array): number {
  const words = wordsOf(mask)
  let count = 0
  for (let from = 0; from < words.length; from += 255) {
    const to = Math.min(from + 255, words.length)
    // Four sums side by side, which 255 words cannot make overflow.
    let sums = 0
    for (let i = from; i < to; i++) sums = (sums + (words[i] as number)) | 0
    count += (sums & 0xff) + ((sums >>> 8) & 0xff) + ((sums >>> 16) & 0xff) + (sums >>> 24)
  }
  return count
}

/** The rows in `mask`, of which there are `count`, upwards. */
export function rowsOf(mask: Uint8Array, count: number): Uint32Array {
  const words = wordsOf(mask)
  const rows = new Uint32Array(count)
  let found = 0
  for (let word = 0; word < words.length; word++) {
    if (words[word] === 0) continue
    for (let row = word * 4; row < word * 4 + 4; row++) if (mask[row] === 1) rows[found++] = row
  }
  return rows
}

/** Masks that are done with, to be used again: an evaluation needs several, each a megabyte for a million rows. */
export class MaskPool {
  readonly #free = new Map<number, Mask[]>()

  /** What is in it is left over from before. */
  take(length: number): Mask {
    return this.#free.get(length)?.pop() ?? new Uint8Array(length)
  }

  copy(mask: Uint8Array): Mask {
    const copy = this.take(mask.length)
    copy.set(mask)
    return copy
  }

  give(mask: Mask): void {
    // Populations grow: masks of lengths that are no longer asked for are let go.
    if (!this.#free.has(mask.length) && this.#free.size >= 2) this.#free.clear()
    const free = this.#free.get(mask.length)
    if (free === undefined) this.#free.set(mask.length, [mask])
    else if (free.length < 8) free.push(mask)
  }
}
