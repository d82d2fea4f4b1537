// The memberships in shared memory: the table is what a plain Map would be, readers see whole rows or nothing, and whatever has
// been told and is not there yet is asked of the database.
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import t from 'tap'
import { type GroupId, newId, type OrganizationId, type UserId } from '../../../src/base/ids.ts'
import { Keeper, type MembershipSource, type StoredRow } from '../../../src/core/membership/replica/keeper.ts'
import { formatId, parseId, type TableParts } from '../../../src/core/membership/replica/layout.ts'
import type { FromKeeper, ToKeeper } from '../../../src/core/membership/replica/messages.ts'
import { MembershipReplica } from '../../../src/core/membership/replica/replica.ts'
import { MembershipTable } from '../../../src/core/membership/replica/table.ts'
import { MembershipView } from '../../../src/core/membership/replica/view.ts'
import type { Change } from '../../../src/core/ports.ts'
import { entriesOf, idOf } from '../../support/replica-writer.ts'

t.test('ids are read and written back', async (t) => {
  const words = new Uint32Array(4)
  fc.assert(
    fc.property(fc.uuid(), (id) => {
      t.ok(parseId(id, words))
      return formatId(words, 0) === id
    }),
    { numRuns: 300 },
  )
  for (const wrong of ['', 'x'.repeat(36), newId().toUpperCase(), `${newId()}0`, newId().slice(1)])
    t.notOk(parseId(wrong, words), wrong)
})

t.test('the table is what a Map would be, whatever is done to it', async (t) => {
  const user = fc.integer({ min: 0, max: 200 })
  const entry = fc.nat({ max: 40 }).chain((group) => fc.integer({ min: 1, max: 7 }).map((r) => group * 8 + r))
  const step = fc.oneof(
    {
      weight: 20,
      arbitrary: fc.tuple(fc.constant('put' as const), user, fc.array(entry, { maxLength: 30 })),
    },
    { weight: 4, arbitrary: fc.tuple(fc.constant('remove' as const), user) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('group' as const), fc.nat({ max: 40 })) },
    { weight: 1, arbitrary: fc.tuple(fc.constant('fit' as const)) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400, minLength: 50 }), (steps) => {
      let view: MembershipView
      const table = new MembershipTable(0, 0, (parts) => {
        view = new MembershipView(parts)
      })
      view = new MembershipView(table.parts)
      const model = new Map<string, { version: number; entries: number[] }>()
      for (const [version, one] of steps.entries()) {
        if (one[0] === 'put') {
          table.put(idOf(one[1]), version, one[2])
          model.set(idOf(one[1]), { version, entries: [...one[2]] })
        } else if (one[0] === 'remove') {
          table.remove(idOf(one[1]))
          model.delete(idOf(one[1]))
        } else if (one[0] === 'group') {
          table.removeGroup(one[1])
          for (const row of model.values()) row.entries = row.entries.filter((each) => each >>> 3 !== one[1])
        } else table.fit()
      }
      for (let i = 0; i <= 200; i++) t.same(view.read(idOf(i)), model.get(idOf(i)) ?? 'absent')
      t.equal(table.size, model.size)
      const listed = [...table.subjects()].map(({ id, version, entries }) => [
        id,
        { version, entries: [...entries] },
      ])
      t.same(new Map(listed as [string, object][]), model)
    }),
    { numRuns: 25 },
  )
})

t.test('ids that look alike are still found', async (t) => {
  const table = new MembershipTable(0, 0, () => {})
  const ids = Array.from(
    { length: 3_000 },
    (_, i) => `00000000-0000-0000-0000-${i.toString(16).padStart(12, '0')}`,
  )
  for (const [i, id] of ids.entries()) table.put(id, i, [i * 8 + 1])
  const view = new MembershipView(table.parts)
  t.same(
    ids.map((id) => view.read(id)),
    ids.map((_, i) => ({ version: i, entries: [i * 8 + 1] })),
  )
})

