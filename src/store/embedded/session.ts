// One client's connection to the embedded database: a Duplex that a pg.Client takes for its socket. The database has a
// single session, so connections use it one after the other, and each leaves it as it found it.
import { Duplex } from 'node:stream'
import { Fault } from '../../base/result.ts'
import type { Engine } from './engine.ts'
import type { Said } from './wire.ts'
import { backendMessages, copyInResponse, encodeGreeting, encodeReset, FrontendReader } from './wire.ts'

/** Where a connection gets a session from. */
export type Slot = {
  readonly serverVersion: string
  readonly engine: Pick<Engine, 'exchange'>
  take(taker: SessionStream): Promise<void>
  release(holder: SessionStream): void
}

/** Who has the database's only session. */
export class SessionSlot implements Slot {
  readonly engine: Engine
  readonly serverVersion: string
  #holder: SessionStream | null = null
  #cleaned: Promise<void> = Promise.resolve()

  constructor(engine: Engine, serverVersion: string) {
    this.engine = engine
    this.serverVersion = serverVersion
    engine.onFailed((fault) => this.#holder?.destroy(fault))
  }

  /** Waits until the session is clean. Throws a Fault (`busy`) while another connection has it. */
  async take(taker: SessionStream): Promise<void> {
    if (this.#holder !== null) {
      throw new Fault(
        'busy',
        'The embedded database has one session, and a connection has it already: use one pool with max: 1.',
      )
    }
    this.#holder = taker
    await this.#cleaned
    if (this.engine.failure !== null) throw this.engine.failure
  }

  /** Gives the session back; before its next use it is rolled back and reset. */
  release(holder: SessionStream): void {
    if (this.#holder !== holder) return
    this.#holder = null
    if (this.engine.failure !== null) return
    // A failure here is the database failing as a whole, which the engine tells everyone.
    this.#cleaned = this.engine.sql(encodeReset()).then(
      () => {},
      () => {},
    )
  }

  /** Cuts off whoever has the session. */
  cut(fault: Fault): void {
    this.#holder?.destroy(fault)
  }
}

export class SessionStream extends Duplex {
  readonly #slot: Slot
  readonly #reader = new FrontendReader()
  readonly #held: Buffer[] = []
  #outstanding = 0

  constructor(slot: Slot) {
    super({ allowHalfOpen: false })
    this.#slot = slot
  }

  // What pg asks of a net.Socket. There is no network: host and port mean nothing here.
  connect(): this {
    this.#slot.take(this).then(
      () => {
        if (!this.destroyed) this.emit('connect')
      },
      (fault: Fault) => this.destroy(fault),
    )
    return this
  }
  setNoDelay(): this {
    return this
  }
  setKeepAlive(): this {
    return this
  }
  ref(): this {
    return this
  }
  unref(): this {
    return this
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    for (const said of this.#reader.push(chunk)) this.#obey(said)
    done()
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', done)
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#leave()
    done()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#slot.release(this)
    done(error)
  }

  #leave(): void {
    this.#slot.release(this)
    if (!this.readableEnded && !this.destroyed) this.push(null)
  }

  #obey(said: Said): void {
    switch (said.kind) {
      case 'startup':
        // Parameters of the startup message (application_name and the like) are not applied.
        this.#answer(encodeGreeting(this.#slot.serverVersion))
        return
      case 'encryption':
        this.#answer(Buffer.from('N')) // no: the bytes never leave this process (54.2.10)
        return
      case 'copy-begins':
        // The database reads a COPY to its end without pause, so the data is collected here first.
        this.#answer(copyInResponse)
        return
      case 'group':
        this.#relay(said)
        return
      case 'cancel':
      case 'terminate':
        this.#leave()
        return
      case 'nonsense':
        this.destroy(new Fault('internal', `Embedded database: ${said.why}`))
        return
      default:
        said satisfies never
    }
  }

  #pass(bytes: Buffer): void {
    if (!this.destroyed && !this.readableEnded) this.push(bytes)
  }

  /** An answer of our own keeps its place in the order, and never comes while the client is still writing. */
  #answer(bytes: Buffer): void {
    if (this.#outstanding > 0) this.#held.push(bytes)
    else process.nextTick(() => this.#pass(bytes))
  }

  #relay(group: Extract<Said, { kind: 'group' }>): void {
    const pieces: Buffer[] = []
    this.#outstanding++
    this.#slot.engine.exchange(group.bytes, group.isClosed, {
      piece: (bytes) => (group.isCopy ? pieces.push(bytes) : this.#pass(bytes)),
      done: () => {
        // The client has had its CopyInResponse already.
        for (const { kind, whole } of backendMessages(Buffer.concat(pieces)))
          if (kind !== 'G') this.#pass(whole)
        this.#outstanding--
        if (this.#outstanding === 0) for (const bytes of this.#held.splice(0)) this.#pass(bytes)
      },
      failed: (fault) => this.destroy(fault),
    })
  }
}
