// Memberships in memory over real databases, with the thread that keeps them: two processes change them, and what is read is
// what the database says, at the latest when a change has been told. Time is exact on read, also where no timer fires.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Worker } from 'node:worker_threads'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import {
  type BindingId,
  type GroupId,
  newId,
  type OrganizationId,
  type ResourceId,
  type UserId,
} from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { CachedFacts } from '../../src/core/access/cached-facts.ts'
import { exactFacts } from '../../src/core/access/exact-facts.ts'
import type { SubjectFacts } from '../../src/core/access/facts.ts'
import type { Exemption, Group, User } from '../../src/core/directory/types.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { startMembership, startWorker } from '../../src/membership-thread.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { FakeClock } from '../support/access.ts'
import { freshDatabase } from '../support/database.ts'
import { auditOf, makeGroup, makeOrganization, makeUser, storeKinds } from '../support/store.ts'

const folder = t.testdir({})
const audit = [auditOf('test')]
const departments = ['Sales', 'Finance', 'Legal', null]

async function until(what: string, done: () => boolean | Promise<boolean>, seconds = 20): Promise<void> {
  for (let i = 0; i < seconds * 200; i++) {
    if (await done()) return
    await sleep(5)
  }
  throw new Error(`${what}: not within ${seconds} s`)
}

/** A process: its store, its thread, its engine. */
async function process(t: Test, url: Secret | null, name: string) {
  const store = await openStore({
    dataFolder: join(folder, name),
    databaseUrl: url,
    ...{ redisUrl: null, connections: 6, clock: systemClock, log: silentLog },
  })
  const workers: Worker[] = []
  const thread = startMembership(store, silentLog, (task) => {
    const worker = startWorker(task)
    workers.push(worker)
    return worker
  })
  t.teardown(async () => {
    await thread.close()
    await store.close()
  })
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  return { store, thread, engine, workers }
}

type Process = Awaited<ReturnType<typeof process>>

async function begin({ store, engine }: Process, slug: string) {
  const organization = makeOrganization(slug)
  await store.organizations.insert(organization, auditOf('organization.create'))
  const { id } = organization
  const add = async (name: string, values: Partial<Group> = {}): Promise<Group> => {
    const dynamic = values.rule ? ({ mode: 'dynamic', status: 'activating' } as const) : {}
    const group = makeGroup(name, { ...dynamic, ...values })
    await store.groups.insert(id, group, auditOf('group.create'))
    await engine.activateGroup(id, group.id)
    return group
  }
  const addUser = async (name: string, values: Partial<User> = {}): Promise<User> => {
    const row = makeUser(name, values)
    await engine.change(id, [], () => ok({ user: { do: 'insert', row }, audit }))
    return row
  }
  return { id, add, addUser }
}

const setDepartment = (
  { engine }: Process,
  organization: OrganizationId,
  user: UserId,
  department: string | null,
) =>
  engine.change(organization, [{ kind: 'user', id: user }], ([cell]) =>
    ok({ user: { do: 'update', row: { ...(cell?.user as User), department } }, audit }),
  )

const groupsOf = (facts: SubjectFacts | null): string[] =>
  facts?.kind === 'user' ? facts.memberships.map(({ name }) => name).sort() : []

/** What the tables say. */
async function stored(store: Store, organization: OrganizationId, user: UserId): Promise<unknown> {
  const cell = await store.cells.read(organization, { kind: 'user', id: user })
  return cell?.memberships
    .map(({ groupId, reasons }) => ({ groupId, reasons }))
    .sort((a, b) => (a.groupId < b.groupId ? -1 : 1))
}

const held = (store: Store, organization: OrganizationId, user: UserId): unknown =>
  store.replica.groupsOf(organization, user)?.toSorted((a, b) => (a.groupId < b.groupId ? -1 : 1))

const isUpToDate = async ({ store }: Process, organization: OrganizationId): Promise<boolean> => {
  await store.feed.settled()
  return store.replica.isReady(organization) && store.replica.pending === 0
}

for (const kind of storeKinds) {
  t.test(`memberships in memory: ${kind}`, async (t) => {
    const url = kind === 'served' ? new Secret(await freshDatabase(t)) : null
    const one = await process(t, url, `${kind}-1`)
    await t.test('what is read is what was written', (t) => testChanges(t, one, url))
    await t.test('a thread that dies', (t) => testDeath(t, one))
    await t.test('exact on read', (t) => testExact(t, one))
    await t.test('sets of users', (t) => testSets(t, one))
  })
}

