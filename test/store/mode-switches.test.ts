// A dynamic group that becomes static or review: whoever is a member stays, whoever is none does not, whatever is unfinished,
// overdue, interrupted or written at the same moment.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type GroupId, newId, type SubjectId } from '../../src/base/ids.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { createDirectory } from '../../src/core/directory/directory.ts'
import type { Device, Exemption, Group, User } from '../../src/core/directory/types.ts'
import type { By, Outcome } from '../../src/core/directory/writing.ts'
import type { CellPlan } from '../../src/core/membership/apply.ts'
import type { CellSubject } from '../../src/core/membership/cell.ts'
import { MembershipEngine, type MembershipPorts } from '../../src/core/membership/change.ts'
import { createPreviewer } from '../../src/core/membership/preview/previewer.ts'
import { ColumnSets } from '../../src/core/membership/sets/column-sets.ts'
import type { SetEngine } from '../../src/core/membership/sets/set-engine.ts'
import { scanningSets } from '../../src/core/membership/sets/set-scan.ts'
import type { Change } from '../../src/core/ports.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { importPorts } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'
import { at, auditOf, makeDevice, makeOrganization, makeUser, storeKinds } from '../support/store.ts'

enableLinearRegex()
t.setTimeout(120_000)
const audit = [auditOf('test')]
const switched = { mode: 'static', rule: null, status: 'activating' } as const
const folder = t.testdir({})

for (const kind of storeKinds) {
  t.test(kind, async (t) => {
    const store = await openStore({
      dataFolder: join(folder, kind),
      databaseUrl: kind === 'served' ? new Secret(await freshDatabase(t)) : null,
      ...{ redisUrl: null, connections: 8, clock: systemClock, log: silentLog },
    })
    t.teardown(() => store.close())
    await t.test('a rule that is not carried through', (t) => testUnfinished(t, store))
    await t.test('a rule that is being carried through', (t) => testMeanwhile(t, store))
    await t.test('what is overdue', (t) => testOverdue(t, store))
    if (kind === 'served') await t.test('it never comes to an end', (t) => testBusy(t, store))
    await t.test('what the store refuses', (t) => testRefused(t, store))
    await t.test('a page at a time, and begun again', (t) => testPages(t, store))
    await t.test('what changes before a cell has its turn', (t) => testBetween(t, store))
    for (const withColumns of [true, false])
      await t.test(`and back, with columns: ${withColumns}`, (t) => testAndBack(t, store, withColumns))
    await t.test('while everybody writes', (t) => testTogether(t, store))
  })
}

let slugs = 0

async function scene(t: Test, store: Store, more: Partial<MembershipPorts> = {}) {
  const organization = makeOrganization(`acme-${slugs++}`)
  await store.organizations.insert(organization, auditOf('organization.create'))
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog, ...more })
  const directory = createDirectory({ ...importPorts(store), engine })
  const by: By = {
    ...{ organization, actor: { kind: 'system', name: 'test' }, role: 'owner', confirmed: true },
  }
  const org = organization.id
  const plan = (subjects: readonly CellSubject[], planned: Omit<CellPlan, 'audit'>) =>
    engine.change(org, subjects, () => ok({ ...planned, audit }))
  const addUser = async (name: string, department = 'Sales'): Promise<User> => {
    const row = makeUser(name, { department })
    await plan([], { user: { do: 'insert', row } })
    return row
  }
  const addGroup = async (rule: string, of: 'users' | 'devices' = 'users'): Promise<Group> =>
    done(await directory.groups.create(by, { name: `vpn ${slugs++}`, of, mode: 'dynamic', rule }))
  const stored = async (id: GroupId): Promise<Group> => {
    const group = await store.groups.find(org, id)
    if (group === null) throw new Error('no group')
    return group
  }
  /** As another process writes it that then dies. */
  const write = async (id: GroupId, values: Partial<Group>) => {
    const row = { ...(await stored(id)), ...values }
    return (await store.groups.update(org, row, auditOf('group.update'))).outcome
  }
  const membersOf = async (id: GroupId): Promise<Record<string, string>> => {
    const cells = await store.cells.scan(org, null, 10_000)
    const names = new Map<SubjectId, string>(
      cells.flatMap(({ user, devices }) => [
        ...(user === null ? [] : [[user.id, user.username] as const]),
        ...devices.map((device) => [device.id, device.name] as const),
      ]),
    )
    const members = cells
      .flatMap(({ memberships }) => memberships)
      .filter(({ groupId }) => groupId === id)
      .map(({ subjectId, reasons }) => [names.get(subjectId) ?? '?', reasons.join()] as const)
    return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)))
  }
  const inputsOf = async (id: GroupId) =>
    (await store.cells.scan(org, null, 10_000)).flatMap(({ inputs }) =>
      inputs.filter(({ groupId }) => groupId === id),
    )
  /** What the rules say is what is stored. */
  const agrees = async () => t.equal(await engine.reconcile(org), 0)
  return {
    ...{ org, engine, directory, by, plan, addUser, addGroup, stored, write, membersOf, inputsOf, agrees },
  }
}

