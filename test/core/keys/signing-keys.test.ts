// The timeline of signing keys: whatever is rotated whenever, somebody who fetched the keys can check what is signed. And the
// keys themselves are what they say.
import { createPrivateKey, createPublicKey, sign, verify, X509Certificate } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { newId, type SigningKeyId } from '../../../src/base/ids.ts'
import { makeKey } from '../../../src/core/keys/make.ts'
import {
  beginningOf,
  overlapSeconds,
  publishedAt,
  signingAt,
  stateOf,
  withdrawals,
} from '../../../src/core/keys/timeline.ts'
import type { SigningKey } from '../../../src/core/ports.ts'

const hour = 3600
const day = 24 * hour
const begin = new Date('2026-03-01T00:00:00.000Z')
const after = (seconds: number) => new Date(begin.getTime() + seconds * 1000)

function keyFrom(created: number, active: number, algorithm: SigningKey['algorithm'] = 'RS256'): SigningKey {
  const times = { createdAt: after(created), activeFrom: after(active), retiredAt: null }
  return { id: newId<SigningKeyId>(), purpose: 'oidc', algorithm, publicText: '', ...times }
}

/** What the store keeps once this key is added. */
function add(keys: readonly SigningKey[], made: SigningKey, at: Date): SigningKey[] {
  const gone = new Map(withdrawals(publishedAt(keys, at), made, at).map((one) => [one.id, one.at]))
  return [...keys.map((key) => ({ ...key, retiredAt: gone.get(key.id) ?? key.retiredAt })), made]
}

t.test('a rotation: shown first, signing next, and checked for a day after its end', async (t) => {
  const first = keyFrom(0, 0)
  const next = keyFrom(10 * day, 10 * day + hour)
  const keys = add([first], next, next.createdAt)
  const table: [number, string, string][] = [
    [10 * day, 'signing', 'next'],
    [10 * day + hour - 1, 'signing', 'next'],
    [10 * day + hour, 'retiring', 'signing'],
    [11 * day + hour - 1, 'retiring', 'signing'],
  ]
  for (const [seconds, ...states] of table) {
    const found = keys.map((key) => stateOf(keys, key, after(seconds)))
    t.same(found, states, `after ${seconds} s`)
    t.equal(publishedAt(keys, after(seconds)).length, 2)
  }
  t.same(publishedAt(keys, after(11 * day + hour)), [next])
})

t.test('rotated again before the new key signed', async (t) => {
  const first = keyFrom(0, 0)
  const week = keyFrom(day, 8 * day)
  const now = keyFrom(2 * day, 2 * day)
  const keys = add(add([first], week, week.createdAt), now, now.createdAt)
  t.equal(signingAt(keys, 'RS256', after(2 * day)), now, 'at once')
  t.equal(signingAt(keys, 'RS256', after(9 * day)), now, 'and what was to come never does')
  t.same(
    publishedAt(keys, after(2 * day)).map(({ id }) => id),
    [now.id, first.id],
  )
  t.same(publishedAt(keys, after(3 * day)), [now])
})

t.test('at the same instant, and with a clock that is ahead elsewhere', async (t) => {
  const first = keyFrom(5, 5)
  const begins = beginningOf([first], 0, after(4))
  t.same(begins, new Date(after(5).getTime() + 1), 'after what may sign already')
  const made = { ...keyFrom(4, 4), activeFrom: begins }
  t.same(
    withdrawals([first], made, after(4)),
    [{ id: first.id, at: new Date(begins.getTime() + day * 1000) }],
    'which is not taken away at once',
  )
})

t.test('other algorithms are left alone; a clock that is behind finds the first key', async (t) => {
  const [rsa, ec] = [keyFrom(0, 0), keyFrom(0, 0, 'ES256')]
  const next = keyFrom(day, day + hour)
  t.same(
    withdrawals([rsa, ec], next, after(day)).map(({ id }) => id),
    [rsa.id],
  )
  t.equal(signingAt([rsa, ec], 'ES256', after(-5)), ec)
  t.equal(signingAt([rsa], 'ES256', after(0)), null)
})

t.test('whatever is rotated whenever, what signs has begun, and is shown for a day after', async (t) => {
  const rotation = fc.record({ wait: fc.nat(3 * day), lead: fc.nat(2 * day) })
  fc.assert(
    fc.property(fc.array(rotation, { maxLength: 8 }), (rotations) => {
      let keys: SigningKey[] = [keyFrom(0, 0)]
      let now = 0
      const instants = [0]
      for (const { wait, lead } of rotations) {
        now += wait
        const begins = beginningOf(keys, lead, after(now))
        const made = { ...keyFrom(now, now + lead), activeFrom: begins }
        // Until now the signer was known to those who looked before; what they saw is what signed.
        keys = add(keys, made, after(now))
        instants.push(now, now + lead, now + lead + 1)
        if (signingAt(keys, 'RS256', begins)?.id !== made.id)
          throw new Error('a new key signs when it begins')
      }
      for (let at = 0; at < now + 5 * day; at += 6 * hour) instants.push(at)
      for (const at of instants.filter((each) => each >= now)) {
        const signer = signingAt(keys, 'RS256', after(at))
        if (signer === null) throw new Error(`nobody signs after ${at} s`)
        if (signer.activeFrom > after(at)) throw new Error(`a key signs before it begins, after ${at} s`)
        const published = publishedAt(keys, after(at + overlapSeconds - 1))
        if (!published.some(({ id }) => id === signer.id)) {
          throw new Error(`what was signed after ${at} s cannot be checked a day long`)
        }
      }
      const unretired = keys.filter(({ retiredAt }) => retiredAt === null)
      if (unretired.length !== 1) throw new Error('exactly one key has no end')
    }),
    { numRuns: 300 },
  )
  t.pass('300 histories')
})

t.test('keys sign, and their public halves check it', async (t) => {
  const text = Buffer.from('muster')
  const name = `Ä"+,=\\#; ${'long '.repeat(30)}`
  for (const [purpose, algorithm] of [
    ['oidc', 'RS256'],
    ['oidc', 'ES256'],
    ['saml', 'RS256'],
  ] as const) {
    const made = await makeKey(purpose, algorithm, name, begin, begin)
    const signature = sign('sha256', text, createPrivateKey(made.privateKey.reveal()))
    t.ok(verify('sha256', text, createPublicKey(made.publicText), signature), `${purpose} ${algorithm}`)
    t.equal(String(made.privateKey), '[secret]')
    if (purpose === 'oidc') continue
    const certificate = new X509Certificate(made.publicText)
    t.ok(certificate.verify(certificate.publicKey), 'signed by itself')
    t.equal(certificate.ca, false)
    t.equal(
      certificate.subject,
      `CN=${[...`Muster SAML ${name}`].slice(0, 64).join('').trim()}`.replace(/(["+,\\;])/g, '\\$1'),
    )
    t.ok(certificate.validToDate > after(9.9 * 365 * day))
  }
})
