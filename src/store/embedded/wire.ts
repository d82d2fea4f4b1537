// The part of the PostgreSQL protocol (version 3.0) that stands between a client in this process and the embedded
// database: cutting the client's bytes into whole groups, and the few messages that are answered without the database.
// Clause numbers are chapters of the PostgreSQL manual. It reads no SQL, save to see a COPY coming.

const PROTOCOL_3 = 196608
const SSL_REQUEST = 80877103
const GSS_REQUEST = 80877104
/** Postgres itself refuses more than 1 GB; nothing that we send comes near this. */
const LARGEST_MESSAGE = 256 * 1024 * 1024

/** What a client said: a whole group ends where the server must answer (Query, Sync, Flush) or where COPY data ends. */
export type Said =
  | { readonly kind: 'startup' }
  | { readonly kind: 'encryption' }
  | { readonly kind: 'cancel' }
  | { readonly kind: 'terminate' }
  | { readonly kind: 'copy-begins' }
  | {
      readonly kind: 'group'
      readonly bytes: Uint8Array<ArrayBuffer>
      readonly isCopy: boolean
      readonly isClosed: boolean
    }
  | { readonly kind: 'nonsense'; readonly why: string }

const code = (letter: string) => letter.charCodeAt(0)
const [QUERY, SYNC, FLUSH, TERMINATE, PARSE] = [code('Q'), code('S'), code('H'), code('X'), code('P')]
const [COPY_DATA, COPY_DONE, COPY_FAIL] = [code('d'), code('c'), code('f')]
const copyFromClient = /^\s*copy\s[^;]*\sfrom\s+stdin\b/i

/** Collects a client's bytes, in pieces of any size, and cuts them into what it said (manual 54.2, 54.7). */
export class FrontendReader {
  #bytes: Buffer = Buffer.alloc(0)
  #scanned = 0
  #started = false
  #copying = false

  /** Takes more bytes; returns everything that they complete, in order. */
  push(chunk: Buffer): Said[] {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const said: Said[] = []
    for (let next = this.#next(); next !== null; next = this.#next()) {
      said.push(next)
      if (next.kind === 'nonsense' || next.kind === 'terminate') break
    }
    return said
  }