function done<T>(outcome: Outcome<T>): T {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error))
  return outcome.value.object
}

async function testUnfinished(t: Test, store: Store): Promise<void> {
  const { directory, by, addUser, addGroup, write, membersOf, agrees } = await scene(t, store)
  await addUser('alice', 'Legal')
  await addUser('mallory')
  const { id } = await addGroup('department eq "Sales"')
  t.same(await membersOf(id), { mallory: 'rule' })
  t.equal(await write(id, { rule: 'department eq "Legal"', status: 'activating' }), 'written')
  t.match(done(await directory.groups.update(by, id, { mode: 'static' })), {
    mode: 'static',
    status: 'active',
  })
  t.same(await membersOf(id), { alice: 'manual' }, 'as the rule says, not as it was stored')
  await agrees()
}

async function testMeanwhile(t: Test, store: Store): Promise<void> {
  const { directory, by, plan, addGroup, membersOf, agrees } = await scene(t, store)
  for (let i = 0; i < 300; i++)
    await plan([], { user: { do: 'insert', row: makeUser(`user-${i}`, { department: 'Sales' }) } })
  const { id } = await addGroup('department eq "Sales"')
  t.equal(Object.keys(await membersOf(id)).length, 300)
  const narrowed = directory.groups.update(by, id, { rule: 'department eq "Legal"' })
  while ((await store.groups.find(by.organization.id, id))?.status === 'active') await sleep(1)
  done(await directory.groups.update(by, id, { mode: 'review' }))
  done(await narrowed)
  t.same(await membersOf(id), {})
  await agrees()
}

async function testOverdue(t: Test, store: Store): Promise<void> {
  const { org, directory, by, addGroup, write, membersOf, agrees } = await scene(t, store)
  done(await directory.attributes.create(by, { name: 'until', of: 'users', type: 'date' }))
  done(await directory.attributes.create(by, { name: 'from', of: 'users', type: 'date' }))
  const { id } = await addGroup('until gt now or from le now')
  const laptops = await addGroup('owner.until gt now', 'devices')
  const soon = new Date(Date.now() + 700).toISOString()
  const temp = done(await directory.users.create(by, { username: 'temp', attributes: { until: soon } }))
  done(await directory.devices.create(by, { name: 'laptop', ownerId: temp.id }))
  done(await directory.users.create(by, { username: 'new', attributes: { from: soon } }))
  const later = new Date(Date.now() + 3_600_000).toISOString()
  done(await directory.users.create(by, { username: 'other', attributes: { until: later } }))
  t.same(await membersOf(id), { other: 'rule', temp: 'rule' })
  t.same(await membersOf(laptops.id), { laptop: 'rule' })
  await sleep(Math.max(0, new Date(soon).getTime() - Date.now() + 20))
  for (const one of [id, laptops.id]) t.equal(await write(one, switched), 'conflict', 'a member is overdue')
  done(await directory.groups.update(by, id, { mode: 'static' }))
  done(await directory.groups.update(by, laptops.id, { mode: 'static' }))
  t.same(await membersOf(id), { new: 'manual', other: 'manual' })
  t.same(await membersOf(laptops.id), {})
  t.same(await store.groups.unfinished(org), [])
  await agrees()
}

