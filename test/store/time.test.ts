// Time alone changes memberships, on both databases: an exemption that ends, a rule that turns, what was missed while nobody
// was there, and what an open permit rests on.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type BindingId, type GroupId, newId, type ResourceId, type SubjectId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { CachedFacts } from '../../src/core/access/cached-facts.ts'
import { createAccess } from '../../src/core/access/decide.ts'
import type { AccessRequest } from '../../src/core/access/request.ts'
import { StandingPermits } from '../../src/core/access/standing.ts'
import type { Device, Exemption, Group, User } from '../../src/core/directory/types.ts'
import type { Cell, CellSubject } from '../../src/core/membership/cell.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { Schedule } from '../../src/core/membership/schedule.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { FakeClock, Fakes } from '../support/access.ts'
import { freshDatabase } from '../support/database.ts'
import {
  at,
  auditOf,
  makeDevice,
  makeGroup,
  makeOrganization,
  makeUser,
  storeKinds,
} from '../support/store.ts'

const folder = t.testdir({})
const day = 86_400_000
const audit = [auditOf('test')]

for (const kind of storeKinds) {
  t.test(`time: ${kind}`, async (t) => {
    const store = await openStore({
      dataFolder: join(folder, kind),
      databaseUrl: kind === 'served' ? new Secret(await freshDatabase(t)) : null,
      redisUrl: null,
      connections: 6,
      clock: systemClock,
      log: silentLog,
    })
    t.teardown(() => store.close())
    await t.test('by the clock of the machine', (t) => testReal(t, store))
    await t.test('a permit ends with the exemption it rests on', (t) => testPermit(t, store))
    await t.test('what was missed', (t) => testMissed(t, store))
    await t.test('instants are kept lazily', (t) => testLazy(t, store))
    await t.test('cells that split and join', (t) => testOwners(t, store))
    await t.test('imports', (t) => testImport(t, store))
    await t.test('several at once', (t) => testTogether(t, store))
  })
}

/** An organization with an engine on a clock of the machine, or of the test. */
async function begin(store: Store, slug: string, clock: FakeClock | typeof systemClock) {
  const organization = makeOrganization(slug)
  await store.organizations.insert(organization, auditOf('organization.create'))
  const engine = new MembershipEngine({ ...store, clock, log: silentLog })
  const add = async (name: string, values: Partial<Group> = {}): Promise<Group> => {
    const group = makeGroup(name, {
      ...(values.rule ? { mode: 'dynamic', status: 'activating' } : {}),
      ...values,
    })
    await store.groups.insert(organization.id, group, auditOf('group.create'))
    await engine.activateGroup(organization.id, group.id)
    return group
  }
  const addUser = async (name: string, values: Partial<User> = {}, devices: readonly Device[] = []) => {
    const row = makeUser(name, values)
    await engine.change(organization.id, [], () =>
      ok({
        user: { do: 'insert', row },
        devices: devices.map((one) => ({ do: 'insert', row: { ...one, ownerId: row.id } })),
        audit,
      }),
    )
    return row
  }
  const addDevice = async (name: string, values: Partial<Device>) => {
    const row = makeDevice(name, values)
    await engine.change(organization.id, [], () => ok({ devices: [{ do: 'insert', row }], audit }))
    return row
  }
  const updateDevice = async (row: Device, ...more: CellSubject[]) => {
    await engine.change(organization.id, [{ kind: 'device', id: row.id }, ...more], () =>
      ok({ devices: [{ do: 'update', row }], audit }),
    )
  }
  const exempt = async (
    subjectId: User['id'],
    groupId: GroupId,
    kind: Exemption['kind'],
    expiresAt: Date,
  ) => {
    const row: Exemption = {
      id: newId(),
      groupId,
      subjectId,
      kind,
      reason: 'x',
      expiresAt,
      createdAt: clock.now(),
    }
    await engine.change(organization.id, [{ kind: 'user', id: subjectId }], () =>
      ok({ exemptions: [{ do: 'insert', row }], audit }),
    )
    return row
  }
  const read = async (kind: CellSubject['kind'], id: SubjectId): Promise<Cell> => {
    const cell = await store.cells.read(organization.id, { kind, id } as CellSubject)
    if (cell === null) throw new Error('no such cell')
    return cell
  }
  const isMember = async (kind: CellSubject['kind'], subjectId: SubjectId, group: Group): Promise<boolean> =>
    (await read(kind, subjectId)).memberships.some(
      (one) => one.subjectId === subjectId && one.groupId === group.id,
    )
  /** What the clock has recorded about a subject. */
  const records = async (subject: SubjectId) => {
    const list = await store.auditReader.list(organization.id, { target: subject }, { limit: 100 })
    return list
      .map(({ body }) => JSON.parse(body))
      .filter(({ action, details }) => action === 'membership.change' && details.cause === 'time')
  }
  const schedule = () => new Schedule({ engine, ...store, clock: systemClock, log: silentLog })
  const id = organization.id
  return { id, engine, add, addUser, addDevice, updateDevice, exempt, read, isMember, records, schedule }
}

