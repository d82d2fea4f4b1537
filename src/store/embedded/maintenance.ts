// What a Postgres server does by itself and the embedded one does not: VACUUM and ANALYZE where rows have changed, and
// checkpoints, without which its log would grow until the next clean stop. Works between other queries, a table at a time.
import type { Log } from '../../base/log.ts'
import type { Engine } from './engine.ts'

const CHECK_EVERY_MS = 60_000
const CHECKPOINT_AFTER_MS = 5 * 60_000
const CHECKPOINT_AFTER_BYTES = 64 * 1024 * 1024

const allTables = `select c.oid::regclass::text from pg_class c where c.relkind in ('r', 'm') and c.relpersistence = 'p'`
// The thresholds of autovacuum: 50 rows and a fifth (ANALYZE: a tenth) of the table; and long before ids wrap around.
const dueTables = `${allTables} and (age(c.relfrozenxid) > 100000000 or exists (
  select from pg_stat_all_tables s where s.relid = c.oid and (
    s.n_dead_tup > 50 + 0.2 * s.n_live_tup or s.n_mod_since_analyze > 50 + 0.1 * s.n_live_tup)))`
const logBytes = `select pg_wal_lsn_diff(pg_current_wal_lsn(), redo_lsn) from pg_control_checkpoint()`

export class Maintenance {
  readonly #engine: Engine
  readonly #log: Log
  readonly #timer: NodeJS.Timeout
  #running: Promise<void> | null = null
  #seenSyncs = 0
  #lastCheckpoint = performance.now()

  constructor(engine: Engine, log: Log) {
    this.#engine = engine
    this.#log = log
    this.#seenSyncs = engine.syncs
    this.#timer = setInterval(() => this.#check(), CHECK_EVERY_MS)
    this.#timer.unref()
  }

  /** Cares for every table, needed or not, and takes a checkpoint. */
  async run(): Promise<void> {
    await this.#running
    await this.#once(allTables, true)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Nothing synced since the last look means nothing written: then there is nothing to do. */
  #check(): void {
    if (this.#running !== null || this.#engine.failure !== null || this.#engine.syncs === this.#seenSyncs)
      return
    const isTime = performance.now() - this.#lastCheckpoint > CHECKPOINT_AFTER_MS
    this.#once(dueTables, isTime).catch((error) => {
      // A database that failed, or was closed meanwhile, is reported by others.
      if (this.#engine.failure === null) this.#log.warn({ error }, 'embedded database: maintenance failed')
    })
  }

  #once(tables: string, checkpoint: boolean): Promise<void> {
    this.#running = this.#work(tables, checkpoint).finally(() => {
      this.#running = null
      this.#seenSyncs = this.#engine.syncs
    })
    return this.#running
  }

  async #work(tables: string, checkpoint: boolean): Promise<void> {
    for (const [table] of await this.#engine.sqlWhenIdle(tables)) {
      await this.#engine.sqlWhenIdle(`VACUUM (ANALYZE) ${table}`)
    }
    const [[bytes] = []] = checkpoint ? [] : await this.#engine.sqlWhenIdle(logBytes)
    if (!checkpoint && Number(bytes) < CHECKPOINT_AFTER_BYTES) return
    await this.#engine.sqlWhenIdle('CHECKPOINT')
    this.#lastCheckpoint = performance.now()
  }
}
