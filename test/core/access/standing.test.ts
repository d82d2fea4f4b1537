// Permits that are still in use: asked about again when something changes, and ended when the answer is no longer yes.
import { mock } from 'node:test'
import t from 'tap'
import { silentLog } from '../../../src/base/log.ts'
import { Secret } from '../../../src/base/secrets.ts'
import { createAccess } from '../../../src/core/access/decide.ts'
import type { Decision, Permit } from '../../../src/core/access/decision.ts'
import type { AccessRequest } from '../../../src/core/access/request.ts'
import { StandingPermits } from '../../../src/core/access/standing.ts'
import type { Change } from '../../../src/core/ports.ts'
import { FakeClock, Fakes } from '../../support/access.ts'
import { plain, requestOf, theOrganization, theUser } from '../../support/scene.ts'

const turn = () => new Promise((resolve) => setImmediate(resolve))
const request: AccessRequest = {
  ...requestOf(plain),
  evidence: [{ kind: 'password', password: new Secret('correct horse') }],
}

/** Permits held against answers that the test gives. */
class Held {
  readonly clock = new FakeClock()
  readonly listeners = new Set<(changes: readonly Change[]) => void>()
  readonly asked: AccessRequest[] = []
  answer: () => Promise<Decision> = async () => permit
  readonly permits = new StandingPermits(
    {
      review: (asked) => {
        this.asked.push(asked)
        return this.answer()
      },
    },
    {
      subscribe: (listener) => {
        this.listeners.add(listener)
        return () => this.listeners.delete(listener)
      },
    },
    this.clock,
    silentLog,
  )
  tell(kind: Change['kind'], id: string, organization = theOrganization.id): void {
    for (const listener of this.listeners) listener([{ organization, kind, id }])
  }
}
const permit = (await createAccess(new Fakes().ports).decide(request)) as Permit
const denied: Decision = { outcome: 'deny', reason: 'no-binding', trace: permit.trace }
const away: Decision = { outcome: 'indeterminate', cause: 'unavailable', trace: permit.trace }

/** Holds one permit, with the first question (did anything change meanwhile?) answered. */
async function holding(): Promise<{ held: Held; told: (Permit | null)[]; release: () => void }> {
  const held = new Held()
  const told: (Permit | null)[] = []
  const release = held.permits.hold(permit, request, (outcome) => told.push(outcome))
  await turn()
  told.length = 0
  held.asked.length = 0
  return { held, told, release }
}

t.test('a permit is asked about again with its proofs, for the user it was given to', async (t) => {
  const { held, told } = await holding()
  held.clock.ms += 5000
  held.tell('user', theUser.id)
  await turn()
  t.match(held.asked, [
    {
      subject: { by: 'user-id', id: theUser.id },
      evidence: [{ kind: 'standing', proof: permit.proof }],
      at: held.clock.now(),
    },
  ])
  t.notMatch(JSON.stringify(held.asked), /"kind":"password","password"/, 'without the password')
  t.same(told, [permit])
})

t.test('what changes concerns its own', async (t) => {
  for (const [kind, id, asked] of [
    ['user', theUser.id, 1],
    ['user', 'another', 0],
    ['device', 'another', 0],
    ['group', 'any', 1],
    ['binding', 'any', 1],
    ['resource', 'any', 1],
    ['organization', 'any', 1],
  ] as const) {
    const { held } = await holding()
    held.tell(kind, id)
    await turn()
    t.equal(held.asked.length, asked, `${kind} ${id}`)
    held.tell(kind, id, 'another organization' as never)
    await turn()
    if (id === 'any') t.equal(held.asked.length, asked, 'of another organization')
  }
})

