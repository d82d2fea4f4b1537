// What time will bring: at every instant the same as evaluating the cell as it is then, and bounded.
import assert from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import { enableLinearRegex } from '../../../src/base/linear-regex.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Device, StateChange, User } from '../../../src/core/directory/types.ts'
import { concernedBy, isReport } from '../../../src/core/membership/concerned.ts'
import type { CellFacts } from '../../../src/core/membership/engine.ts'
import { instantsOf, membershipsAt, mostInstants, movesLater } from '../../../src/core/membership/later.ts'
import { compileRules, onlyRulesOf } from '../../../src/core/membership/rule-set.ts'
import { at, makeDevice, makeGroup, makeUser } from '../../support/store.ts'

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
  const stored = [{ subjectId: user.id, groupId: active.id }]
  const moves = (before: CellFacts[], after: CellFacts[], members: typeof stored = []) =>
    movesLater({ before, after, members, rules: onlyRulesOf(rules, new Set([active.id])), now: at })
  t.equal(await moves([nothing], [plan]), true, 'a join')
  t.equal(await moves([plan], [nothing]), true, 'a leave')
  t.equal(await moves([plan], [cell(planned('active', 6))]), true, 'a later join: out for a day')
  t.equal(await moves([plan], [{ ...plan, user: { ...user, title: 'x' } }]), false)
  t.equal(await moves([plan], [plan]), false)
  t.equal(await moves([], [nothing]), true, 'once somebody makes it active')
  t.equal(await moves([nothing], [plan], stored), true, 'also of who is in now: to stay is a gain')
  t.equal(await moves([plan], []), true, 'who will be in is removed')
  t.equal(
    await movesLater(
      { before: [plan], after: [nothing], members: [], rules, now: at },
      (_one, move) => move === 'join',
    ),
    false,
    'only what counts',
  )
})

t.test('who is in stays in by a device that reports, and by nothing else', async (t) => {
  const near = makeGroup('near', {
    ...{ of: 'users', mode: 'dynamic' },
    rule: 'devices[lastContact gt now-30d] or title eq "x"',
  })
  const heard = compileRules({ epoch: 1n, groups: [near], attributes: [] }, silentLog)
  const ann: User = { ...user, state: 'active' }
  const device = makeDevice('mac', { ownerId: ann.id, lastContact: after(-1) })
  const withDevice = (values: Partial<Device>, name: Partial<User> = {}): CellFacts => ({
    ...{ user: { ...ann, ...name }, devices: [{ ...device, ...values }], inputs: [] },
  })
  const moves = (before: CellFacts, changed: CellFacts) =>
    movesLater({ before: [before], after: [changed], members: [], rules: heard, now: at })
  const known = withDevice({})
  t.equal(await moves(known, withDevice({ lastContact: at, updatedAt: at })), false)
  t.equal(await moves(known, withDevice({ lastContact: after(1) })), true, 'not at an instant to come')
  t.equal(await moves(known, withDevice({ lastContact: at, name: 'x' })), false, 'no rule reads the name')
  t.equal(await moves(known, withDevice({ lastContact: at }, { title: 'x' })), true, 'with something else')
  t.equal(
    await moves(withDevice({ lastContact: after(-31) }), withDevice({ lastContact: at })),
    true,
    'who is out',
  )
  t.equal(await moves(known, withDevice({ lastContact: after(-2) })), true, 'out sooner')
  t.equal(await moves(known, { ...known, devices: [] }), true, 'the device is gone')
})

