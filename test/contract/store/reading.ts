// Reading: pages, members, look-ups by key, the audit log; and that nothing of another organization is ever seen.
import type { Test } from 'tap'
import { type BindingId, newId, type OrganizationId, type ResourceId } from '../../../src/base/ids.ts'
import { TimedOut } from '../../../src/base/result.ts'
import type { Condition } from '../../../src/core/directory/condition.ts'
import type { BindingAttributes, ResourceKind } from '../../../src/core/directory/types.ts'
import { AuditRows } from '../../../src/store/audit-reader.ts'
import { Reader } from '../../../src/store/reader.ts'
import { createTokens } from '../../../src/store/records/credentials.ts'
import { createGroups } from '../../../src/store/records/groups.ts'
import { createAttributes, createBindings, createServiceAccounts } from '../../../src/store/records/kinds.ts'
import { createResources } from '../../../src/store/records/resources.ts'
import { sql } from '../../../src/store/sql.ts'
import {
  at,
  auditOf,
  makeDevice,
  makeGroup,
  makeUser,
  plant,
  plantOrganization,
  type StoreUnderTest,
} from '../../support/store.ts'

const all: Condition = { op: 'true' }
const page = { limit: 100 }
const rule = ['rule'] as const

export async function testReading(t: Test, store: StoreUnderTest): Promise<void> {
  const reader = new Reader(store.database)
  const { id: org } = await plantOrganization(store, 'reading')
  const states = ['active', 'active', 'staged', 'active', 'suspended', 'active'] as const
  const users = states
    .map((state, i) =>
      makeUser(`User ${i}`, { state, email: `U${i}@x.example`, attributes: { skills: ['a', 'b'] } }),
    )
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  const active = users.filter(({ state }) => state === 'active')
  const laptop = makeDevice('Laptop', {
    mac: ['aa:bb:cc:dd:ee:ff', '00:11:22:33:44:55'],
    serialNumber: 'S-1',
    osVersion: '14',
  })
  const [staff, laptops, later] = [
    makeGroup('Staff'),
    makeGroup('Laptops', { of: 'devices' }),
    makeGroup('Later', { status: 'activating' }),
  ]
  await plant(store, org, {
    users,
    devices: [laptop],
    groups: [staff, laptops, later],
    memberships: [
      ...users.map(({ id }) => ({ subjectId: id, groupId: staff.id, reasons: ['rule', 'manual'] as const })),
      ...users.map(({ id }) => ({ subjectId: id, groupId: later.id, reasons: rule })),
      { subjectId: laptop.id, groupId: laptops.id, reasons: rule },
    ],
  })
  const idsOf = (entries: readonly { user: { id: string } }[]) => entries.map(({ user }) => user.id)

  await t.test('pages go on after an id, in id order', async (t) => {
    const read: string[] = []
    for (let after: string | undefined; ; after = read.at(-1)) {
      const entries = await reader.users(org, all, { limit: 2, ...(after !== undefined && { after }) }, false)
      if (entries.length === 0) break
      t.ok(entries.length <= 2)
      read.push(...idsOf(entries))
    }
    t.same(
      read,
      users.map(({ id }) => id),
    )
    t.same(
      idsOf(await reader.users(org, all, page, true)),
      active.map(({ id }) => id),
    )
    const [first] = await reader.users(org, all, { limit: 1, timeoutMs: 10_000 }, false)
    t.same(first, {
      user: { ...users[0], posixId: first?.user.posixId },
      groups: [staff.id, later.id].sort(),
    })
    t.equal(Object.getPrototypeOf(first?.user.attributes), null)
  })

  await t.test('devices, and their columns of every type', async (t) => {
    t.same(await reader.devices(org, all, page), [{ device: laptop, groups: [laptops.id] }])
    t.same(await reader.findDevice(org, laptop.id), laptop)
    const asks = async (condition: Condition) => (await reader.devices(org, condition, page)).length
    const field = (standard: string) => ({ standard })
    t.equal(await asks({ op: 'eq', field: field('mac'), value: 'AA:BB:CC:DD:EE:FF' }), 1)
    t.equal(await asks({ op: 'ne', field: field('mac'), value: 'aa:bb:cc:dd:ee:ff' }), 0)
    t.equal(await asks({ op: 'substring', field: field('mac'), initial: '00:', any: [], final: '55' }), 1)
    t.equal(await asks({ op: 'eq', field: field('serialNumber'), value: 's-1' }), 1)
    t.equal(await asks({ op: 'eq', field: field('managed'), value: false }), 1)
    t.equal(await asks({ op: 'eq', field: field('diskEncrypted'), value: false }), 0)
    t.equal(await asks({ op: 'not', of: { op: 'present', field: field('lastContact') } }), 1)
  })

  await t.test('many keys at once, spelled in any way', async (t) => {
    const byName = await reader.usersByKey(org, 'username', [
      ' USER  1',
      'user 2',
      'user 2',
      'nobody',
      '\0',
      '\ud800',
    ])
    t.same(byName.map(({ user }) => user.username).sort(), ['User 1', 'User 2'], 'whatever their state')
    t.same(byName[0]?.groups, [staff.id, later.id].sort())
    t.equal((await reader.usersByKey(org, 'email', ['u0@X.example', "' or true"])).length, 1)
    const some = users.slice(0, 2).map(({ id }) => id)
    const byId = await reader.usersByKey(org, 'id', [...some.map((id) => id.toUpperCase()), 'no id'])
    t.same(idsOf(byId).sort(), some.toSorted())
    t.same(await reader.usersByKey(org, 'id', ['no id']), [])
    t.equal((await reader.findUserByUsername(org, 'uSER 3'))?.username, 'User 3')
    t.equal(await reader.findUserByUsername(org, 'User\0'), null)
  })

  await t.test('members: names of the active, reasons of all', async (t) => {
    const names = await reader.memberNames(org, staff.id, page)
    t.same(
      names,
      active.map(({ id, username }) => ({ id, name: username })),
    )
    const rest = await reader.memberNames(org, staff.id, { limit: 2, after: names[0]?.id ?? '' })
    t.same(rest, names.slice(1, 3))
    t.same(await reader.memberNames(org, laptops.id, page), [{ id: laptop.id, name: 'Laptop' }])
    t.equal(
      (await reader.memberNames(org, later.id, page)).length > 0,
      true,
      'an edited group keeps its members while the new rule is carried through',
    )
    const members = await reader.members(org, staff.id, { limit: 4 })
    t.same(
      members,
      users.slice(0, 4).map(({ id }) => ({ subjectId: id, groupId: staff.id, reasons: ['rule', 'manual'] })),
    )
    t.same((await reader.groupNames(org)).map(({ name, of }) => `${name} ${of}`).sort(), [
      'Laptops devices',
      'Later users',
      'Staff users',
    ])
  })

  await t.test('what directories give to groups, in the order of their bindings', async (t) => {
    const { id } = await plantOrganization(store, 'posix')
    const groups = ['first', 'second', 'third'].map((name) => makeGroup(name))
    await plant(store, id, { groups })
    const stamps = { version: 1, createdAt: at, updatedAt: at }
    const [resources, bindings] = [createResources(store), createBindings(store)]
    const makeResource = async (name: string, kind: ResourceKind) => {
      const row = {
        id: newId<ResourceId>(),
        name,
        kind,
        enabled: true,
        network: null,
        application: null,
        ...stamps,
      }
      await resources.save(id, row, true, {}, auditOf('resource.create'))
      return row
    }
    const bind = async (
      group: number,
      resource: ResourceId,
      order: number,
      attributes: BindingAttributes,
    ) => {
      const ids = { id: newId<BindingId>(), groupId: groups[group]?.id as never, resourceId: resource }
      const row = { ...ids, attributes, factors: [], order, ...stamps }
      t.equal((await bindings.insert(id, row, auditOf('binding.create'))).outcome, 'written')
      return row
    }
    const [directory, other, wifi] = [
      await makeResource('directory', 'directory'),
      await makeResource('another', 'directory'),
      await makeResource('wifi', 'network'),
    ]
    t.same(await reader.posixGrants(id), [])
    await bind(0, directory.id, 20, { ldap: { loginShell: '/bin/late', gidNumber: 500 } })
    await bind(1, directory.id, 30, {})
    const early = await bind(2, other.id, 10, { ldap: { homeDirectory: '/srv/early' } })
    await bind(2, wifi.id, 0, { ldap: { loginShell: '/bin/wifi' } })
    const [first, , third] = groups.map((group) => group.id)
    const late = { groupId: first, ldap: { loginShell: '/bin/late', gidNumber: 500 } }
    t.same(await reader.posixGrants(id), [{ groupId: third, ldap: { homeDirectory: '/srv/early' } }, late])
    await bindings.update(id, { ...early, order: 25 }, auditOf('binding.update'))
    t.same((await reader.posixGrants(id))[0], late)
    await resources.save(id, { ...other, enabled: false }, false, {}, auditOf('resource.update'))
    t.same(await reader.posixGrants(id), [late], 'what is turned off gives nothing')
  })

  await t.test('the audit log by what it is about, newest first', async (t) => {
    const audit = new AuditRows(store.database)
    const { id } = await plantOrganization(store, 'audited')
    const bodies = ['a.create', 'a.update', 'a.remove'].map(auditOf)
    await store.database.query(
      sql`select append_audit(${id}, ${bodies.map((body) => JSON.stringify(body))}::text[])`,
    )
    const list = async (where: Parameters<AuditRows['list']>[1], of = { limit: 10 }) =>
      (await audit.list(id, where, of)).map(({ body }) => JSON.parse(body).action)
    const target = bodies[1]?.kind === 'change' ? bodies[1].target.id : ''
    t.same(await list({}), ['a.remove', 'a.update', 'a.create', 'organization.create'])
    t.same(await list({ kind: 'change' }, { limit: 1 }), ['a.remove'])
    t.same(await list({ outcome: 'a.create' }), ['a.create'])
    t.same(await list({ target }), ['a.update'])
    t.same(await list({ target: "' or true" }), [])
    t.same(await list({ subject: target }), [])
    t.same(await list({ to: new Date(0) }), [])
    t.equal((await list({ from: new Date(0) })).length, 4)
    t.equal((await audit.list(id, {}, { limit: 9, before: 3n })).length, 2)
    const chain = await audit.scan(id, 1n, 10)
    t.same(
      chain.map(({ sequence }) => sequence),
      [2n, 3n, 4n],
    )
    t.same(await audit.head(id), { sequence: 4n, hash: chain.at(-1)?.hash })
    t.equal(chain[1]?.previous, chain[0]?.hash)
  })

  await t.test('nothing of another organization is seen, by any way of reading (A18)', async (t) => {
    const { id: other } = await plantOrganization(store, 'canary')
    const canary = 'CANARY'
    const user = makeUser('User 1', {
      displayName: canary,
      email: 'u0@x.example',
      attributes: { skills: [canary] },
    })
    const device = makeDevice('Laptop', { os: 'linux', osVersion: canary })
    const group = makeGroup('Staff', { mode: 'dynamic', rule: canary })
    await plant(store, other, {
      ...{ users: [user], devices: [device], groups: [group] },
      memberships: [{ subjectId: user.id, groupId: group.id, reasons: rule }],
    })
    const audit = new AuditRows(store.database)
    const records = [
      createGroups(store),
      createResources(store),
      createBindings(store),
      createAttributes(store),
      createServiceAccounts(store),
      createTokens(store),
    ]
    const everything = async (of: OrganizationId) => [
      await reader.users(of, all, page, false),
      await reader.users(of, { op: 'member-of', group: group.id }, page, false),
      await reader.users(of, { op: 'or', of: [all, { op: 'unknown' }] }, page, false),
      await reader.usersByKey(of, 'username', ['user 1']),
      await reader.usersByKey(of, 'email', ['u0@x.example']),
      await reader.usersByKey(of, 'id', [user.id]),
      await reader.devices(of, all, page),
      await reader.groups(of, all, page),
      await reader.groups(of, { op: 'has-member', subject: user.id }, page),
      await reader.memberNames(of, group.id, page),
      await reader.members(of, group.id, page),
      await reader.findUser(of, user.id),
      await reader.findUserByUsername(of, user.username),
      await reader.findDevice(of, device.id),
      await reader.groupNames(of),
      await reader.posixGrants(of),
      ...(await Promise.all(records.map((each) => each.list(of, all, page)))),
      ...(await Promise.all(records.map((each) => each.find(of, group.id as never)))),
      (await audit.list(of, {}, page)).map(({ body }) => body),
    ]
    const seen = JSON.stringify(await everything(org))
    for (const secret of [canary, user.id, device.id, group.id]) t.notOk(seen.includes(secret), secret)
    t.match(JSON.stringify(await everything(other)), canary, 'the same questions do find it at home')

    const groups = createGroups(store)
    const change = auditOf('foreign')
    t.same(await groups.update(org, { ...group, name: 'Mine' }, change), { outcome: 'conflict' })
    t.same(await groups.remove(org, group.id, 1, change), { outcome: 'conflict' })
    t.equal(await groups.activate(org, group.id, 1), false)
    t.match(await groups.find(other, group.id), { name: 'Staff', version: 1 })
  })

  if (store.kind === 'served') await testWaiting(t, store, org)
}

