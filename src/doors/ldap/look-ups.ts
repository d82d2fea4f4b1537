// One user by a unique key, as most searches want it: from memory where it is still true, otherwise together with all
// others that are wanted at this moment, in one statement.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, UserId } from '../../base/ids.ts'
import { Fault } from '../../base/result.ts'
import { nameKey } from '../../core/directory/names.ts'
import type { Change, ChangeFeed, DirectoryReader, UserEntry } from '../../core/ports.ts'
import { encodeAttribute } from '../../wire/ldap/encode-entry.ts'
import { EntryCache, ReadyEntry, type UniqueKey } from './entry-cache.ts'
import type { Spelling } from './layout.ts'
import type { LdapMetrics } from './metrics.ts'
import type { ContextOf, NamingContext } from './naming-context.ts'
import { longestStalenessMs } from './naming-contexts.ts'

export interface LookUpPorts {
  readonly reader: Pick<DirectoryReader, 'usersByKey'>
  readonly feed: Pick<ChangeFeed, 'subscribe' | 'stalenessMs'>
  readonly contextOf: ContextOf
  readonly clock: Clock
  readonly metrics: LdapMetrics
}

interface Wanted {
  readonly answer: Promise<ReadyEntry | null>
  readonly resolve: (entry: ReadyEntry | null) => void
  readonly reject: (error: unknown) => void
}

/** Look-ups of one organization by one kind of key: those that wait while others are being read. */
interface Queue {
  readonly organization: OrganizationId
  readonly by: UniqueKey
  waiting: Map<string, Wanted>
  reading: boolean
}

/** What changed while it was being read. */
interface Reading {
  readonly users: Set<string>
  readonly organizations: Set<OrganizationId>
}

const mostKeys = 500
/** What fails later than this is not tried again one by one. */
const longestRetriedMs = 1_000
const changesOfEveryone = new Set<Change['kind']>([
  'group',
  'binding',
  'resource',
  'attribute',
  'organization',
])

export class LookUps {
  readonly cache: EntryCache
  readonly #ports: LookUpPorts
  readonly #queues = new Map<string, Queue>()
  readonly #readings = new Set<Reading>()
  readonly #unsubscribe: () => void

  constructor(ports: LookUpPorts, cacheBytes: number) {
    this.#ports = ports
    this.cache = new EntryCache(cacheBytes)
    this.#unsubscribe = ports.feed.subscribe((changes) => this.#forget(changes))
  }

  close(): void {
    this.#unsubscribe()
  }

  /** The entry of an active user; null where there is none. At once where it is in memory. */
  find(organization: OrganizationId, by: UniqueKey, text: string): ReadyEntry | Promise<ReadyEntry | null> {
    const key = by === 'id' ? text.toLowerCase() : nameKey(text)
    if (this.#ports.feed.stalenessMs() <= longestStalenessMs) {
      const kept = this.cache.find(EntryCache.nameOf(organization, by, key))
      if (kept !== undefined) {
        this.#ports.metrics.lookUp('cache')
        return kept
      }
    }
    this.#ports.metrics.lookUp('store')
    return this.#want(organization, by, key)
  }

  /** Never joins what is being read already: that may have begun before a change that the asker knows of. */
  #want(organization: OrganizationId, by: UniqueKey, key: string): Promise<ReadyEntry | null> {
    const name = `${organization} ${by}`
    let queue = this.#queues.get(name)
    if (queue === undefined) {
      queue = { organization, by, waiting: new Map(), reading: false }
      this.#queues.set(name, queue)
    }
    const others = queue.waiting.get(key)
    if (others !== undefined) return others.answer
    const { promise, resolve, reject } = Promise.withResolvers<ReadyEntry | null>()
    queue.waiting.set(key, { answer: promise, resolve, reject })
    if (!queue.reading) {
      queue.reading = true
      const begun = queue
      setImmediate(() => void this.#work(begun))
    }
    return promise
  }

