// Typed arrays in shared memory, which grow by being copied: arrays of fixed length are faster to read than growable ones.

export type Shared<T extends Uint8Array | Uint16Array | Uint32Array | Float64Array> = T extends Uint8Array
  ? Uint8Array<SharedArrayBuffer>
  : T extends Uint16Array
    ? Uint16Array<SharedArrayBuffer>
    : T extends Uint32Array
      ? Uint32Array<SharedArrayBuffer>
      : Float64Array<SharedArrayBuffer>

export const bytesArray = (length: number): Uint8Array<SharedArrayBuffer> =>
  new Uint8Array(new SharedArrayBuffer(length))
export const shortsArray = (length: number): Uint16Array<SharedArrayBuffer> =>
  new Uint16Array(new SharedArrayBuffer(length * 2))
export const wordsArray = (length: number): Uint32Array<SharedArrayBuffer> =>
  new Uint32Array(new SharedArrayBuffer(length * 4))
export const numbersArray = (length: number): Float64Array<SharedArrayBuffer> =>
  new Float64Array(new SharedArrayBuffer(length * 8))

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

export type CodeArray =
  | Uint8Array<SharedArrayBuffer>
  | Uint16Array<SharedArrayBuffer>
  | Uint32Array<SharedArrayBuffer>

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
