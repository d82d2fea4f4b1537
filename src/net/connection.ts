// One accepted stream, before and after TLS, with the rules that every door would otherwise have to remember: a throw
// closes this connection and nothing else, silence and slow readers are bounded, plaintext never survives StartTLS.
import type { Socket } from 'node:net'
import { type SecureContext, TLSSocket } from 'node:tls'
import type { Log } from '../base/log.ts'
import { guarded } from './guard.ts'
import type { Peer } from './peer.ts'

type Work = () => void | Promise<void>

export interface ConnectionLimits {
  /** Without a byte in either direction and without work under way, the connection is closed. */
  readonly idleMs: number
  /** Answers that the peer has not read; beyond it the connection is closed. See `write`. */
  readonly maxUnsentBytes: number
  /** From the first byte of a TLS handshake to its end. */
  readonly handshakeMs: number
}

export interface StartTls {
  readonly context: SecureContext
  /** Sent in clear before the handshake: the protocol's "go ahead". */
  readonly reply: Uint8Array
  /** Bytes that the door has received after the request and not decoded: any at all, and the connection is closed. */
  readonly undecoded: number
}

/** After our FIN the peer has this long to read the rest and close. */
const lingerMs = 1_000

export class Connection {
  readonly peer: Peer
  readonly #raw: Socket
  readonly #limits: ConnectionLimits
  readonly #log: Log
  readonly #closeHandlers: Work[] = []
  #idle: NodeJS.Timeout
  #stream: Socket
  #encrypted = false
  #upgrading = false
  #dataHandler: ((bytes: Buffer) => void | Promise<void>) | null = null
  #stoppingHandler: Work | null = null
  #working = 0
  #phase: 'open' | 'finishing' | 'ending' | 'closed' = 'open'

