// The bytes that a connection has received and that are no whole message yet. What is declared costs nothing; what has
// arrived is put together once, when a message is complete.
import { frame } from '../../wire/ldap/frame.ts'

/** Small pieces are put together before they cost more than what is in them. */
const mostPieces = 64

export class Inbox {
  #pieces: Buffer[] = []
  #size = 0
  #needed = 2

  /** Octets that belong to no message yet. */
  get size(): number {
    return this.#size
  }

  add(bytes: Buffer): void {
    this.#pieces.push(bytes)
    this.#size += bytes.length
    if (this.#pieces.length >= mostPieces) this.#pieces = [Buffer.concat(this.#pieces)]
  }

  /**
   * The next whole message, or null; `cap` is the longest to accept, in octets. Throws WireError.
   * Messages are views of what arrived.
   */
  next(cap: number): Buffer | null {
    if (this.#size < this.#needed) return null
    const bytes = this.#pieces.length === 1 ? (this.#pieces[0] as Buffer) : Buffer.concat(this.#pieces)
    this.#pieces = [bytes]
    const { complete, length } = frame(bytes, 0, cap)
    if (!complete) {
      this.#needed = length
      return null
    }
    this.#needed = 2
    this.#size -= length
    this.#pieces = this.#size === 0 ? [] : [bytes.subarray(length)]
    return bytes.subarray(0, length)
  }

  clear(): void {
    this.#pieces = []
    this.#size = 0
    this.#needed = 2
  }
}
