// Reading the embedded database from another thread: protocol bytes go through the main thread as they are, between its own
// statements, so that it neither parses rows nor waits. Reading only: there is one session, and it is the main thread's.
import type { Duplex } from 'node:stream'
import { Fault } from '../../base/result.ts'
import type { Receiver } from './engine.ts'
import { SessionStream } from './session.ts'

export type ToRelay = {
  readonly kind: 'exchange'
  readonly number: number
  readonly bytes: Uint8Array<ArrayBuffer>
}
export type FromRelay =
  | { readonly kind: 'piece'; readonly number: number; readonly bytes: Uint8Array }
  | { readonly kind: 'done'; readonly number: number }
  | { readonly kind: 'failed'; readonly number: number; readonly message: string }

/** The end in the main thread: hands on what the other thread asks, and what the database answers. */
export function relayTo(
  relay: (bytes: Uint8Array<ArrayBuffer>, receiver: Receiver) => void,
  post: (message: FromRelay, transfer?: readonly ArrayBuffer[]) => void,
): (message: ToRelay) => void {
  return ({ number, bytes }) =>
    relay(bytes, {
      piece: (part) => {
        // A view of memory that came from the database's thread, and is nobody's else.
        const isWhole = part.buffer instanceof ArrayBuffer && part.byteLength === part.buffer.byteLength
        const own = isWhole ? new Uint8Array(part.buffer as ArrayBuffer) : new Uint8Array(part)
        post({ kind: 'piece', number, bytes: own }, [own.buffer as ArrayBuffer])
      },
      done: () => post({ kind: 'done', number }),
      failed: (fault) => post({ kind: 'failed', number, message: fault.message }),
    })
}

/** The end in the other thread: connections for pg. Every statement must be one group, unprepared, outside a transaction. */
export class RelayClient {
  readonly #post: (message: ToRelay, transfer: readonly ArrayBuffer[]) => void
  readonly #serverVersion: string
  readonly #waiting = new Map<number, Receiver>()
  #number = 0

  constructor(post: (message: ToRelay, transfer: readonly ArrayBuffer[]) => void, serverVersion: string) {
    this.#post = post
    this.#serverVersion = serverVersion
  }

  connect(): Duplex {
    return new SessionStream({
      serverVersion: this.#serverVersion,
      engine: { exchange: (bytes, isClosed, receiver) => this.#exchange(bytes, isClosed, receiver) },
      take: async () => {},
      release: () => {},
    })
  }

  hear(message: FromRelay): void {
    const receiver = this.#waiting.get(message.number)
    if (receiver === undefined) return
    if (message.kind === 'piece') {
      const { buffer, byteOffset, byteLength } = message.bytes
      receiver.piece(Buffer.from(buffer, byteOffset, byteLength))
      return
    }
    this.#waiting.delete(message.number)
    if (message.kind === 'done') receiver.done()
    else receiver.failed(new Fault('unavailable', message.message))
  }

  #exchange(bytes: Uint8Array<ArrayBuffer>, isClosed: boolean, receiver: Receiver): void {
    if (!isClosed) {
      receiver.failed(new Fault('internal', 'a statement in parts cannot be relayed'))
      return
    }
    const number = this.#number++
    this.#waiting.set(number, receiver)
    this.#post({ kind: 'exchange', number, bytes }, [bytes.buffer])
  }
}
