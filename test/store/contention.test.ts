// Many writers on few users, in two processes, while a rule is edited again and again: afterwards every membership is what
// the rules say of the facts, recomputed from nothing.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type DeviceId, type GroupId, newId, type OrganizationId, type UserId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import type { Device, Group } from '../../src/core/directory/types.ts'
import type { Cell, CellSubject, Membership } from '../../src/core/membership/cell.ts'
import { type CellPlan, MembershipEngine } from '../../src/core/membership/change.ts'
import { evaluate } from '../../src/core/membership/engine.ts'
import { compileRules } from '../../src/core/membership/rule-set.ts'
import type { RuleSource } from '../../src/core/ports.ts'
import { createInsertMany } from '../../src/store/cell-batch.ts'
import { createCells } from '../../src/store/cells.ts'
import { Database } from '../../src/store/database.ts'
import { createGroups } from '../../src/store/records/groups.ts'
import { groups as groupRows } from '../../src/store/rows.ts'
import { sql } from '../../src/store/sql.ts'
import {
  auditOf,
  makeDevice,
  makeGroup,
  makeUser,
  openStore,
  plant,
  plantOrganization,
} from '../support/store.ts'

const departments = ['Sales', 'Finance', null]
const systems = ['macos', 'linux', null] as const
const editedRules = [
  'department eq "Finance"',
  'title eq "Boss"',
  'department eq "Sales" or title eq "Boss"',
  'devices[os eq "linux"]',
]

/** As a process would be: its own connections, its own knowledge of the rules. */
function processOn(database: Database) {
  const cells = createCells(
    database,
    () => {},
    createInsertMany(database, {} as never, () => {}),
  )
  const groups = createGroups({ database, announce: () => {}, seal: () => Buffer.alloc(0) })
  const rules: RuleSource = {
    epoch: cells.epoch,
    async read(organization) {
      const epoch = await cells.epoch(organization)
      const rows = await database.query(
        sql`select ${groupRows.select('g')} from groups g where g.org = ${organization} order by g.id`,
      )
      return { epoch, groups: rows.map(groupRows.read), attributes: [] }
    },
  }
  return {
    cells,
    groups,
    rules,
    engine: new MembershipEngine({ cells, rules, groups, clock: systemClock, log: silentLog }),
  }
}

const spell = (memberships: readonly Membership[]): string[] =>
  memberships.map(({ subjectId, groupId, reasons }) => `${subjectId} ${groupId} ${reasons.join()}`).sort()
const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