async function testBusy(t: Test, store: Store): Promise<void> {
  const { engine, by, addUser, addGroup, write, membersOf } = await scene(t, store)
  await addUser('mallory')
  const { id } = await addGroup('department eq "Sales"')
  const other = await addGroup('department eq "Sales"')
  await write(other.id, { rule: 'department eq "Legal"', status: 'activating' })
  const tired = {
    change: engine.change.bind(engine),
    evaluateNew: engine.evaluateNew.bind(engine),
    activateGroup: engine.activateGroup.bind(engine),
    settle: async () => {},
  }
  const directory = createDirectory({ ...importPorts(store), engine: tired })
  await t.rejects(directory.groups.update(by, id, { mode: 'static' }), {
    reason: 'busy',
    message: /are being carried through/,
  })
  t.same(await membersOf(id), { mallory: 'rule' })
}

async function testRefused(t: Test, store: Store): Promise<void> {
  const { org, engine, addUser, addGroup, stored, write, membersOf } = await scene(t, store)
  await addUser('alice')
  const { id } = await addGroup('department eq "Sales"')
  const other = await addGroup('department eq "Legal"')
  await write(other.id, { rule: 'department eq "Tax"', status: 'activating' })
  t.equal(await write(id, switched), 'conflict', 'some rule is not carried through')
  await engine.resume(org)
  // Whatever status is asked for.
  t.equal(await write(id, { ...switched, status: 'active' }), 'written')
  t.equal((await stored(id)).status, 'activating')
  const rule = 'department eq "Legal"'
  t.equal(await write(id, { mode: 'dynamic', rule }), 'conflict', 'its members are still being kept')
  t.equal(await write(id, { mode: 'review', rule }), 'conflict')
  t.equal(await write(id, { name: 'another name' }), 'written')
  t.equal(await store.groups.activate(org, id, (await stored(id)).version), false, 'not before all are kept')
  t.same(await membersOf(id), { alice: 'rule' })
  await engine.resume(org)
  t.same(await membersOf(id), { alice: 'manual' })
  t.equal(await write(id, { mode: 'review', rule, status: 'activating' }), 'written')
  await engine.resume(org)
  t.same(await store.groups.unfinished(org), [])
}

async function testPages(t: Test, store: Store): Promise<void> {
  const { org, engine, plan, addGroup, stored, write, membersOf, inputsOf, agrees } = await scene(t, store)
  const users = Array.from({ length: 250 }, (_, i) => makeUser(`user-${i}`, { department: 'Sales' }))
  for (const row of users) await plan([], { user: { do: 'insert', row } })
  const { id } = await addGroup('department eq "Sales"')
  const told: Change[] = []
  t.teardown(store.feed.subscribe((changes) => void told.push(...changes)))
  const cells = await store.cells.scan(org, null, 1_000)
  t.equal(await write(id, switched), 'written')
  t.same(
    (await store.cells.scan(org, null, 1_000)).map(({ version }) => version),
    cells.map(({ version }) => version),
    'no cell is written with the group',
  )
  let pages = 0
  const interrupted = new MembershipEngine({
    ...{ ...store, clock: systemClock, log: silentLog },
    cells: {
      ...store.cells,
      rewrite: async (...args) => {
        if (++pages > 1) throw new Error('the process is gone')
        return store.cells.rewrite(...args)
      },
    },
  })
  await t.rejects(interrupted.activateGroup(org, id), { message: 'the process is gone' })
  const half = Object.values(await membersOf(id))
  t.equal(half.length, 250, 'everybody is still a member')
  t.equal(half.filter((reason) => reason === 'manual').length, 100)
  await engine.resume(org)
  t.match(await stored(id), { mode: 'static', status: 'active' })
  t.same(new Set(Object.values(await membersOf(id))), new Set(['manual']))
  const inputs = await inputsOf(id)
  t.equal(inputs.length, 250)
  t.ok(inputs.every(({ kind, approved }) => kind === 'manual' && approved))
  const ids = told.filter(({ kind }) => kind === 'user').map((change) => change.id)
  t.same(new Set(ids), new Set(users.map((user) => user.id)), 'everybody is told of')
  await agrees()
}

