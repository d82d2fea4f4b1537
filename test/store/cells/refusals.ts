// What writes to cells refuse, and what is left of those: nothing. Many cells at once.
import type { Test } from 'tap'
import {
  type ExemptionId,
  type GroupId,
  newId,
  type OrganizationId,
  type StateChangeId,
} from '../../../src/base/ids.ts'
import { Secret } from '../../../src/base/secrets.ts'
import type { Cell, CellChange } from '../../../src/core/membership/cell.ts'
import { createInsertMany } from '../../../src/store/cell-batch.ts'
import { createCells } from '../../../src/store/cells.ts'
import { createFactors } from '../../../src/store/factors.ts'
import { StoredFacts } from '../../../src/store/facts.ts'
import { createGroups } from '../../../src/store/records/groups.ts'
import { sql } from '../../../src/store/sql.ts'
import { at, auditOf, makeDevice, makeUser, type StoreUnderTest } from '../../support/store.ts'

import { begin, insertUser } from './world.ts'

export async function testRefusals(t: Test, store: StoreUnderTest) {
  const world = await begin(store, 'refusals')
  const { staff, cells, user, read, guard, write, everything } = world
  const { user: alice } = await insertUser(world, 'alice', [makeDevice('mac', { serialNumber: 'S1' })])
  const { user: bob } = await insertUser(world, 'bob')
  const cell = await read(user(alice.id))
  const row = cell.user as NonNullable<Cell['user']>
  const before = await everything()
  const put = [{ subjectId: alice.id, groupId: staff.id, reasons: ['manual'] as const }]
  const much = {
    user: { do: 'update' as const, row: { ...row, title: 'Boss' } },
    devices: [{ do: 'insert' as const, row: makeDevice('another', { ownerId: alice.id }) }],
    memberships: { put, remove: [] },
    manual: { add: [], remove: [{ subjectId: alice.id, groupId: staff.id }] },
  }
  const other = await begin(store, 'refusals-other')
  const cases: readonly (readonly [string, Partial<CellChange>, object])[] = [
    [
      'an older version',
      { ...much, cells: [{ ...guard(cell), version: cell.version - 1n }] },
      { outcome: 'conflict' },
    ],
    [
      'a version to come',
      { ...much, cells: [{ ...guard(cell), version: cell.version + 1n }] },
      { outcome: 'conflict' },
    ],
    ['an older epoch', { ...much, cells: [guard(cell)], epoch: 0n }, { outcome: 'conflict' }],
    [
      'a new user under another epoch',
      { user: { do: 'insert', row: makeUser('zoe') }, epoch: 2n },
      { outcome: 'conflict' },
    ],
    [
      'a new device under another epoch',
      { devices: [{ do: 'insert', row: makeDevice('zoes') }], epoch: 2n },
      { outcome: 'conflict' },
    ],
    [
      'somebody who is not there',
      { ...much, cells: [{ subject: user(newId()), version: 1n }] },
      { outcome: 'conflict' },
    ],
    [
      'one of two cells is not what it was',
      { ...much, cells: [guard(cell), { subject: user(bob.id), version: 99n }] },
      { outcome: 'conflict' },
    ],
    [
      'a group that is gone',
      {
        ...much,
        cells: [guard(cell)],
        exemptions: [
          {
            do: 'insert',
            row: {
              ...{ id: newId<ExemptionId>(), groupId: newId<GroupId>(), subjectId: alice.id, kind: 'never' },
              ...{ reason: 'gone', expiresAt: null, createdAt: at },
            },
          },
        ],
      },
      { outcome: 'conflict' },
    ],
    [
      'a username that is taken, in another spelling',
      { ...much, cells: [guard(cell)], user: { do: 'update', row: { ...row, username: 'BOB' } } },
      { outcome: 'taken', field: 'username' },
    ],
    [
      'a new user of that name',
      { user: { do: 'insert', row: makeUser('Alice') } },
      { outcome: 'taken', field: 'username' },
    ],
    [
      'a device name that is taken',
      {
        ...much,
        cells: [guard(cell)],
        devices: [{ do: 'insert', row: makeDevice('MAC', { ownerId: alice.id }) }],
      },
      { outcome: 'taken', field: 'name' },
    ],
    [
      'a serial number that is taken',
      { devices: [{ do: 'insert', row: makeDevice('x', { serialNumber: 's1' }) }] },
      { outcome: 'taken', field: 'serialNumber' },
    ],
    [
      'an id that is taken',
      { user: { do: 'insert', row: { ...makeUser('x'), id: bob.id } } },
      { outcome: 'taken', field: 'id' },
    ],
    [
      'a POSIX id that is taken',
      { user: { do: 'insert', row: makeUser('x', { posixId: row.posixId }) } },
      { outcome: 'taken', field: 'posixId' },
    ],
  ]
  for (const [name, change, outcome] of cases) {
    store.announced.length = 0
    t.same(await write(change), outcome, name)
    t.same(await everything(), before, `${name}: nothing is left of it`)
    t.same(store.announced, [], 'and nothing is told')
  }
  t.match(
    await other.write({ ...much, cells: [guard(cell)] }),
    { outcome: 'conflict' },
    'another organization cannot write it',
  )
  t.equal(await cells.read(other.organization, user(alice.id)), null, 'nor read it')
  t.same(await everything(), before)
  await write({ cells: [guard(cell)], user: { do: 'update', row: { ...row, email: 'a@b.example' } } })
  t.same(await write({ user: { do: 'insert', row: makeUser('c', { email: 'A@B.example' }) } }), {
    outcome: 'taken',
    field: 'email',
  })
  t.equal(
    (
      await Promise.all(
        Array.from({ length: 10 }, async () => write({ cells: [guard(await read(user(bob.id)))] })),
      )
    ).filter(({ outcome }) => outcome === 'written').length >= 1,
    true,
  )
  const same = guard(await read(user(bob.id)))
  const ten = await Promise.all(Array.from({ length: 10 }, () => write({ cells: [same] })))
  t.equal(
    ten.filter(({ outcome }) => outcome === 'written').length,
    1,
    'of ten at once on one version, one is written',
  )
}

