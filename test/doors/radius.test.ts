// The RADIUS door on its wire, with a decision that is looked up in a table: the four decisions, what gets no answer at
// all, and what comes twice. Requests and proofs come from a NAS that shares no code with the door.
import { createRequire } from 'node:module'
import t from 'tap'
import { type Log, silentLog } from '../../src/base/log.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import { peerOf } from '../../src/net/peer.ts'
import { run } from '../support/process.ts'
import { conversation, indeterminate, listen, open, permit, site } from '../support/radius-door.ts'
import { buildRequest, nasSecret, pap, proveReply } from '../support/radius-nas.ts'

const text = (value: string): string => Buffer.from(value).toString('hex')
const vlanAttributes = (vlan: number): string[] => ['64=0000000d', '65=00000006', `81=${text(String(vlan))}`]

t.test('the four decisions on its wire, R04 Message-Authenticator first', async (t) => {
  const { door, fates } = await open(t)
  const { nas } = await listen(t, door)
  const accept = await nas.exchange(pap('alice', 'right'))
  t.same(accept, { code: 2, identifier: 7, attributes: ['80', ...vlanAttributes(20), `11=${text('staff')}`] })
  const prompt = `18=${text('Enter your verification code')}`
  const asked = await nas.exchange(pap('bob', 'right', { identifier: 255 }))
  t.same(asked, {
    code: 11,
    identifier: 255,
    attributes: ['80', `24=${text(conversation)}`, prompt, '27=00000078'],
  })
  const answered = await nas.exchange(pap('bob', '123456', { attributes: [[24, conversation]] }))
  t.same(answered.attributes, ['80', ...vlanAttributes(30)], 'the State came back with the code')
  t.same(await nas.exchange(pap('nobody', 'x')), { code: 3, identifier: 7, attributes: ['80'] }, 'no details')

  nas.send(pap('lost', 'right'))
  const status = await nas.exchange(buildRequest({ code: 12, identifier: 9 }))
  t.same(status, { code: 2, identifier: 9, attributes: ['80'] }, 'indeterminate is silence')
  t.same(fates, ['accept', 'challenge', 'accept', 'reject', 'undecided', 'status'])
})

t.test('R03 Proxy-State goes back unchanged and in order, in every reply', async (t) => {
  const { receive } = await open(t)
  const attributes = [
    [33, 'two'],
    [33, 'one'],
    [33, Buffer.alloc(253, 7)],
  ] as const
  const back = [`33=${text('two')}`, `33=${text('one')}`, `33=${'07'.repeat(253)}`]
  for (const [name, before] of [
    ['carol', 0],
    ['bob', 3],
    ['nobody', 0],
  ] as const) {
    const request = pap(name, 'x', { attributes })
    const [reply] = await receive(request)
    t.same(proveReply(reply as Buffer, request).attributes.slice(1 + before), back, name)
  }
  const status = buildRequest({ code: 12, attributes })
  t.same(proveReply((await receive(status))[0] as Buffer, status).attributes.slice(1), back)
})

