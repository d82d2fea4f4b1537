// The RADIUS door in bad times: decisions that fail or do not come, too much at once, clients that change, and any bytes
// at all.
import { createHmac } from 'node:crypto'
import t from 'tap'
import { type Log, silentLog } from '../../src/base/log.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import type { AccessRequest } from '../../src/core/access/request.ts'
import { peerOf } from '../../src/net/peer.ts'
import { listen, open, permit, site } from '../support/radius-door.ts'
import { buildRequest, nasSecret, pap } from '../support/radius-nas.ts'

t.test('W16 whatever happens in a decision costs one answer', async (t) => {
  const overflow = (): never => overflow()
  const accidents: Record<string, () => Decision | Promise<Decision>> = {
    throws: () => {
      throw new Error('injected')
    },
    rejects: () => Promise.reject(new Error('injected')),
    overflows: overflow,
    nonsense: () => ({ outcome: 'whatever' }) as unknown as Decision,
    nothing: () => undefined as unknown as Decision,
    'bad attributes': () => permit({ reply: [null as unknown as { name: string; value: string }] }),
  }
  const lines: string[] = []
  const log: Log = { ...silentLog, error: (_, message) => void lines.push(message) }
  const decide = ({ subject }: AccessRequest) => {
    const accident = 'name' in subject ? accidents[subject.name] : undefined
    return accident === undefined ? permit() : accident()
  }
  const { door, fates } = await open(t, { decide, log })
  const { nas } = await listen(t, door)
  for (const accident of Object.keys(accidents)) {
    nas.send(pap(accident, 'x', { identifier: 1 }))
    t.same((await nas.exchange(pap('alice', 'x', { identifier: 2 }))).code, 2, `after ${accident}`)
    t.same(fates.splice(0), ['failed', 'accept'], accident)
  }
  t.equal(lines.length, Object.keys(accidents).length, 'each is in the log')
})

t.test('a busy or deaf server is silent, so that the NAS turns to another', async (t) => {
  let go = (_: Decision): void => {}
  const { receive, fates, clock } = await open(t, {
    decide: () => new Promise((resolve) => (go = resolve)),
    settings: { undecided: 1 },
  })
  const first = receive(pap('alice', 'right', { identifier: 1 }))
  const second = pap('alice', 'right', { identifier: 2 })
  t.same(await receive(second), [])
  t.same(fates, ['busy'])
  go(permit())
  t.equal((await first).length, 1)
  const later = receive(second)
  go(permit())
  t.equal((await later).length, 1, 'and what was not answered is a new request when it comes again')
  clock.stalenessMs = 10_001
  t.same(
    await receive(buildRequest({ code: 12 })),
    [],
    'Status-Server, when no word of changes comes any more',
  )
})

t.test('refusals are held back; beyond a bound the longest one goes out early', async (t) => {
  const { door, receive, fates } = await open(t, { settings: { rejectDelayMs: 60_000, delayedRejects: 2 } })
  const held = [1, 2, 3].map((identifier) => receive(pap('nobody', 'x', { identifier })))
  t.equal((await receive(pap('alice', 'right'))).length, 1, 'a permit is not held back')
  t.equal((await held[0])?.length, 1, 'the third refusal lets the first go')
  t.same(fates, ['accept', 'reject'])
  held.push(receive(pap('nobody', 'x', { identifier: 4 })))
  t.equal((await held[1])?.length, 1, 'and the fourth the second')
  door.close()
  const rest = await Promise.all(held.slice(2))
  t.same(
    rest.map((sent) => sent.length),
    [1, 1],
    'the close lets the others go',
  )
  t.equal((await receive(pap('nobody', 'x', { identifier: 5 }))).length, 1, 'and holds nothing back any more')
})

t.test('clients follow the change feed, and outlive a database that is away', async (t) => {
  let served = [site('127.0.0.1/32', 'the-first-secret')]
  let away = false
  const { receive, change } = await open(t, {
    list: async () => {
      if (away) throw new Error('away')
      return served
    },
  })
  const knows = async (secret: string) => (await receive(pap('alice', 'x', { secret }))).length === 1
  const until = async (condition: () => Promise<boolean>) => {
    while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5))
  }
  t.ok(await knows('the-first-secret'))
  served = [site('127.0.0.1/32', 'the-second-secret'), site('no network'), site('127.0.0.1/32', 'twice')]
  change('user')
  change('resource')
  await until(() => knows('the-second-secret'))
  t.notOk(await knows('the-first-secret'), 'the former secret is no longer good')
  away = true
  served = []
  change('organization')
  await new Promise((resolve) => setTimeout(resolve, 150))
  t.ok(await knows('the-second-secret'), 'what was known stays in force')
  away = false
  await until(async () => !(await knows('the-second-secret')))
  t.pass('and is read again without another change')
})

