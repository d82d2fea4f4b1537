// The cookie of a paged search (RFC 2696). It holds the position itself, so that a search that is never finished leaves
// nothing behind, and is sealed to the connection and to the very question that it belongs to.
import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { utf8 } from '../../base/bytes.ts'
import { BerWriter } from '../../wire/ber/writer.ts'
import { encodeFilter } from '../../wire/ldap/filter.ts'
import type { SearchRequest } from '../../wire/ldap/messages.ts'

/** Where a search goes on: after this entry of this part of the tree. */
export interface Position {
  readonly part: number
  readonly after: string
  /** Entries sent in all pages so far. */
  readonly sent: number
}

const macLength = 32
const headLength = 5

export class PagingCookies {
  /** Known to this process only: a connection lives in one process, and so do its cookies. */
  readonly #key = randomBytes(32)

  /** `bond`: everything that a cookie must belong to; see `bondOf`. */
  encode({ part, after, sent }: Position, bond: Buffer): Buffer {
    const head = Buffer.alloc(headLength)
    head.writeUInt8(part, 0)
    head.writeUInt32BE(sent, 1)
    const body = Buffer.concat([head, Buffer.from(after)])
    return Buffer.concat([this.#mac(body, bond), body])
  }

  /** Null: altered, or of another search, identity or connection. */
  decode(cookie: Buffer, bond: Buffer): Position | null {
    if (cookie.length < macLength + headLength) return null
    const body = cookie.subarray(macLength)
    if (!timingSafeEqual(cookie.subarray(0, macLength), this.#mac(body, bond))) return null
    const after = utf8(body.subarray(headLength))
    return after === null ? null : { part: body.readUInt8(0), sent: body.readUInt32BE(1), after }
  }

  #mac(body: Buffer, bond: Buffer): Buffer {
    return createHmac('sha256', this.#key).update(bond).update(body).digest()
  }
}

/** What the cookie of a search belongs to. `who`: connection, organization and principal; `base`: the canonical DN. */
export function bondOf(who: readonly string[], base: string, request: SearchRequest): Buffer {
  const filter = new BerWriter()
  encodeFilter(filter, request.filter)
  const question = [...who, base, request.scope, request.typesOnly, request.attributes]
  return createHash('sha256').update(JSON.stringify(question)).update(filter.take()).digest()
}
