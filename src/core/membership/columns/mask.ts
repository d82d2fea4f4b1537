// Sets of rows as one byte for each row, 0 or 1, and what is done with them four rows at a time.
import type { Mask } from './shapes.ts'

/** Masks are worked on in pieces of so many rows: their lengths, and those of columns, are multiples of it. */
const maskStep = 64

export const paddedLength = (rows: number): number => Math.ceil(rows / maskStep) * maskStep

const wordsOf = (mask: Uint8Array): Uint32Array =>
  new Uint32Array(mask.buffer, mask.byteOffset, mask.length >>> 2)

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
