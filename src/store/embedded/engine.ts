// The embedded database seen from the main thread: whole groups of protocol bytes go to the worker, answers come back
// in the same order. When the worker dies, everything that waits fails at once. It knows no clients (session.ts).
import { setFlagsFromString } from 'node:v8'
import { Worker } from 'node:worker_threads'
import { Fault } from '../../base/result.ts'
import { backendMessages, decodeDataRow, encodeQuery, errorText } from './wire.ts'
import type { FromWorker, ToWorker, WorkerTask } from './worker.ts'

export type Receiver = {
  /** A part of the answer; parts need not end where messages end. */
  piece(bytes: Buffer): void
  /** The answer is whole. */
  done(): void
  failed(fault: Fault): void
}
type Pending = Receiver & { readonly isClosed: boolean }

export class Engine {
  /** Why the database can no longer be used, once that is so. */
  failure: Fault | null = null
  /** How many times the worker has synced a file to the disk, as of its last answer. */
  syncs = 0
  readonly #worker: Worker
  readonly #pending: Pending[] = []
  readonly #waiting: (() => void)[] = []
  readonly #listeners: ((fault: Fault) => void)[] = []
  #isIdle = true
  #closed: (() => void) | null = null

  constructor(worker: Worker, onReady: () => void) {
    this.#worker = worker
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'ready') onReady()
      this.#hear(message)
    })
    worker.on('error', (error) => this.#fail(error.message))
    worker.on('exit', () => (this.#closed === null ? this.#fail('its thread ended') : this.#closed()))
  }

  /** Calls back once, when the database fails for good. */
  onFailed(listener: (fault: Fault) => void): void {
    if (this.failure === null) this.#listeners.push(listener)
    else listener(this.failure)
  }

  /** Sends one group; its memory goes over to the worker. `isClosed`: the group ended with Query or Sync, not Flush. */
  exchange(bytes: Uint8Array<ArrayBuffer>, isClosed: boolean, receiver: Receiver): void {
    if (this.failure !== null) {
      receiver.failed(this.failure)
      return
    }
    this.#isIdle = false
    this.#pending.push({ isClosed, piece: receiver.piece, done: receiver.done, failed: receiver.failed })
    this.#send({ kind: 'exchange', bytes }, [bytes.buffer])
  }

  /**
   * Runs simple SQL of the house's own, next in line. Returns the rows as text; throws the database's error as an
   * Error, and a Fault when the database is gone.
   */
  async sql(text: string | Buffer): Promise<(string | null)[][]> {
    const parts: Buffer[] = []
    const bytes = new Uint8Array(typeof text === 'string' ? encodeQuery(text) : text)
    await new Promise<void>((done, failed) => {
      this.exchange(bytes, true, { piece: (part) => parts.push(part), done, failed })
    })
    const rows: (string | null)[][] = []
    for (const { kind, body } of backendMessages(Buffer.concat(parts))) {
      if (kind === 'E') throw new Error(errorText(body))
      if (kind === 'D') rows.push(decodeDataRow(body))
    }
    return rows
  }

  /** SQL for between two pieces of other work: it waits until no transaction is open and nothing is being answered. */
  async sqlWhenIdle(text: string): Promise<(string | null)[][]> {
    // After waiting, others may have been let in first: hence the loop.
    while (!this.#isIdle && this.failure === null)
      await new Promise<void>((resume) => this.#waiting.push(resume))
    return await this.sql(text)
  }

  /**
   * `exchange` for between two pieces of other work, like `sqlWhenIdle`. The group must end with Query or Sync and leave no
   * transaction open, and nothing else in the session.
   */
  exchangeWhenIdle(bytes: Uint8Array<ArrayBuffer>, receiver: Receiver): void {
    if (this.#isIdle || this.failure !== null) this.exchange(bytes, true, receiver)
    // At once when it is idle: in a later turn, others would be first again and again.
    else this.#waiting.push(() => this.exchangeWhenIdle(bytes, receiver))
  }

  /** Lets the database finish what was sent, write everything down and end. */
  async close(): Promise<void> {
    if (this.failure !== null || this.#closed !== null) return
    await new Promise<void>((closed) => {
      this.#closed = closed
      this.#send({ kind: 'close' }, [])
    })
    this.#abandon(new Fault('unavailable', 'The embedded database is closed.'))
  }

  #send(message: ToWorker, transfer: ArrayBuffer[]): void {
    this.#worker.postMessage(message, transfer)
  }

  #hear(message: FromWorker): void {
    switch (message.kind) {
      case 'piece':
        this.#pending[0]?.piece(viewOf(message.bytes))
        return
      case 'answer': {
        this.syncs = message.syncs
        const answered = this.#pending.shift()
        if (answered === undefined) return
        this.#isIdle = this.#pending.length === 0 && answered.isClosed && !message.inTransaction
        if (message.bytes.length > 0) answered.piece(viewOf(message.bytes))
        answered.done()
        if (this.#isIdle) this.#waiting.shift()?.()
        return
      }
      case 'failed':
        this.#fail(message.message)
        return
      case 'ready':
      case 'closed':
        this.syncs = message.syncs
        return
      default:
        message satisfies never
    }
  }

  #fail(why: string): void {
    if (this.failure !== null) return
    const fault = new Fault('unavailable', `The embedded database has failed: ${why}`)
    void this.#worker.terminate()
    this.#abandon(fault)
    for (const listener of this.#listeners.splice(0)) listener(fault)
    this.#closed?.()
  }

  #abandon(fault: Fault): void {
    this.failure = fault
    for (const waiting of this.#pending.splice(0)) waiting.failed(fault)
    for (const resume of this.#waiting.splice(0)) resume()
  }
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
}

/** Opens the database in its thread. Throws a Fault when it does not start. */
export async function startEngine(task: Omit<WorkerTask, 'task'>): Promise<Engine> {
  return await new Promise<Engine>((started, failed) => {
    const engine = new Engine(startWorker({ ...task, task: 'serve' }), () => started(engine))
    engine.onFailed(failed)
  })
}

/** Makes a new database, in a thread of its own: its half gigabyte of memory is given back when the thread ends. */
export async function createDatabase(task: Omit<WorkerTask, 'task'>): Promise<void> {
  const worker = startWorker({ ...task, task: 'create' })
  await new Promise<void>((created, failed) => {
    const refuse = (why: string) =>
      failed(new Fault('unavailable', `No embedded database could be made in ${task.folder}: ${why}`))
    let isMade = false
    worker.on('message', (message: FromWorker) => {
      if (message.kind === 'closed') isMade = true
      if (message.kind === 'failed') refuse(message.message)
    })
    worker.on('error', (error) => refuse(error.message))
    worker.on('exit', () => (isMade ? created() : refuse('its thread ended')))
  })
}

function startWorker(task: WorkerTask): Worker {
  // V8 now and then fails a check of its own (`jit_page.has_value()`, nodejs/node#64500), and takes the process down, while it
  // frees compiled WebAssembly that is no longer used. There is little of it: it is kept.
  setFlagsFromString('--no-wasm-code-gc')
  // No inherited flags: loaders and inspectors of the main thread have no business in the database's.
  return new Worker(new URL('./worker.ts', import.meta.url), { workerData: task, execArgv: [] })
}
