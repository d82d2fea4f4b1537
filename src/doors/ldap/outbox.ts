// What a connection is to send: answers of one turn of the event loop leave in one write, large ones at once.
import type { Connection } from '../../net/connection.ts'
import { BerWriter } from '../../wire/ber/writer.ts'
import { writeMessage } from '../../wire/ldap/encode.ts'
import { writeSearchResultEntry } from '../../wire/ldap/encode-entry.ts'
import type { LdapMessage } from '../../wire/ldap/messages.ts'

const largeOctets = 64 * 1024
/** Writers are shared: a connection has one only while it has something to say. */
const spare: BerWriter[] = []
const mostSpare = 64

export class Outbox {
  readonly #socket: Connection
  /** Told when the client does not keep up with reading. */
  readonly #slow: () => void
  #writer: BerWriter | null = null

  constructor(socket: Connection, slow: () => void) {
    this.#socket = socket
    this.#slow = slow
  }

  message(message: LdapMessage): void {
    writeMessage(this.#open(), message)
    this.#flushIfLarge()
  }

  entry(messageID: number, dn: string, attributes: readonly Uint8Array[]): void {
    writeSearchResultEntry(this.#open(), messageID, dn, attributes)
    this.#flushIfLarge()
  }

  flush(): void {
    const writer = this.#writer
    if (writer === null) return
    this.#writer = null
    const bytes = writer.take()
    if (spare.length < mostSpare) spare.push(writer)
    if (!this.#socket.write(bytes)) this.#slow()
  }

  drained(): Promise<void> {
    this.flush()
    return this.#socket.drained()
  }

  #open(): BerWriter {
    if (this.#writer === null) {
      this.#writer = spare.pop() ?? new BerWriter()
      // After all that is ready now has been answered, and before anything else is waited for.
      process.nextTick(() => this.flush())
    }
    return this.#writer
  }

  #flushIfLarge(): void {
    if (this.#writer !== null && this.#writer.written >= largeOctets) this.flush()
  }
}