t.test('ends when the answer is no longer yes, and is told so once (X01, X02)', async (t) => {
  const trace = permit.trace
  const challenge: Decision = {
    outcome: 'challenge',
    step: { kind: 'code', factors: ['totp'], conversation: 'x' as never, because: null },
    trace,
  }
  for (const answer of [denied, challenge]) {
    const { held, told } = await holding()
    held.answer = async () => answer
    held.tell('user', theUser.id)
    held.tell('group', 'any')
    await turn()
    t.same(told, [null])
    t.equal(held.permits.count, 0)
    held.tell('user', theUser.id)
    await turn()
    t.same(told, [null])
  }
})

t.test('a change between the judgement and the holding is not missed', async (t) => {
  const held = new Held()
  held.answer = async () => denied
  const told: (Permit | null)[] = []
  held.permits.hold(permit, request, (outcome) => told.push(outcome))
  await turn()
  t.same(told, [null])
})

t.test('many changes are one question; one that comes during the question is asked again', async (t) => {
  const { held, told } = await holding()
  let finish = (_: Decision): void => {}
  held.answer = () => new Promise((resolve) => (finish = resolve))
  for (let i = 0; i < 100; i++) held.tell('user', theUser.id)
  await turn()
  const during = held.asked.length
  t.ok(during <= 2, `${during} questions for 100 changes`)
  held.tell('user', theUser.id)
  held.answer = async () => denied
  finish(permit)
  await turn()
  t.equal(told.at(-1), null, 'what changed during the question is seen')
})

t.test('no more than 16 questions at once, and all are answered', async (t) => {
  const held = new Held()
  let running = 0
  let most = 0
  held.answer = async () => {
    most = Math.max(most, ++running)
    await turn()
    running--
    return denied
  }
  let ended = 0
  for (let i = 0; i < 200; i++) held.permits.hold(permit, request, (outcome) => outcome === null && ended++)
  for (let i = 0; i < 100 && ended < 200; i++) await turn()
  t.equal(ended, 200)
  t.equal(most, 16)
  t.equal(held.permits.count, 0)
})

t.test('a released permit is neither asked about nor told', async (t) => {
  const { held, told, release } = await holding()
  held.answer = async () => denied
  held.tell('user', theUser.id)
  release()
  await turn()
  t.same(told, [])
  t.equal(held.permits.count, 0)
  held.tell('group', 'any')
  await turn()
  t.ok(held.asked.length <= 1)
})

t.test('a listener that throws harms nobody else', async (t) => {
  const held = new Held()
  held.answer = async () => denied
  let told = 0
  for (let i = 0; i < 40; i++) {
    held.permits.hold(permit, request, () => {
      told++
      throw new Error('a door with a bug')
    })
  }
  for (let i = 0; i < 20; i++) await turn()
  t.equal(told, 40)
})

t.test('what cannot be answered is asked again, and ended after 10 s', async (t) => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => mock.timers.reset())
  const { held, told } = await holding()
  const wait = async (ms: number) => {
    held.clock.ms += ms
    mock.timers.tick(ms)
    await turn()
  }
  held.answer = async () => away
  held.tell('user', theUser.id)
  await turn()
  for (let i = 0; i < 10; i++) await wait(500)
  t.ok(held.asked.length > 5, 'asked again and again')
  held.answer = async () => permit
  await wait(500)
  t.same(told, [permit], 'the database is back: the permit holds')
  held.asked.length = 0
  await wait(20_000)
  t.same(held.asked, [], 'and the questions stop')

  held.answer = async () => away
  held.tell('user', theUser.id)
  await turn()
  for (let i = 0; i < 19; i++) await wait(500)
  t.same(told, [permit], '9.5 s: not yet')
  await wait(500)
  t.same(told, [permit, null], '10 s: ended, counted from the new outage on')
  t.equal(held.permits.count, 0)
})

t.test('nothing is asked or held after the close', async (t) => {
  const { held, told } = await holding()
  held.permits.close()
  held.tell('user', theUser.id)
  await turn()
  t.same([held.asked.length, told.length, held.permits.count, held.listeners.size], [0, 0, 0, 0])
})