async function testBetween(t: Test, store: Store): Promise<void> {
  const s = await scene(t, store)
  const { org, engine, directory, by, plan, addUser, addGroup, write, membersOf, agrees } = s
  const users: Record<string, User> = {}
  for (const name of ['left', 'hand', 'exempt', 'owner']) users[name] = await addUser(name)
  users.late = await addUser('late', 'Legal')
  const subject = (name: string): CellSubject => ({ kind: 'user', id: (users[name] as User).id })
  const device = (name: string): Device => makeDevice(name, { managed: true })
  const [owned, lone, given] = [device('owned'), device('lone'), device('given')]
  const ownedRow = { ...owned, ownerId: users.owner?.id ?? null }
  await plan([subject('owner')], { devices: [{ do: 'insert', row: ownedRow }] })
  for (const row of [lone, given]) await plan([], { devices: [{ do: 'insert', row }] })
  const { id } = await addGroup('department eq "Sales"')
  const devices = await addGroup('managed eq true', 'devices')
  const readers = await addGroup(`memberOf eq "${(await s.stored(id)).name}"`)
  await plan([subject('hand')], { manual: { add: [inGroup('hand', id)], remove: [] } })
  t.equal(await write(devices.id, switched), 'written')
  await engine.resume(org)
  await write(devices.id, { mode: 'dynamic', rule: 'managed eq true', status: 'activating' })
  await engine.resume(org)
  t.same(await membersOf(devices.id), { given: 'rule', lone: 'rule', owned: 'rule' }, 'taken over again')
  t.equal(await write(devices.id, switched), 'written')
  // Nothing is carried through yet; these write cells of their own.
  const change = async (name: string, values: Partial<User>) => {
    const cell = await store.cells.read(org, subject(name))
    await plan([subject(name)], { user: { do: 'update', row: { ...(cell?.user as User), ...values } } })
  }
  const move = async (row: Device, from: string | null, to: string | null) => {
    const there = await store.cells.read(org, { kind: 'device', id: row.id })
    const [known] = (there?.devices ?? []).filter((one) => one.id === row.id)
    const ownerId = to === null ? null : (users[to]?.id ?? null)
    const cells = [from, to].flatMap((name) => (name === null ? [] : [subject(name)]))
    const own: CellSubject[] = from === null ? [{ kind: 'device', id: row.id }] : []
    await plan([...cells, ...own], {
      devices: [{ do: 'update', row: { ...(known as Device), ownerId, managed: false } }],
    })
  }
  await move(owned, 'owner', null)
  await move(given, null, 'owner')
  t.same(await membersOf(devices.id), { given: 'manual', lone: 'rule', owned: 'manual' })
  await engine.resume(org)
  t.same(await membersOf(devices.id), { given: 'manual', lone: 'manual', owned: 'manual' })

  t.equal(await write(id, switched), 'written')
  await change('left', { department: 'Legal' })
  await change('late', { department: 'Sales' })
  t.match(await directory.members.remove(by, id, (users.owner as User).id), { ok: false })
  const never: Exemption = {
    ...{ id: newId<Exemption['id']>(), groupId: id, kind: 'never', reason: 'test', expiresAt: null },
    ...{ subjectId: (users.exempt as User).id, createdAt: at },
  }
  await plan([subject('exempt')], { exemptions: [{ do: 'insert', row: never }] })
  await plan([subject('hand')], { manual: { add: [], remove: [inGroup('hand', id)] } })
  t.same(await membersOf(id), { left: 'manual', owner: 'rule' }, 'facts decide no longer')
  t.same(Object.keys(await membersOf(readers.id)), ['left', 'owner'])
  await engine.resume(org)
  await plan([subject('exempt')], { exemptions: [{ do: 'remove', id: never.id }] })
  t.same(await membersOf(id), { exempt: 'manual', left: 'manual', owner: 'manual' })
  t.same(await membersOf(readers.id), { exempt: 'rule', left: 'rule', owner: 'rule' })
  t.same(await store.groups.unfinished(org), [])
  await agrees()

  function inGroup(name: string, groupId: GroupId) {
    return { subjectId: (users[name] as User).id, groupId }
  }
}

