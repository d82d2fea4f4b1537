// Failures, one-time codes and parked challenges under simultaneous tries, where several processes would make them.
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import t, { type Test } from 'tap'
import {
  type ConversationId,
  type FactorId,
  newId,
  type ResourceId,
  type UserId,
} from '../../src/base/ids.ts'
import type { LockoutSettings } from '../../src/core/directory/types.ts'
import type { Change, Conversation, Conversations, Lockouts } from '../../src/core/ports.ts'
import { memoryConversations, redisConversations } from '../../src/store/conversations.ts'
import { createFactors } from '../../src/store/factors.ts'
import { createLockouts } from '../../src/store/lockouts.ts'
import { sql } from '../../src/store/sql.ts'
import { FakeClock } from '../support/access.ts'
import { redisUrl } from '../support/database.ts'
import { openStore, plantOrganization, type StoreUnderTest, storeKinds } from '../support/store.ts'

const folder = t.testdir({})
const settings: LockoutSettings = { limit: 5, firstSeconds: 60, longestSeconds: 600, wrongCodesPerDay: 20 }
const start = new Date('2026-03-01T12:00:00.000Z')
const after = (seconds: number): Date => new Date(start.getTime() + seconds * 1000)

for (const kind of storeKinds) {
  t.test(`lockouts and codes: ${kind}`, async (t) => {
    const store = await openStore(t, kind, join(folder, 'data'))
    await t.test('lockouts', (t) => testLockouts(t, store))
    await t.test('wrong codes of the day', (t) => testWrongCodes(t, store))
    await t.test('steps', (t) => testSteps(t, store))
  })
}