  async #work(queue: Queue): Promise<void> {
    while (queue.waiting.size > 0) await this.#serve(queue, this.#take(queue))
    queue.reading = false
  }

  async #serve(queue: Queue, batch: ReadonlyMap<string, Wanted>): Promise<void> {
    const { clock } = this.#ports
    const began = clock.monotonicMs()
    try {
      const found = await this.#read(queue, [...batch.keys()])
      for (const [key, wanted] of batch) wanted.resolve(found.get(key) ?? null)
    } catch (error) {
      const isSlow = clock.monotonicMs() - began > longestRetriedMs
      if (error instanceof Fault || isSlow || batch.size === 1) {
        const told = isSlow ? new Fault('unavailable', 'a look-up took too long', { cause: error }) : error
        for (const wanted of batch.values()) wanted.reject(told)
        return
      }
      // Whoever's key it is that cannot be asked for, it is not the others' fault.
      for (const [key, wanted] of batch) await this.#serve(queue, new Map([[key, wanted]]))
    }
  }

  #take(queue: Queue): Map<string, Wanted> {
    if (queue.waiting.size <= mostKeys) {
      const all = queue.waiting
      queue.waiting = new Map()
      return all
    }
    const some = new Map([...queue.waiting].slice(0, mostKeys))
    for (const key of some.keys()) queue.waiting.delete(key)
    return some
  }

  async #read({ organization, by }: Queue, keys: readonly string[]): Promise<Map<string, ReadyEntry>> {
    const reading: Reading = { users: new Set(), organizations: new Set() }
    this.#readings.add(reading)
    try {
      this.#ports.metrics.batch(keys.length)
      const entries = (await this.#ports.reader.usersByKey(organization, by, keys)).filter(
        ({ user }) => user.state === 'active',
      )
      const usernames = await this.usernames(
        organization,
        entries.map(({ user }) => user.managerId),
      )
      const context = await this.#ports.contextOf(organization)
      const spelling = { tree: context.tree, groups: context.groups, usernames }
      const found = new Map<string, ReadyEntry>()
      for (const entry of entries) {
        const ready = makeReady(entry, context, spelling)
        const key = keyOf(entry, by)
        if (key !== null) found.set(key, ready)
        this.#keep(ready, entry, organization, reading)
      }
      return found
    } finally {
      this.#readings.delete(reading)
    }
  }

  #keep(ready: ReadyEntry, entry: UserEntry, organization: OrganizationId, reading: Reading): void {
    const { user } = entry
    const dependsOn = user.managerId === null ? [user.id] : [user.id, user.managerId]
    if (reading.organizations.has(organization) || dependsOn.some((id) => reading.users.has(id))) return
    if (this.#ports.feed.stalenessMs() > longestStalenessMs) return
    const names = (['username', 'email', 'id'] as const).flatMap((by) => {
      const key = keyOf(entry, by)
      return key === null ? [] : [EntryCache.nameOf(organization, by, key)]
    })
    this.cache.keep(ready, organization, names, dependsOn)
  }

  /** What the users with these ids are called; nulls, and ids that nobody has, are left out. */
  async usernames(
    organization: OrganizationId,
    ids: readonly (UserId | null)[],
  ): Promise<ReadonlyMap<UserId, string>> {
    const asked = [...new Set(ids)].filter((id) => id !== null)
    if (asked.length === 0) return new Map()
    const found = await this.#ports.reader.usersByKey(organization, 'id', asked)
    return new Map(found.map(({ user }) => [user.id, user.username]))
  }

  #forget(changes: readonly Change[]): void {
    for (const { organization, kind, id } of changes) {
      if (kind === 'user') {
        this.cache.forgetUser(id)
        for (const reading of this.#readings) reading.users.add(id)
      } else if (changesOfEveryone.has(kind)) {
        this.cache.forgetOrganization(organization)
        for (const reading of this.#readings) reading.organizations.add(organization)
      }
    }
  }
}

function keyOf({ user }: UserEntry, by: UniqueKey): string | null {
  if (by === 'id') return user.id
  const name = by === 'username' ? user.username : user.email
  return name === null ? null : nameKey(name)
}

function makeReady(entry: UserEntry, context: NamingContext, spelling: Spelling): ReadyEntry {
  const encoded = context.users.list.map(({ type, values }) => {
    const own = values(entry, spelling)
    return own.length === 0 ? null : encodeAttribute(type.name, own)
  })
  const dn = context.tree.entryDn('users', entry.user.username)
  return new ReadyEntry(entry.user.id, dn, context.users, encoded)
}
