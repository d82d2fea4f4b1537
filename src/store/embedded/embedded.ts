// The embedded database: PostgreSQL in this process, in a thread of its own, in a folder of the host. Its clients are
// ordinary pg clients (`new pg.Pool(embedded.poolConfig())`), so that SQL is written once for it and for a server.
// It knows no tables: migrations and queries are the rest of the store's.
import { existsSync, mkdirSync, realpathSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import type { Log } from '../../base/log.ts'
import { silentLog } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import { createDatabase, type Receiver, startEngine } from './engine.ts'
import { lockFolder } from './lock.ts'
import { Maintenance } from './maintenance.ts'
import { SessionSlot, SessionStream } from './session.ts'

export type EmbeddedOptions = {
  /** Postgres settings, as for `postgres -c`, for instance `{ work_mem: '16MB' }`. */
  readonly settings?: Readonly<Record<string, string>>
  readonly log?: Log
}

export type Embedded = {
  /** A stream for pg's `stream` option. The session is taken when pg connects it, and a second one then is refused. */
  connect(): Duplex
  /** What a pg.Pool or pg.Client needs to use this database. */
  poolConfig(): EmbeddedPoolConfig
  /** For other threads that read (relay.ts): one group of protocol bytes, between two pieces of other work. */
  relay(bytes: Uint8Array<ArrayBuffer>, receiver: Receiver): void
  readonly serverVersion: string
  /** VACUUM (ANALYZE) of every table, and a checkpoint, between other queries. Happens by itself where needed. */
  maintenance(): Promise<void>
  /** How many times a file was synced to the disk since opening, as of the last answer. */
  syncCount(): number
  /** Why the database can no longer be used; null while it can. */
  readonly failure: Fault | null
  /** Calls back once if the database fails for good (at once if it has). A new one may be opened after `close`. */
  onFailed(listener: (fault: Fault) => void): void
  /** Cuts off its client, writes everything down and gives the folder back. */
  close(): Promise<void>
}

export type EmbeddedPoolConfig = {
  readonly max: 1
  readonly ssl: false
  readonly host: string
  readonly user: string
  readonly database: string
  readonly stream: () => Duplex
}

/**
 * Opens, and if need be makes (some seconds), the embedded database in `<folder>/postgres`. Throws a Fault when
 * another process has the folder or the database does not start.
 */
export async function openEmbedded(folder: string, options: EmbeddedOptions = {}): Promise<Embedded> {
  const { settings = {}, log = silentLog } = options
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const home = realpathSync(folder)
  const lock = lockFolder(home)
  try {
    const task = { folder: join(home, 'postgres'), settings }
    await ensureDatabase(task, log)
    const engine = await startEngine(task)
    engine.onFailed((fault) => log.error({ error: fault }, fault.message))
    const version = (await engine.sql('show server_version'))[0]?.[0] ?? '18'
    const slot = new SessionSlot(engine, version)
    const maintenance = new Maintenance(engine, log)
    const connect = () => new SessionStream(slot)
    return {
      connect,
      // The explicit values keep PGHOST, PGSSLMODE and the like of the environment out.
      poolConfig: () => ({
        max: 1,
        ssl: false,
        host: 'embedded',
        user: 'postgres',
        database: 'postgres',
        stream: connect,
      }),
      relay: (bytes, receiver) => engine.exchangeWhenIdle(bytes, receiver),
      serverVersion: version,
      maintenance: () => maintenance.run(),
      syncCount: () => engine.syncs,
      get failure() {
        return engine.failure
      },
      onFailed: (listener) => engine.onFailed(listener),
      async close() {
        maintenance.stop()
        slot.cut(new Fault('unavailable', 'The embedded database is closing.'))
        await engine.close()
        lock.release()
      },
    }
  } catch (error) {
    lock.release()
    throw error
  }
}

async function ensureDatabase(
  task: { folder: string; settings: Record<string, string> },
  log: Log,
): Promise<void> {
  if (existsSync(join(task.folder, 'PG_VERSION'))) return
  if (existsSync(task.folder)) {
    try {
      rmdirSync(task.folder) // only if it is empty
    } catch {
      throw new Fault(
        'unavailable',
        `${task.folder} is neither empty nor a database: move it out of the way.`,
      )
    }
  }
  log.info({ folder: task.folder }, 'making a new embedded database')
  await createDatabase(task)
}