t.test('a table that has been replaced, or is being written, answers nothing', async (t) => {
  const table = new MembershipTable(0, 0, () => {})
  table.put(idOf(1), 1, [9])
  const old = new MembershipView(table.parts)
  t.same(old.read(idOf(1)), { version: 1, entries: [9] })
  table.fit()
  t.equal(old.read(idOf(1)), null)
  const { control } = table.parts
  Atomics.add(control, 0, 1)
  t.equal(new MembershipView(table.parts).read(idOf(1)), null)
  Atomics.add(control, 0, 1)
  t.same(new MembershipView(table.parts).read(idOf(1)), { version: 1, entries: [9] })
})

/** Reads as fast as it can while a thread writes; rows that were never written so are torn. */
async function readWhileWriting(task: {
  readonly users: number
  readonly rounds: number
  readonly isLong: boolean
}) {
  const worker = new Worker(new URL('../../support/replica-writer.ts', import.meta.url), { workerData: task })
  let view: MembershipView | null = null
  let isDone = false
  worker.on('message', (message: TableParts | 'done') => {
    if (message === 'done') isDone = true
    else view = new MembershipView(message)
  })
  const seen = { row: 0, absent: 0, null: 0, torn: 0 }
  const lastVersions = new Map<number, number>()
  const look = (from: MembershipView): void => {
    for (let user = 0; user < task.users; user++) {
      const row = from.read(idOf(user))
      if (row === null) seen.null++
      else if (row === 'absent') seen.absent++
      else {
        const whole = entriesOf(user, row.version, task.isLong)
        const isWhole = whole.length === row.entries.length && whole.every((one, i) => one === row.entries[i])
        if (!isWhole || row.version < (lastVersions.get(user) ?? 0)) seen.torn++
        lastVersions.set(user, row.version)
        seen.row++
      }
    }
  }
  while (!isDone) {
    await new Promise((resolve) => setImmediate(resolve))
    for (let i = 0; view !== null && i < 5; i++) look(view)
  }
  await worker.terminate()
  return seen
}

t.test('what is read while another thread writes is one row as it was written, whole', async (t) => {
  for (const task of [
    { users: 300, rounds: 1_000, isLong: false },
    { users: 4, rounds: 2_500, isLong: true },
  ]) {
    const seen = await readWhileWriting(task)
    t.equal(seen.torn, 0, JSON.stringify(seen))
    t.ok(seen.row > 0 && seen.null > 0, JSON.stringify(seen))
  }
})

