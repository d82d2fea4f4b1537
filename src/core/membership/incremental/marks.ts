// A set of ordinals of groups, which are few among many and are taken in rising order while more are added above.

export class Marks {
  readonly words: Uint32Array

  /** For ordinals below `size`. */
  constructor(size: number) {
    this.words = new Uint32Array((size + 31) >>> 5)
  }

  add(ordinal: number): void {
    const word = ordinal >>> 5
    this.words[word] = (this.words[word] as number) | (1 << (ordinal & 31))
  }

  addAll(ordinals: readonly number[]): void {
    for (const ordinal of ordinals) this.add(ordinal)
  }

  /** Takes an ordinal out; false where it was not in. */
  take(ordinal: number): boolean {
    const word = ordinal >>> 5
    const bit = 1 << (ordinal & 31)
    const bits = this.words[word] as number
    if ((bits & bit) === 0) return false
    this.words[word] = bits & ~bit
    return true
  }
}