t.test('R01 R03 unsigned and forged requests, R09 R10 no packets, other codes: silence', async (t) => {
  const { receive, fates, asked } = await open(t)
  const cut = pap('alice', 'right')
  const short = Buffer.from(cut).fill(0, 2, 4)
  short[3] = 19
  const long = Buffer.concat([cut, Buffer.alloc(4100)])
  long.writeUInt16BE(4097, 2)
  const noLength = Buffer.from(cut)
  noLength[21] = 1
  const cases: [string, Buffer, string][] = [
    ['without Message-Authenticator', pap('alice', 'right', { signature: 'none' }), 'unsigned'],
    [
      'and with Proxy-State',
      pap('alice', 'right', { signature: 'none', attributes: [[33, 'x']] }),
      'unsigned-proxied',
    ],
    ['another secret', pap('alice', 'right', { secret: 'another-radius-secret' }), 'forged'],
    ['one bit off', pap('alice', 'right', { signature: 'wrong' }), 'forged'],
    ['two of them', pap('alice', 'right', { attributes: [[80, Buffer.alloc(16)]] }), 'forged'],
    ['Status-Server unsigned', buildRequest({ code: 12, signature: 'none' }), 'unsigned'],
    ['Status-Server forged', buildRequest({ code: 12, signature: 'wrong' }), 'forged'],
    ['Accounting-Request', buildRequest({ code: 4 }), 'unexpected-code'],
    ['Access-Accept', buildRequest({ code: 2 }), 'unexpected-code'],
    ['R09 longer than the datagram', cut.subarray(0, -1), 'malformed'],
    ['R09 Length 19', short, 'malformed'],
    ['R09 Length 4097', long, 'malformed'],
    ['R09 an attribute of length 1', noLength, 'malformed'],
    ['R09 nothing', Buffer.alloc(0), 'malformed'],
    [
      'R10 201 attributes',
      buildRequest({ attributes: Array.from({ length: 201 }, () => [25, 'x'] as const) }),
      'malformed',
    ],
  ]
  for (const [what, bytes, fate] of cases) {
    t.same(await receive(bytes), [], what)
    t.equal(fates.pop(), fate, what)
  }
  t.same(asked, [], 'and nothing was asked')
  t.equal(
    (await receive(Buffer.concat([cut, Buffer.from('padding')]))).length,
    1,
    'R09 bytes after Length are ignored',
  )
})

t.test('R12 strangers, overlapping networks, mapped addresses', async (t) => {
  const lines: string[] = []
  const log: Log = { ...silentLog, warn: (_, message) => void lines.push(message) }
  const list = async () => [
    site('10.0.0.0/8', 'secret-of-the-eight'),
    site('10.1.0.0/16', 'secret-of-the-sixteen'),
    site('2001:db8::/32'),
  ]
  const { receive, fates, asked } = await open(t, { list, log })
  const from = async (address: string, secret: string) =>
    (await receive(pap('alice', 'x', { secret }), address)).length
  t.equal(await from('10.2.3.4', 'secret-of-the-eight'), 1)
  t.equal(await from('10.1.3.4', 'secret-of-the-sixteen'), 1, 'the longest prefix wins')
  t.equal(await from('10.1.3.4', 'secret-of-the-eight'), 0)
  t.equal(await from('::ffff:10.1.3.4', 'secret-of-the-sixteen'), 1, 'mapped is IPv4')
  t.equal(asked.at(-1)?.circumstance.peer, '10.1.3.4', 'in its canonical spelling')
  t.equal(await from('2001:DB8::1', nasSecret), 1)
  lines.length = 0
  for (let i = 0; i < 1000; i++) await receive(pap('alice', 'x'), `192.0.2.${i % 256}`)
  t.same(fates.slice(-1000), Array(1000).fill('unknown-client'))
  t.ok(lines.length > 0 && lines.length <= 10, `${lines.length} lines about 1000 strangers`)
})

