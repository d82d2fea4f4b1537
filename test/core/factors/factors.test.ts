// The parts that proofs are made of, each by itself: codes against the vectors of RFC 6238, real hashes and their bounds,
// remembered passwords, the queue per subject.
import { hash as argon2 } from '@node-rs/argon2'
import t from 'tap'
import { newId, type OrganizationId } from '../../../src/base/ids.ts'
import { Fault } from '../../../src/base/result.ts'
import { Secret } from '../../../src/base/secrets.ts'
import { OneAtATime } from '../../../src/core/factors/one-at-a-time.ts'
import { argon2Hasher, isAcceptableHash, longestPasswordBytes } from '../../../src/core/factors/password.ts'
import { RememberedPasswords } from '../../../src/core/factors/remembered.ts'
import {
  isTotpSeed,
  newTotpSeed,
  normalizeSeed,
  stepOfCode,
  totpUri,
} from '../../../src/core/factors/totp.ts'
import { changeKinds } from '../../../src/core/ports.ts'
import { FakeClock } from '../../support/access.ts'

t.test('codes', async (t) => {
  const seed = new Secret('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ') // "12345678901234567890"
  const seconds = (n: number): Date => new Date(n * 1000)

  await t.test('RFC 6238 appendix B, SHA-1, the last six digits', async (t) => {
    const vectors = [
      ...([
        [59, '287082', 1],
        [1111111109, '081804', 37037036],
        [1111111111, '050471', 37037037],
      ] as const),
      ...([
        [1234567890, '005924', 41152263],
        [2000000000, '279037', 66666666],
        [20000000000, '353130', 666666666],
      ] as const),
    ] as const
    for (const [time, code, step] of vectors) t.equal(stepOfCode(seed, code, seconds(time)), step, code)
  })

  await t.test('one step of tolerance either way, and no second more (M04)', async (t) => {
    // 081804 belongs to the step 37037036: seconds 1111111080 to 1111111109
    const fits = (time: number) => stepOfCode(seed, '081804', seconds(time)) === 37037036
    const [first, last] = [1111111080, 1111111109]
    t.same([first - 31, first - 30, first, last, last + 30, last + 31].map(fits), [
      false,
      true,
      true,
      true,
      true,
      false,
    ])
    t.equal(
      stepOfCode(seed, '081804', new Date((last + 30) * 1000 + 999)),
      37037036,
      'to the end of the second',
    )
    t.equal(stepOfCode(seed, '081804', seconds(last + 3600)), null)
    t.equal(stepOfCode(seed, '081804', seconds(last - 3600)), null)
  })

  await t.test('nothing but six digits is a code', async (t) => {
    for (const text of [
      '',
      '28708',
      '2870820',
      ' 287082',
      '287082 ',
      '287082\n',
      '28708２',
      '+28708',
      '0x1234',
      '287 082',
    ])
      t.equal(stepOfCode(seed, text, seconds(59)), null, JSON.stringify(text))
  })

  await t.test('seeds', async (t) => {
    t.equal(normalizeSeed(' gezd gnbv-gy3t qojq gezd gnbv gy3t qojq== ').reveal(), seed.reveal())
    t.same(
      ['GEZDGNBVGY3TQOJQGEZDGNBVGY', 'GEZDGNBVGY3TQOJQGEZDGNBVG', 'GEZDGNBVGY3TQOJQGEZDGNBVG1', ''].map(
        isTotpSeed,
      ),
      [true, false, false, false],
    )
    const made = newTotpSeed()
    t.match(made.reveal(), /^[A-Z2-7]{32}$/)
    t.not(newTotpSeed().reveal(), made.reveal())
    t.match(totpUri(made, 'Acme: x', 'a@b').reveal(), /^otpauth:\/\/totp\//)
    t.equal(String(made), '[secret]')
    const shortest = normalizeSeed('GEZDGNBVGY3TQOJQGEZDGNBVGY')
    t.doesNotThrow(
      () => stepOfCode(shortest, '000000', seconds(59)),
      'the shortest seed that may be taken over can be used',
    )
  })
})

t.test('password hashes', async (t) => {
  const hasher = argon2Hasher((work) => work())

  await t.test('real ones', async (t) => {
    const stored = await hasher.hash(new Secret('pässword'))
    t.ok(isAcceptableHash(stored.reveal()), 'what is made is what is accepted')
    t.equal(await hasher.matches(stored, new Secret('pässword')), true)
    t.equal(
      await hasher.matches(stored, new Secret('pa\u0308ssword')),
      true,
      'the same letters, composed otherwise',
    )
    t.equal(await hasher.matches(stored, new Secret('Pässword')), false)
    t.equal(await hasher.matches(stored, new Secret('')), false)
    t.not((await hasher.hash(new Secret('pässword'))).reveal(), stored.reveal(), 'salted')
  })

  await t.test(
    'nobody has a hash that is compared, of the same cost, and matches nothing (L22)',
    async (t) => {
      let runs = 0
      const counting = argon2Hasher((work) => {
        runs++
        return work()
      })
      for (const password of ['x', 'muster-nobody', 'PQF:Bummer-for-everybody-here!!'])
        t.equal(await counting.matches(null, new Secret(password)), false)
      t.equal(runs, 3)
      t.match((await counting.hash(new Secret('x'))).reveal(), /^\$argon2id\$v=19\$m=19456,t=2,p=1\$/)
    },
  )

  await t.test('more than 512 bytes never reach the hash (L27)', async (t) => {
    let runs = 0
    const counting = argon2Hasher((work) => {
      runs++
      return work()
    })
    const stored = await hasher.hash(new Secret('x'))
    t.equal(await counting.matches(stored, new Secret('ä'.repeat(longestPasswordBytes / 2 + 1))), false)
    t.equal(await counting.matches(null, new Secret('x'.repeat(longestPasswordBytes + 1))), false)
    await t.rejects(counting.hash(new Secret('x'.repeat(longestPasswordBytes + 1))), RangeError)
    t.equal(runs, 0)
    const longest = new Secret('x'.repeat(longestPasswordBytes))
    t.equal(await counting.matches(await counting.hash(longest), longest), true)
  })

  await t.test(
    'hashes that would cost gigabytes or minutes are refused, at import and again when checked (L27)',
    async (t) => {
      const phc = (m: number | string, time: number | string, p: number | string) =>
        `$argon2id$v=19$m=${m},t=${time},p=${p}$bXVzdGVyLW11c3Rlcg$VUZGOkJ1bW1lci1mb3ItZXZlcnlib2R5LWhlcmUhIQ`
      const good = [phc(19456, 2, 1), phc(262144, 10, 4), phc(8, 1, 1)]
      const bad = [
        ...[
          phc(262145, 2, 1),
          phc(4194304, 1, 1),
          phc(2147483648, 2, 1),
          phc(19456, 11, 1),
          phc(19456, 2147483648, 1),
        ],
        ...[
          phc(19456, 2, 5),
          phc(19456, 0, 1),
          phc(19456, 2, 0),
          phc(7, 1, 1),
          phc(-1, 1, 1),
          phc('1e3', 1, 1),
        ],
        ...[
          phc(19456, 2, 1).replace('argon2id', 'argon2i'),
          phc(19456, 2, 1).replace('v=19', 'v=16'),
          `${phc(19456, 2, 1)}\n`,
        ],
        ...[
          '',
          'x',
          '$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy',
          '{SSHA}AAAA',
          '$argon2id$v=19$m=19456,t=2,p=1$$',
        ],
      ]
      for (const text of good) t.equal(isAcceptableHash(text), true, text)
      for (const text of bad) {
        t.equal(isAcceptableHash(text), false, text)
        await t.rejects(hasher.matches(new Secret(text), new Secret('x')), Fault)
      }
      const imported = await argon2('x', { memoryCost: 8192, timeCost: 3, parallelism: 2, algorithm: 2 })
      t.equal(
        await hasher.matches(new Secret(imported), new Secret('x')),
        true,
        'an imported one of other parameters',
      )
    },
  )
})

t.test('remembered passwords', async (t) => {
  const organization = newId<OrganizationId>()
  const other = newId<OrganizationId>()
  const right = new Secret('right')
  const clock = new FakeClock()
  const make = (most?: number) => {
    const remembered = new RememberedPasswords(clock, most)
    remembered.remember(organization, 'alice', 'v1', right, 60)
    return remembered
  }

  t.equal(make().knows('alice', 'v1', right), true)
  t.equal(make().knows('alice', 'v1', new Secret('wrong')), false, 'another password')
  t.equal(make().knows('bob', 'v1', right), false, 'the same password, another subject')
  const replaced = make()
  t.equal(replaced.knows('alice', 'v2', right), false, 'the password was set anew')
  t.equal(replaced.knows('alice', 'v1', right), false, 'and what is old is dropped for good')
  const wrong = make()
  wrong.knows('alice', 'v1', new Secret('wrong'))
  t.equal(wrong.knows('alice', 'v1', right), true, 'a wrong one in between does not take it away')

  const expiring = make()
  clock.ms += 59_999
  t.equal(expiring.knows('alice', 'v1', right), true)
  clock.ms += 1
  t.equal(expiring.knows('alice', 'v1', right), false, 'over')
  const never = new RememberedPasswords(clock)
  never.remember(organization, 'alice', 'v1', right, 0)
  t.equal(never.knows('alice', 'v1', right), false, 'turned off')

  // of each kind: its own subject's change drops it; of the house, its own organization's
  const own = {
    user: true,
    device: true,
    group: true,
    resource: true,
    binding: true,
    attribute: false,
    'service-account': true,
    organization: true,
    'signing-key': true,
  }
  const house = new Set(['group', 'resource', 'binding', 'organization'])
  for (const kind of changeKinds) {
    const [mine, somebody, elsewhere] = [make(), make(), make()]
    mine.forget([{ organization, kind, id: 'alice' }])
    somebody.forget([{ organization, kind, id: 'somebody-else' }])
    elsewhere.forget([{ organization: other, kind, id: 'something' }])
    if (own[kind]) t.equal(mine.knows('alice', 'v1', right), false, `dropped by a change of ${kind}`)
    t.equal(somebody.knows('alice', 'v1', right), !house.has(kind), `another ${kind}`)
    t.equal(elsewhere.knows('alice', 'v1', right), true, `another organization's ${kind}`)
  }
  const told = make()
  told.forgetSubject('alice')
  t.equal(told.knows('alice', 'v1', right), false)

  const small = make(2)
  small.remember(organization, 'bob', 'v1', right, 60)
  small.remember(organization, 'carol', 'v1', right, 60)
  t.same(
    ['alice', 'bob', 'carol'].map((name) => small.knows(name, 'v1', right)),
    [false, true, true],
    'bounded: the oldest goes',
  )
})

t.test('one at a time', async (t) => {
  const turns = new OneAtATime(3)
  let running = 0
  let most = 0
  const order: number[] = []
  const work = (n: number, key: string) =>
    turns.run(key, async () => {
      most = Math.max(most, ++running)
      await new Promise((resolve) => setImmediate(resolve))
      running--
      order.push(n)
      if (n === 1) throw new Error('the first one fails')
      return n
    })
  const three = [work(1, 'alice'), work(2, 'alice'), work(3, 'alice')]
  t.match(await work(4, 'alice').catch((error: unknown) => error), { reason: 'busy' })
  const settled = await Promise.allSettled(three)
  t.same(
    settled.map(({ status }) => status),
    ['rejected', 'fulfilled', 'fulfilled'],
    'a failure stops nobody behind it',
  )
  t.same(order, [1, 2, 3])
  t.equal(most, 1)
  t.equal(await work(5, 'alice'), 5, 'there is room again')
  most = 0
  await Promise.all([work(6, 'alice'), work(7, 'bob')])
  t.equal(most, 2, 'others do not wait')
  t.equal(turns.isWaitedFor('alice'), false)
  const waiting = work(8, 'alice')
  t.equal(turns.isWaitedFor('alice'), true)
  t.equal(turns.isWaitedFor('bob'), false)
  await waiting
})