  #next(): Said | null {
    return this.#started ? this.#nextGroup() : this.#nextStartup()
  }

  // Int32 length (counts itself), Int32 code, then for a startup: name\0 value\0 ... \0
  #nextStartup(): Said | null {
    if (this.#bytes.length < 8) return null
    const length = this.#bytes.readUInt32BE(0)
    if (length < 8 || length > 10_000)
      return { kind: 'nonsense', why: 'startup message of impossible length' }
    if (this.#bytes.length < length) return null
    const request = this.#bytes.readUInt32BE(4)
    this.#bytes = this.#bytes.subarray(length)
    if (request === SSL_REQUEST || request === GSS_REQUEST) return { kind: 'encryption' }
    if (request !== PROTOCOL_3) return { kind: 'cancel' }
    this.#started = true
    return { kind: 'startup' }
  }

  // Byte1 kind, Int32 length (counts itself, not the kind), body. A group is cut after the message that asks for an answer.
  #nextGroup(): Said | null {
    while (this.#bytes.length - this.#scanned >= 5) {
      const kind = this.#bytes[this.#scanned] as number
      const length = this.#bytes.readUInt32BE(this.#scanned + 1)
      if (length < 4 || length > LARGEST_MESSAGE)
        return { kind: 'nonsense', why: 'message of impossible length' }
      const end = this.#scanned + 1 + length
      if (this.#bytes.length < end) return null
      const body = this.#bytes.subarray(this.#scanned + 5, end)
      this.#scanned = end
      if (kind === TERMINATE) return { kind: 'terminate' }
      if (kind === PARSE && copyFromClient.test(afterName(body))) {
        return { kind: 'nonsense', why: 'COPY FROM STDIN as a prepared statement is not supported here' }
      }
      if (kind === QUERY && copyFromClient.test(body.toString('latin1', 0, 2000))) {
        this.#copying = true
        return { kind: 'copy-begins' }
      }
      const ends = this.#copying
        ? kind === COPY_DONE || kind === COPY_FAIL
        : kind === QUERY || kind === SYNC || kind === FLUSH
      if (ends) return this.#cut(kind)
      if (this.#copying && kind !== COPY_DATA && kind !== SYNC && kind !== FLUSH) {
        return { kind: 'nonsense', why: 'another message in the middle of COPY data' }
      }
    }
    return null
  }

  #cut(lastKind: number): Said {
    // A copy of its own: the memory is handed over to the worker, and the client's buffer is reused.
    const bytes = new Uint8Array(this.#scanned)
    bytes.set(this.#bytes.subarray(0, this.#scanned))
    this.#bytes = this.#bytes.subarray(this.#scanned)
    this.#scanned = 0
    const isCopy = this.#copying
    this.#copying = false
    return { kind: 'group', bytes, isCopy, isClosed: lastKind !== FLUSH }
  }
}

function afterName(parse: Buffer): string {
  return parse.toString('latin1', parse.indexOf(0) + 1, parse.indexOf(0) + 2000)
}

/** Byte1 kind, Int32 length, body. */
function message(kind: string, body: Buffer): Buffer {
  const head = Buffer.alloc(5)
  head.write(kind, 0, 'latin1')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

const zeroEnded = (...texts: string[]) => Buffer.from(texts.map((text) => `${text}\0`).join(''))

/** AuthenticationOk, the parameters that clients act on, BackendKeyData and ReadyForQuery (54.2.1). */
export function encodeGreeting(serverVersion: string): Buffer {
  const parameters = {
    server_version: serverVersion,
    server_encoding: 'UTF8',
    client_encoding: 'UTF8',
    standard_conforming_strings: 'on',
    integer_datetimes: 'on',
    DateStyle: 'ISO, MDY',
    IntervalStyle: 'postgres',
    TimeZone: 'UTC',
  }
  return Buffer.concat([
    message('R', Buffer.alloc(4)),
    ...Object.entries(parameters).map(([name, value]) => message('S', zeroEnded(name, value))),
    message('K', Buffer.alloc(8)),
    message('Z', Buffer.from('I')),
  ])
}

/** CopyInResponse: text, with no word on columns (54.2.6). */
export const copyInResponse: Buffer = message('G', Buffer.from([0, 0, 0]))

/** One simple Query message. */
export function encodeQuery(sql: string): Buffer {
  return message('Q', zeroEnded(sql))
}

/** Sync leaves a half-finished batch, ROLLBACK an open transaction, DISCARD ALL everything else that a client set. */
export function encodeReset(): Buffer {
  return Buffer.concat([message('S', Buffer.alloc(0)), encodeQuery('ROLLBACK'), encodeQuery('DISCARD ALL')])
}

/** The messages of a whole answer, as views: `kind` is the letter, `body` what follows the length. */
export function* backendMessages(answer: Buffer): Generator<{ kind: string; body: Buffer; whole: Buffer }> {
  for (let at = 0; at + 5 <= answer.length; ) {
    const end = at + 1 + answer.readUInt32BE(at + 1)
    const kind = String.fromCharCode(answer[at] as number)
    yield { kind, body: answer.subarray(at + 5, end), whole: answer.subarray(at, end) }
    at = end
  }
}

/** The message text (field M) of an ErrorResponse or NoticeResponse (54.8). */
export function errorText(body: Buffer): string {
  const field = body
    .toString('utf8')
    .split('\0')
    .find((text) => text.startsWith('M'))
  return field?.slice(1) ?? 'unknown error'
}

/** The columns of a DataRow as text: Int16 count, then Int32 length (-1: null) and bytes each. */
export function decodeDataRow(body: Buffer): (string | null)[] {
  const columns: (string | null)[] = []
  let at = 2
  for (let count = body.readUInt16BE(0); count > 0; count--) {
    const length = body.readInt32BE(at)
    at += 4
    columns.push(length < 0 ? null : body.toString('utf8', at, at + length))
    at += Math.max(0, length)
  }
  return columns
}