t.test('R06 a request that comes again gets the same bytes, and is asked about once', async (t) => {
  const waiting: (() => void)[] = []
  let answerWith: Decision = permit({
    reply: [{ name: 'Tunnel-Password', value: 'salted, so never twice the same' }],
  })
  const { door, receive, asked, clock, fates } = await open(t, {
    decide: () => new Promise((resolve) => waiting.push(() => resolve(answerWith))),
    settings: { repliesKept: 4 },
  })
  const go = () => {
    for (const each of waiting.splice(0)) each()
  }
  const request = pap('alice', 'right,123456')
  const sent: Buffer[] = []
  const again = () =>
    door.onDatagram(request, peerOf('127.0.0.1', 4000), (bytes) => void sent.push(Buffer.from(bytes)))

  const first = receive(request)
  await again()
  t.same(sent, [], 'while it is decided, nothing is known')
  go()
  const [reply] = await first
  await again()
  t.equal(proveReply(reply as Buffer, request).code, 2)
  t.same(sent, [reply, reply], 'the one that waited and the one after: byte for byte')
  t.equal(asked.length, 1)
  t.same(fates, ['repeated', 'accept', 'repeated'])

  const other = (bytes: Buffer, port = 4000) => {
    const answered = receive(bytes, '127.0.0.1', port)
    go()
    return answered
  }
  await other(request, 4001)
  t.equal(asked.length, 2, 'another port is another request')
  clock.nowMs += 29_999
  await again()
  t.equal(asked.length, 2, 'kept for 30 s')
  clock.nowMs += 1
  await other(request)
  t.equal(asked.length, 3, 'and no longer')

  const authenticator = Buffer.alloc(16, 1)
  const same = { identifier: 1, authenticator }
  await other(pap('alice', 'right', same))
  await other(pap('carol', 'right', same))
  t.equal(asked.length, 5, 'an authenticator that is not random gets nobody the reply of another')

  const stale = receive(pap('alice', 'right', { identifier: 2 }))
  const fresh = receive(pap('alice', 'right', { identifier: 2 }))
  go()
  t.same(await stale, [], 'the identifier was used again: the first is not waited for any more')
  t.equal((await fresh).length, 1)
  t.ok(fates.includes('superseded'))

  answerWith = indeterminate
  const undecided = pap('lost', 'right', { identifier: 3 })
  await other(undecided)
  answerWith = permit()
  t.equal((await other(undecided)).length, 1, 'silence is not remembered')

  const many = Array.from({ length: 5 }, (_, i) => pap('alice', 'right', { identifier: 100 + i }))
  for (const one of many) await other(one)
  const before = asked.length
  await other(many[0] as Buffer)
  await other(many[4] as Buffer)
  t.equal(asked.length, before + 1, 'beyond the bound the oldest is forgotten')
})

t.test('radclient and the radius package as other ends', async (t) => {
  const { door } = await open(t)
  const { port, nas } = await listen(t, door)
  const radclient = async (command: string, input: string) => {
    const { stdout, stderr, code } = await run(
      'radclient',
      ['-x', '-r', '1', '-t', '5', `127.0.0.1:${port}`, command, nasSecret],
      { input },
    )
    return { said: stdout + stderr, code }
  }
  const signed = 'Message-Authenticator = 0x00\n'
  const accept = await radclient(
    'auth',
    `User-Name = alice\nUser-Password = right\n${signed}Proxy-State = 0x0102\n`,
  )
  t.equal(accept.code, 0, accept.said)
  for (const line of [
    'Received Access-Accept',
    'Tunnel-Type:0 = VLAN',
    'Tunnel-Medium-Type:0 = IEEE-802',
    'Tunnel-Private-Group-Id:0 = "20"',
    'Filter-Id = "staff"',
    'Proxy-State = 0x0102',
  ])
    t.ok(accept.said.includes(line), `${line}\n${accept.said}`)
  const asked = await radclient('auth', `User-Name = bob\nUser-Password = right\n${signed}`)
  t.match(asked.said, /Received Access-Challenge/)
  const state = /State = (0x[0-9a-f]+)/.exec(asked.said.slice(asked.said.indexOf('Received')))?.[1]
  const answered = await radclient(
    'auth',
    `User-Name = bob\nUser-Password = 123456\nState = ${state}\n${signed}`,
  )
  t.match(answered.said, /Received Access-Accept[\s\S]*Tunnel-Private-Group-Id:0 = "30"/)
  t.match((await radclient('status', signed)).said, /Received Access-Accept/)

  const radius = createRequire(import.meta.url)('radius')
  const packet = { code: 'Access-Request', secret: nasSecret, identifier: 3, add_message_authenticator: true }
  const attributes = [
    ['User-Name', 'alice'],
    ['User-Password', 'right'],
  ]
  const request = radius.encode({ ...packet, attributes })
  nas.send(request)
  const response = await nas.next()
  t.ok(radius.verify_response({ request, response, secret: nasSecret }))
  t.match(radius.decode({ packet: response, secret: nasSecret }), {
    code: 'Access-Accept',
    attributes: { 'Filter-Id': 'staff' },
  })
})