async function testChanges(t: Test, one: Process, url: Secret | null) {
  // The same sealing key in both folders: it is the same database.
  const two = url === null ? one : await processBeside(t, url)
  const world = await begin(one, 'changes')
  for (const name of ['Sales', 'Finance', 'Legal']) await world.add(name, { rule: `department eq "${name}"` })
  await world.add('sellers', { rule: 'memberOf eq "Sales" or memberOf eq "Legal"', factors: ['totp'] })
  const users: User[] = []
  for (let i = 0; i < 24; i++)
    users.push(await world.addUser(`user-${i}`, { department: departments[i % 4] ?? null }))
  await until('both are ready', () => [one, two].every(({ store }) => store.replica.isReady(world.id)))

  const seen = { fromMemory: 0, wrong: 0, writes: 0 }
  const expected = (department: string | null): string[] =>
    department === null ? [] : department === 'Finance' ? ['Finance'] : [department, 'sellers'].sort()
  /** Each has users of its own, and reads what it has just written, by every way there is. */
  const writer = async (process: Process, own: readonly User[]) => {
    const until = performance.now() + 2_500
    for (let i = 0; performance.now() < until; i++) {
      const user = own[i % own.length] as User
      const department = departments[Math.floor(Math.random() * departments.length)] ?? null
      await setDepartment(process, world.id, user.id, department)
      seen.writes++
      if (i % 3 === 0) await sleep(Math.random() * 10)
      const inMemory = process.store.replica.groupsOf(world.id, user.id)
      if (inMemory !== null) {
        seen.fromMemory++
        if (inMemory.length !== expected(department).length) seen.wrong++
      }
      const facts = await process.store.facts.findSubject(world.id, { by: 'login', name: user.username })
      if (groupsOf(facts).join() !== expected(department).join()) seen.wrong++
    }
  }
  const half = users.length / 2
  await Promise.all([writer(one, users.slice(0, half)), writer(two, users.slice(half))])
  t.equal(seen.wrong, 0, JSON.stringify(seen))
  t.ok(seen.writes > 50 && seen.fromMemory > 5, JSON.stringify(seen))

  for (const each of [one, two]) {
    await until('all is applied', () => isUpToDate(each, world.id))
    for (const user of users)
      t.same(held(each.store, world.id, user.id), await stored(one.store, world.id, user.id))
  }

  const [gone] = users as [User]
  await two.engine.change(world.id, [{ kind: 'user', id: gone.id }], () =>
    ok({ user: { do: 'remove', id: gone.id }, audit }),
  )
  const extra = await world.add('extra')
  const member = users[1] as User
  await one.engine.change(world.id, [{ kind: 'user', id: member.id }], () =>
    ok({ manual: { add: [{ subjectId: member.id, groupId: extra.id }], remove: [] }, audit }),
  )
  await until('the one that was written', () => isUpToDate(two, world.id))
  t.same(held(two.store, world.id, gone.id), [])
  t.ok(JSON.stringify(held(two.store, world.id, member.id)).includes(extra.id))
  const { version } = (await one.store.groups.find(world.id, extra.id)) as Group
  const removed = await one.store.groups.remove(world.id, extra.id, version, auditOf('group.delete'))
  t.match(removed, { outcome: 'written' })
  for (const each of [one, two]) {
    await until('the group is gone', () => isUpToDate(each, world.id))
    t.notOk(JSON.stringify(held(each.store, world.id, member.id)).includes(extra.id))
  }
}

async function processBeside(t: Test, url: Secret): Promise<Process> {
  const { cp } = await import('node:fs/promises')
  await cp(join(folder, 'served-1'), join(folder, 'served-2'), { recursive: true })
  return process(t, url, 'served-2')
}

async function testDeath(t: Test, one: Process) {
  const world = await begin(one, 'death')
  const group = await world.add('sales', { rule: 'department eq "Sales"' })
  const alice = await world.addUser('alice', { department: 'Sales' })
  await until('ready', () => isUpToDate(one, world.id))
  t.same(held(one.store, world.id, alice.id), [{ groupId: group.id, reasons: ['rule'] }])
  const before = one.thread.starts
  await one.workers.at(-1)?.terminate()
  await until('it is noticed', () => !one.store.replica.isReady(world.id))
  t.equal(one.store.replica.groupsOf(world.id, alice.id), null)
  await setDepartment(one, world.id, alice.id, null)
  const facts = await one.store.facts.findSubject(world.id, { by: 'user-id', id: alice.id })
  t.same(groupsOf(facts), [], 'the database is asked meanwhile')
  await until('it is back', () => isUpToDate(one, world.id))
  t.equal(one.thread.starts, before + 1)
  t.same(held(one.store, world.id, alice.id), [])
}