t.test('any bytes at all: one fate each, no throw, and no reply to what is not signed', async (t) => {
  const datagrams = 50_000
  let state = 0x2545f491
  /** xorshift32, so that a failure can be met again. */
  const random = (below: number): number => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
  const authenticator = Buffer.alloc(16, 3)
  const extras = [
    [33, 'proxied'],
    [24, 'state'],
    [79, Buffer.from('0201000501', 'hex')],
    [32, 'vpn'],
  ] as const
  const seeds = [
    ...extras.map((extra) => pap('alice', 'right', { authenticator, attributes: [extra] })),
    ...['alice', 'bob', 'nobody', 'lost'].map((name) => pap(name, 'right', { authenticator })),
    buildRequest({ code: 12, authenticator, attributes: extras }),
    buildRequest({ attributes: [[1, 'alice']], password: Buffer.alloc(128, 255), authenticator }),
    pap('alice', 'right', { authenticator, signature: 'none' }),
  ]
  /** Written anew, so that it shares no oversight with the door: the only Message-Authenticator, over the packet. */
  const isSigned = (bytes: Buffer): boolean => {
    const packet = Buffer.from(bytes.subarray(0, bytes.readUInt16BE(2)))
    let found: Buffer | null = null
    for (let at = 20; at < packet.length; at += packet[at + 1] as number) {
      if (packet[at] !== 80) continue
      if (found !== null || packet[at + 1] !== 18) return false
      found = Buffer.from(packet.subarray(at + 2, at + 18))
      packet.fill(0, at + 2, at + 18)
    }
    return found !== null && createHmac('md5', nasSecret).update(packet).digest().equals(found)
  }
  /** Attributes over bytes that were changed, signed: these get past the proof, and must be refused or answered. */
  const resign = (bytes: Buffer): void => {
    const at = bytes.length - 18
    if (at < 20 || bytes[at] !== 80 || bytes[at + 1] !== 18 || bytes.readUInt16BE(2) !== bytes.length) return
    bytes.fill(0, at + 2)
    createHmac('md5', nasSecret)
      .update(bytes)
      .digest()
      .copy(bytes, at + 2)
  }
  const mutate = (): Buffer => {
    let bytes = Buffer.from(seeds[random(seeds.length)] as Buffer)
    if (random(10) === 0) bytes = bytes.subarray(0, random(bytes.length + 1))
    if (random(20) === 0) bytes = Buffer.concat([bytes, Buffer.alloc(random(64), random(256))])
    for (let changes = random(4); changes > 0 && bytes.length > 0; changes--)
      bytes[random(bytes.length)] = random(256)
    if (random(2) === 0 && bytes.length >= 20) resign(bytes)
    return bytes
  }

  const { door, fates } = await open(t)
  const wrong: string[] = []
  let answered = 0
  for (let i = 0; i < datagrams; i++) {
    const bytes = mutate()
    const before = Buffer.from(bytes)
    await door.onDatagram(bytes, peerOf('127.0.0.1', 5000 + (i % 3)), () => {
      answered++
      if (!isSigned(before)) wrong.push(before.toString('hex'))
    })
    if (!before.equals(bytes)) wrong.push(`changed: ${before.toString('hex')}`)
  }
  t.same(wrong.slice(0, 3), [])
  t.equal(fates.length, datagrams, 'one fate each')
  t.notOk(fates.includes('failed'), 'and none of them an accident')
  t.ok(answered > 5_000 && answered < datagrams, `${answered} answered`)
  const seen = new Set(fates)
  for (const fate of [
    'accept',
    'challenge',
    'reject',
    'status',
    'undecided',
    'unsigned',
    'unsigned-proxied',
    'forged',
    'malformed',
    'unexpected-code',
  ])
    t.ok(seen.has(fate), fate)
})
