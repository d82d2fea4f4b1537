// Members of a group that was dynamic, while they are being kept: however a cell is evaluated, it comes to the same.
import t from 'tap'
import { newId, type OrganizationId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Cell, CellRewrite } from '../../../src/core/membership/cell.ts'
import { MembershipEngine, type MembershipPorts } from '../../../src/core/membership/change.ts'
import { evaluate } from '../../../src/core/membership/engine.ts'
import { explainMembership } from '../../../src/core/membership/explain.ts'
import { evaluateChange, evaluateGroups } from '../../../src/core/membership/incremental/evaluate-change.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { FakeClock } from '../../support/access.ts'
import { makeGroup, makeUser } from '../../support/store.ts'

const group = makeGroup('sales', { status: 'activating' })
const reader = makeGroup('readers', { mode: 'dynamic', rule: 'memberOf eq "sales"' })
const source = { epoch: 1n, groups: [group, reader], attributes: [], keeping: [group.id] }
const rules = compileRules(source, silentLog)
const user = makeUser('alice')
const inGroup = { subjectId: user.id, groupId: group.id }
const cell: Cell = {
  ...{ subject: { kind: 'user', id: user.id }, version: 1n, epoch: 1n, user, devices: [], inputs: [] },
  memberships: [
    { ...inGroup, reasons: ['rule'] },
    { ...inGroup, groupId: reader.id, reasons: ['rule'] },
  ],
  ...{ exemptionIds: [], suggestions: [], stateChanges: [], due: null },
}
const now = new Date()

t.test('who is stored as a member by rule is one by approval', async (t) => {
  for (const { memberships, kept } of [
    evaluate(cell, rules, now),
    evaluateChange(cell, cell, rules, now),
    evaluateGroups(cell, new Set([group.id, reader.id]), rules, now),
  ]) {
    t.same(kept, [{ ...inGroup, approved: true }])
    t.same(
      memberships.map(({ groupId, reasons }) => [groupId, reasons.join()]),
      [
        [group.id, 'manual'],
        [reader.id, 'rule'],
      ],
    )
  }
  t.match(explainMembership(cell, rules, inGroup, now), { member: true, reasons: ['manual'] })
})

t.test('nobody else is', async (t) => {
  const others = [
    { ...cell, memberships: [] },
    { ...cell, memberships: [{ ...inGroup, reasons: ['exemption' as const] }] },
  ]
  for (const other of others) t.match(evaluate(other, rules, now), { memberships: [], kept: [] })
  const done = compileRules({ ...source, keeping: [] }, silentLog)
  t.match(evaluate(cell, done, now), { memberships: [], kept: [] })
  const again = compileRules(
    { ...source, groups: [{ ...group, mode: 'dynamic', rule: 'title pr' }, reader] },
    silentLog,
  )
  t.match(evaluate(cell, again, now), { memberships: [], kept: [] }, 'a rule decides again')
  const byHand = { ...inGroup, kind: 'manual' as const, expiresAt: null }
  t.same(evaluate({ ...cell, inputs: [byHand] }, rules, now).kept, [], 'who is one by hand anyway')
  const never = { ...inGroup, kind: 'never' as const, expiresAt: null }
  const kept = evaluate({ ...cell, inputs: [never] }, rules, now)
  t.match(kept, { memberships: [], kept: [inGroup] }, 'kept for when the exemption ends')
})

t.test('all are kept, also where nobody is told to differ', async (t) => {
  const rewrites: CellRewrite[] = []
  const ports: Partial<MembershipPorts> = {
    sets: { async *differing() {} },
    rules: { epoch: async () => 1n, read: async () => source },
    groups: {
      ...{ find: async () => group, barrier: async () => {}, unfinished: async () => [group] },
      ...{ removed: async () => [], takeOut: async () => null },
      activate: async () => true,
      membersByRule: async (_organization, _id, after) =>
        after === null ? [{ subjectId: user.id, cell: cell.subject }] : [],
    },
    cells: {
      readMany: async (_organization: OrganizationId, subjects: readonly unknown[]) =>
        subjects.map(() => cell),
      rewrite: async (_organization: OrganizationId, _epoch: bigint, list: readonly CellRewrite[]) => {
        rewrites.push(...list)
        return []
      },
    } as unknown as MembershipPorts['cells'],
    ...{ clock: new FakeClock(), log: silentLog },
  }
  await new MembershipEngine(ports as MembershipPorts).activateGroup(newId<OrganizationId>(), group.id)
  t.match(rewrites, [{ kept: [inGroup], put: [{ ...inGroup, reasons: ['manual'] }], remove: [] }])
})
