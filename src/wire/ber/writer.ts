// Writing definite-length BER into one growing buffer, lengths in their shortest form. It trusts its caller: what is
// written comes from us, not from strangers.
import { tags } from './tags.ts'

// Short ASCII text and values are copied byte by byte: below this size a native call costs more than the loop.
const shortEnough = 40
// A buffer grown beyond this by one large message is not kept for the next.
const keptCapacity = 1 << 20

/** How many octets the length field takes for contents of `length` octets. */
export function lengthOctets(length: number): number {
  return length < 0x80 ? 1 : length < 0x100 ? 2 : length < 0x10000 ? 3 : length < 0x1000000 ? 4 : 5
}

/** How many octets a TLV with contents of `length` octets takes. */
export function tlvOctets(length: number): number {
  return 1 + lengthOctets(length) + length
}

/** How many octets the contents of an INTEGER take: two's complement, as few as possible (X.690 §8.3). */
export function integerOctets(value: number): number {
  return value >= -0x80 && value < 0x80
    ? 1
    : value >= -0x8000 && value < 0x8000
      ? 2
      : value >= -0x800000 && value < 0x800000
        ? 3
        : 4
}

export class BerWriter {
  #bytes: Buffer
  #offset = 0
  readonly #capacity: number

  /** `capacity`: octets to start with; it grows as needed. */
  constructor(capacity = 4096) {
    this.#capacity = capacity
    this.#bytes = Buffer.allocUnsafeSlow(capacity)
  }

  /** Octets written since the last `take` or `reset`. */
  get written(): number {
    return this.#offset
  }

  /** Forgets what was written. */
  reset(): void {
    this.#offset = 0
    if (this.#bytes.length > keptCapacity) this.#bytes = Buffer.allocUnsafeSlow(this.#capacity)
  }

  /** What was written, in a buffer of its own; the writer is empty again. */
  take(): Buffer {
    const taken = Buffer.from(this.#bytes.subarray(0, this.#offset))
    this.reset()
    return taken
  }

  /** Makes room for `count` more octets. */
  reserve(count: number): void {
    const needed = this.#offset + count
    if (needed <= this.#bytes.length) return
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#bytes.length * 2))
    this.#bytes.copy(larger, 0, 0, this.#offset)
    this.#bytes = larger
  }

  /** Opens a constructed TLV; hand what it returns to `end` when its contents are written. */
  begin(tag: number = tags.sequence): number {
    this.reserve(2)
    this.#bytes[this.#offset] = tag
    this.#offset += 2
    return this.#offset
  }

  /** Closes a TLV. One length octet was kept free; longer contents are moved up to make room for more. */
  end(mark: number): void {
    const length = this.#offset - mark
    if (length < 0x80) {
      this.#bytes[mark - 1] = length
      return
    }
    const extra = lengthOctets(length) - 1
    this.reserve(extra)
    this.#bytes.copyWithin(mark + extra, mark, this.#offset)
    this.#length(length, mark - 1)
    this.#offset += extra
  }

  /** The identifier and length octets of a TLV whose contents, `length` octets, are written next. */
  header(tag: number, length: number): void {
    this.reserve(6)
    this.#bytes[this.#offset] = tag
    this.#offset = this.#length(length, this.#offset + 1)
  }

  octets(value: Uint8Array, tag: number = tags.octetString): void {
    this.header(tag, value.length)
    this.raw(value)
  }

  /** Octets as they are: a TLV encoded earlier. */
  raw(value: Uint8Array): void {
    const length = value.length
    this.reserve(length)
    if (length <= shortEnough) {
      const bytes = this.#bytes
      const at = this.#offset
      for (let i = 0; i < length; i++) bytes[at + i] = value[i] as number
    } else {
      this.#bytes.set(value, this.#offset)
    }
    this.#offset += length
  }

  /** Text in UTF-8. */
  text(value: string, tag: number = tags.octetString): void {
    if (value.length <= shortEnough && this.#shortAscii(value, tag)) return
    const length = Buffer.byteLength(value)
    this.header(tag, length)
    this.reserve(length)
    this.#bytes.write(value, this.#offset, 'utf8')
    this.#offset += length
  }

  /** A whole number from -2^31 to 2^31-1. */
  integer(value: number, tag: number = tags.integer): void {
    if (!Number.isInteger(value) || value < -0x80000000 || value > 0x7fffffff) {
      throw new RangeError(`not a 32-bit integer: ${value}`)
    }
    const length = integerOctets(value)
    this.reserve(6)
    const bytes = this.#bytes
    let at = this.#offset
    bytes[at++] = tag
    bytes[at++] = length
    for (let shift = (length - 1) * 8; shift >= 0; shift -= 8) bytes[at++] = value >> shift
    this.#offset = at
  }

  boolean(value: boolean, tag: number = tags.boolean): void {
    this.reserve(3)
    this.#bytes[this.#offset++] = tag
    this.#bytes[this.#offset++] = 1
    this.#bytes[this.#offset++] = value ? 0xff : 0
  }

  // Writes as it checks; a character beyond ASCII abandons the attempt, and nothing counts as written.
  #shortAscii(value: string, tag: number): boolean {
    const length = value.length
    this.reserve(2 + length)
    const bytes = this.#bytes
    const at = this.#offset
    bytes[at] = tag
    bytes[at + 1] = length
    for (let i = 0; i < length; i++) {
      const code = value.charCodeAt(i)
      if (code >= 0x80) return false
      bytes[at + 2 + i] = code
    }
    this.#offset = at + 2 + length
    return true
  }

  // Writes length octets at `at` and gives the position after them (X.690 §8.1.3).
  #length(length: number, at: number): number {
    const bytes = this.#bytes
    if (length < 0x80) {
      bytes[at] = length
      return at + 1
    }
    const count = lengthOctets(length) - 1
    bytes[at] = 0x80 | count
    for (let i = count; i > 0; i--) {
      bytes[at + i] = length & 0xff
      length >>>= 8
    }
    return at + 1 + count
  }
}
