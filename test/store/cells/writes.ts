// What writes to cells do.
import type { Test } from 'tap'
import { type ExemptionId, newId } from '../../../src/base/ids.ts'
import type { Device, Exemption } from '../../../src/core/directory/types.ts'
import type { Cell } from '../../../src/core/membership/cell.ts'
import { sql } from '../../../src/store/sql.ts'
import { at, makeDevice, makeUser, type StoreUnderTest } from '../../support/store.ts'

import { begin, insertUser } from './world.ts'

export async function testWrites(t: Test, store: StoreUnderTest) {
  const world = await begin(store, 'writes')
  const { organization, staff, macs, cells, user, device, read, guard, write, count } = world

  await t.test('a new user with a device', async (t) => {
    const before = [await count('change_log'), await count('audit')] as const
    store.announced.length = 0
    const {
      user: alice,
      devices,
      outcome,
    } = await insertUser(world, 'Alice', [
      makeDevice('Mac', {
        lastContact: at,
        mac: ['aa:bb:cc:dd:ee:ff'],
        attributes: { __proto__x: 'y', list: ['a'] },
      }),
    ])
    t.equal(outcome.outcome, 'written')
    const cell = await read(user(alice.id))
    t.match(cell, {
      version: 1n,
      epoch: 1n,
      user: { username: 'Alice', version: 1, state: 'active' },
      devices: [{ ...devices[0], version: 1 }],
    })
    t.ok(cell.user?.posixId, 'a POSIX id was given')
    t.same(cell.memberships, [{ subjectId: alice.id, groupId: staff.id, reasons: ['rule', 'manual'] }])
    const byHand = {
      subjectId: alice.id,
      groupId: staff.id,
      kind: 'manual',
      expiresAt: null,
      approved: false,
    }
    t.same(cell.inputs, [byHand])
    t.same(
      [await count('change_log'), await count('audit')],
      [before[0] + 2, before[1] + 1],
      'told and recorded in the same statement',
    )
    t.same(
      store.announced.map(({ kind, id }) => [kind, id]),
      [
        ['user', alice.id],
        ['device', devices[0]?.id],
      ],
    )
    t.same(await read(device(devices[0]?.id as string)), cell, "a device's cell is its owner's")
  })

  await t.test('update, add and remove a device', async (t) => {
    const { user: bob, devices } = await insertUser(world, 'bob', [
      makeDevice('lin-bob'),
      makeDevice('old-bob'),
    ])
    const before = await read(user(bob.id))
    const [lin, old] = devices as [Device, Device]
    const added = makeDevice('new-bob', { ownerId: bob.id })
    const outcome = await write({
      cells: [guard(before)],
      user: { do: 'update', row: { ...(before.user as NonNullable<Cell['user']>), department: 'Sales' } },
      devices: [
        { do: 'update', row: { ...lin, os: 'linux' } },
        { do: 'remove', id: old.id },
        { do: 'insert', row: added },
      ],
      memberships: {
        put: [
          { subjectId: bob.id, groupId: staff.id, reasons: ['rule'] },
          { subjectId: added.id, groupId: macs.id, reasons: ['exemption'] },
        ],
        remove: [],
      },
      manual: { add: [], remove: [{ subjectId: bob.id, groupId: staff.id }] },
    })
    t.equal(outcome.outcome, 'written')
    const after = await read(user(bob.id))
    t.match(after, {
      version: 2n,
      user: { department: 'Sales', version: 2, posixId: before.user?.posixId },
      inputs: [],
    })
    t.same(after.devices.map(({ name, os, version }) => [name, os, version]).sort(), [
      ['lin-bob', 'linux', 2],
      ['new-bob', null, 1],
    ])
    t.equal(after.memberships.length, 2)
    t.equal(await cells.read(organization, device(old.id)), null)
  })

  await t.test('a removed user leaves nothing, and its device alone', async (t) => {
    const { user: carol, devices } = await insertUser(world, 'carol', [makeDevice('win-carol')])
    const before = await read(user(carol.id))
    const win = before.devices[0] as Device
    await store.database.query(
      sql`insert into factor (org, id, owner_id, kind, secret, version, created_at) values (${organization}, gen_random_uuid(), ${carol.id}, 'totp', '', gen_random_uuid(), now())`,
    )
    const outcome = await write({
      cells: [guard(before)],
      user: { do: 'remove', id: carol.id },
      devices: [{ do: 'update', row: { ...win, ownerId: null } }],
      memberships: { put: [], remove: before.memberships },
    })
    t.equal(outcome.outcome, 'written')
    t.equal(await cells.read(organization, user(carol.id)), null)
    t.match(await read(device(win.id)), {
      subject: { kind: 'device', id: win.id },
      version: 2n,
      user: null,
      devices: [{ name: 'win-carol', ownerId: null }],
    })
    const [left] = await store.database.query<{
      n: number
    }>(sql`select (select count(*) from manual_member where org = ${organization} and subject_id = ${carol.id})
      + (select count(*) from membership where org = ${organization} and subject_id = ${carol.id}) + (select count(*) from factor where org = ${organization} and owner_id = ${carol.id}) as n`)
    t.equal(Number(left?.n), 0)
    t.equal(devices.length, 1)
    t.equal((await write({ cells: [guard(before)] })).outcome, 'conflict', 'what is gone is a conflict')
  })

  await t.test('a device alone: added, owned, given on, removed', async (t) => {
    const [{ user: dave }, { user: erin }] = [
      await insertUser(world, 'dave'),
      await insertUser(world, 'erin'),
    ]
    const mac = makeDevice('mac-alone')
    t.equal((await write({ devices: [{ do: 'insert', row: mac }] })).outcome, 'written')
    const alone = await read(device(mac.id))
    t.match(alone, { version: 1n, subject: { kind: 'device' } })
    const owned = await write({
      cells: [guard(alone), guard(await read(user(dave.id)))],
      devices: [{ do: 'update', row: { ...mac, ownerId: dave.id } }],
    })
    t.equal(owned.outcome, 'written')
    t.match(await read(device(mac.id)), {
      subject: { kind: 'user', id: dave.id },
      version: 2n,
      devices: [{ name: 'mac-alone' }],
    })
    t.equal(
      (await write({ cells: [guard(alone)], devices: [{ do: 'remove', id: mac.id }] })).outcome,
      'conflict',
      'as a device alone it is no more what it was',
    )

    const [from, to] = [await read(user(dave.id)), await read(user(erin.id))]
    const given = { devices: [{ do: 'update' as const, row: { ...mac, version: 2, ownerId: erin.id } }] }
    t.equal(
      (await write({ cells: [guard(from), { ...guard(to), version: to.version + 1n }], ...given })).outcome,
      'conflict',
    )
    t.equal((await read(user(dave.id))).version, from.version, 'neither cell was changed')
    t.equal((await write({ cells: [guard(from), guard(to)], ...given })).outcome, 'written')
    t.match(await read(device(mac.id)), { subject: { kind: 'user', id: erin.id } })
    t.same((await read(user(dave.id))).devices, [])
    const end = await read(user(erin.id))
    t.equal(
      (await write({ cells: [guard(end)], devices: [{ do: 'remove', id: mac.id }] })).outcome,
      'written',
    )
    t.equal(await cells.read(organization, device(mac.id)), null)
  })

  await t.test('a new user who takes over a device: both or neither', async (t) => {
    const mac = makeDevice('shared')
    await write({ devices: [{ do: 'insert', row: mac }] })
    const alone = await read(device(mac.id))
    const frank = makeUser('frank')
    const together = (version: bigint) =>
      write({
        cells: [{ subject: alone.subject, version }],
        user: { do: 'insert', row: frank },
        devices: [{ do: 'update', row: { ...mac, ownerId: frank.id } }],
      })
    t.equal((await together(alone.version + 1n)).outcome, 'conflict')
    t.equal(await cells.read(organization, user(frank.id)), null, 'no user without the device')
    t.equal((await together(alone.version)).outcome, 'written')
    t.match(await read(user(frank.id)), { devices: [{ name: 'shared' }] })
  })

  await t.test('exemptions', async (t) => {
    const { user: heidi } = await insertUser(world, 'heidi')
    const exemption: Exemption = {
      id: newId<ExemptionId>(),
      groupId: staff.id,
      subjectId: heidi.id,
      kind: 'never',
      reason: 'x',
      expiresAt: null,
      createdAt: at,
    }
    const set = async (row: Exemption, how: 'insert' | 'update') =>
      write({ cells: [guard(await read(user(heidi.id)))], exemptions: [{ do: how, row }] })
    t.equal((await set(exemption, 'insert')).outcome, 'written')
    t.same((await read(user(heidi.id))).exemptionIds, [
      { subjectId: heidi.id, groupId: staff.id, id: exemption.id },
    ])
    t.match(
      await set({ ...exemption, id: newId<ExemptionId>() }, 'insert'),
      { outcome: 'taken' },
      'one for each subject and group',
    )
    const expiresAt = new Date('2026-03-01T12:00:00.789Z')
    await set({ ...exemption, kind: 'always', expiresAt }, 'update')
    t.same(
      (await read(user(heidi.id))).inputs.map((one) => [one.kind, one.expiresAt]),
      [
        ['manual', null],
        ['always', expiresAt],
      ],
      'also one that is over: whoever evaluates knows the time',
    )
    t.equal(
      (
        await write({
          cells: [guard(await read(user(heidi.id)))],
          exemptions: [{ do: 'remove', id: exemption.id }],
        })
      ).outcome,
      'written',
    )
  })

  await t.test('scan: every cell once, in order', async (t) => {
    const all: Cell[] = []
    for (let after: string | null = null; ; ) {
      const page: readonly Cell[] = await cells.scan(organization, after, 3)
      all.push(...page)
      after = page.at(-1)?.subject.id ?? null
      if (after === null) break
    }
    t.same(
      all.map(({ subject }) => subject.id),
      all.map(({ subject }) => subject.id as string).sort(),
    )
    t.equal(all.filter(({ subject }) => subject.kind === 'user').length, await count('users'))
    t.equal(all.flatMap(({ devices }) => devices).length, await count('devices'))
  })
}
