// The timer that waits for what is due: at the first instant, again where it fails, and never keeping one from another.
import { mock } from 'node:test'
import t from 'tap'
import { newId, type OrganizationId, type UserId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { CellSubject } from '../../../src/core/membership/cell.ts'
import { Schedule } from '../../../src/core/membership/schedule.ts'
import type { Change, ChangeKind } from '../../../src/core/ports.ts'
import { FakeClock } from '../../support/access.ts'
import { makeOrganization } from '../../support/store.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))

type Due = { organization: OrganizationId; subject: { kind: 'user'; id: UserId } }

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
    due: [] as Due[],
    first: null as Date | null,
    dueUpTo: null as ((most: number) => Due[]) | null,
    reevaluate: async (_subjects: readonly CellSubject[]): Promise<number> => 0,
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
      reevaluate: (_, subjects) => world.reevaluate(subjects),
      reconcile: async () => 0,
      resume: async () => {
        world.resumed++
        throw new Error('the database is away')
      },
    },
    cells: {
      due: async (_, most) => {
        world.rounds++
        return world.dueUpTo?.(most) ?? world.due
      },
      firstDue: async () => world.first,
    },
    groups: { noteStrays: async () => 0 },
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

t.test('a cell that cannot be written does not keep others from it', async (t) => {
  const { world, schedule } = scheduled(t)
  const ids = Array.from({ length: 50 }, () => newId<UserId>())
  const left = new Set(ids)
  const bad = new Set([ids[3], ids[40]])
  world.dueUpTo = (most) =>
    [...ids]
      .filter((id) => left.has(id))
      .slice(0, most)
      .map((id) => ({ organization: world.organization.id, subject: { kind: 'user', id } }))
  world.reevaluate = async (subjects) => {
    if (subjects.some(({ id }) => bad.has(id as UserId))) throw new Error('it breaks a rule of the database')
    for (const { id } of subjects) left.delete(id as UserId)
    return subjects.length
  }
  const started = schedule.start()
  await world.pass(3_500)
  await started
  t.same([...left], [ids[3], ids[40]])
  bad.clear()
  await world.pass(3_000)
  t.equal(left.size, 0, 'and is tried again')
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
