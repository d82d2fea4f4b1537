// Where one LDAP message ends in a stream of bytes. It looks at the first few octets only and never allocates, so that
// a declared length costs the one who declares it, not us.
import { WireError } from '../../base/bytes.ts'
import { maxLengthOctets } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'

export interface Frame {
  /** True: the message is `bytes[offset, offset + length)`. */
  readonly complete: boolean
  /** Octets of the whole message; where it is not complete, the octets from `offset` on that it takes to know more. */
  readonly length: number
}

/**
 * Looks for one message at `offset`. `cap`: the longest message to accept, in octets, header included; one that
 * declares more is refused as soon as the length octets say so.
 * Throws WireError: `unexpected-tag`, `indefinite-length`, `length-too-long`, `message-too-large`.
 */
export function frame(bytes: Buffer, offset: number, cap: number): Frame {
  const available = bytes.length - offset
  if (available < 1) return { complete: false, length: 2 }
  if (bytes[offset] !== tags.sequence) throw new WireError('unexpected-tag', offset)
  if (available < 2) return { complete: false, length: 2 }
  const first = bytes[offset + 1] as number
  let header = 2
  let contents = first
  if (first >= 0x80) {
    if (first === 0x80) throw new WireError('indefinite-length', offset + 1)
    const count = first & 0x7f
    if (count > maxLengthOctets) throw new WireError('length-too-long', offset + 1)
    header += count
    contents = 0
    for (let at = offset + 2; at < offset + header; at++) {
      if (at >= bytes.length) return { complete: false, length: header }
      contents = contents * 256 + (bytes[at] as number)
      if (contents > cap) throw new WireError('message-too-large', offset + 1)
    }
  }
  const length = header + contents
  if (length > cap) throw new WireError('message-too-large', offset + 1)
  return { complete: available >= length, length }
}