t.test('only what the change can concern is looked at', async (t) => {
  const distances = Array.from({ length: 20 }, (_, i) => `lastContact gt now-${i + 1}d`).join(' and ')
  const bosses = makeGroup('bosses', {
    ...{ of: 'users', mode: 'dynamic' },
    rule: `devices[${distances}] and title eq "Boss"`,
  })
  const above = makeGroup('above', { of: 'users', mode: 'dynamic', rule: 'memberOf eq "bosses"' })
  const set = compileRules({ epoch: 1n, groups: [bosses, above], attributes: [] }, silentLog)
  const withDevices = (count: number): CellFacts => ({
    user: { ...user, state: 'active' },
    devices: Array.from({ length: count }, (_, i) =>
      makeDevice(`d${i}`, { ownerId: user.id, lastContact: new Date(at.getTime() - 7_001 * (i + 1)) }),
    ),
    inputs: [],
  })
  const moves = (before: CellFacts, changed: Partial<User>) => {
    const fresh = { ...before, user: { ...(before.user as User), ...changed, updatedAt: at } }
    return movesLater({ before: [before], after: [fresh], members: [], rules: set, now: at })
  }
  for (const count of [0, 45, 3_000])
    t.equal(
      await moves(withDevices(count), { givenName: 'x' }),
      false,
      `${count} devices: nobody asks for it`,
    )
  t.equal(instantsOf([withDevices(45)], set, at)?.length, 1_800)
  t.equal(await moves(withDevices(45), { title: 'Clerk' }), false)
  t.equal(await moves(withDevices(45), { title: 'Boss' }), true)
  t.equal(await moves(withDevices(3_000), { title: 'Clerk' }), null, 'too much to tell')
})

t.test('too many instants cannot be told', async (t) => {
  const many = Array.from({ length: mostInstants + 1 }, (_, i) => planned('active', i + 1))
  t.equal(instantsOf([cell(...many)], rules, at), null)
  const change = { before: [cell()], after: [cell(...many)], members: [], rules, now: at }
  t.equal(await movesLater(change), null)
})

t.test('a change of which it is said that it concerns no group moves nobody at any instant', async (t) => {
  const texts = ['title eq "x"', 'createdAt le now-10d', 'devices[os eq "ios" and memberOf eq "phones"]']
  const groups = [
    makeGroup('phones', {
      of: 'devices',
      mode: 'dynamic',
      rule: 'lastContact gt now-2d or owner.title eq "x"',
    }),
    ...texts.map((rule, i) => makeGroup(`g${i}`, { of: 'users', mode: 'dynamic', rule })),
    makeGroup('none', {
      of: 'users',
      mode: 'dynamic',
      rule: 'not (memberOf eq "g0") and not (devices[memberOf pr])',
    }),
  ]
  const set = compileRules({ epoch: 1n, groups, attributes: [] }, silentLog)
  const ids = groups.map(({ id }) => id)
  const who = fc.record({
    title: fc.constantFrom(null, 'x', 'y'),
    givenName: fc.constantFrom(null, 'x'),
    os: fc.constantFrom(null, 'ios' as const),
    heard: fc.constantFrom(null, -1, -3),
    by: fc.constantFrom(null, ...ids),
  })
  type Who = typeof who extends fc.Arbitrary<infer T> ? T : never
  const device = makeDevice('phone', { ownerId: user.id })
  const cellOf = ({ title, givenName, os, heard, by }: Who): CellFacts => ({
    user: { ...user, title, givenName },
    devices: [{ ...device, os, lastContact: heard === null ? null : after(heard) }],
    inputs: by === null ? [] : [{ subjectId: user.id, groupId: by, kind: 'manual', expiresAt: null }],
  })
  const members = (one: CellFacts, group: string) =>
    [0, 0.5, 1, 1.5, 2, 5, 9, 10, 11].map((days) =>
      membershipsAt([one], set, after(days))
        .flatMap(({ subjectId, groupId }) => (groupId === group ? [subjectId] : []))
        .sort(),
    )
  let moved = 0
  await fc.assert(
    fc.asyncProperty(who, who, async (one, other) => {
      const [before, fresh] = [cellOf(one), cellOf(other)]
      const concerned = concernedBy([before], [fresh], set).groups.map(({ id }) => id)
      const others = ids.filter(
        (id) => JSON.stringify(members(before, id)) !== JSON.stringify(members(fresh, id)),
      )
      for (const id of others)
        assert.ok(concerned.includes(id), groups.find((group) => group.id === id)?.name)
      if (others.length === 0 || isReport([before], [fresh], set, at)) return
      moved++
      const change = { before: [before], after: [fresh], members: [], rules: set, now: at }
      assert.equal(await movesLater(change), true)
    }),
    { numRuns: 300 },
  )
  t.ok(moved > 50)
})