export async function testRewrite(t: Test, store: StoreUnderTest) {
  const world = await begin(store, 'rewrites')
  const { organization, staff, macs, cells, user, device, read, guard, write, everything } = world
  const { user: alice } = await insertUser(world, 'alice')
  const { user: bob } = await insertUser(world, 'bob')
  const mac = makeDevice('lone')
  await write({ devices: [{ do: 'insert', row: mac }] })
  const [a, b, d] = [await read(user(alice.id)), await read(user(bob.id)), await read(device(mac.id))]
  await write({ cells: [guard(b)] })
  const none = { due: null, audit: [] }
  const rewrites = [
    {
      ...none,
      ...guard(a),
      put: [{ subjectId: alice.id, groupId: staff.id, reasons: ['rule'] as const }],
      remove: [],
    },
    { ...none, ...guard(b), put: [], remove: [{ subjectId: bob.id, groupId: staff.id }] },
    {
      ...none,
      ...guard(d),
      put: [{ subjectId: mac.id, groupId: macs.id, reasons: ['rule'] as const }],
      remove: [],
    },
  ]
  const before = await everything()
  t.same(
    (await cells.rewrite(organization, 2n, rewrites, at)).map(({ id }) => id),
    [alice.id, bob.id, mac.id],
    'of another epoch: all are missed',
  )
  t.same(await everything(), before)
  store.announced.length = 0
  t.same(
    await cells.rewrite(organization, 1n, rewrites, at),
    [b.subject],
    'the one that was changed meanwhile is left alone',
  )
  t.same(
    store.announced.map(({ kind, id }) => [kind, id]),
    [
      ['user', alice.id],
      ['device', mac.id],
    ],
  )
  t.match(await read(user(alice.id)), { version: a.version + 1n, memberships: [{ reasons: ['rule'] }] })
  t.match(await read(user(bob.id)), {
    version: b.version + 1n,
    memberships: [{ reasons: ['rule', 'manual'] }],
  })
  t.match(await read(device(mac.id)), { version: 2n, memberships: [{ groupId: macs.id }] })

  const carol = await insertUser(world, 'carol')
  const [c, due] = [await read(user(carol.user.id)), new Date('2026-03-02T00:00:00.001Z')]
  const waiting = { ...none, ...guard(c), put: [], remove: [], due, audit: [auditOf('one')] }
  const beside = { ...none, ...guard(b), put: [], remove: [], due, audit: [auditOf('another')] }
  const recorded = await world.count('audit')
  const log = [store.announced.length, await world.count('change_log')]
  t.same(await cells.rewrite(organization, 1n, [waiting, beside], at), [b.subject])
  t.match(await read(user(carol.user.id)), { version: c.version + 1n, due })
  t.same(
    [store.announced.length, await world.count('change_log')],
    log,
    'when it is due concerns nobody else',
  )
  t.equal(await world.count('audit'), recorded + 1, 'only what was written is recorded')

  const suggested = {
    ...none,
    ...guard(await read(user(carol.user.id))),
    ...{ put: [], remove: [], due },
    suggestions: {
      put: [{ subjectId: carol.user.id, groupId: staff.id, operation: 'join' as const }],
      remove: [],
    },
  }
  t.same(await cells.rewrite(organization, 1n, [suggested], at), [])
  t.match(store.announced.slice(log[0]), [{ kind: 'user', id: carol.user.id }], 'what is suggested is told')

  await createGroups(store).remove(organization, staff.id, 1, auditOf('group.remove'))
  const gone = {
    ...none,
    ...guard(await read(user(alice.id))),
    put: [{ subjectId: alice.id, groupId: staff.id, reasons: ['rule'] as const }],
    remove: [],
  }
  t.same(
    await cells.rewrite(organization, 1n, [gone], at),
    [a.subject],
    'a group that went away meanwhile: missed, to be evaluated again',
  )
}

