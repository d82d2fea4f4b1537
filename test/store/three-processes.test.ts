// Three processes and many writers on one PostgreSQL while rules are edited, for a minute: afterwards every membership and
// suggestion is what the rules say of the facts, and the audit log's joins and leaves add up to exactly that.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { silentLog } from '../../src/base/log.ts'
import type { Cell } from '../../src/core/membership/cell.ts'
import { evaluate } from '../../src/core/membership/engine.ts'
import { compileRules } from '../../src/core/membership/rule-set.ts'
import { createInsertMany } from '../../src/store/cell-batch.ts'
import { createCells } from '../../src/store/cells.ts'
import { groups as groupRows } from '../../src/store/rows.ts'
import { sql } from '../../src/store/sql.ts'
import { makeDevice, makeGroup, makeUser, openStore, plant, plantOrganization } from '../support/store.ts'

const seconds = 60
const run = promisify(execFile)
interface Told {
  readonly written: number
  readonly edited: number
  readonly busy: number
  readonly wrong: readonly string[]
}

t.test('three processes, many writers, edited rules', { timeout: 180_000 }, async (t) => {
  const store = await openStore(t, 'served', '')
  const { database } = store
  if (database.place.kind !== 'served') throw new Error('not served')
  const { id: organization } = await plantOrganization(store, 'three')
  const dynamic = (name: string, rule: string, more: object = {}) =>
    makeGroup(name, { mode: 'dynamic', rule, ...more })
  const groups = [
    dynamic('edited', 'department eq "Sales"'),
    makeGroup('picked'),
    makeGroup('review', { mode: 'review', rule: 'title eq "Boss"' }),
    dynamic('sales', 'department eq "Sales"'),
    dynamic('after-edited', 'memberOf eq "edited" and not (memberOf eq "picked")'),
    dynamic('bosses', 'memberOf eq "review" or devices[os eq "macos"]'),
    dynamic('macs', 'os eq "macos" and owner.memberOf eq "sales"', { of: 'devices' }),
  ]
  await plant(store, organization, { groups })
  const insertMany = createInsertMany(database, {} as never, () => {})
  const cells = createCells(database, () => {}, insertMany)
  const users = Array.from({ length: 12 }, (_, i) => makeUser(`user-${i}`))
  const devices = Array.from({ length: 12 }, (_, i) => makeDevice(`device-${i}`))
  const at = new Date()
  const nobody = { memberships: [], manual: [], dues: [], factors: [], audit: [] }
  await cells.insertMany(organization, {
    epoch: await cells.epoch(organization),
    users,
    devices,
    at,
    ...nobody,
  })

  const child = new URL('./contention-child.ts', import.meta.url).pathname
  const { url } = database.place
  const told = await Promise.all(
    [1, 2, 3].map(async () => {
      const { stdout } = await run(process.execPath, [child, url.reveal(), organization, String(seconds)])
      return JSON.parse(stdout) as Told
    }),
  )
  t.same(
    told.flatMap(({ wrong }) => wrong),
    [],
    'a deadlock or a serialization failure is tried again and never shown',
  )
  const sum = (of: (one: Told) => number): number => told.reduce((all, one) => all + of(one), 0)
  const [written, edited, busy] = [
    sum((one) => one.written),
    sum((one) => one.edited),
    sum((one) => one.busy),
  ]
  t.comment(`${written} changes, ${edited} edited rules, ${busy} times too contended`)
  t.ok(written > 1000)
  t.ok(edited > 10)

  const rows = await database.query(
    sql`select ${groupRows.select('g')} from groups g where g.org = ${organization} order by g.id`,
  )
  const stored = rows.map(groupRows.read)
  t.same(
    stored.filter(({ status }) => status !== 'active').map(({ name }) => name),
    [],
    'every rule was carried through',
  )
  const source = { epoch: await cells.epoch(organization), groups: stored, attributes: [] }
  const compiled = compileRules(source, silentLog)
  const all: readonly Cell[] = await cells.scan(organization, null, 1000)
  const spell = (one: { subjectId: string; groupId: string }, what: string): string =>
    `${one.subjectId} ${one.groupId} ${what}`
  const wanted = all.map((cell) => evaluate(cell, compiled, new Date()))
  t.same(
    all.flatMap(({ memberships }) => memberships.map((one) => spell(one, one.reasons.join()))).sort(),
    wanted.flatMap(({ memberships }) => memberships.map((one) => spell(one, one.reasons.join()))).sort(),
    'memberships',
  )
  t.same(
    all.flatMap(({ suggestions }) => suggestions.map((one) => spell(one, one.operation))).sort(),
    wanted.flatMap(({ suggestions }) => suggestions.map((one) => spell(one, one.operation))).sort(),
    'suggestions',
  )
  t.same(
    wanted.flatMap(({ takenOver }) => takenOver),
    [],
    'what a rule has taken over is gone',
  )

  const members = new Set<string>()
  const records = await database.query<{ body: string }>(
    sql`select body from audit where org = ${organization} and outcome = 'membership.change' order by sequence`,
  )
  for (const { body } of records) {
    const { target, details } = JSON.parse(body) as {
      target: { id: string }
      details: { joined: string[]; left: string[] }
    }
    for (const group of details.left) members.delete(`${target.id} ${group}`)
    for (const group of details.joined) members.add(`${target.id} ${group}`)
  }
  t.same(
    [...members].sort(),
    all
      .flatMap(({ memberships }) => memberships.map(({ subjectId, groupId }) => `${subjectId} ${groupId}`))
      .sort(),
    'joins and leaves in the audit log add up to the memberships',
  )
})
