// Follows the change log. Sequence numbers are not commit-ordered: a number that is missing may still be committed, so each
// gap is watched until every transaction that could fill it is gone. NOTIFY only wakes; a poll makes it right without it.
import type { Clock } from '../base/clock.ts'
import type { OrganizationId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { Fault } from '../base/result.ts'
import type { Change, ChangeFeed, ChangeKind } from '../core/ports.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

interface LogRow {
  readonly seq: string
  readonly org: OrganizationId
  readonly kind: ChangeKind
  readonly id: string
}

/** A way to wake other processes, and to be woken by them. Says nothing about what changed. */
export interface Wakeup {
  /** Coalesced: called after commits, on a connection of its own. */
  notify(): void
  listen(woken: () => void): void
  close(): Promise<void>
}

const pollMs = 250
const mostRows = 5_000
const keptFor = '24 hours'
const longestAwayMs = 12 * 60 * 60_000
const cleanEveryMs = 10 * 60_000

export class DatabaseChangeFeed implements ChangeFeed {
  readonly #database: Database
  readonly #clock: Clock
  readonly #log: Log
  readonly #wakeup: Wakeup
  readonly #listeners = new Set<(changes: readonly Change[]) => void>()
  /** Everything up to here has been seen, but for the holes. */
  #high = 0n
  /** Missing numbers, with the transaction horizon that proves them rolled back; null until one poll later. */
  readonly #holes = new Map<bigint, bigint | null>()
  #lastSeenMs: number
  #cleanedMs = 0
  #timer: NodeJS.Timeout | null = null
  #polling: Promise<void> | null = null
  #again = false
  #closed = false
  /** Polls begun so far. */
  #polls = 0
  /** Who waits for a poll that began after so many others. */
  #settling: {
    readonly after: number
    readonly told: () => void
    readonly failed: (fault: Fault) => void
  }[] = []
  #timesAway = 0

  constructor(database: Database, wakeup: Wakeup, clock: Clock, log: Log) {
    this.#database = database
    this.#wakeup = wakeup
    this.#clock = clock
    this.#log = log
    this.#lastSeenMs = clock.monotonicMs()
  }

  /** Begins at the end of the log: nothing has been cached yet. */
  async start(): Promise<void> {
    // Of the sequence, not of the log: that is emptied after a while, and all numbers below the next would look missing.
    const [row] = await this.#database.house<{ high: string }>(
      sql`select case when is_called then last_value else 0 end as high from change_log_seq_seq`,
    )
    // What began before and commits later has a lower number: look a little back.
    this.#high = BigInt(row?.high ?? 0)
    const from = this.#high > 1000n ? this.#high - 1000n : 0n
    const seen = await this.#database.house<{ seq: string }>(
      sql`select seq from change_log where seq > ${from} and seq <= ${this.#high}`,
    )
    const there = new Set(seen.map(({ seq }) => BigInt(seq)))
    for (let seq = from + 1n; seq <= this.#high; seq++) if (!there.has(seq)) this.#holes.set(seq, null)
    this.#wakeup.listen(() => this.#wake())
    this.#lastSeenMs = this.#clock.monotonicMs()
    this.#schedule()
  }

  subscribe(listener: (changes: readonly Change[]) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  stalenessMs(): number {
    return this.#clock.monotonicMs() - this.#lastSeenMs
  }

  /** Own changes, right after their commit: listeners here hear at once, other processes are woken. */
  announce(changes: readonly Change[]): void {
    this.#tell(changes)
    this.#wakeup.notify()
  }

  get timesAway(): number {
    return this.#timesAway
  }

  settled(): Promise<void> {
    if (this.#closed) return Promise.reject(closing())
    return new Promise((told, failed) => {
      this.#settling.push({ after: this.#polls, told, failed })
      this.#wake()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    await this.#polling
    for (const { failed } of this.#settling.splice(0)) failed(closing())
    await this.#wakeup.close()
  }

  #schedule(): void {
    if (this.#closed) return
    this.#timer = setTimeout(() => this.#wake(), pollMs)
    this.#timer.unref()
  }

  #wake(): void {
    if (this.#closed) return
    if (this.#polling !== null) {
      this.#again = true
      return
    }
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#polling = this.#pollAll().finally(() => {
      this.#polling = null
      this.#schedule()
    })
  }

  async #pollAll(): Promise<void> {
    try {
      do {
        this.#again = false
        while (await this.#poll()) if (this.#closed) return
      } while (this.#again)
      await this.#clean()
    } catch (error) {
      this.#log.warn(
        { err: error, stalenessMs: Math.round(this.stalenessMs()) },
        'the change log could not be read',
      )
    }
  }

  /** Returns whether there may be more at once. */
  async #poll(): Promise<boolean> {
    const number = ++this.#polls
    const began = this.#clock.monotonicMs()
    const holes = [...this.#holes.keys()].map(String)
    const rows = await this.#database.house<LogRow & { xmin: string }>(sql`
      with snapshot as (select pg_current_snapshot() as s)
      select l.seq, l.org, l.kind, l.id, pg_snapshot_xmin(s)::text as xmin
      from snapshot left join lateral (
        (select seq, org, kind, id from change_log where seq > ${this.#high} order by seq limit ${mostRows})
        union all
        select seq, org, kind, id from change_log where seq = any(${holes}::bigint[])) l on true
      order by l.seq`)
    const { xmin } = rows[0] as { xmin: string }
    const entries = rows.filter(({ seq }) => seq !== null)
    await this.#settleHoles(BigInt(xmin))
    for (const { seq } of entries) this.#arrived(BigInt(seq))
    const more = entries.length >= mostRows
    if (began - this.#lastSeenMs > longestAwayMs) await this.#tellEverything()
    if (!more) this.#lastSeenMs = began
    if (entries.length > 0) this.#tell(entries.map(({ org, kind, id }) => ({ organization: org, kind, id })))
    if (!more) this.#settle(number)
    return more
  }

  /** What this poll did not see was not committed when it began. */
  #settle(poll: number): void {
    const waiting = this.#settling
    this.#settling = waiting.filter(({ after }) => after >= poll)
    for (const { after, told } of waiting) if (after < poll) told()
  }

  #arrived(seq: bigint): void {
    this.#holes.delete(seq)
    for (let missing = this.#high + 1n; missing < seq; missing++) this.#holes.set(missing, null)
    if (seq > this.#high) this.#high = seq
  }

  /**
   * Whoever drew a missing number has a transaction id by now (the log's first column takes it). An id of our own taken after
   * that is above it, which a snapshot's xmax need not be; once every transaction up to ours is over, nobody can fill the hole.
   */
  async #settleHoles(xmin: bigint): Promise<void> {
    let horizon: bigint | null = null
    for (const [seq, known] of this.#holes) {
      if (known !== null) {
        if (xmin > known) this.#holes.delete(seq)
        continue
      }
      horizon ??= await this.#ownTransactionId()
      this.#holes.set(seq, horizon)
    }
  }

  async #ownTransactionId(): Promise<bigint> {
    const [row] = await this.#database.house<{ id: string }>(sql`select pg_current_xact_id()::text as id`)
    return BigInt((row as { id: string }).id)
  }

  /** Away for longer than the log is sure to be kept: nothing that anybody remembers can be relied on. */
  async #tellEverything(): Promise<void> {
    const rows = await this.#database.house<{ id: OrganizationId }>(sql`select id from organization`)
    this.#timesAway++
    this.#tell(rows.map(({ id }) => ({ organization: id, kind: 'organization', id })))
  }

  async #clean(): Promise<void> {
    const now = this.#clock.monotonicMs()
    if (now - this.#cleanedMs < cleanEveryMs) return
    this.#cleanedMs = now
    await this.#database.house(sql`delete from change_log where at < now() - ${keptFor}::interval`)
  }

  #tell(changes: readonly Change[]): void {
    for (const listener of this.#listeners) {
      try {
        listener(changes)
      } catch (error) {
        this.#log.error({ err: error }, 'a listener of the change feed failed')
      }
    }
  }
}

const closing = (): Fault => new Fault('unavailable', 'the change feed is closed')