/** Waits until it is so; generously, because machines are slow. */
async function until(what: string, wished: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000
  while (!(await wished())) {
    if (performance.now() > deadline) throw new Error(`waited in vain until ${what}`)
    await sleep(20)
  }
}

async function testReal(t: Test, store: Store) {
  const world = await begin(store, 'real', systemClock)
  const { addUser, add, addDevice, exempt, isMember, records } = world
  const schedule = world.schedule()
  await schedule.start()
  t.teardown(() => schedule.close())
  const told = new Map<string, number>()
  t.teardown(
    store.feed.subscribe((changes) => {
      for (const { id } of changes) told.set(id, Date.now())
    }),
  )
  const vip = await add('vip')
  const everyone = await add('everyone', { rule: 'username pr' })
  const fresh = await add('fresh', { rule: 'lastContact gt now-30d', of: 'devices' })
  const [alice, bob] = [await addUser('alice'), await addUser('bob')]

  const soon = new Date(Date.now() + 1_500)
  const late = new Date(soon.getTime() - 30 * day)
  await exempt(alice.id, vip.id, 'always', soon)
  await exempt(bob.id, everyone.id, 'never', soon)
  const mac = makeDevice('mac', { lastContact: late })
  const carol = await addUser('carol', {}, [mac])
  const lone = await addDevice('lone', { lastContact: late })
  const dave = await addUser('dave', { createdAt: new Date(soon.getTime() - day) })
  // a rule that comes when its subjects are there: they are to be scheduled
  const young = await add('young', { rule: 'createdAt gt now-1d' })
  const of = async () => [
    await isMember('user', alice.id, vip),
    await isMember('user', bob.id, everyone),
    await isMember('device', mac.id, fresh),
    await isMember('device', lone.id, fresh),
    await isMember('user', dave.id, young),
  ]
  const before = await of()
  // On a machine that was busy for so long, this says nothing.
  if (Date.now() < soon.getTime()) t.same(before, [true, false, true, true, true])
  await until('all has turned', async () => `${await of()}` === 'false,true,false,false,false')
  t.ok(Date.now() >= soon.getTime())
  for (const { id } of [alice, bob, carol, lone, dave])
    t.ok((told.get(id) ?? 0) >= soon.getTime(), 'the feed was told when it happened')
  t.match(await records(alice.id), [
    {
      kind: 'change',
      actor: { kind: 'system', name: 'clock' },
      target: { kind: 'user', id: alice.id, name: 'alice' },
      details: { joined: [], left: [vip.id] },
    },
  ])
  t.match(await records(bob.id), [{ details: { joined: [everyone.id], left: [] } }])
  t.match(await records(mac.id), [{ target: { kind: 'device', name: 'mac' }, details: { left: [fresh.id] } }])
  t.same((await records(mac.id)).length + (await records(carol.id)).length, 1)
  await until('nothing is due', async () => (await store.cells.firstDue()) === null)
}

