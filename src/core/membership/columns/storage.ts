// Typed arrays that grow by being copied: arrays of fixed length are faster to read than growable ones. They are not in shared
// memory, because nobody else reads them, and because V8 does not hurry to collect shared memory that is no longer used: ten times
// what is needed was resident while a million rows were put in.

export const bytesArray = (length: number): Bytes => new Uint8Array(length)
export const shortsArray = (length: number): Shorts => new Uint16Array(length)
export const wordsArray = (length: number): Words => new Uint32Array(length)
export const numbersArray = (length: number): Numbers => new Float64Array(length)

export type Bytes = Uint8Array<ArrayBuffer>
export type Shorts = Uint16Array<ArrayBuffer>
export type Words = Uint32Array<ArrayBuffer>
export type Numbers = Float64Array<ArrayBuffer>

interface Settable<T> {
  readonly length: number
  set(from: T): void
  subarray(from: number, to: number): T
}

/** A copy of `array` made by `make`, longer or shorter. */
export function resized<T extends Settable<T>>(array: T, length: number, make: (length: number) => T): T {
  const copy = make(length)
  copy.set(array.length > length ? array.subarray(0, length) : array)
  return copy
}

/** Room for `needed` and a quarter more: memory against copying. */
export const roomy = (needed: number): number => Math.ceil(needed * 1.25)

type CodeArray = Bytes | Shorts | Words

const widths = [
  { most: 0xff, make: bytesArray },
  { most: 0xffff, make: shortsArray },
  { most: 0xffffffff, make: wordsArray },
] as const

/** Whole numbers in as few bytes each as the greatest of them needs. */
export class Codes {
  array: CodeArray
  #width = 0

  constructor(length: number) {
    this.array = bytesArray(length)
  }

  get bytes(): number {
    return this.array.byteLength
  }

  at(index: number): number {
    return this.array[index] as number
  }

  set(index: number, code: number): void {
    if (code > widths[this.#width]!.most) this.#widen(code)
    this.array[index] = code
  }

  resize(length: number): void {
    this.#copy(length)
  }

  #widen(code: number): void {
    while (code > widths[this.#width]!.most) this.#width++
    this.#copy(this.array.length)
  }

  #copy(length: number): void {
    const copy: CodeArray = widths[this.#width]!.make(length)
    copy.set(this.array.length > length ? this.array.subarray(0, length) : this.array)
    this.array = copy
  }
}
