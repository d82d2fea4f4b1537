// What time will bring: at every instant the same as evaluating the cell as it is then, and bounded.
import t from 'tap'
import { enableLinearRegex } from '../../../src/base/linear-regex.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { StateChange, User } from '../../../src/core/directory/types.ts'
import type { CellFacts } from '../../../src/core/membership/engine.ts'
import { instantsOf, membershipsAt, mostInstants, movesLater } from '../../../src/core/membership/later.ts'
import { compileRules, onlyRulesOf } from '../../../src/core/membership/rule-set.ts'
import { at, makeGroup, makeUser } from '../../support/store.ts'

enableLinearRegex()
const day = 86_400_000
const after = (days: number) => new Date(at.getTime() + days * day)
const active = makeGroup('active', { of: 'users', mode: 'dynamic', rule: 'state eq "active"' })
const old = makeGroup('old', { of: 'users', mode: 'dynamic', rule: 'createdAt le now-10d' })
const both = makeGroup('both', {
  ...{ of: 'users', mode: 'dynamic' },
  rule: 'memberOf eq "active" and memberOf eq "old"',
})
const rules = compileRules({ epoch: 1n, groups: [active, old, both], attributes: [] }, silentLog)
const user: User = { ...makeUser('ann', { state: 'staged' }), createdAt: at }
const planned = (state: User['state'], days: number) =>
  ({ id: `${state}${days}`, userId: user.id, state, at: after(days) }) as unknown as StateChange
const cell = (...stateChanges: StateChange[]): CellFacts => ({ user, devices: [], inputs: [], stateChanges })
const names = (one: CellFacts, days: number) =>
  membershipsAt([one], rules, after(days)).map(
    ({ groupId }) => [active, old, both].find(({ id }) => id === groupId)?.name,
  )

t.test('planned states and dates, in whatever order they are given', async (t) => {
  const one = cell(planned('suspended', 20), planned('active', 5))
  t.same(names(one, 4), [])
  t.same(names(one, 5), ['active'])
  t.same(names(one, 10), ['active', 'old', 'both'])
  t.same(names(one, 20), ['old'])
  const instants = instantsOf([one], rules, at)?.map((instant) => (instant.getTime() - at.getTime()) / day)
  for (const days of [5, 10, 20]) t.ok(instants?.includes(days), `${days}: ${instants}`)
  t.same(instantsOf([one], onlyRulesOf(rules, new Set([active.id])), at)?.length, 2)
})

t.test('what a change brings about', async (t) => {
  const [nothing, plan] = [cell(), cell(planned('active', 5))]
  const inNow = [{ subjectId: user.id, groupId: active.id }]
  const moves = (from: CellFacts[], to: CellFacts[], members = [] as typeof inNow) =>
    movesLater(from, to, members, onlyRulesOf(rules, new Set([active.id])), at)
  t.equal(moves([nothing], [plan]), true, 'a join')
  t.equal(moves([plan], [nothing]), true, 'a leave')
  t.equal(moves([plan], [cell(planned('active', 6))]), true, 'a later join: out for a day')
  t.equal(moves([plan], [{ ...plan, user: { ...user, title: 'x' } }]), false)
  t.equal(moves([plan], [plan]), false)
  t.equal(moves([], [nothing]), true, 'once somebody makes it active')
  t.equal(moves([nothing], [plan], inNow), false, 'who is in stays in')
  t.equal(moves([plan], []), true, 'who will be in is removed')
})

t.test('too many instants are a move', async (t) => {
  const many = Array.from({ length: mostInstants + 1 }, (_, i) => planned('active', i + 1))
  t.equal(instantsOf([cell(...many)], rules, at), null)
  t.equal(movesLater([cell()], [cell(...many)], [], rules, at), true)
})
