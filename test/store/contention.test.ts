// Many writers on few users, in two processes, while a rule is edited again and again: afterwards every membership is what
// the rules say of the facts, recomputed from nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type DeviceId, type GroupId, newId, type OrganizationId, type UserId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { Device, Group } from '../../src/core/directory/types.ts'
import type { CellPlan } from '../../src/core/membership/apply.ts'
import type { Cell, CellSubject, Membership } from '../../src/core/membership/cell.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { evaluate } from '../../src/core/membership/engine.ts'
import { compileRules } from '../../src/core/membership/rule-set.ts'
import { createInsertMany } from '../../src/store/cell-batch.ts'
import { createCells } from '../../src/store/cells.ts'
import { Database } from '../../src/store/database.ts'
import { createGroups } from '../../src/store/records/groups.ts'
import { createRuleSource } from '../../src/store/rule-source.ts'
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
  const stored = createCells(
    database,
    () => {},
    createInsertMany(database, {} as never, () => {}),
  )
  // Time passes between evaluation and writing.
  const cells: typeof stored = {
    ...stored,
    async write(...args) {
      await sleep(Math.random() < 0.5 ? 0 : Math.random() * 12)
      return stored.write(...args)
    },
  }
  const groups = createGroups({ database, announce: () => {}, seal: () => Buffer.alloc(0) })
  const rules = createRuleSource(database, cells)
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

  const edit = async (round: number): Promise<void> => {
    const { engine, groups: records } = processes[round % 2] as (typeof processes)[number]
    const now = await records.find(organization, edited.id)
    if (now === null) throw new Error('the group is gone')
    const rule = editedRules[round % editedRules.length] as string
    const row: Group = { ...now, rule, status: 'activating' }
    const { outcome } = await records.update(organization, row, auditOf('group.update'))
    if (outcome !== 'written') throw new Error(outcome)
    await engine.activateGroup(organization, edited.id)
  }
  /** What is not as it would be if it were recomputed from nothing. */
  const faults = async (): Promise<string[]> => {
    const compiled = compileRules(await first.rules.read(organization), silentLog)
    const cells = await first.cells.scan(organization, null, 1000)
    const wrong = cells.filter(
      (cell) => `${spell(cell.memberships)}` !== `${spell(evaluate(cell, compiled, new Date()).memberships)}`,
    )
    const ids = cells
      .flatMap(({ user: own, devices: owned }) => [...(own ? [own] : []), ...owned])
      .map(({ id }) => id)
    const everybody = [...users, ...devices].map(({ id }) => id)
    const [rows] = await store.database.query<{ n: number }>(
      sql`select count(*)::int as n from membership where org = ${organization}`,
    )
    const group = await first.groups.find(organization, edited.id)
    return [
      ...wrong.map(({ subject }) => `${subject.kind} ${subject.id} is wrong`),
      ...(`${ids.sort()}` === `${everybody.sort()}` ? [] : ['somebody is in no cell, or in two']),
      ...(rows?.n === cells.flatMap(({ memberships }) => memberships).length
        ? []
        : ['memberships beside the cells']),
      ...(group?.status === 'active' ? [] : ['the rule was not carried through']),
    ]
  }
  // In rounds, because later changes and later edits would mend what earlier ones spoiled.
  for (let round = 0; round < 60; round++) {
    const writers = Array.from({ length: 8 }, async (_, i) => {
      await sleep(Math.random() * 12)
      await write((processes[i % 2] as (typeof processes)[number]).engine).catch(
        (error: { reason?: string }) => {
          // too contended is an honest answer; anything else is a fault of ours
          if (error.reason !== 'busy') throw error
          counts.refused++
        },
      )
    })
    await Promise.all([...writers, ...(round % 3 === 2 ? [] : [edit(round)])])
    const found = await faults()
    if (found.length > 0) return t.same(found, [], `round ${round}`)
  }
  t.comment(`${counts.written} changes, ${counts.refused} too contended`)
  t.ok(counts.written > 400)
})

t.test('a new rule waits for a writer of the old one', async (t) => {
  const store = await openStore(t, 'served', '')
  const { id: organization } = await plantOrganization(store, 'barrier')
  const group = makeGroup('sales', { mode: 'dynamic', rule: 'department eq "Finance"' })
  await plant(store, organization, { groups: [group] })
  const { engine, groups, cells } = processOn(store.database)
  const row = makeUser('alice')
  const audit = [auditOf('test')]
  await engine.change(organization, [], () => ok({ user: { do: 'insert', row }, audit }))
  const subject: CellSubject = { kind: 'user', id: row.id }

  // The writer has seen the old epoch, and waits for the row while the rule is changed.
  const { url } = store.database.place as Extract<Database['place'], { kind: 'served' }>
  const holder = new Client({ connectionString: url.reveal() })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select from users where id = $1 for update', [row.id])
  const writing = engine.change(organization, [subject], ([cell]) =>
    ok({ user: { do: 'update', row: { ...(cell?.user as typeof row), department: 'Sales' } }, audit }),
  )
  await sleep(300)
  const { outcome } = await groups.update(
    organization,
    { ...group, rule: 'department eq "Sales"', status: 'activating' },
    auditOf('group.update'),
  )
  t.equal(outcome, 'written')
  let active = false
  const activating = engine.activateGroup(organization, group.id).then(() => {
    active = true
  })
  await sleep(300)
  t.equal(active, false)
  await holder.query('commit')
  await holder.end()
  t.match(await writing, { outcome: 'written', joined: [] }, 'written by the old rule')
  await activating
  t.match(
    (await cells.read(organization, subject))?.memberships,
    [{ groupId: group.id }],
    'and put right by the new one',
  )
})

t.test('a name in the address is not taken: writers know each other by theirs', async (t) => {
  const { database } = await openStore(t, 'served', '')
  if (database.place.kind !== 'served') throw new Error('not a served database')
  const plain = database.place.url.reveal()
  const more = (query: string) => `${plain}${plain.includes('?') ? '&' : '?'}${query}`
  for (const query of [
    'application_name=psql',
    'application_name=psql&connect_timeout=5',
    'connect_timeout=5&application_name=psql',
  ]) {
    const other = new Database({ kind: 'served', url: new Secret(more(query)), connections: 1 }, silentLog)
    t.teardown(() => other.close())
    const [row] = await other.house<{ name: string }>(sql`select current_setting('application_name') as name`)
    t.equal(row?.name, 'muster', query)
  }
})