async function testPermit(t: Test, store: Store) {
  const world = await begin(store, 'permit', systemClock)
  const vip = await world.add('vip')
  const alice = await world.addUser('alice')
  const stamps = { version: 1, createdAt: at, updatedAt: at }
  const resource = {
    id: newId<ResourceId>(),
    name: 'wiki',
    kind: 'application',
    enabled: true,
    network: null,
    application: null,
  } as const
  await store.resources.insert(world.id, { ...resource, ...stamps }, auditOf('resource.create'))
  const binding = {
    id: newId<BindingId>(),
    groupId: vip.id,
    resourceId: resource.id,
    attributes: {},
    factors: [],
    order: 1,
  }
  await store.bindings.insert(world.id, { ...binding, ...stamps }, auditOf('binding.create'))
  await store.credentials.save(world.id, alice.id, 'password', new Secret('hash'), auditOf('factor.save'))
  const fakes = new Fakes()
  const access = createAccess({
    ...fakes.ports,
    hasher: { hash: async (password) => password, matches: async () => true },
    facts: new CachedFacts(store.facts, store.feed),
    ...{ factors: store.factors, audit: store.audit, feed: store.feed, clock: systemClock, log: silentLog },
  })
  const standing = new StandingPermits(access, store.feed, systemClock, silentLog)
  t.teardown(() => standing.close())
  const schedule = world.schedule()
  await schedule.start()
  t.teardown(() => schedule.close())

  const soon = new Date(Date.now() + 1_500)
  await world.exempt(alice.id, vip.id, 'always', soon)
  const request: AccessRequest = {
    organization: world.id,
    subject: { by: 'login', name: 'alice' },
    evidence: [{ kind: 'password', password: new Secret('secret') }],
    resource: { kind: 'id', id: resource.id },
    circumstance: { peer: null, door: 'ldap', secured: true },
    means: [],
    at: new Date(),
  }
  const decision = await access.decide(request)
  if (decision.outcome !== 'permit') throw new Error(`not let in: ${JSON.stringify(decision)}`)
  const outcomes: unknown[] = []
  standing.hold(decision, request, (outcome) => outcomes.push(outcome))
  await until('the permit has ended', () => outcomes.includes(null))
  t.ok(Date.now() >= soon.getTime())
  t.match(await access.decide(request), { outcome: 'deny' })
}

async function testMissed(t: Test, store: Store) {
  const world = await begin(store, 'missed', systemClock)
  const vip = await world.add('vip')
  const alice = await world.addUser('alice')
  const soon = new Date(Date.now() + 50)
  await world.exempt(alice.id, vip.id, 'always', soon)
  await until('it is over', () => Date.now() > soon.getTime())
  t.ok(await world.isMember('user', alice.id, vip), 'nobody was there')
  const schedule = world.schedule()
  await schedule.start()
  t.notOk(await world.isMember('user', alice.id, vip), 'put right before the start is over')
  await schedule.close()
}

async function testLazy(t: Test, store: Store) {
  const clock = new FakeClock()
  const world = await begin(store, 'lazy', clock)
  const fresh = await world.add('fresh', { rule: 'lastContact gt now-30d', of: 'devices' })
  const lone = await world.addDevice('lone', { lastContact: clock.now() })
  const due = async () => (await world.read('device', lone.id)).due
  const stored = new Date(clock.now().getTime() + 30 * day)
  t.same(await due(), stored)
  clock.ms += day
  await world.updateDevice({ ...lone, lastContact: clock.now() })
  t.same(await due(), stored, 'a later instant is not written')
  t.same(await store.cells.firstDue(), stored)
  t.same(await store.cells.due(new Date(stored.getTime() - 1), 10), [])
  const found = [{ organization: world.id, subject: { kind: 'device', id: lone.id } }]
  t.same(await store.cells.due(stored, 10), found)

  clock.ms += 29 * day
  const { version } = await world.read('device', lone.id)
  t.equal(await world.engine.reevaluate(world.id, [{ kind: 'device', id: lone.id }]), 1)
  t.same(await due(), new Date(stored.getTime() + day), 'evaluated too early, and scheduled anew')
  t.same(await world.records(lone.id), [], 'nothing has changed, and nothing is recorded')
  t.equal((await world.read('device', lone.id)).version, version + 1n)
  t.equal(await world.engine.reevaluate(world.id, [{ kind: 'device', id: lone.id }]), 0)

  clock.ms += day + 1
  t.equal(await world.engine.reevaluate(world.id, [{ kind: 'device', id: lone.id }]), 1)
  t.notOk(await world.isMember('device', lone.id, fresh))
  t.equal((await world.records(lone.id)).length, 1)

  // an earlier instant is written by whatever makes it earlier
  await world.updateDevice({ ...lone, lastContact: clock.now() })
  const later = await due()
  await world.add('fresher', { rule: 'lastContact gt now-7d', of: 'devices' })
  t.same(
    [later, await due()].map((one) => (one?.getTime() ?? 0) - clock.now().getTime()),
    [30 * day, 7 * day],
  )
  t.ok((await store.cells.due(new Date(clock.now().getTime() + 99 * day), 10)).length === 1)
  await world.engine.change(world.id, [{ kind: 'device', id: lone.id }], () =>
    ok({ devices: [{ do: 'remove', id: lone.id }], audit }),
  )
  t.equal(await store.cells.firstDue(), null)
}

