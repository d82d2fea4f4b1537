// Keeps the memberships of every organization in shared memory: loads them in the background, reads again what has changed, and
// says up to which batch of changes that is done. Runs in a thread of its own; where rows come from is its port.
import type { GroupId, OrganizationId } from '../../../base/ids.ts'
import { reasonBits } from './layout.ts'
import type { Changed, FromKeeper, ToKeeper } from './messages.ts'
import { MembershipTable } from './table.ts'

/** A user's memberships, with the version of its cell that they belong to. */
export interface StoredRow {
  readonly id: string
  readonly version: string
  /** Reasons added up, as they are stored. */
  readonly memberships: readonly (readonly [GroupId, number])[]
}

/** Each call is one statement, so that version and memberships belong together. */
export interface MembershipSource {
  organizations(): Promise<readonly OrganizationId[]>
  groups(organization: OrganizationId): Promise<readonly GroupId[]>
  /** Users in id order after a cursor; no more than fit one slice of work. An empty page is the end. */
  page(organization: OrganizationId, after: string | null): Promise<readonly StoredRow[]>
  /** Those of these users that exist. */
  rows(organization: OrganizationId, ids: readonly string[]): Promise<readonly StoredRow[]>
}

interface Kept {
  readonly organization: OrganizationId
  table: MembershipTable | null
  numbers: Map<GroupId, number>
  /** Numbers are given once: also those of groups that are gone count. */
  numbersGiven: number
  dirty: Set<string>
  what: Changed['what']
  /** The last batch that was heard of, and the last one that is done. */
  heard: number
  done: number
  isAtWork: boolean
}

const rowsAtOnce = 500
const restMs = 1_000
const importance = ['subjects', 'groups', 'organization', 'everything'] as const

export class Keeper {
  readonly #source: MembershipSource
  readonly #post: (message: FromKeeper) => void
  readonly #rest: (ms: number) => Promise<void>
  readonly #kept = new Map<OrganizationId, Kept>()
  /** One organization is loaded at a time. */
  #loading: Promise<void> = Promise.resolve()

  /** `rest` waits so many milliseconds: before what has failed is tried again. */
  constructor(
    source: MembershipSource,
    post: (message: FromKeeper) => void,
    rest: (ms: number) => Promise<void>,
  ) {
    this.#source = source
    this.#post = post
    this.#rest = rest
  }

  hear(message: ToKeeper): void {
    if (message.kind === 'start') void this.#start()
    else this.#changed(message)
  }

  async #start(): Promise<void> {
    for (;;) {
      try {
        for (const organization of await this.#source.organizations()) {
          const kept = this.#of(organization)
          if (kept.table === null) this.#ask(kept, 'everything')
        }
        return
      } catch (error) {
        this.#trouble(null, error)
        await this.#rest(restMs)
      }
    }
  }

  #of(organization: OrganizationId): Kept {
    const known = this.#kept.get(organization)
    if (known !== undefined) return known
    const kept: Kept = {
      ...{ organization, table: null, numbers: new Map(), numbersGiven: 0, dirty: new Set() },
      ...{ what: 'subjects', heard: 0, done: 0, isAtWork: false },
    }
    this.#kept.set(organization, kept)
    return kept
  }

  #changed({ organization, batch, what, users }: Changed): void {
    const kept = this.#of(organization)
    kept.heard = batch
    for (const id of users) kept.dirty.add(id)
    this.#ask(kept, what)
  }

  #ask(kept: Kept, what: Changed['what']): void {
    if (importance.indexOf(what) > importance.indexOf(kept.what)) kept.what = what
    if (!kept.isAtWork) void this.#work(kept)
  }

  /** Until nothing is left to do for the organization. Never fails. */
  async #work(kept: Kept): Promise<void> {
    kept.isAtWork = true
    // In a later turn: what has been posted together is read together.
    await Promise.resolve()
    for (let isFirst = true; isFirst || kept.heard > kept.done || kept.what !== 'subjects'; isFirst = false) {
      const { heard, what, dirty } = kept
      kept.what = 'subjects'
      kept.dirty = new Set()
      try {
        if (!(await this.#bring(kept, what, dirty))) return
        kept.done = heard
        this.#post({ kind: 'applied', organization: kept.organization, batch: heard })
      } catch (error) {
        this.#trouble(kept.organization, error)
        for (const id of dirty) kept.dirty.add(id)
        if (importance.indexOf(what) > importance.indexOf(kept.what)) kept.what = what
        await this.#rest(restMs)
      }
    }
    kept.isAtWork = false
  }

  /** Makes the table what the database says; false when the organization is no more. */
  async #bring(kept: Kept, what: Changed['what'], dirty: ReadonlySet<string>): Promise<boolean> {
    const { organization } = kept
    if (what === 'organization' || what === 'everything') {
      const there = await this.#source.organizations()
      if (!there.includes(organization)) {
        this.#kept.delete(organization)
        this.#post({ kind: 'gone', organization })
        return false
      }
    }
    if (what === 'everything' || kept.table === null) {
      const before = this.#loading
      this.#loading = before.then(() => this.#load(kept))
      const mine = this.#loading
      // The next one is loaded also when this one could not be.
      this.#loading = mine.catch(() => undefined)
      await mine
      return true
    }
    if (what === 'groups') await this.#dropGroups(kept, kept.table)
    const ids = [...dirty]
    for (let from = 0; from < ids.length; from += rowsAtOnce)
      await this.#read(kept, kept.table, ids.slice(from, from + rowsAtOnce))
    return true
  }

  async #load(kept: Kept): Promise<void> {
    const { organization } = kept
    let isLoaded = false
    const table = new MembershipTable(0, 0, (parts) => {
      if (isLoaded) this.#post({ kind: 'table', organization, parts })
    })
    for (let after: string | null = null; ; ) {
      const rows: readonly StoredRow[] = await this.#source.page(organization, after)
      const last = rows.at(-1)
      if (last === undefined) break
      after = last.id
      for (const row of rows) this.#put(kept, table, row)
    }
    table.fit()
    isLoaded = true
    kept.table = table
    this.#post({ kind: 'table', organization, parts: table.parts })
  }

  async #read(kept: Kept, table: MembershipTable, ids: readonly string[]): Promise<void> {
    const gone = new Set(ids)
    for (const row of await this.#source.rows(kept.organization, ids)) {
      gone.delete(row.id)
      this.#put(kept, table, row)
    }
    for (const id of gone) table.remove(id)
  }

  #put(kept: Kept, table: MembershipTable, { id, version, memberships }: StoredRow): void {
    const entries = memberships.map(
      ([group, reasons]) => ((this.#numberOf(kept, group) << reasonBits) | reasons) >>> 0,
    )
    table.put(id, Number(BigInt.asUintN(32, BigInt(version))), entries)
  }

  #numberOf(kept: Kept, group: GroupId): number {
    const known = kept.numbers.get(group)
    if (known !== undefined) return known
    const number = kept.numbersGiven++
    kept.numbers.set(group, number)
    this.#post({ kind: 'groups', organization: kept.organization, from: number, ids: [group] })
    return number
  }

  /** Memberships go with their group; that their users have left is told later. */
  async #dropGroups(kept: Kept, table: MembershipTable): Promise<void> {
    const there = new Set(await this.#source.groups(kept.organization))
    for (const [group, number] of kept.numbers) {
      if (there.has(group)) continue
      table.removeGroup(number)
      kept.numbers.delete(group)
    }
  }

  #trouble(organization: OrganizationId | null, error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    this.#post({ kind: 'trouble', organization, message })
  }
}