t.test('memberships under contention equal those recomputed from nothing', async (t) => {
  const store = await openStore(t, 'served', '')
  if (store.database.place.kind !== 'served') throw new Error('not served')
  const { url } = store.database.place
  const databases = [0, 1].map(() => new Database({ kind: 'served', url, connections: 6 }, silentLog))
  t.teardown(() => Promise.all(databases.map((one) => one.close())))
  const processes = databases.map(processOn)
  const organization: OrganizationId = (await plantOrganization(store, 'contention')).id
  const dynamic = (name: string, rule: string, of: Group['of'] = 'users') =>
    makeGroup(name, { mode: 'dynamic', rule, of })
  const edited = dynamic('edited', editedRules[0] as string)
  const picked = makeGroup('picked')
  const groups = [
    ...[
      edited,
      picked,
      dynamic('sales', 'department eq "Sales"'),
      dynamic('mac-sales', 'memberOf eq "sales" and devices[os eq "macos"]'),
    ],
    ...[
      dynamic('after-edited', 'memberOf eq "edited" and not (memberOf eq "picked")'),
      dynamic('sales-devices', 'owner.memberOf eq "sales"', 'devices'),
    ],
    ...[
      dynamic('macs', 'os eq "macos"', 'devices'),
      dynamic('nobodys', 'not (owner.department pr) and not (memberOf eq "macs")', 'devices'),
    ],
  ]
  await plant(store, organization, { groups })
  const users = Array.from({ length: 5 }, (_, i) => makeUser(`user-${i}`))
  const devices = Array.from({ length: 6 }, (_, i) => makeDevice(`device-${i}`))
  const [first] = processes
  if (first === undefined) throw new Error('no process')
  const user = (id: UserId): CellSubject => ({ kind: 'user', id })
  const device = (id: DeviceId): CellSubject => ({ kind: 'device', id })
  const audit = [auditOf('test')]
  for (const row of users)
    await first.engine.change(organization, [], () => ok({ user: { do: 'insert', row }, audit }))
  for (const row of devices)
    await first.engine.change(organization, [], () => ok({ devices: [{ do: 'insert', row }], audit }))

  const counts = { written: 0, refused: 0 }
  const write = async (engine: MembershipEngine): Promise<void> => {
    const who = any(users)
    const what = any(devices)
    const [department, os, title] = [any(departments), any(systems), any(['Boss', null])]
    const found = (cell: Cell | null | undefined): Device | undefined =>
      cell?.devices.find(({ id }) => id === what.id)
    const kinds: (() => Promise<unknown>)[] = [
      () => engine.change(organization, [user(who.id)], ([cell]) => ok(changeUser(cell, { department }))),
      () => engine.change(organization, [user(who.id)], ([cell]) => ok(changeUser(cell, { title }))),
      () =>
        engine.change(organization, [device(what.id)], ([cell]) =>
          ok({ devices: [{ do: 'update', row: { ...(found(cell) as Device), os } }], audit }),
        ),
      () =>
        engine.change(organization, [device(what.id), user(who.id)], ([cell]) =>
          ok({
            devices: [
              {
                do: 'update',
                row: { ...(found(cell) as Device), ownerId: Math.random() < 0.3 ? null : who.id },
              },
            ],
            audit,
          }),
        ),
      () =>
        engine.change(organization, [user(who.id)], () =>
          ok({
            manual: any([
              { add: [{ subjectId: who.id, groupId: picked.id }], remove: [] },
              { add: [], remove: [{ subjectId: who.id, groupId: picked.id }] },
            ]),
            audit,
          }),
        ),
      () =>
        engine.change(organization, [user(who.id)], ([cell]) =>
          ok(changeExemption(cell, who.id, any([edited.id, picked.id]))),
        ),
    ]
    await any(kinds)()
    counts.written++
  }
  const changeUser = (cell: Cell | null | undefined, values: object): CellPlan => ({
    user: { do: 'update', row: { ...(cell?.user as NonNullable<Cell['user']>), ...values } },
    audit,
  })
  const changeExemption = (cell: Cell | null | undefined, subjectId: UserId, groupId: GroupId): CellPlan => {
    const held = cell?.exemptionIds.find((one) => one.groupId === groupId)
    if (held !== undefined) return { exemptions: [{ do: 'remove', id: held.id }], audit }
    const kind = any(['always', 'never'] as const)
    return {
      exemptions: [
        {
          do: 'insert',
          row: { id: newId(), groupId, subjectId, kind, reason: 'x', expiresAt: null, createdAt: new Date() },
        },
      ],
      audit,
    }
  }

  let writing = true
  const editor = async (): Promise<number> => {
    let edits = 0
    for (let i = 0; writing || edits < 4; i++) {
      const { engine, groups: records } = processes[i % 2] as (typeof processes)[number]
      const now = await records.find(organization, edited.id)
      if (now === null) throw new Error('the group is gone')
      const row: Group = { ...now, rule: editedRules[i % editedRules.length] as string, status: 'activating' }
      const { outcome } = await records.update(organization, row, auditOf('group.update'))
      t.equal(outcome, 'written')
      await engine.activateGroup(organization, edited.id)
      edits++
    }
    return edits
  }
  const writers = Array.from({ length: 8 }, async (_, i) => {
    for (let n = 0; n < 40; n++)
      await write((processes[i % 2] as (typeof processes)[number]).engine).catch(
        (error: { reason?: string }) => {
          // too contended is an honest answer; anything else is a fault of ours
          if (error.reason !== 'busy') throw error
          counts.refused++
        },
      )
  })
  const editing = editor()
  await Promise.all(writers)
  writing = false
  const edits = await editing
  t.comment(`${counts.written} changes, ${counts.refused} too contended, ${edits} edits of the rule`)
  t.ok(counts.written > 250)

  const compiled = compileRules(await first.rules.read(organization), silentLog)
  const cells = await first.cells.scan(organization, null, 1000)
  t.same(
    cells
      .flatMap((cell) => [
        ...(cell.user ? [cell.user.id as string] : []),
        ...cell.devices.map(({ id }) => id as string),
      ])
      .sort(),
    [...users, ...devices].map(({ id }) => id as string).sort(),
    'everybody is in exactly one cell',
  )
  for (const cell of cells)
    t.same(
      spell(cell.memberships),
      spell(evaluate(cell, compiled, new Date())),
      `${cell.subject.kind} ${cell.subject.id}`,
    )
  const inCells = spell(cells.flatMap(({ memberships }) => memberships))
  const rows = await store.database.query<{ subject_id: string; group_id: string }>(
    sql`select subject_id, group_id from membership where org = ${organization}`,
  )
  t.equal(rows.length, inCells.length, 'no row beside them')
  t.equal((await first.groups.find(organization, edited.id))?.status, 'active')
})
