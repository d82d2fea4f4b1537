// Reading definite-length BER (X.690 §8.1) from strangers: every length is checked against what encloses it before
// anything is touched. It knows tags and lengths, not what they mean.
import { ByteReader, utf8, WireError } from '../../base/bytes.ts'
import { tags } from './tags.ts'

/** Length octets after the first that we accept: four, as in `30 84 00 00 00 05`, which Windows clients send. */
export const maxLengthOctets = 4

/**
 * A cursor over the TLVs in `bytes[start, end)`. Throws WireError with one of the codes `truncated`, `unexpected-tag`,
 * `multi-byte-tag`, `indefinite-length`, `length-too-long`, `bad-integer`, `bad-boolean`, `out-of-range`, `not-utf8`,
 * `trailing-bytes`.
 */
export class BerReader extends ByteReader {
  get atEnd(): boolean {
    return this.offset >= this.end
  }

  /** The identifier octet that comes next, or -1 at the end. */
  peekTag(): number {
    return this.offset < this.end ? (this.bytes[this.offset] as number) : -1
  }

  /** Reads one identifier octet. */
  tag(): number {
    const at = this.offset
    const tag = this.u8()
    if ((tag & 0x1f) === 0x1f) throw new WireError('multi-byte-tag', at)
    return tag
  }

  /** Reads the length octets of a TLV; what they declare is there. */
  length(): number {
    const at = this.offset
    const first = this.u8()
    let length = first
    if (first >= 0x80) {
      if (first === 0x80) throw new WireError('indefinite-length', at)
      const count = first & 0x7f
      if (count > maxLengthOctets) throw new WireError('length-too-long', at)
      length = 0
      for (let i = 0; i < count; i++) length = length * 256 + this.u8()
    }
    if (length > this.end - this.offset) throw new WireError('truncated', at)
    return length
  }

  /** Reads the header of a TLV that must carry `tag`, and gives the length of its contents. */
  header(tag: number): number {
    const at = this.offset
    if (this.tag() !== tag) throw new WireError('unexpected-tag', at)
    return this.length()
  }

  /** Steps over a TLV of `tag` and gives a reader over its contents. */
  enter(tag: number): BerReader {
    const length = this.header(tag)
    const inner = new BerReader(this.bytes, this.offset, this.offset + length)
    this.offset += length
    return inner
  }

  /** The contents of a TLV of `tag`: a view, not a copy. */
  octets(tag: number = tags.octetString): Buffer {
    return this.take(this.header(tag))
  }

  /** The contents of a TLV of `tag`, which must be UTF-8. */
  text(tag: number = tags.octetString): string {
    return this.#text(this.header(tag))
  }

  /** All that is left, which must be UTF-8: the contents of a primitive TLV that was entered. */
  restAsText(): string {
    return this.#text(this.remaining)
  }

  /** A whole number in at most 4 octets, from `min` to `max`. Superfluous leading zeros within those are let through. */
  integer(tag: number = tags.integer, min = -0x80000000, max = 0x7fffffff): number {
    return this.#integer(this.header(tag), min, max)
  }

  /** All that is left, as a whole number from `min` to `max`: the contents of a primitive TLV that was entered. */
  restAsInteger(min = -0x80000000, max = 0x7fffffff): number {
    return this.#integer(this.remaining, min, max)
  }

  /** RFC 4511 §5.1 writes TRUE as FF; BER, and some clients, allow any octet but zero. */
  boolean(tag: number = tags.boolean): boolean {
    const at = this.offset
    if (this.header(tag) !== 1) throw new WireError('bad-boolean', at)
    return this.u8() !== 0
  }

  /** Nothing may be left over. */
  finish(): void {
    if (this.offset !== this.end) throw new WireError('trailing-bytes', this.offset)
  }

  #text(length: number): string {
    const at = this.offset
    const text = utf8(this.take(length))
    if (text === null) throw new WireError('not-utf8', at)
    return text
  }

  #integer(length: number, min: number, max: number): number {
    const at = this.offset
    if (length < 1 || length > 4) throw new WireError('bad-integer', at)
    const value = this.bytes.readIntBE(at, length)
    if (value < min || value > max) throw new WireError('out-of-range', at)
    this.offset += length
    return value
  }
}