async function testLockouts(t: Test, store: StoreUnderTest) {
  const { id: organization } = await plantOrganization(store, 'lockouts')
  const announced: Change[] = []
  const lockouts: Lockouts = createLockouts(store.database, (changes) => void announced.push(...changes))
  const [home, elsewhere] = ['192.0.2.1', '198.51.100.9']
  const attempt = (
    who: string | null,
    seconds = 0,
    peer: string | null = elsewhere,
    more: Partial<LockoutSettings> = {},
  ) => lockouts.reserve(organization, who, peer, after(seconds), { ...settings, ...more })
  const attempts = async (n: number, who: string | null, seconds = 0, peer: string | null = elsewhere) => {
    const told: string[] = []
    for (let i = 0; i < n; i++) {
      const foreseen =
        who !== null && (await lockouts.isLocked(organization, who, peer, after(seconds), settings))
      const one = await attempt(who, seconds, peer)
      t.equal(foreseen, one === 'locked', 'what is foreseen, without counting, is what is told')
      told.push(one)
    }
    return told
  }
  const settle = (who: string, how: 'returned' | 'cleared', seconds = 0, peer: string | null = elsewhere) =>
    lockouts.settle(organization, who, peer, after(seconds), how)
  const logged = async (who: string) =>
    (await store.database.query(sql`select from change_log where org = ${organization} and id = ${who}`))
      .length

  await t.test('M18: of 200 simultaneous wrong guesses no more than the limit are looked at', async (t) => {
    const who = newId<UserId>()
    announced.length = 0
    const told = await Promise.all(
      Array.from({ length: 200 }, (_, i) => attempt(who, 0, i % 2 ? elsewhere : `203.0.113.${i}`)),
    )
    t.equal(told.filter((one) => one === 'go').length, settings.limit)
    t.same(announced, [{ organization, kind: 'user', id: who }], 'the lock is told, once')
    t.equal(await logged(who), 1)
  })

  await t.test('locks are for a while, longer each time, and not for ever', async (t) => {
    const who = newId<UserId>()
    t.same(await attempts(7, who), ['go', 'go', 'go', 'go', 'go', 'locked', 'locked'])
    let now = 0
    for (const lasts of [60, 120, 240, 480, 600, 600, 600]) {
      t.equal(await attempt(who, now + lasts - 1), 'locked', `${lasts} s: still locked`)
      t.equal(await attempt(who, now + lasts), 'go', 'over: one more try')
      now += lasts
      t.equal(await attempt(who, now), 'locked', 'which locks again')
    }
    t.same(
      await attempts(6, who, now + 600 + 3601),
      ['go', 'go', 'go', 'go', 'go', 'locked'],
      'an hour without failures or lock ends the row',
    )
  })

  await t.test('a lock of hours ends with one more try, too, not with a new row of them', async (t) => {
    const who = newId<UserId>()
    const hours = { firstSeconds: 7200, longestSeconds: 14_400 }
    for (let i = 0; i < 6; i++) await attempt(who, 0, elsewhere, hours)
    const told: string[] = []
    for (let i = 0; i < 3; i++) told.push(await attempt(who, 7200, elsewhere, hours))
    t.same(told, ['go', 'locked', 'locked'])
  })

  await t.test('a limit of one locks with the first failure, every time', async (t) => {
    const who = newId<UserId>()
    for (const seconds of [0, 7200, 14_400]) {
      t.equal(await attempt(who, seconds, elsewhere, { limit: 1 }), 'go')
      t.equal(await attempt(who, seconds, elsewhere, { limit: 1 }), 'locked', `at ${seconds} s`)
    }
    const coded = newId<UserId>()
    await lockouts.reserveCode(organization, coded, start, settings)
    t.equal(await attempt(coded, 0, elsewhere, { limit: 1 }), 'go')
    t.equal(await attempt(coded, 0, elsewhere, { limit: 1 }), 'locked')
  })

  await t.test('success forgets the failures; what was no failure is given back', async (t) => {
    const who = newId<UserId>()
    for (let i = 0; i < 3; i++) {
      t.same(await attempts(5, who), ['go', 'go', 'go', 'go', 'go'])
      await settle(who, 'cleared')
    }
    const other = newId<UserId>()
    for (let i = 0; i < 12; i++) {
      t.equal(await attempt(other), 'go')
      await settle(other, 'returned')
    }
    t.same(await attempts(6, other), ['go', 'go', 'go', 'go', 'go', 'locked'])
  })

  await t.test('what is given back does not end a lock that others have earned', async (t) => {
    const who = newId<UserId>()
    await attempt(who, 0, home)
    await settle(who, 'cleared', 0, home)
    t.same(await attempts(6, who), ['go', 'go', 'go', 'go', 'go', 'locked'])
    t.equal(await attempt(who, 1, home), 'go', 'the right password, at home; a code is still wanted')
    await settle(who, 'returned', 1, home)
    t.equal(await attempt(who, 2), 'locked')
  })

  await t.test('who is locked out by others can still try from a familiar place', async (t) => {
    const who = newId<UserId>()
    await attempt(who, 0, home)
    await settle(who, 'cleared', 0, home)
    await attempts(20, who)
    t.equal(await attempt(who), 'locked')
    t.equal(await lockouts.isFamiliar(organization, who, home, start), true)
    t.equal(await lockouts.isFamiliar(organization, who, elsewhere, start), false)
    t.equal(await lockouts.isFamiliar(organization, who, null, start), false)
    t.equal(await lockouts.isFamiliar(organization, null, home, start), false)
    t.equal(await lockouts.isFamiliar(organization, who, home, after(31 * 86_400)), false)
    t.same(
      await attempts(7, who, 1, home),
      ['go', 'go', 'go', 'go', 'go', 'locked', 'locked'],
      'but that place can fail, too',
    )
    t.equal(await attempt(who, 1, '192.0.2.2'), 'locked', 'a place next to it is another')
    const lucky = newId<UserId>()
    await attempt(lucky, 0, home)
    await settle(lucky, 'cleared', 0, home)
    await attempts(20, lucky)
    t.equal(await attempt(lucky, 1, home), 'go')
    await settle(lucky, 'cleared', 1, home)
    t.equal(await attempt(lucky, 2), 'go', 'success ends the lock')
    t.equal(await attempt(lucky, 31 * 86_400, home), 'go')
    await attempts(20, lucky, 31 * 86_400)
    t.equal(
      await attempt(lucky, 31 * 86_400, home),
      'locked',
      'after 30 days a place is not familiar any more',
    )
  })

  await t.test('an unknown peer is never a familiar place', async (t) => {
    const who = newId<UserId>()
    await attempt(who, 0, null)
    await settle(who, 'cleared', 0, null)
    await attempts(5, who)
    t.equal(await attempt(who, 0, null), 'locked')
    t.equal(await attempt(who, 0, ''), 'locked')
  })

  await t.test('simultaneous guesses from a familiar place, during a lock', async (t) => {
    const who = newId<UserId>()
    await attempt(who, 0, home)
    await settle(who, 'cleared', 0, home)
    await attempts(6, who)
    const told = await Promise.all(
      Array.from({ length: 100 }, (_, i) => attempt(who, 1, i % 2 ? home : elsewhere)),
    )
    t.equal(told.filter((one) => one === 'go').length, settings.limit)
  })

  await t.test('nobody is never locked, and counts for nobody', async (t) => {
    const told = await Promise.all(Array.from({ length: 60 }, () => attempt(null)))
    t.ok(told.every((one) => one === 'go'))
    t.same(await attempts(10, null), Array(10).fill('go'))
    t.equal(await attempt(newId<UserId>()), 'go')
  })

  await t.test(
    'guesses mixed with successes: no error, and no more than the limit between two successes',
    async (t) => {
      const who = newId<UserId>()
      await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const peer = `203.0.113.${i % 7}`
          if ((await attempt(who, 0, peer)) === 'go' && i % 3 === 0)
            await settle(who, i % 2 ? 'returned' : 'cleared', 0, peer)
        }),
      )
      await settle(who, 'cleared')
      t.same(await attempts(6, who), ['go', 'go', 'go', 'go', 'go', 'locked'])
    },
  )

  await t.test('organizations count for themselves', async (t) => {
    const { id: other } = await plantOrganization(store, 'lockouts-other')
    const who = newId<UserId>()
    await attempts(6, who)
    t.equal(await lockouts.reserve(other, who, elsewhere, start, settings), 'go')
    await lockouts.settle(other, who, elsewhere, start, 'cleared')
    t.equal(await attempt(who), 'locked')
  })
}

