// When time alone changes a membership: the instant for every operator, nothing before it, nothing missed after it; and the
// timer that waits for it.
import { mock } from 'node:test'
import fc from 'fast-check'
import t from 'tap'
import { newId, type OrganizationId, type UserId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { AttributeDefinition, Group } from '../../../src/core/directory/types.ts'
import type { Membership, MembershipInput } from '../../../src/core/membership/cell.ts'
import { dueToStore, nextDue } from '../../../src/core/membership/due.ts'
import { type CellFacts, difference, evaluate } from '../../../src/core/membership/engine.ts'
import { membershipRecords, timeCause } from '../../../src/core/membership/history.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { Schedule } from '../../../src/core/membership/schedule.ts'
import type { Change, ChangeKind } from '../../../src/core/ports.ts'
import { FakeClock } from '../../support/access.ts'
import { at, makeDevice, makeGroup, makeOrganization, makeUser } from '../../support/store.ts'

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

// ---- the timer ---------------------------------------------------------------------------------------------------

const turn = () => new Promise((resolve) => setImmediate(resolve))

/** A schedule over ports that the test answers for, on a clock that it moves. */
function scheduled(t: { teardown(action: () => unknown): unknown }) {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const clock = new FakeClock()
  const organization = makeOrganization('acme')
  const listeners = new Set<(changes: readonly Change[]) => void>()
  const world = {
    clock,
    organization,
    rounds: 0,
    resumed: 0,
    due: [] as { organization: OrganizationId; subject: { kind: 'user'; id: UserId } }[],
    first: null as Date | null,
    reevaluate: async (): Promise<number> => 0,
    tell: (kind: ChangeKind) => {
      for (const listener of listeners) listener([{ organization: organization.id, kind, id: 'x' }])
    },
    /** In steps of 10 ms. */
    async pass(ms: number) {
      for (let passed = 0; passed < ms; passed += 10) {
        clock.ms += 10
        mock.timers.tick(10)
        await turn()
      }
    },
  }
  const schedule = new Schedule({
    engine: {
      reevaluate: () => world.reevaluate(),
      reconcile: async () => 0,
      resume: async () => {
        world.resumed++
        throw new Error('the database is away')
      },
    },
    cells: {
      due: async () => {
        world.rounds++
        return world.due
      },
      firstDue: async () => world.first,
    },
    organizations: { list: async () => [organization] },
    feed: {
      subscribe: (listener) => {
        listeners.add(listener)
        return () => listeners.delete(listener)
      },
    },
    clock,
    log: silentLog,
  })
  return { world, schedule }
}

t.test('who shows memberships waits for what is due, and for nothing else', async (t) => {
  const { world, schedule } = scheduled(t)
  const one = {
    organization: world.organization.id,
    subject: { kind: 'user', id: newId<UserId>() },
  } as const
  t.equal(schedule.caughtUp(), null, 'before the start nothing is known')
  world.first = new Date(world.clock.now().getTime() + 500)
  await schedule.start()
  await world.pass(10)
  t.equal(schedule.caughtUp(), null)
  // The instant has come, and the timer has not.
  world.clock.ms += 600
  world.due = [one]
  let written = 0
  world.reevaluate = async () => {
    await turn()
    world.due = []
    return ++written
  }
  const waiting = [schedule.caughtUp(), schedule.caughtUp()]
  t.equal(waiting[0], waiting[1], 'all wait for the same')
  await waiting[0]
  t.equal(written, 1)
  t.equal(schedule.caughtUp(), null)
  world.clock.ms += 1_100
  world.due = [one]
  let tries = 0
  world.reevaluate = async () => {
    tries++
    throw new Error('the database is away')
  }
  await schedule.caughtUp()
  t.equal(tries, 1)
  t.equal(schedule.caughtUp(), null, 'what cannot be written is left to the timer')
  await schedule.close()
})

t.test('the timer: at the first instant, else every 30 seconds', async (t) => {
  const { world, schedule } = scheduled(t)
  world.first = new Date(world.clock.now().getTime() + 500)
  await schedule.start()
  await world.pass(10)
  const begun = world.rounds
  await world.pass(470)
  t.equal(world.rounds, begun)
  world.first = null
  await world.pass(30)
  t.equal(world.rounds, begun + 1)
  await world.pass(29_900)
  t.equal(world.rounds, begun + 1)
  await world.pass(200)
  t.equal(world.rounds, begun + 2)
  t.equal(world.resumed, 0)
  await world.pass(125_000)
  t.equal(world.resumed, 2, 'each minute, also after a failure')
  const before = world.rounds
  await schedule.close()
  world.tell('user')
  await world.pass(100_000)
  t.same([world.rounds, world.resumed], [before, 2], 'it is over')
})

t.test('the start waits for what is due, also while others are writing it', async (t) => {
  const { world, schedule } = scheduled(t)
  const somebody = {
    organization: world.organization.id,
    subject: { kind: 'user', id: newId<UserId>() },
  } as const
  world.due = [somebody]
  let left = 10
  world.reevaluate = async () => {
    // told of its own writes, as by the real feed
    world.tell('user')
    if (--left === 0) world.due = []
    return left === 5 ? 0 : 1
  }
  let hasStarted = false
  const started = schedule.start().then(() => (hasStarted = true))
  await turn()
  t.equal(left, 5)
  await world.pass(900)
  t.same([left, hasStarted], [5, false], 'it rests')
  await world.pass(200)
  t.same([left, hasStarted], [0, true])
  await started
  await schedule.close()
})

t.test('what stays due, and what fails, is tried again each second', async (t) => {
  const { world, schedule } = scheduled(t)
  world.due = [{ organization: world.organization.id, subject: { kind: 'user', id: newId() } }]
  world.first = world.clock.now()
  const started = schedule.start()
  await world.pass(2_900)
  t.equal(world.rounds, 3)
  await world.pass(200)
  await started
  t.equal(world.rounds, 4, 'which does not keep the start waiting for ever')
  world.rounds = 0
  await world.pass(5_000)
  t.equal(world.rounds, 5)
  world.reevaluate = async () => {
    throw new Error('the database is away')
  }
  world.rounds = 0
  await world.pass(5_000)
  t.equal(world.rounds, 5)
  let left = 40
  world.reevaluate = async () => {
    if (--left === 0) [world.due, world.first] = [[], null]
    return 1
  }
  world.rounds = 0
  await world.pass(2_000)
  t.equal(world.rounds, 41, 'as long as there is progress, without a rest')
  await schedule.close()
})

t.test('changes are looked at once a second at most, and none is missed', async (t) => {
  const { world, schedule } = scheduled(t)
  await schedule.start()
  await world.pass(3_000)
  world.rounds = 0
  for (const kind of ['resource', 'binding', 'service-account', 'attribute'] as const) world.tell(kind)
  await world.pass(2_000)
  t.equal(world.rounds, 0, 'these set no instant')
  world.tell('user')
  await world.pass(10)
  t.equal(world.rounds, 1, 'at once after a quiet time')
  for (let i = 0; i < 300; i++) {
    world.tell('device')
    await world.pass(10)
  }
  t.ok(world.rounds >= 3 && world.rounds <= 5, `${world.rounds} rounds in three seconds`)
  // one that comes while a round is under way
  await world.pass(5_000)
  let release = (_: number): void => {}
  world.reevaluate = () => new Promise((resolve) => (release = resolve))
  world.due = [{ organization: world.organization.id, subject: { kind: 'user', id: newId() } }]
  world.tell('user')
  await world.pass(10)
  world.rounds = 0
  world.tell('user')
  world.due = []
  release(0)
  await world.pass(900)
  t.equal(world.rounds, 0)
  await world.pass(200)
  t.equal(world.rounds, 1)
  await schedule.close()
})