async function testExact(t: Test, one: Process) {
  const { store } = one
  const clock = new FakeClock()
  const engine = new MembershipEngine({ ...store, clock, log: silentLog })
  const world = await begin({ ...one, engine }, 'exact')
  const vip = await world.add('vip')
  const dated = await world.add('dated', { rule: 'createdAt gt now-1h' })
  const alice = await world.addUser('alice', { createdAt: clock.now() })
  const expiresAt = new Date(clock.now().getTime() + 60_000)
  const row: Exemption = {
    ...{
      id: newId(),
      groupId: vip.id as GroupId,
      subjectId: alice.id,
      kind: 'always',
      reason: 'x',
      expiresAt,
    },
    createdAt: clock.now(),
  }
  await engine.change(world.id, [{ kind: 'user', id: alice.id }], () =>
    ok({ exemptions: [{ do: 'insert', row }], audit }),
  )
  await until('ready', () => isUpToDate(one, world.id))
  const facts = new CachedFacts(exactFacts(store.facts, engine, clock), store.feed, 100, clock)
  const ask = async () => groupsOf(await facts.findSubject(world.id, { by: 'user-id', id: alice.id }))
  t.same(await ask(), ['dated', 'vip'])
  clock.ms += 59_999
  t.same(await ask(), ['dated', 'vip'])
  const kept = await facts.findSubject(world.id, { by: 'user-id', id: alice.id })
  t.equal(
    await facts.findSubject(world.id, { by: 'user-id', id: alice.id }),
    kept,
    'it is remembered until then',
  )
  clock.ms += 1
  t.ok(JSON.stringify(await stored(store, world.id, alice.id)).includes(vip.id), 'no timer has fired')
  t.same(await ask(), ['dated'], 'an exemption ends at its instant')
  t.notOk(JSON.stringify(await stored(store, world.id, alice.id)).includes(vip.id), 'and that is written')
  clock.ms += 3_600_000 - 60_000
  t.same(await ask(), [], 'a rule turns at its instant')
  t.notOk(JSON.stringify(await stored(store, world.id, alice.id)).includes(dated.id))
}

async function testSets(t: Test, one: Process) {
  const { store, thread } = one
  const { sets } = thread
  const bySets = new MembershipEngine({ ...store, sets, clock: systemClock, log: silentLog })
  const world = await begin(one, 'sets')
  for (let i = 0; i < 130; i++)
    await world.addUser(`user-${i}`, { department: departments[i % 4] ?? null, createdAt: new Date() })
  const group = makeGroup('sales', { mode: 'dynamic', status: 'activating', rule: 'department eq "Sales"' })
  const reads = makeGroup('reads', {
    ...{ mode: 'dynamic', status: 'activating' },
    rule: 'memberOf eq "sales" and createdAt gt now-1h',
  })
  const page = { limit: 10 }
  const before = await sets.preview(world.id, group, page)
  t.match(before, { joins: { count: 33 }, leaves: { count: 0 }, stays: { count: 0 } })
  t.equal(before.joins.sample.length, 10)
  const differing = async (groups: 'all' | readonly GroupId[]): Promise<number> => {
    let count = 0
    for await (const chunk of sets.differing(world.id, groups)) count += chunk.length
    return count
  }
  t.equal(await differing('all'), 0)
  for (const row of [group, reads]) await store.groups.insert(world.id, row, auditOf('group.create'))
  t.ok((await differing('all')) >= 33)
  await bySets.activateGroup(world.id, group.id)
  await bySets.activateGroup(world.id, reads.id)
  t.equal(await differing('all'), 0)
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  t.equal(await engine.reconcile(world.id), 0, 'going through all cells finds nothing more')
  const members = await store.reader.members(world.id, reads.id, { limit: 200 })
  t.equal(members.length, 33)
  t.ok((await store.cells.read(world.id, { kind: 'user', id: members[0]?.subjectId as UserId }))?.due)
  t.match(await sets.preview(world.id, { ...group, rule: 'department eq "Legal"' }, page), {
    ...{ joins: { count: 32 }, leaves: { count: 33 }, stays: { count: 0 } },
  })

  const stamps = { version: 1, createdAt: new Date(), updatedAt: new Date() }
  const wiki = { ...stamps, id: newId<ResourceId>(), name: 'wiki', kind: 'application' as const }
  await store.resources.insert(
    world.id,
    { ...wiki, enabled: true, network: null, application: null },
    auditOf('resource.create'),
  )
  const binding = { ...stamps, id: newId<BindingId>(), groupId: group.id, resourceId: wiki.id }
  await store.bindings.insert(
    world.id,
    { ...binding, attributes: {}, factors: [], order: 0 },
    auditOf('binding.create'),
  )
  const gains = async () =>
    (await sets.preview(world.id, { ...group, rule: 'department pr' }, page)).gains
      .filter(({ kind }) => kind === 'application')
      .map(({ resource }) => resource)
  t.same(await gains(), ['wiki'], 'what is bound now')
  await store.bindings.remove(world.id, binding.id, 1, auditOf('binding.remove'))
  t.same(await gains(), [], 'and no more')
}
