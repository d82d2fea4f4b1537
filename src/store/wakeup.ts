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
    void this.#connect()
  }

  notify(): void {
    this.#due = true
    if (!this.#sending) void this.#send()
  }

  async close(): Promise<void> {
    this.#closed = true
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
    })
    const lost = (error?: Error): void => {
      if (this.#client !== client && this.#client !== null) return
      this.#client = null
      client.removeAllListeners('end')
      client.on('error', () => undefined)
      if (error)
        this.#log.warn({ err: error }, 'the connection that wakes other processes was lost; polling goes on')
      if (!this.#closed) setTimeout(() => void this.#connect(), reconnectMs).unref()
    }
    client.on('error', lost)
    client.on('end', () => lost())
    client.on('notification', () => this.#woken())
    try {
      await client.connect()
      await client.query(`listen ${channel}`)
      this.#client = client
      // Whatever was told while nobody listened.
      this.#woken()
    } catch (error) {
      client.removeAllListeners()
      client.on('error', () => undefined)
      await client.end().catch(() => undefined)
      lost(error as Error)
    }
  }
}
