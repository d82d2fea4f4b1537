// A raw LDAP client for tests: messages or any other bytes out, decoded answers in. It checks nothing and waits for
// nothing that it is not told to.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { decodeMessage } from '../../src/wire/ldap/decode.ts'
import { encodeMessage } from '../../src/wire/ldap/encode.ts'
import { parseFilter } from '../../src/wire/ldap/filter-text.ts'
import { frame } from '../../src/wire/ldap/frame.ts'
import type { Control, LdapMessage, LdapRequest, LdapResponse, Scope } from '../../src/wire/ldap/messages.ts'

/** A request without what `send` adds. */
export type Bare<T extends LdapRequest = LdapRequest> = T extends LdapRequest
  ? Omit<T, 'messageID' | 'controls'> & { readonly controls?: readonly Control[] }
  : never

export interface Found {
  readonly code: number
  readonly text: string
  readonly matched: string
  readonly controls: readonly Control[]
  readonly entries: readonly { readonly dn: string; readonly attributes: Record<string, string[]> }[]
}

export class RawClient {
  #socket: Socket
  #bytes = Buffer.alloc(0)
  #nextID = 1
  #waiting: (() => void)[] = []
  readonly received: LdapMessage[] = []
  closed = false

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#listen(socket)
  }

  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.setNoDelay(true)
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  #listen(socket: Socket): void {
    const wake = () => {
      const waiting = this.#waiting
      this.#waiting = []
      for (const one of waiting) one()
    }
    socket.on('data', (bytes) => {
      this.#bytes = Buffer.concat([this.#bytes, bytes])
      for (;;) {
        const { complete, length } = frame(this.#bytes, 0, 2 ** 31)
        if (!complete) break
        this.received.push(decodeMessage(this.#bytes.subarray(0, length)))
        this.#bytes = this.#bytes.subarray(length)
      }
      wake()
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.closed = true
      wake()
    })
  }

  /** Turns the stream into TLS, after the server has agreed. */
  async upgrade(ca: Buffer): Promise<TLSSocket> {
    this.#socket.removeAllListeners('data')
    this.#socket.removeAllListeners('close')
    const secure = connectTls({ socket: this.#socket, servername: 'localhost', ca })
    await once(secure, 'secureConnect')
    this.#socket = secure
    this.#listen(secure)
    return secure
  }

  raw(bytes: Uint8Array): void {
    this.#socket.write(bytes)
  }

  /** Says that nothing more will be sent; answers still come. */
  finish(): void {
    this.#socket.end()
  }

  pause(): void {
    this.#socket.pause()
  }

  encode(request: Bare): { id: number; bytes: Buffer } {
    const id = this.#nextID++
    return { id, bytes: encodeMessage({ controls: [], ...request, messageID: id } as LdapMessage) }
  }

  send(request: Bare): number {
    const { id, bytes } = this.encode(request)
    this.raw(bytes)
    return id
  }

  /** Waits until `ready` holds, or the connection is closed. */
  async until(ready: () => boolean): Promise<void> {
    while (!ready() && !this.closed) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** The messages that answer a request, up to the one that ends it; fewer where the connection was closed before. */
  async answers(id: number): Promise<LdapResponse[]> {
    const own = () => this.received.filter(({ messageID }) => messageID === id) as LdapResponse[]
    await this.until(() => own().some(({ protocolOp }) => protocolOp !== 'searchResultEntry'))
    return own()
  }

  /** Sends a request, and gives its result. */
  async ask(request: Bare): Promise<Found> {
    const answers = await this.answers(this.send(request))
    const last = answers.at(-1)
    if (last === undefined || !('resultCode' in last)) throw new Error('closed without an answer')
    const entries = answers.flatMap((answer) =>
      answer.protocolOp === 'searchResultEntry'
        ? [
            {
              dn: answer.objectName,
              attributes: Object.fromEntries(
                answer.attributes.map(({ type, vals }) => [type, vals.map(String)] as const),
              ),
            },
          ]
        : [],
    )
    return {
      code: last.resultCode,
      text: last.diagnosticMessage,
      matched: last.matchedDN,
      controls: last.controls,
      entries,
    }
  }

  bind(name: string, password: string): Promise<Found> {
    return this.ask(bindRequest(name, password))
  }

  search(baseObject: string, filter: string, options: SearchOptions = {}): Promise<Found> {
    return this.ask(searchRequest(baseObject, filter, options))
  }

  /** The DNs that a search finds, by their first RDN. */
  async names(baseObject: string, filter: string, options: SearchOptions = {}): Promise<string[]> {
    const { entries } = await this.search(baseObject, filter, options)
    return entries.map(({ dn }) => dn.split(/(?<!\\),/)[0] ?? '').sort()
  }

  end(): void {
    this.#socket.destroy()
  }
}

export interface SearchOptions {
  readonly scope?: Scope
  readonly attributes?: readonly string[]
  readonly sizeLimit?: number
  readonly timeLimit?: number
  readonly typesOnly?: boolean
  readonly controls?: readonly Control[]
}

export const bindRequest = (name: string, password: string): Bare => ({
  protocolOp: 'bindRequest',
  version: 3,
  name,
  authentication: { choice: 'simple', password: Buffer.from(password) },
})

export const searchRequest = (baseObject: string, filter: string, options: SearchOptions = {}): Bare => ({
  protocolOp: 'searchRequest',
  baseObject,
  scope: 'wholeSubtree',
  derefAliases: 'neverDerefAliases',
  sizeLimit: 0,
  timeLimit: 0,
  typesOnly: false,
  filter: parseFilter(filter),
  attributes: [],
  ...options,
})

export const extendedRequest = (requestName: string, requestValue: Buffer | null = null): Bare => ({
  protocolOp: 'extendedRequest',
  requestName,
  requestValue,
})

/** The result of a compare. */
export const compared = async (
  client: RawClient,
  entry: string,
  attributeDesc: string,
  value: string,
): Promise<number> =>
  (
    await client.ask({
      protocolOp: 'compareRequest',
      entry,
      attributeDesc,
      assertionValue: Buffer.from(value),
    })
  ).code
