// Bounded reading of bytes from strangers. A codec reads through ByteReader and can fail in one way only: WireError.

/** The only error a decoder may throw: `code` is stable, `offset` is where in the message, in bytes. */
export class WireError extends Error {
  readonly code: string
  readonly offset: number
  constructor(code: string, offset: number) {
    super(`${code} at byte ${offset}`)
    this.name = 'WireError'
    this.code = code
    this.offset = offset
  }
}

/** A cursor over `bytes[start, end)`; every read checks its bound before it touches or allocates anything. */
export class ByteReader {
  readonly bytes: Buffer
  readonly end: number
  offset: number

  constructor(bytes: Buffer, start = 0, end = bytes.length) {
    this.bytes = bytes
    this.offset = start
    this.end = end
  }

  get remaining(): number {
    return this.end - this.offset
  }

  /** Throws unless `count` more bytes are there. */
  need(count: number): void {
    if (count < 0 || count > this.remaining) throw new WireError('truncated', this.offset)
  }

  u8(): number {
    this.need(1)
    return this.bytes[this.offset++] as number
  }

  u16(): number {
    this.need(2)
    const value = this.bytes.readUInt16BE(this.offset)
    this.offset += 2
    return value
  }

  u32(): number {
    this.need(4)
    const value = this.bytes.readUInt32BE(this.offset)
    this.offset += 4
    return value
  }

  /** A view (not a copy) of the next `count` bytes. */
  take(count: number): Buffer {
    this.need(count)
    const view = this.bytes.subarray(this.offset, this.offset + count)
    this.offset += count
    return view
  }

  /** A reader over the next `count` bytes, which this one skips. */
  window(count: number): ByteReader {
    this.need(count)
    const inner = new ByteReader(this.bytes, this.offset, this.offset + count)
    this.offset += count
    return inner
  }
}

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** UTF-8 text, or null where the bytes are not valid UTF-8. */
export function utf8(bytes: Uint8Array): string | null {
  try {
    return strict.decode(bytes)
  } catch {
    return null
  }
}
