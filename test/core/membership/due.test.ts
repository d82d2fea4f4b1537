// When time alone changes a membership: the instant for every operator, nothing before it, nothing missed after it.
import fc from 'fast-check'
import t from 'tap'
import { newId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { AttributeDefinition, Group } from '../../../src/core/directory/types.ts'
import type { Membership, MembershipInput } from '../../../src/core/membership/cell.ts'
import { dueToStore, nextDue } from '../../../src/core/membership/due.ts'
import { type CellFacts, difference, evaluate } from '../../../src/core/membership/engine.ts'
import { membershipRecords, timeCause } from '../../../src/core/membership/history.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { at, makeDevice, makeGroup, makeUser } from '../../support/store.ts'

const rule = (name: string, text: string, of: Group['of'] = 'users') =>
  makeGroup(name, { mode: 'dynamic', rule: text, of })
const hired: AttributeDefinition = {
  id: newId(),
  ...({
    name: 'hired',
    of: 'users',
    type: 'date',
    caseExact: false,
    selfEditable: false,
    description: null,
  } as const),
  ...{ version: 1, createdAt: at, updatedAt: at },
}
const compiled = (groups: readonly Group[]) =>
  compileRules({ epoch: 1n, groups, attributes: [hired] }, silentLog)
const after = (ms: number): Date => new Date(at.getTime() + ms)
const spell = (list: readonly Membership[]): string =>
  list
    .map(({ subjectId, groupId, reasons }) => `${subjectId} ${groupId} ${reasons.join()}`)
    .sort()
    .join()

t.test('each operator turns in its millisecond', async (t) => {
  const day = 86_400_000
  const mac = makeDevice('mac', { lastContact: at })
  const cell: CellFacts = { user: null, devices: [mac], inputs: [] }
  for (const [op, turns] of [
    ['gt', [0]],
    ['le', [0]],
    ['ge', [1]],
    ['lt', [1]],
    ['eq', [0, 1]],
    ['ne', [0, 1]],
  ] as const) {
    const rules = compiled([rule('one', `lastContact ${op} now-30d`, 'devices')])
    const holds = (ms: number): boolean => evaluate(cell, rules, after(30 * day + ms)).memberships.length > 0
    const seen = [-1, 0, 1, 2].filter((ms) => holds(ms) !== holds(ms - 1))
    t.same(seen, turns, op)
    const dues: number[] = []
    for (let due = nextDue(cell, rules, after(0)); due !== null; due = nextDue(cell, rules, due))
      dues.push(due.getTime() - after(30 * day).getTime())
    t.ok(
      turns.every((ms) => dues.includes(ms)),
      `${op}: evaluated at ${dues}`,
    )
  }
})

t.test('a planned state is waited for until it is in force, also when its instant has passed', async (t) => {
  const user = makeUser('alice')
  const planned = {
    id: newId<never>(),
    userId: user.id,
    state: 'suspended',
    reason: 'x',
    createdAt: at,
  } as const
  const cell = { user, devices: [], inputs: [], stateChanges: [{ ...planned, at: after(5) }] }
  const rules = compiled([rule('one', 'createdAt lt now-30d')])
  for (const now of [0, 4, 5, 6, 1_000]) t.same(nextDue(cell, rules, after(now)), after(5), `${now}`)
  t.same(dueToStore(after(2_000), after(5), after(1_000)), after(5))
})

t.test('whose values count, and which instants', async (t) => {
  const alice = makeUser('alice', {
    attributes: { hired: '2026-03-01T12:00:00.500Z' },
    createdAt: after(-9e6),
  })
  const mac = makeDevice('mac', { ownerId: alice.id, lastContact: after(400), createdAt: after(-9e6) })
  const cell = (user: CellFacts['user'], inputs: readonly MembershipInput[] = []): CellFacts => {
    return { user, devices: [mac], inputs }
  }
  const exempted = (ms: number | null): MembershipInput => ({
    ...{ subjectId: alice.id, groupId: newId(), kind: 'never' },
    expiresAt: ms === null ? null : after(ms),
  })
  const inMs = (of: CellFacts, ...groups: Group[]): number | null => {
    const due = nextDue(of, compiled(groups), at)
    return due && due.getTime() - at.getTime()
  }
  t.equal(inMs(cell(alice)), null, 'no rule with time')
  t.equal(
    inMs(cell(alice), rule('a', 'hired gt 2026-03-01T12:00:00.500Z')),
    null,
    'an instant that stands still',
  )
  t.equal(inMs(cell(alice), rule('a', 'hired gt now')), 500, 'an attribute of its own')
  t.equal(inMs(cell(alice), rule('a', 'hired gt now+2w')), null, 'it has turned')
  t.equal(inMs(cell(alice), rule('a', 'devices[lastContact gt now-1s]')), 1400, 'of a device')
  t.equal(inMs(cell(alice), rule('a', 'owner.hired gt now', 'devices')), 500, "of a device's owner")
  t.equal(inMs(cell(null), rule('a', 'owner.hired gt now', 'devices')), null, 'who is not there')
  t.equal(
    inMs(cell(alice), makeGroup('a', { mode: 'review', rule: 'hired gt now' })),
    500,
    'a rule that suggests',
  )
  t.equal(
    inMs(cell(alice), rule('a', 'hired gt now'), rule('b', 'hired lt now-7s')),
    500,
    'the first of several',
  )
  t.equal(inMs(cell(alice, [exempted(70), exempted(-1), exempted(null)]), rule('a', 'hired gt now')), 70)
  t.equal(inMs(cell(alice, [exempted(0)])), null, 'what ends now has ended')
  t.equal(inMs(cell(alice), rule('a', 'hired lt now-99999999w')), null, 'nobody waits for ever')
})

t.test('what is stored may be early, and never late', async (t) => {
  const [past, soon, late] = [after(-5), after(5), after(10)]
  for (const [stored, next, wanted] of [
    [null, null, null],
    [null, late, late],
    [soon, late, soon],
    [soon, null, soon],
    [late, soon, soon],
    [past, late, late],
    [at, late, late],
    [past, null, null],
  ] as const)
    t.equal(dueToStore(stored, next, at), wanted)
})

t.test('the records of what time has changed', async (t) => {
  const alice = makeUser('alice')
  const mac = makeDevice('mac', { ownerId: alice.id })
  const [one, two, three] = [makeGroup('1'), makeGroup('2'), makeGroup('3')].map(({ id }) => id) as [
    never,
    never,
    never,
  ]
  const of = (
    subjectId: Membership['subjectId'],
    groupId: never,
    reasons: Membership['reasons'],
  ): Membership => {
    return { subjectId, groupId, reasons }
  }
  const memberships = [of(alice.id, one, ['rule']), of(alice.id, two, ['rule', 'exemption'])]
  const who = { users: [alice], devices: [mac] }
  const told = (now: readonly Membership[]) =>
    membershipRecords(who, memberships, difference(memberships, now), timeCause, at)
  t.same(told(memberships), [])
  const now = [of(alice.id, two, ['rule']), of(alice.id, three, ['rule']), of(mac.id, three, ['rule'])]
  const record = {
    kind: 'change',
    at: at.toISOString(),
    actor: { kind: 'system', name: 'clock' },
    action: 'membership.change',
  }
  t.same(told(now), [
    {
      ...record,
      target: { kind: 'user', id: alice.id, name: 'alice' },
      details: { cause: 'time', joined: [three], left: [one], stayed: [two] },
    },
    {
      ...record,
      target: { kind: 'device', id: mac.id, name: 'mac' },
      details: { cause: 'time', joined: [three], left: [] },
    },
  ])
})

// ---- for every cell ----------------------------------------------------------------------------------------------

const operators = ['gt', 'ge', 'lt', 'le', 'eq', 'ne']
const offsets = ['', '-1s', '+1s']
/** Around each whole second: that is where something can turn. */
const near = fc
  .tuple(fc.constantFrom(-1000, 0, 1000), fc.integer({ min: -2, max: 2 }))
  .map(([second, ms]) => after(second + ms))
const instants = [0, 1000, 2000].flatMap((second) =>
  Array.from({ length: 11 }, (_, i) => second + i - 5).filter((ms) => ms >= 0),
)
const relative = (attribute: string) =>
  fc
    .tuple(fc.constantFrom(...operators), fc.constantFrom(...offsets))
    .map(([op, offset]) => `${attribute} ${op} now${offset}`)
const comparison = (...attributes: string[]) => fc.constantFrom(...attributes).chain(relative)
const combined = (one: fc.Arbitrary<string>) =>
  fc
    .tuple(one, fc.constantFrom('and', 'or'), one, fc.boolean())
    .map(([left, word, right, negated]) =>
      negated ? `not (${left} ${word} ${right})` : `${left} ${word} ${right}`,
    )
const worlds = fc
  .record({
    ofUsers: combined(
      fc.oneof(
        comparison('hired', 'updatedAt'),
        comparison('lastContact').map((inner) => `devices[${inner}]`),
      ),
    ),
    ofDevices: combined(comparison('lastContact', 'owner.hired')),
    alone: fc.boolean(),
    hired: fc.option(near),
    updatedAt: near,
    contacts: fc.array(fc.option(near), { minLength: 1, maxLength: 2 }),
    exempted: fc.option(fc.tuple(fc.constantFrom('always' as const, 'never' as const), near)),
  })
  .map(({ ofUsers, ofDevices, alone, hired, updatedAt, contacts, exempted }) => {
    const groups = [
      rule('users', ofUsers),
      rule('devices', ofDevices, 'devices'),
      rule('others', 'not (memberOf eq "users")'),
    ]
    const user = makeUser('alice', { updatedAt, attributes: hired ? { hired: hired.toISOString() } : {} })
    const devices = contacts.map((lastContact, i) =>
      makeDevice(`mac-${i}`, { lastContact, ownerId: user.id }),
    )
    const inputs = exempted
      ? [{ subjectId: user.id, groupId: (groups[0] as Group).id, kind: exempted[0], expiresAt: exempted[1] }]
      : []
    const cell: CellFacts = alone
      ? { user: null, devices: devices.slice(0, 1), inputs: [] }
      : { user, devices, inputs }
    return { cell, rules: compiled(groups) }
  })

t.test('who evaluates only when it is due, is right at every instant', async (t) => {
  let turned = 0
  fc.assert(
    fc.property(worlds, ({ cell, rules }) => {
      let held = spell(evaluate(cell, rules, at).memberships)
      let due = nextDue(cell, rules, at)
      for (const ms of instants) {
        const now = after(ms)
        const truth = spell(evaluate(cell, rules, now).memberships)
        while (due !== null && due <= now) {
          if (spell(evaluate(cell, rules, new Date(due.getTime() - 1)).memberships) !== held)
            throw new Error('it was late')
          const then = spell(evaluate(cell, rules, due).memberships)
          if (then !== held) turned++
          held = then
          const next = nextDue(cell, rules, due)
          if (next !== null && next <= due) throw new Error('it stays due')
          due = next
        }
        if (held !== truth) throw new Error(`missed at ${ms}`)
      }
    }),
    { numRuns: 1500 },
  )
  t.ok(turned > 500, 'and something did turn')
})
