// How processes on one PostgreSQL wake each other: NOTIFY without payload, after commit, at most one at a time, on a
// connection of its own (inside the writers' transactions it would serialize their commits).
import pg from 'pg'
import type { Log } from '../base/log.ts'
import type { Secret } from '../base/secrets.ts'
import type { Wakeup } from './change-feed.ts'

const channel = 'muster_changes'
const reconnectMs = 500

/** There is one process on an embedded database: it is told of its own changes anyway. */
export const noWakeup: Wakeup = { notify() {}, listen() {}, async close() {} }

export class PostgresWakeup implements Wakeup {
  readonly #url: Secret
  readonly #log: Log
  #client: pg.Client | null = null
  #connecting: Promise<void> = Promise.resolve()
  #woken: () => void = () => {}
  #due = false
  #sending = false
  #closed = false

  constructor(url: Secret, log: Log) {
    this.#url = url
    this.#log = log
  }

  listen(woken: () => void): void {
    this.#woken = woken
    this.#connecting = this.#connect()
  }

  notify(): void {
    this.#due = true
    if (!this.#sending) void this.#send()
  }

  async close(): Promise<void> {
    this.#closed = true
    await this.#connecting
    await this.#client?.end().catch(() => undefined)
  }

  async #send(): Promise<void> {
    this.#sending = true
    // In a later turn: many commits share one NOTIFY.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#due && this.#client !== null) {
      this.#due = false
      await this.#client.query(`notify ${channel}`).catch(() => undefined)
    }
    this.#sending = false
  }

  async #connect(): Promise<void> {
    if (this.#closed) return
    const client = new pg.Client({
      connectionString: this.#url.reveal(),
      application_name: 'muster-wakeup',
      keepAlive: true,
      connectionTimeoutMillis: 5_000,
    })
    let isLost = false
    // Told more than once: an error, another one as the socket closes, the end.
    const lost = (error?: Error): void => {
      if (isLost) return
      isLost = true
      this.#client = null
      void client.end().catch(() => undefined)
      if (this.#closed) return
      if (error)
        this.#log.warn({ err: error }, 'the connection that wakes other processes was lost; polling goes on')
      setTimeout(() => {
        this.#connecting = this.#connect()
      }, reconnectMs).unref()
    }
    client.on('error', lost)
    client.on('end', () => lost())
    client.on('notification', () => this.#woken())
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
      if (isLost) return
      this.#client = client
      // Whatever was told while nobody listened.
      this.#woken()
      if (this.#due && !this.#sending) void this.#send()
    } catch (error) {
      lost(error as Error)
    }
  }
}