async function testWrongCodes(t: Test, store: StoreUnderTest) {
  const { id: organization } = await plantOrganization(store, 'codes')
  const lockouts = createLockouts(store.database, () => {})
  const show = (who: string, seconds = 0) => lockouts.reserveCode(organization, who, after(seconds), settings)
  const who = newId<UserId>()
  const all = await Promise.all(Array.from({ length: 100 }, () => show(who)))
  t.equal(all.filter(Boolean).length, 20, 'M01: of 100 at once, 20 are looked at')
  await lockouts.reserve(organization, who, 'x', start, settings)
  await lockouts.settle(organization, who, 'x', start, 'cleared')
  t.equal(await show(who), false, 'a success in between changes nothing')
  t.equal(await show(who, 86_399), false)
  t.equal(await show(who, 86_400), true, 'after 24 hours')
  const right = newId<UserId>()
  for (let i = 0; i < 30; i++) {
    t.equal(await show(right), true)
    await lockouts.returnCode(organization, right)
  }
  await lockouts.returnCode(organization, right)
  t.equal(
    (await Promise.all(Array.from({ length: 30 }, () => show(right)))).filter(Boolean).length,
    20,
    'right ones are not counted, and nothing is given in advance',
  )
}

async function testSteps(t: Test, store: StoreUnderTest) {
  const { id: organization } = await plantOrganization(store, 'steps')
  const factors = createFactors(store.database, store.sealer)
  const add = async (): Promise<FactorId> => {
    const id = newId<FactorId>()
    await store.database.query(sql`insert into factor (org, id, owner_id, kind, secret, version, created_at)
      values (${organization}, ${id}, ${randomUUID()}, 'totp', '', gen_random_uuid(), now())`)
    return id
  }
  const id = await add()
  const step = 58_000_000
  const all = await Promise.all(Array.from({ length: 50 }, () => factors.useStep(organization, id, step)))
  t.equal(all.filter(Boolean).length, 1, 'M02: of 50 uses of one code, one counts')
  t.equal(
    await factors.useStep(organization, id, step - 1),
    false,
    'M04: no way back, whatever the clock does',
  )
  t.equal(await factors.useStep(organization, id, step + 1), true)
  t.equal(await factors.useStep(organization, id, step), false)
  const mixed = await add()
  const many = Array.from({ length: 60 }, (_, i) => step + (i % 6))
  const used = await Promise.all(
    many.map(async (one) => ((await factors.useStep(organization, mixed, one)) ? one : null)),
  )
  const won = used.filter((one) => one !== null)
  t.equal(new Set(won).size, won.length, 'no step twice')
  t.ok(won.includes(step + 5))
  const { id: other } = await plantOrganization(store, 'steps-other')
  t.equal(await factors.useStep(other, id, step + 9), false, 'of another organization')
  t.equal(await factors.useStep(organization, newId<FactorId>(), step), false, 'of no factor')
}