  constructor(socket: Socket, peer: Peer, limits: ConnectionLimits, log: Log) {
    this.peer = peer
    this.#raw = socket
    this.#stream = socket
    this.#limits = limits
    this.#log = log
    this.#idle = setTimeout(() => this.#wasIdle(), limits.idleMs)
    socket.on('error', this.#broke)
    socket.on('close', () => this.#closed())
  }

  get encrypted(): boolean {
    return this.#encrypted
  }

  /** False as soon as nothing more will be read: closing, or closed. */
  get open(): boolean {
    return this.#phase === 'open'
  }

  get closed(): boolean {
    return this.#phase === 'closed'
  }

  /**
   * Each chunk as it arrives; nothing arrives before there is a handler. The next chunk does not wait for a promise
   * that the handler returns (use `pause`), but the connection is not ended under it.
   */
  onData(handler: (bytes: Buffer) => void | Promise<void>): void {
    const first = this.#dataHandler === null
    this.#dataHandler = handler
    if (first && this.open && !this.#upgrading) this.#attach()
  }

  /** Once, however the connection came to its end; at once if it has. */
  onClose(handler: Work): void {
    if (this.closed) this.#guard(handler)
    else this.#closeHandlers.push(handler)
  }

  /** The server is stopping: the last chance to write a farewell. */
  onStopping(handler: Work): void {
    this.#stoppingHandler = handler
  }

  /**
   * Runs a piece of the door's work for this connection. What it throws, now or later, is logged and closes this connection
   * only. While it runs, the connection is not idle, and neither the peer's FIN nor a stop ends it.
   */
  run(work: Work): void {
    if (this.closed) return
    this.#working++
    this.#guard(work, () => {
      this.#working--
      if (this.#phase === 'finishing' && this.#working === 0) this.end()
    })
  }

  /**
   * Queues bytes. False: the peer reads slowly, wait for `drained` before the next large write; beyond the limit of unsent
   * bytes the connection is closed. After the end, bytes are dropped. Nothing may be written during `startTls`.
   */
  write(bytes: Uint8Array): boolean {
    if (this.#phase === 'ending' || this.#phase === 'closed') return false
    if (this.#upgrading) {
      this.#log.error({ peer: this.peer.text }, 'an answer was written into a TLS handshake; closed')
      this.destroy()
      return false
    }
    const flushed = this.#stream.write(bytes, this.#active)
    if (this.#stream.writableLength <= this.#limits.maxUnsentBytes) return flushed
    this.#log.warn(
      { peer: this.peer.text, unsent: this.#stream.writableLength },
      'peer does not read; closed',
    )
    this.destroy()
    return false
  }

  /** When all that was written is out, or the connection is closed. Never rejects. */
  drained(): Promise<void> {
    const stream = this.#stream
    if (!stream.writableNeedDrain || stream.destroyed) return Promise.resolve()
    return new Promise((resolve) => {
      const done = () => {
        stream.off('drain', done)
        stream.off('close', done)
        resolve()
      }
      stream.on('drain', done)
      stream.on('close', done)
    })
  }

  /** No more data until `resume`: the peer's sending stalls by itself. */
  pause(): void {
    this.#stream.pause()
  }

  resume(): void {
    if (!this.#upgrading) this.#stream.resume()
  }

  /** Changes the idle time from here on. */
  limitIdle(idleMs: number): void {
    clearTimeout(this.#idle)
    if (!this.closed) this.#idle = setTimeout(() => this.#wasIdle(), idleMs)
  }

  /** Sends what is queued, then closes; what still arrives is not read. */
  end(): void {
    if (this.#phase === 'ending' || this.#phase === 'closed') return
    this.#phase = 'ending'
    const stream = this.#stream
    stream.end(() => {
      setTimeout(() => this.destroy(), lingerMs).unref()
    })
    // Unread bytes would turn the close into a reset, and the peer might never see the answer.
    stream.removeAllListeners('data')
    stream.resume()
    stream.once('end', () => stream.destroySoon())
  }

  /** Closes now. */
  destroy(): void {
    this.#stream.destroy()
    this.#raw.destroy()
  }

  /** No new work is read; ends when what is under way has finished. For the listener. */
  stop(): void {
    if (this.#phase !== 'open') return
    this.#phase = 'finishing'
    if (this.#stoppingHandler !== null) this.#guard(this.#stoppingHandler)
    if (this.#working === 0) this.end()
  }

  /**
   * Turns the stream into TLS. True: secured, and `onData` must be called anew with a decoder that has seen nothing.
   * False: it did not work out, for a reason that is logged, and the connection is closed.
   * Bytes that were read before the handshake never reach a handler again (RFC 4511 §4.14.1, RFC 3207 §6): what
   * lies undecoded closes the connection, and what arrives from now on can only be TLS.
   */
  async startTls({ context, reply, undecoded }: StartTls): Promise<boolean> {
    if (undecoded > 0 || (this.#dataHandler !== null && this.#raw.readableLength > 0)) {
      this.#log.warn({ peer: this.peer.text }, 'plaintext after the request for TLS; closed')
      this.destroy()
    }
    if (!this.open || this.#upgrading || this.#encrypted) return false
    this.#upgrading = true
    this.#detach()
    const deadline = setTimeout(
      () => this.#raw.destroy(new Error('TLS handshake took too long')),
      this.#limits.handshakeMs,
    )
    try {
      if (reply.length > 0) await new Promise((sent) => this.#raw.write(reply, sent))
      if (!this.open || this.#raw.destroyed) return false
      this.#encrypted = await this.#handshake(context)
    } finally {
      clearTimeout(deadline)
      this.#upgrading = false
    }
    if (this.#encrypted && this.#dataHandler !== null) this.#attach()
    return this.#encrypted
  }

  #handshake(context: SecureContext): Promise<boolean> {
    const secure = new TLSSocket(this.#raw, { isServer: true, secureContext: context })
    this.#stream = secure
    secure.on('error', this.#broke)
    // A server-side TLSSocket without a tls.Server reports its errors here, before and after the handshake.
    secure.on('_tlsError', this.#broke)
    return new Promise((resolve) => {
      secure.once('close', () => resolve(false))
      secure.once('secure', () => {
        secure.disableRenegotiation()
        resolve(!secure.destroyed)
      })
    })
  }

  #attach(): void {
    this.#stream.on('data', this.#received)
    this.#stream.on('end', this.#peerEnded)
  }

  #detach(): void {
    this.#dataHandler = null
    this.#raw.off('data', this.#received)
    this.#raw.off('end', this.#peerEnded)
    this.#raw.pause()
  }

  readonly #received = (bytes: Buffer): void => {
    this.#active()
    const handler = this.#dataHandler
    if (handler !== null && this.open) this.run(() => handler(bytes))
  }

  /** Half closed: the peer sends no more, but may be waiting for answers. */
  readonly #peerEnded = (): void => {
    if (this.#phase === 'open') this.#phase = 'finishing'
    if (this.#phase === 'finishing' && this.#working === 0) this.end()
  }

  readonly #active = (): void => {
    this.#idle.refresh()
  }

  readonly #broke = (err: Error): void => {
    this.#log.debug({ peer: this.peer.text, err }, 'connection broke')
    this.destroy()
  }

  #wasIdle(): void {
    // Work under way is not silence, unless it is us who cannot get rid of an answer.
    if (this.#working > 0 && this.#stream.writableLength === 0) this.#idle.refresh()
    else this.destroy()
  }

  #closed(): void {
    if (this.closed) return
    this.#phase = 'closed'
    clearTimeout(this.#idle)
    for (const handler of this.#closeHandlers) this.#guard(handler)
  }

  #guard(work: Work, settled?: () => void): void {
    const failed = (err: unknown) => {
      this.#log.error({ peer: this.peer.text, err }, 'a handler failed; its connection is closed')
      this.destroy()
    }
    guarded(work, failed, settled)
  }
}
