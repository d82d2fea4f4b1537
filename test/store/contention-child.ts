// A process of its own for three-processes.test.ts: several writers on few users, and now and then an edited rule, until its
// time is over. Prints one line of JSON: how much it wrote, how often it was told "busy", and whatever else went wrong.
import { setTimeout as sleep } from 'node:timers/promises'
import { systemClock } from '../../src/base/clock.ts'
import { type DeviceId, type GroupId, newId, type OrganizationId, type UserId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { fail, ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { CellPlan } from '../../src/core/membership/apply.ts'
import type { Cell } from '../../src/core/membership/cell.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { createInsertMany } from '../../src/store/cell-batch.ts'
import { createCells } from '../../src/store/cells.ts'
import { Database } from '../../src/store/database.ts'
import { createGroups } from '../../src/store/records/groups.ts'
import { createRuleSource } from '../../src/store/rule-source.ts'
import { auditOf } from '../support/store.ts'

const [url = '', given = '', seconds = '1'] = process.argv.slice(2)
const organization = given as OrganizationId
const database = new Database({ kind: 'served', url: new Secret(url), connections: 6 }, silentLog)
const insertMany = createInsertMany(database, {} as never, () => {})
const cells = createCells(database, () => {}, insertMany)
const records = createGroups({ database, announce: () => {}, seal: () => Buffer.alloc(0) })
const rules = createRuleSource(database, cells)
const engine = new MembershipEngine({ cells, rules, groups: records, clock: systemClock, log: silentLog })

const audit = [auditOf('test')]
const systems = ['macos', 'linux', null] as const
const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T
const groups = (await rules.read(organization)).groups
const named = (name: string): GroupId => (groups.find((group) => group.name === name) as { id: GroupId }).id
const subjects = (await cells.scan(organization, null, 1000)).flatMap(({ user, devices }) => [
  ...(user === null ? [] : [{ kind: 'user' as const, id: user.id }]),
  ...devices.map(({ id }) => ({ kind: 'device' as const, id })),
])
const users = subjects.flatMap((one): UserId[] => (one.kind === 'user' ? [one.id] : []))
const devices = subjects.flatMap((one): DeviceId[] => (one.kind === 'device' ? [one.id] : []))
const gone = fail([{ field: '', code: 'not-found', message: '' }])

function changeUser(id: UserId, plan: (cell: Cell, user: NonNullable<Cell['user']>) => CellPlan) {
  return engine.change(organization, [{ kind: 'user', id }], ([cell]) =>
    cell?.user ? ok(plan(cell, cell.user)) : gone,
  )
}

async function write(): Promise<void> {
  const [who, what] = [any(users), any(devices)]
  const put = (values: object) =>
    changeUser(who, (_cell, user) => ({ user: { do: 'update', row: { ...user, ...values } }, audit }))
  const inputs = ['edited', 'picked', 'review']
  const one = { subjectId: who, groupId: named(any(inputs)) }
  await any([
    () => put({ department: any(['Sales', 'Finance', null]) }),
    () => put({ title: any(['Boss', null]) }),
    () => put({ state: any(['active', 'suspended']) }),
    () =>
      engine.change(
        organization,
        [
          { kind: 'device', id: what },
          { kind: 'user', id: who },
        ],
        ([cell]) => {
          const device = cell?.devices.find(({ id }) => id === what)
          if (!device) return gone
          const row = {
            ...device,
            os: any(systems),
            ownerId: any([null, who, device.ownerId]),
          }
          // The other cell takes part only where the device comes to it or stays with it.
          return ok({ devices: [{ do: 'update', row }], audit })
        },
      ),
    () => changeUser(who, () => ({ manual: { add: [one], remove: [] }, audit })),
    () => changeUser(who, () => ({ manual: { add: [], remove: [one] }, audit })),
    () =>
      changeUser(who, ({ suggestions }) => {
        const [first] = suggestions
        if (first === undefined) return { audit }
        if (Math.random() < 0.3) return { reject: [first], audit }
        const approved = { subjectId: first.subjectId, groupId: first.groupId, approved: true }
        const join = { add: [approved], remove: [] }
        return { manual: first.operation === 'join' ? join : { add: [], remove: [first] }, audit }
      }),
    () =>
      changeUser(who, ({ exemptionIds }) => {
        const held = exemptionIds.find(({ groupId }) => groupId === one.groupId)
        if (held !== undefined) return { exemptions: [{ do: 'remove', id: held.id }], audit }
        const kind = any(['always', 'never'] as const)
        const row = { id: newId<never>(), ...one, kind, reason: 'x', expiresAt: null, createdAt: new Date() }
        return { exemptions: [{ do: 'insert', row }], audit }
      }),
  ])()
}

const someRules = [
  'department eq "Finance"',
  'title eq "Boss"',
  'devices[os eq "linux"]',
  'state eq "active"',
]
async function edit(): Promise<void> {
  const group = await records.find(organization, named('edited'))
  if (group === null) throw new Error('the group is gone')
  const mode = any(['dynamic', 'dynamic', 'review'] as const)
  // A change of mode waits until nothing is unfinished.
  if (mode !== group.mode) await engine.settle(organization)
  const row = { ...group, rule: any(someRules), mode, status: 'activating' as const }
  const { outcome } = await records.update(organization, row, auditOf('group.update'))
  if (outcome === 'written') await engine.activateGroup(organization, group.id)
}

const until = performance.now() + Number(seconds) * 1000
const told = { written: 0, edited: 0, busy: 0, wrong: [] as string[] }
async function again(work: () => Promise<void>, count: 'written' | 'edited', rest: number): Promise<void> {
  while (performance.now() < until && told.wrong.length === 0) {
    try {
      await work()
      told[count]++
    } catch (error) {
      // Too contended is an honest answer; anything else is a fault of ours.
      if ((error as { reason?: string }).reason === 'busy') told.busy++
      else told.wrong.push(String(error))
    }
    await sleep(Math.random() * rest)
  }
}
await Promise.all([
  ...Array.from({ length: 6 }, () => again(write, 'written', 5)),
  again(edit, 'edited', 400),
])
await database.close()
process.stdout.write(`${JSON.stringify(told)}\n`)