async function testOwners(t: Test, store: Store) {
  const clock = new FakeClock()
  const world = await begin(store, 'owners', clock)
  await world.add('fresh', { rule: 'lastContact gt now-30d', of: 'devices' })
  const lone = await world.addDevice('lone', { lastContact: clock.now() })
  const alice = await world.addUser('alice')
  const user = { kind: 'user', id: alice.id } as const
  const device = { kind: 'device', id: lone.id } as const
  const inDays = new Date(clock.now().getTime() + 30 * day)
  const dues = () => store.cells.due(inDays, 10)
  t.same(await dues(), [{ organization: world.id, subject: device }])
  await world.updateDevice({ ...lone, ownerId: alice.id }, user)
  t.same(await dues(), [{ organization: world.id, subject: user }])
  await world.updateDevice({ ...lone, ownerId: null })
  // the owner's may be early, the device's must be there
  t.match(await world.read('device', lone.id), { user: null, due: inDays })
  await world.engine.reevaluate(world.id, [user])
  await world.updateDevice({ ...lone, ownerId: alice.id }, user)
  await world.engine.change(world.id, [user], () =>
    ok({
      user: { do: 'remove', id: alice.id },
      devices: [{ do: 'update', row: { ...lone, ownerId: null } }],
      audit,
    }),
  )
  t.same(await dues(), [{ organization: world.id, subject: device }], 'also when its owner goes')
  await world.engine.change(world.id, [device], () => ok({ devices: [{ do: 'remove', id: lone.id }], audit }))
  t.same(await dues(), [])
}

async function testImport(t: Test, store: Store) {
  const clock = new FakeClock()
  const world = await begin(store, 'imported', clock)
  await world.add('fresh', { rule: 'lastContact gt now-30d', of: 'devices' })
  const users = [makeUser('alice'), makeUser('bob')] as const
  const lastContact = clock.now()
  const devices = [
    makeDevice('mac', { ownerId: users[0].id, lastContact }),
    makeDevice('lone', { lastContact }),
  ] as const
  const evaluated = await world.engine.evaluateNew(world.id, users, devices, [])
  const batch = { ...evaluated, users, devices, manual: [], factors: [], audit, at }
  t.same(await store.cells.insertMany(world.id, batch), { outcome: 'written' })
  const due = new Date(lastContact.getTime() + 30 * day)
  t.same((await world.read('user', users[0].id)).due, due)
  t.same((await world.read('user', users[1].id)).due, null)
  t.same((await world.read('device', devices[1].id)).due, due)
  t.equal((await store.cells.due(due, 10)).length, 2, 'an owned device is none of its own')
  t.equal((await store.cells.due(due, 1)).length, 1)
  clock.ms += 30 * day + 1
  await world.engine.reevaluate(
    world.id,
    (await store.cells.due(due, 10)).map(({ subject }) => subject),
  )
  t.equal(await store.cells.firstDue(), null)
}

async function testTogether(t: Test, store: Store) {
  const clock = new FakeClock()
  const world = await begin(store, 'together', clock)
  const vip = await world.add('vip')
  const soon = new Date(clock.now().getTime() + 1_000)
  const users = await Promise.all(Array.from({ length: 20 }, (_, i) => world.addUser(`user-${i}`)))
  for (const { id } of users) await world.exempt(id, vip.id, 'always', soon)
  clock.ms += 1_000
  const subjects = users.map(({ id }) => ({ kind: 'user', id }) as const)
  const engines = Array.from({ length: 4 }, () => new MembershipEngine({ ...store, clock, log: silentLog }))
  const written = await Promise.all(engines.map((engine) => engine.reevaluate(world.id, subjects)))
  t.equal(
    written.reduce((sum, one) => sum + one, 0),
    20,
    'each cell once',
  )
  for (const { id } of users) {
    t.equal((await world.records(id)).length, 1)
    t.notOk(await world.isMember('user', id, vip))
  }
}