/** An organization in memory, with a keeper and a replica that hear each other at once or when `deliver` is called. */
function world(mostPending?: number) {
  const listeners = new Set<(changes: readonly Change[]) => void>()
  const feed = {
    staleness: 0,
    timesAway: 0,
    stalenessMs: () => feed.staleness,
    subscribe: (listener: (changes: readonly Change[]) => void) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
  const organization = newId<OrganizationId>()
  const organizations = new Set([organization])
  const groups = new Map<string, GroupId>(['a', 'b', 'c', 'd'].map((name) => [name, newId<GroupId>()]))
  const rows = new Map<string, StoredRow>()
  const source: MembershipSource & { failing: boolean; reads: number } = {
    failing: false,
    reads: 0,
    async organizations() {
      return [...organizations]
    },
    async groups() {
      return [...groups.values()]
    },
    async page(_organization, after) {
      const ids = [...rows.keys()].sort().filter((id) => after === null || id > after)
      return ids.slice(0, 3).map((id) => rows.get(id) as StoredRow)
    },
    async rows(_organization, ids) {
      source.reads++
      if (source.failing) throw new Error('the database is away')
      await sleep(1)
      return ids.flatMap((id) => rows.get(id) ?? [])
    },
  }
  const told: FromKeeper[] = []
  let isStalled = false
  const replica = new MembershipReplica(feed, mostPending)
  const hear = (message: FromKeeper) => (isStalled ? void told.push(message) : replica.hear(message))
  const keeper = new Keeper(source, hear, () => sleep(2))
  const posted: ToKeeper[] = []
  replica.attach((message) => {
    posted.push(message)
    keeper.hear(message)
  })
  const tell = (kind: Change['kind'], id: string): void => {
    for (const listener of listeners) listener([{ organization, kind, id }])
  }
  let version = 1n
  return {
    ...{ feed, source, replica, organization, organizations, groups, rows, posted, tell },
    set(user: UserId, ...names: string[]): bigint {
      version++
      const memberships = names.map((name) => [groups.get(name) as GroupId, 1] as const)
      rows.set(user, { id: user, version: String(version), memberships })
      return version
    },
    names(user: UserId): string[] | null {
      const list = replica.groupsOf(organization, user)
      const nameOf = new Map([...groups].map(([name, id]) => [id as string, name]))
      return list === null ? null : list.map(({ groupId }) => nameOf.get(groupId) ?? 'unknown').sort()
    },
    stall: () => {
      isStalled = true
    },
    deliver: () => {
      isStalled = false
      for (const message of told.splice(0)) replica.hear(message)
    },
    until: async (done: () => boolean): Promise<void> => {
      for (let i = 0; i < 500 && !done(); i++) await sleep(2)
      t.ok(done())
    },
  }
}

const user = () => newId<UserId>()

t.test(
  'loaded in the background; until then, and for users who are pending, the answer is null',
  async (t) => {
    const w = world()
    const [alice, bob, nobody] = [user(), user(), user()]
    const version = w.set(alice, 'a', 'b')
    w.set(bob)
    t.equal(w.names(alice), null, 'not loaded')
    await w.until(() => w.replica.isReady(w.organization))
    t.same(w.names(alice), ['a', 'b'])
    t.same(w.names(bob), [])
    t.same(w.names(nobody), [])
    t.ok(w.replica.bytes > 0)
    t.same([w.replica.ready, w.replica.pending], [1, 0])

    w.set(alice, 'c')
    t.same(w.names(alice), ['a', 'b'], 'not told yet')
    w.tell('user', alice)
    t.equal(w.names(alice), null, 'told, and not applied yet')
    t.same(w.names(bob), [], 'others are not concerned')
    t.equal(w.replica.pending, 1)
    await w.until(() => w.names(alice) !== null)
    t.same(w.names(alice), ['c'])
    t.equal(w.replica.membershipsAt(w.organization, alice, version), null, 'of another version')

    w.rows.delete(alice)
    w.tell('user', alice)
    await w.until(() => w.names(alice) !== null)
    t.same(w.names(alice), [], 'gone')
  },
)

t.test('a cell that is newer than what was told is asked of the database, and read again', async (t) => {
  const w = world()
  const alice = user()
  w.set(alice, 'a')
  await w.until(() => w.replica.isReady(w.organization))
  const version = w.set(alice, 'a')
  t.equal(w.replica.membershipsAt(w.organization, alice, version), null)
  await w.until(() => w.replica.membershipsAt(w.organization, alice, version) !== null)
  t.match(w.replica.membershipsAt(w.organization, alice, version), [{ reasons: ['rule'] }])
})

t.test('a stalled keeper: nothing old is answered, however long it takes', async (t) => {
  const w = world()
  const alice = user()
  w.set(alice, 'a')
  await w.until(() => w.replica.isReady(w.organization))
  w.stall()
  for (const names of [['b'], ['c'], ['d']]) {
    w.set(alice, ...names)
    w.tell('user', alice)
    await sleep(5)
    t.equal(w.names(alice), null)
  }
  w.deliver()
  await w.until(() => w.names(alice) !== null)
  t.same(w.names(alice), ['d'])
})

t.test('a change that is told while an older one is read stays pending', async (t) => {
  const w = world()
  const alice = user()
  w.set(alice, 'a')
  await w.until(() => w.replica.isReady(w.organization))
  let wrong = 0
  for (let i = 0; i < 40; i++) {
    const name = ['a', 'b', 'c', 'd'][i % 4] as string
    w.set(alice, name)
    w.tell('user', alice)
    await sleep(i % 3)
    const names = w.names(alice)
    if (names !== null && names.join() !== name) wrong++
  }
  t.equal(wrong, 0)
})

t.test('a feed that is behind, a database that is away, a keeper that dies', async (t) => {
  const w = world()
  const alice = user()
  w.set(alice, 'a')
  await w.until(() => w.replica.isReady(w.organization))
  w.feed.staleness = 2_001
  t.equal(w.names(alice), null)
  w.feed.staleness = 2_000
  t.same(w.names(alice), ['a'])

  w.source.failing = true
  w.set(alice, 'b')
  w.tell('user', alice)
  await sleep(20)
  t.equal(w.names(alice), null)
  w.source.failing = false
  await w.until(() => w.names(alice) !== null)
  t.same(w.names(alice), ['b'])

  w.replica.detach()
  t.equal(w.names(alice), null)
  w.tell('user', alice)
  const next = new Keeper(
    w.source,
    (message) => w.replica.hear(message),
    () => sleep(2),
  )
  w.replica.attach((message) => next.hear(message))
  await w.until(() => w.replica.isReady(w.organization))
  t.same(w.names(alice), ['b'])
})

t.test('groups and organizations that go away', async (t) => {
  const w = world()
  const [alice, bob] = [user(), user()]
  w.set(alice, 'a', 'b')
  w.set(bob, 'b')
  await w.until(() => w.replica.isReady(w.organization))
  const gone = w.groups.get('b') as GroupId
  w.groups.delete('b')
  for (const [id, row] of w.rows)
    w.rows.set(id, { ...row, memberships: row.memberships.filter(([group]) => group !== gone) })
  w.tell('group', gone)
  t.same([w.names(alice), w.names(bob)], [null, null])
  await w.until(() => w.names(alice) !== null)
  t.same([w.names(alice), w.names(bob)], [['a'], []])

  w.organizations.clear()
  w.rows.clear()
  w.tell('organization', w.organization)
  await sleep(20)
  t.equal(w.names(alice), null)
  t.equal(w.replica.ready, 0)
})

t.test('a feed that was away for long: everything is loaded again, and a mere setting is not', async (t) => {
  const w = world()
  const alice = user()
  w.set(alice, 'a')
  await w.until(() => w.replica.isReady(w.organization))
  w.set(alice, 'b')
  w.tell('organization', w.organization)
  t.equal(w.names(alice), null)
  await w.until(() => w.names(alice) !== null)
  t.same(w.names(alice), ['a'], 'nobody was told of alice')
  w.feed.timesAway++
  w.tell('organization', w.organization)
  t.equal(w.names(alice), null)
  await w.until(() => w.names(alice) !== null)
  t.same(w.names(alice), ['b'])
})

t.test('more pending than is kept track of: nothing is answered until all is loaded again', async (t) => {
  const w = world(10)
  const users = Array.from({ length: 30 }, user)
  for (const one of users) w.set(one, 'a')
  await w.until(() => w.replica.isReady(w.organization))
  w.stall()
  w.posted.length = 0
  for (const one of users) {
    w.set(one, 'b')
    w.tell('user', one)
  }
  t.equal(w.replica.pending, 0, 'it does not keep what it cannot use')
  t.equal(w.posted.length, 11, 'and posts no more')
  t.same(
    users.map((one) => w.names(one)),
    users.map(() => null),
  )
  await sleep(20)
  w.deliver()
  await w.until(() => w.replica.isReady(w.organization))
  t.same(
    users.map((one) => w.names(one)),
    users.map(() => ['b']),
  )
  t.match(w.posted.at(-1), { what: 'everything' })
})