/** What takes two connections. */
async function testWaiting(t: Test, store: StoreUnderTest, org: OrganizationId): Promise<void> {
  const { database } = store
  const reader = new Reader(database)
  const groups = createGroups(store)
  /** A promise and what fulfils it. */
  const gate = () => Promise.withResolvers<void>()
  const isPending = async (promise: Promise<unknown>) => {
    const later = new Promise((resolve) => setTimeout(resolve, 150, 'pending'))
    return (await Promise.race([promise, later])) === 'pending'
  }

  await t.test('reading ends when its time is over', async (t) => {
    const [locked, release] = [gate(), gate()]
    const blocker = database.transaction(async (tx) => {
      await tx.script('lock table devices')
      locked.resolve()
      await release.promise
    })
    await locked.promise
    await t.rejects(reader.devices(org, all, { limit: 1, timeoutMs: 20 }), TimedOut)
    release.resolve()
    await blocker
    t.equal((await reader.devices(org, all, { limit: 1, timeoutMs: 10_000 })).length, 1)
  })

  await t.test('the barrier waits for a transaction that writes', async (t) => {
    const [begun, release] = [gate(), gate()]
    const writer = database.transaction(async (tx) => {
      await tx.house(sql`select pg_current_xact_id()`)
      // ends the portal of the last statement, and with it its snapshot
      await tx.script('select 1')
      begun.resolve()
      await release.promise
    })
    await begun.promise
    const barrier = groups.barrier()
    t.ok(await isPending(barrier))
    release.resolve()
    await Promise.all([writer, barrier])
  })

  await t.test('the barrier waits for a statement that has read and not yet written', async (t) => {
    const [locked, release] = [gate(), gate()]
    const holder = database.transaction(async (tx) => {
      await tx.house(sql`select pg_advisory_xact_lock(17)`)
      locked.resolve()
      await release.promise
    })
    await locked.promise
    // has a snapshot and no transaction id
    const statement = database.house(sql`select pg_advisory_lock(17), pg_advisory_unlock(17)`)
    for (let waits = 0n; waits === 0n; ) {
      const [row] = await database.house<{ waits: string }>(
        sql`select count(*) as waits from pg_locks where locktype = 'advisory' and objid = 17 and not granted`,
      )
      waits = BigInt(row?.waits ?? 0)
    }
    const barrier = groups.barrier()
    t.ok(await isPending(barrier))
    release.resolve()
    await Promise.all([holder, statement, barrier])
  })

  await t.test('an old snapshot of somebody else does not hold the barrier up', async (t) => {
    await database.transaction(async (tx) => {
      await tx.script(
        "set local application_name = 'backup'; set transaction isolation level repeatable read",
      )
      await tx.house(sql`select ${newId() as string}::uuid`)
      await groups.barrier()
    })
    t.pass('it returned')
  })
}