export async function testInsertMany(t: Test, store: StoreUnderTest) {
  const world = await begin(store, 'imports')
  const { organization, staff, cells, user, read, everything } = world
  const users = Array.from({ length: 300 }, (_, i) =>
    makeUser(`User${i}`, { email: i % 2 ? `u${i}@x.example` : null, attributes: i % 3 ? { n: i } : {} }),
  )
  const [first, second] = users
  if (first === undefined || second === undefined) throw new Error('nobody')
  const exemption = {
    ...{ id: newId<ExemptionId>(), groupId: staff.id, subjectId: first.id, kind: 'always' as const },
    ...{ reason: 'a "reason", {with} \\ all', expiresAt: at, createdAt: at },
  }
  const stateChange = {
    ...{ id: newId<StateChangeId>(), userId: first.id, state: 'suspended' as const },
    ...{ at, reason: 'over', createdAt: at },
  }
  const devices = users
    .slice(0, 100)
    .map(({ id }, i) =>
      makeDevice(`dev-${i}`, { ownerId: id, mac: ['aa:bb:cc:dd:ee:ff'], lastContact: i % 2 ? at : null }),
    )
  const memberships = users.map(({ id }) => ({
    subjectId: id,
    groupId: staff.id,
    reasons: ['rule', 'manual'] as const,
  }))
  const batch = {
    ...{ epoch: 1n, users, devices, memberships, dues: [], at },
    manual: users.slice(0, 2).map(({ id }, i) => ({ subjectId: id, groupId: staff.id, approved: i === 1 })),
    exemptions: [
      exemption,
      { ...exemption, id: newId<ExemptionId>(), subjectId: second.id, expiresAt: null },
    ],
    stateChanges: [stateChange],
    suggestions: [
      { subjectId: first.id, groupId: staff.id, operation: 'leave' as const, rejected: true },
      { subjectId: second.id, groupId: staff.id, operation: 'leave' as const },
    ],
    factors: [{ owner: first.id, kind: 'totp' as const, secret: new Secret('canary-seed') }],
    audit: [auditOf('import')],
  }
  const before = await everything()
  t.same(await cells.insertMany(organization, { ...batch, epoch: 2n }), { outcome: 'conflict' })
  t.same(await cells.insertMany(organization, { ...batch, users: [...users, makeUser('USER7')] }), {
    outcome: 'taken',
    field: 'username',
  })
  t.same(
    await cells.insertMany(organization, {
      ...batch,
      exemptions: [{ ...exemption, groupId: newId<GroupId>() }],
    }),
    { outcome: 'conflict' },
  )
  t.same(
    await cells.insertMany(organization, {
      ...batch,
      manual: [...batch.manual, { subjectId: first.id, groupId: newId<GroupId>() }],
    }),
    { outcome: 'missing', field: 'groupId' },
  )
  t.same(await everything(), before, 'nothing of what was refused')
  store.announced.length = 0
  t.same(await cells.insertMany(organization, batch), { outcome: 'written' })
  t.equal(store.announced.length, 400)
  const cell = await read(user(first.id))
  t.match(cell, {
    version: 1n,
    user: { username: 'User0', email: null },
    devices: [{ name: 'dev-0', mac: ['aa:bb:cc:dd:ee:ff'], lastContact: null }],
    memberships: [{ reasons: ['rule', 'manual'] }],
    inputs: [
      { kind: 'manual', approved: false },
      { kind: 'always', expiresAt: at },
    ],
    suggestions: [{ operation: 'leave', rejected: true }],
  })
  t.strictSame(cell.stateChanges, [stateChange])
  t.match(await read(user(second.id)), {
    inputs: [
      { kind: 'manual', approved: true },
      { kind: 'always', expiresAt: null },
    ],
    suggestions: [{ rejected: false }],
  })
  const [stored] = await store.database.query(
    sql`select reason from exemption where org = ${organization} and id = ${exemption.id}`,
  )
  t.same(stored, { reason: exemption.reason })
  t.match((await read(user((users[1] as { id: string }).id))).devices, [{ lastContact: at }])
  const posix = await store.database.query(
    sql`select distinct posix_id from users where org = ${organization}`,
  )
  t.equal(posix.length, 300, 'each has a POSIX id of its own')
  const facts = await new StoredFacts(store.database).findSubject(organization as OrganizationId, {
    by: 'login',
    name: 'USER0',
  })
  const [totp] = facts?.factors ?? []
  if (totp === undefined) throw new Error('the factor is missing')
  t.equal(createFactors(store.database, store.sealer).open(organization, totp).reveal(), 'canary-seed')
  t.same(
    await cells.insertMany(organization, {
      ...batch,
      users: [],
      devices: [],
      memberships: [],
      manual: [],
      exemptions: [],
      stateChanges: [],
      suggestions: [],
      factors: [],
      audit: [],
    }),
    { outcome: 'written' },
    'nothing at all',
  )
}

/** A device that gets its owner between the statements that look for its cell. */
export async function testReadWhileReowned(t: Test, store: StoreUnderTest) {
  const world = await begin(store, 'reowned')
  const { user: alice } = await insertUser(world, 'alice')
  const mac = makeDevice('mac')
  await world.write({ devices: [{ do: 'insert', row: mac }] })
  let statements = 0
  const slow = new Proxy(store.database, {
    get: (of, key) => {
      if (key !== 'query') return Reflect.get(of, key)
      return async (statement: Parameters<typeof of.query>[0]) => {
        if (++statements === 2) {
          await of.query(
            sql`update devices set owner_id = ${alice.id} where org = ${world.organization} and id = ${mac.id}`,
          )
        }
        return of.query(statement)
      }
    },
  })
  const cells = createCells(slow, store.announce, createInsertMany(slow, store.sealer, store.announce))
  t.match(await cells.read(world.organization, world.device(mac.id)), {
    user: { id: alice.id },
    devices: [{ id: mac.id }],
  })
  t.equal(await cells.read(world.organization, world.device(newId())), null)
}
