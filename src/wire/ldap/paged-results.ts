// The value of the simple paged results control (RFC 2696), the same shape in requests and responses. What the cookie
// means, and whose it is, is the door's business.
import { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import { BerWriter } from '../ber/writer.ts'

export interface PagedResults {
  /** Request: entries wanted in this page; 0 with a cookie gives up the search. Response: an estimate of all, or 0. */
  readonly size: number
  /** Empty in the first request and in the last response. */
  readonly cookie: Buffer
}

/** realSearchControlValue ::= SEQUENCE { size INTEGER (0..maxInt), cookie OCTET STRING }. Throws WireError. */
export function decodePagedResults(value: Buffer): PagedResults {
  const outer = new BerReader(value)
  const reader = outer.enter(tags.sequence)
  outer.finish()
  const size = reader.integer(tags.integer, 0)
  const cookie = reader.octets()
  reader.finish()
  return { size, cookie }
}

export function encodePagedResults({ size, cookie }: PagedResults): Buffer {
  const writer = new BerWriter(32 + cookie.length)
  const mark = writer.begin()
  writer.integer(size)
  writer.octets(cookie)
  writer.end(mark)
  return writer.take()
}