async function testAndBack(t: Test, store: Store, withColumns: boolean): Promise<void> {
  const s = await scene(t, store, withColumns ? { sets: columnsOf(t, store) } : {})
  const { org, engine, directory, by, addUser, addGroup, write, membersOf, inputsOf, agrees } = s
  const mallory = await addUser('mallory')
  const { id } = await addGroup('department eq "Sales"')
  await engine.reconcile(org)
  t.equal(await write(id, switched), 'written')
  const dynamic = { mode: 'dynamic', rule: 'department eq "Sales"' }
  t.match(done(await directory.groups.update(by, id, dynamic)), { mode: 'dynamic', status: 'active' })
  t.same(await membersOf(id), { mallory: 'rule' })
  t.same(await inputsOf(id), [])
  done(await directory.users.update(by, mallory.id, { department: 'Legal' }))
  t.same(await membersOf(id), {})
  await agrees()
}

/** As a thread keeps them, but here. */
function columnsOf(t: Test, store: Store): Pick<SetEngine, 'differing'> {
  const clock = systemClock
  const otherwise = scanningSets({ ...store, clock, previewer: createPreviewer({ ...store, clock }) })
  const grants = { bindings: store.bindings, resources: store.resources }
  const columns = new ColumnSets({ ...store, grants, clock, mostBytes: 1e9, otherwise })
  const unsubscribe = store.feed.subscribe((changes) => {
    for (const [organization, list] of Map.groupBy(changes, (change) => change.organization)) {
      const of = (kind: Change['kind']) => list.filter((one) => one.kind === kind).map(({ id }) => id)
      columns.changed({
        ...{ kind: 'changed', batch: 0, what: 'subjects', organization, grants: false },
        ...{ attributes: of('attribute').length > 0, users: of('user'), devices: of('device') },
      })
    }
  })
  t.teardown(unsubscribe)
  return {
    async *differing(organization, groups) {
      for (let after: string | null = null; ; ) {
        await store.feed.settled()
        const page = await columns.differing(organization, groups, after)
        if (page.subjects.length > 0) yield page.subjects
        if (page.next === null) return
        after = page.next
      }
    },
  }
}

async function testTogether(t: Test, store: Store): Promise<void> {
  const { org, directory, by, addUser, addGroup, membersOf, inputsOf, agrees } = await scene(t, store)
  const stay = ['Sales', 'Legal', 'moving']
  const users: { readonly department: string; readonly row: User }[] = []
  for (let i = 0; i < 90; i++) {
    const department = stay[i % 3] as string
    users.push({ department, row: await addUser(`${department}-${i}`, department) })
  }
  const { id } = await addGroup('department eq "Sales"')
  let isOver = false
  const writers = [0, 1, 2].map(async () => {
    while (!isOver) {
      const one = users[Math.floor(Math.random() * users.length)] as (typeof users)[number]
      const department = ['Sales', 'Legal'][Math.floor(Math.random() * 2)]
      const patch = one.department === 'moving' ? { department } : { title: `title ${Math.random()}` }
      done(await directory.users.update(by, one.row.id, patch))
    }
  })
  for (let round = 0; round < 4; round++) {
    done(
      await directory.groups.update(by, id, {
        mode: round % 2 === 0 ? 'static' : 'review',
        rule: round % 2 === 0 ? null : 'title pr',
      }),
    )
    const kept = Object.entries(await membersOf(id))
    t.equal(kept.filter(([name]) => name.startsWith('Sales')).length, 30, 'nobody is lost')
    t.equal(kept.filter(([name]) => name.startsWith('Legal')).length, 0, 'nobody stays who was none')
    t.ok(kept.every(([, reason]) => reason === 'manual'))
    t.equal((await inputsOf(id)).length, kept.length)
    done(await directory.groups.update(by, id, { mode: 'dynamic', rule: 'department eq "Sales"' }))
  }
  isOver = true
  await Promise.all(writers)
  t.same(await store.groups.unfinished(org), [])
  await agrees()
}
