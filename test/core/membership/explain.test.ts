// Explanations say what evaluation does, whatever the cell: also where rules ask about memberships that other rules make.
import fc from 'fast-check'
import t from 'tap'
import type { SubjectId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Group } from '../../../src/core/directory/types.ts'
import type { MembershipInput } from '../../../src/core/membership/cell.ts'
import { type CellFacts, evaluate } from '../../../src/core/membership/engine.ts'
import { explainMembership } from '../../../src/core/membership/explain.ts'
import { decisive } from '../../../src/core/membership/language/trace.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { at, makeDevice, makeGroup, makeUser } from '../../support/store.ts'

const ruled = (name: string, rule: string, of: Group['of'] = 'users', mode: Group['mode'] = 'dynamic') =>
  makeGroup(name, { mode, rule, of })
const groups = [
  ruled('both', 'memberOf eq "sales" and memberOf eq "managed-owners"'),
  ruled('sales', 'department eq "Sales"'),
  ruled('managed-owners', 'devices[memberOf eq "managed"]'),
  ruled('managed', 'managed eq true', 'devices'),
  ruled('of-sales', 'owner.memberOf in ("sales", "by-hand")', 'devices'),
  ruled('nowhere', 'not (memberOf eq "by-hand")', 'users', 'review'),
  makeGroup('by-hand'),
  ruled('broken', 'department eq'),
]
const rules = compileRules({ epoch: 1n, groups, attributes: [] }, silentLog)
const user = makeUser('alice')
const devices = [makeDevice('one', { ownerId: user.id }), makeDevice('two', { ownerId: user.id })]
const subjects: readonly SubjectId[] = [user.id, ...devices.map(({ id }) => id)]

const inputs: fc.Arbitrary<MembershipInput[]> = fc.array(
  fc.record({
    subjectId: fc.constantFrom(...subjects),
    groupId: fc.constantFrom(...groups.map(({ id }) => id)),
    kind: fc.constantFrom('manual' as const, 'always' as const, 'never' as const),
    expiresAt: fc.constantFrom(null, new Date(at.getTime() - 1), new Date(at.getTime() + 1)),
    approved: fc.boolean(),
  }),
  { maxLength: 5 },
)
const cells: fc.Arbitrary<CellFacts> = fc.record({
  user: fc.constantFrom('Sales', 'IT', null).map((department) => ({ ...user, department })),
  devices: fc
    .tuple(fc.boolean(), fc.boolean())
    .map((managed) => devices.map((device, index) => ({ ...device, managed: managed[index] ?? false }))),
  inputs,
})

t.test('explanations agree with evaluation', async (t) => {
  let explained = 0
  fc.assert(
    fc.property(cells, (cell) => {
      const { memberships, suggestions } = evaluate(cell, rules, at)
      for (const { id: groupId, of } of groups)
        for (const subjectId of subjects) {
          const isOne = (one: { subjectId: string; groupId: string }) =>
            one.subjectId === subjectId && one.groupId === groupId
          const answer = explainMembership(cell, rules, { subjectId, groupId }, at)
          if ((answer === null) !== ((of === 'users') !== (subjectId === user.id))) throw new Error('who')
          if (answer === null) continue
          const reasons = memberships.find(isOne)?.reasons ?? []
          if (answer.reasons.join() !== reasons.join()) throw new Error('other reasons')
          if (answer.member !== reasons.length > 0) throw new Error('other verdict')
          const suggested = suggestions.find(isOne)?.operation ?? null
          if (answer.suggests !== suggested) throw new Error('other suggestion')
          if (answer.trace !== null && decisive(answer.trace).length === 0)
            throw new Error('no clause decides')
          explained++
        }
    }),
    { numRuns: 500 },
  )
  t.ok(explained > 1_000)
})

t.test('who or what is not there is not explained', async (t) => {
  const cell: CellFacts = { user, devices: [], inputs: [] }
  const groupId = groups[1]?.id as Group['id']
  t.equal(explainMembership(cell, rules, { subjectId: devices[0]?.id as SubjectId, groupId }, at), null)
  t.equal(explainMembership(cell, rules, { subjectId: user.id, groupId: user.id as never }, at), null)
  const broken = groups.at(-1)?.id as Group['id']
  t.match(explainMembership(cell, rules, { subjectId: user.id, groupId: broken }, at), {
    member: false,
    trace: null,
  })
})
