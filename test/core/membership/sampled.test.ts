// How the engine uses evaluations in part: never while a rule is being carried through, and one in a hundred beside a full one.
import t from 'tap'
import { type GroupId, newId, type OrganizationId } from '../../../src/base/ids.ts'
import { type Log, silentLog } from '../../../src/base/log.ts'
import { ok } from '../../../src/base/result.ts'
import type { Group } from '../../../src/core/directory/types.ts'
import type { Cell, CellChange, Membership } from '../../../src/core/membership/cell.ts'
import { MembershipEngine, type MembershipPorts } from '../../../src/core/membership/change.ts'
import type { Evaluation } from '../../../src/core/membership/engine.ts'
import { Sampled } from '../../../src/core/membership/incremental/sampled.ts'
import { FakeClock } from '../../support/access.ts'
import { makeGroup, makeUser } from '../../support/store.ts'

const organization = newId<OrganizationId>()
const ruled = (name: string, rule: string) => makeGroup(name, { mode: 'dynamic', rule })

/** An engine over one user, whose stored memberships are wrong: it is in `wrong`, which its rule does not say. */
function world() {
  const [sales, wrong] = [ruled('sales', 'department eq "Sales"'), ruled('wrong', 'title eq "Nobody"')]
  let groups: readonly Group[] = [sales, wrong]
  const user = makeUser('alice', { department: 'Sales' })
  const is = ({ id: groupId }: Group): Membership => ({ subjectId: user.id, groupId, reasons: ['rule'] })
  const errors: object[] = []
  const checks: boolean[] = []
  const there = {
    ...{ sales, wrong, user, errors, checks, epoch: 1n, reads: 0, asked: 0, written: [] as CellChange[] },
    status(status: Group['status']) {
      groups = [sales, { ...wrong, status }]
    },
    /** Changes the location, which no rule reads, or what is given. */
    async change(values: Partial<typeof user> = { location: 'Lisbon' }): Promise<readonly GroupId[]> {
      const subject = { kind: 'user', id: user.id } as const
      await engine.change(organization, [subject], () =>
        ok({ user: { do: 'update', row: { ...user, ...values } }, audit: [] }),
      )
      return there.written.at(-1)?.memberships.remove.map(({ groupId }) => groupId) ?? []
    },
  }
  const ports = {
    cells: {
      read: async (): Promise<Cell> => ({
        ...{ subject: { kind: 'user', id: user.id }, version: 1n, user, devices: [], inputs: [] },
        ...{ memberships: [is(sales), is(wrong)], exemptionIds: [], suggestions: [], stateChanges: [] },
        ...{ epoch: there.epoch, due: null },
      }),
      write: async (_organization: OrganizationId, change: CellChange) => {
        there.written.push(change)
        return { outcome: 'written' }
      },
    },
    rules: {
      epoch: async () => there.epoch,
      read: async () => {
        there.reads++
        return { epoch: there.epoch, groups, attributes: [] }
      },
    },
    groups: {
      unfinished: async () => {
        there.asked++
        return groups.filter(({ status }) => status === 'activating')
      },
    },
    ...{ clock: new FakeClock(), observe: { checked: (agrees: boolean) => checks.push(agrees) } },
    log: { ...silentLog, error: (fields: object) => errors.push(fields) } as unknown as Log,
  }
  const engine = new MembershipEngine(ports as unknown as MembershipPorts)
  return { there, engine }
}

t.test(
  'what no change concerns stays as it is stored, and the hundredth change says that it is wrong',
  async (t) => {
    const { there } = world()
    for (let i = 1; i < 100; i++) if ((await there.change()).length > 0) t.fail(`change ${i}`)
    t.same([there.checks, there.errors], [[], []])
    t.same(await there.change(), [there.wrong.id], 'the full result is written')
    t.same(there.checks, [false])
    t.same(there.errors, [
      { organization, differing: [`wrong: ${there.user.id} in ${there.wrong.id} (rule)`] },
    ])
    t.same(await there.change({ department: 'Finance' }), [there.sales.id], 'what is concerned is evaluated')
    t.equal(there.asked, 0)
  },
)

t.test('while a rule is carried through, everything is evaluated', async (t) => {
  const { there } = world()
  there.status('activating')
  t.same(await there.change(), [there.wrong.id])
  t.same(await there.change(), [there.wrong.id])
  t.equal(there.asked, 2)
  there.status('active')
  t.same(await there.change(), [], 'it is settled, which no new epoch tells')
  t.same(await there.change(), [])
  t.same([there.asked, there.reads], [3, 1], 'and not asked again')
  there.status('activating')
  there.epoch = 2n
  t.same(await there.change(), [there.wrong.id], 'until the next rule')
})

t.test('new users: from nothing, checked like changes', async (t) => {
  const { there, engine } = world()
  for (let i = 0; i < 250; i++) {
    const user = makeUser(`user-${i}`, { department: i % 2 === 0 ? 'Sales' : null })
    const { memberships, epoch } = await engine.evaluateNew(organization, [user], [], [])
    t.same(
      memberships.map(({ groupId }) => groupId),
      i % 2 === 0 ? [there.sales.id] : [],
    )
    t.equal(epoch, 1n)
  }
  t.same(there.checks, [true, true])
  t.equal(there.reads, 1, 'rules are compiled once')
})

t.test('every kind of difference is seen', async (t) => {
  const [subjectId, groupId] = [newId<Membership['subjectId']>(), newId<GroupId>()]
  const one = { subjectId, groupId }
  const nothing: Evaluation = { memberships: [], suggestions: [], takenOver: [], kept: [] }
  const evaluations: Evaluation[] = [
    nothing,
    { ...nothing, memberships: [{ ...one, reasons: ['rule'] }] },
    { ...nothing, memberships: [{ ...one, reasons: ['rule', 'manual'] }] },
    { ...nothing, suggestions: [{ ...one, operation: 'join' }] },
    { ...nothing, suggestions: [{ ...one, operation: 'leave' }] },
    { ...nothing, takenOver: [one] },
    { ...nothing, kept: [one] },
  ]
  for (const part of evaluations) {
    for (const full of evaluations) {
      const seen: boolean[] = []
      const sampled = new Sampled(silentLog, { checked: (agrees) => seen.push(agrees) })
      for (let i = 1; i < 100; i++)
        t.equal(
          sampled.check(part, () => full, organization),
          part,
        )
      t.equal(
        sampled.check(part, () => full, organization),
        full === part ? part : full,
      )
      t.same(seen, [full === part])
    }
  }
})