// ---- parked challenges -------------------------------------------------------------------------------------------

const conversation = (): Conversation => ({
  kind: 'challenge',
  browser: null,
  organization: newId(),
  subject: newId<UserId>(),
  resource: newId<ResourceId>(),
  peer: '192.0.2.1',
  proof: [{ kind: 'password', factorVersion: 'v1', at: start }],
})

async function testConversations(t: Test, conversations: Conversations, wait: (ms: number) => Promise<void>) {
  const parked = conversation()
  const id = newId<ConversationId>()
  await conversations.park(id, parked, 120)
  t.equal(await conversations.take(newId<ConversationId>()), null)
  const all = await Promise.all(Array.from({ length: 50 }, () => conversations.take(id)))
  t.same(
    all.filter((one) => one !== null),
    [parked],
    'of 50 takers, one gets it, whole',
  )
  const short = newId<ConversationId>()
  await conversations.park(short, parked, 1)
  await wait(1_010)
  t.equal(await conversations.take(short), null, 'over')
}

t.test('conversations in memory', async (t) => {
  const clock = new FakeClock()
  const conversations = memoryConversations(clock)
  await testConversations(t, conversations, async (ms) => {
    clock.ms += ms
  })
  const ids = Array.from({ length: 50_002 }, () => newId<ConversationId>())
  for (const id of ids) await conversations.park(id, conversation(), 120)
  t.same(
    [await conversations.take(ids[0] as ConversationId), await conversations.take(ids[1] as ConversationId)],
    [null, null],
    'bounded: the oldest go',
  )
  t.ok(await conversations.take(ids[2] as ConversationId))

  const large = (): Conversation => ({
    kind: 'request',
    organization: newId(),
    ...{ browser: 'a', door: 'saml', data: 'x'.repeat(1024 * 1024) },
  })
  const heavy = Array.from({ length: 40 }, () => newId<ConversationId>())
  for (const one of heavy) await conversations.park(one, large(), 120)
  const left = await Promise.all(heavy.map((one) => conversations.find(one)))
  t.equal(left.filter((one) => one !== null).length, 31, 'bounded in size, too')
  t.ok(left.at(-1))
  t.ok(await conversations.find(ids.at(-1) as ConversationId), 'each kind by itself')
})

t.test('conversations in Redis', async (t) => {
  const redis = new Redis(await redisUrl(t), { enableAutoPipelining: true })
  t.teardown(() => redis.disconnect())
  await testConversations(
    t,
    redisConversations(redis),
    (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
  )
  const away = new Redis({
    host: '127.0.0.1',
    port: 1,
    lazyConnect: true,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  })
  away.on('error', () => {})
  t.match(
    await redisConversations(away)
      .take(newId<ConversationId>())
      .catch((error: unknown) => error),
    { name: 'Fault', reason: 'unavailable' },
    'Redis away is a fault, not a missing conversation',
  )
})
