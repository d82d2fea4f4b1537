import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import fc from 'fast-check'
import t from 'tap'
import { parseCidr } from '../../src/base/ip.ts'
import type { Log } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import { clientAddress } from '../../src/net/http.ts'
import { listenHttp } from '../../src/net/http-server.ts'
import { Gate, sparseLog, TokenBucket } from '../../src/net/limits.ts'
import { limitKey, peerOf } from '../../src/net/peer.ts'
import { Shutdown } from '../../src/net/shutdown.ts'
import { listenUdp, type UdpOptions } from '../../src/net/udp.ts'

function listLog(): Log & { lines: [string, object][] } {
  const lines: [string, object][] = []
  const at = (level: string) => (fields: object, message: string) =>
    void lines.push([`${level} ${message}`, fields])
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}
const tick = () => new Promise<void>((resolve) => setImmediate(resolve))
const proxies = ['10.0.0.0/8', 'fd00::/8'].map((text) => {
  const network = parseCidr(text)
  if (network === null) throw new Error(text)
  return network
})

t.test('W06: the client behind trusted proxies', async (t) => {
  const via = (header: string | string[], peer = '10.0.0.1') =>
    clientAddress(peer, { 'x-forwarded-for': header }, proxies)
  t.equal(via('192.0.2.1', '203.0.113.9'), '203.0.113.9', 'a stranger’s header is not read')
  t.equal(via('a', '::ffff:203.0.113.9'), '203.0.113.9')
  t.equal(via('192.0.2.1'), '192.0.2.1')
  t.equal(via('192.0.2.1', '::ffff:10.0.0.1'), '192.0.2.1', 'a mapped peer is the same proxy')
  t.equal(via('::ffff:192.0.2.1'), '192.0.2.1')
  t.equal(via('2001:DB8:0::1 , fd00::1,10.9.9.9'), '2001:db8::1', 'right to left, past the trusted')
  t.equal(via('198.51.100.1, 192.0.2.1'), '192.0.2.1', 'what the client wrote itself is on the left')
  t.equal(via('a, <script>, 192.0.2.1'), '192.0.2.1', 'and may be anything')
  t.equal(via(['198.51.100.1', '192.0.2.1, 10.0.0.7']), '192.0.2.1', 'several lines are one list')
  t.equal(via('10.0.0.5, 10.0.0.6'), '10.0.0.5', 'all trusted: the first of them')
  const doubtful = [
    'a',
    '',
    ' ',
    ',',
    '192.0.2.1,',
    '192.0.2.1, a',
    '192.0.2.1:80',
    '[2001:db8::1]:80',
    '[2001:db8::1]',
    'fe80::1%eth0',
    '192.0.2.1%1',
    'unknown',
    '"192.0.2.1"',
    '192.0.2.1, 10.0.0.7, x',
    '192.0.2.1\0',
    'for=192.0.2.1',
  ]
  for (const header of doubtful) t.equal(via(header), null, JSON.stringify(header))
  t.equal(via([]), null)
  t.equal(via(new Array(10_000).fill('10.0.0.1').join(',')), null, '10,000 entries')
  t.equal(via(`${'a,'.repeat(10_000)}192.0.2.1`), '192.0.2.1', '10,000 entries, of which one counts')
  t.equal(clientAddress('10.0.0.1', {}, proxies), null, 'a proxy that names no client')
  t.equal(clientAddress('203.0.113.9', {}, []), '203.0.113.9')
  for (const peer of [undefined, '', 'a', 'fe80::1%eth0']) t.equal(clientAddress(peer, {}, proxies), null)
})

t.test('W06: Forwarded (RFC 7239)', async (t) => {
  const via = (forwarded: string) => clientAddress('10.0.0.1', { forwarded }, proxies)
  t.equal(via('for=192.0.2.1'), '192.0.2.1')
  t.equal(via('For="[2001:db8::1]"; proto=https;by=10.0.0.1'), '2001:db8::1')
  t.equal(via('for=198.51.100.1, proto=http;FOR="192.0.2.1", for=10.0.0.2'), '192.0.2.1')
  t.equal(via('by="a,b;for=1.2.3.4\\"";for=192.0.2.1'), '192.0.2.1', 'quoted separators separate nothing')
  const doubtful = [
    '',
    'a',
    'for=',
    'for=a',
    'for=unknown',
    'for=_hidden',
    'for="192.0.2.1:80"',
    'for=192.0.2.1:80',
    'for="[2001:db8::1]:80"',
    'for=2001:db8::1',
    'for=[2001:db8::1]',
    'for="2001:db8::1"',
    'for="[192.0.2.1]"',
    'for="192.0.2.1',
    'for=192.0.2.1, for="',
    'for=192.0.2.1;for=192.0.2.2',
    'for=192.0.2.1, proto=https',
    'for="[fe80::1%eth0]"',
    `for=${'1'.repeat(70_000)}`,
  ]
  for (const header of doubtful) t.equal(via(header), null, header.slice(0, 60))
  t.equal(via(new Array(4_000).fill('for=10.0.0.1').join(',')), null)
  const both = (forwarded: string, forwardedFor: string) =>
    clientAddress('10.0.0.1', { forwarded, 'x-forwarded-for': forwardedFor }, proxies)
  t.equal(both('for=192.0.2.1', '198.51.100.1, 192.0.2.1'), '192.0.2.1', 'two headers that agree')
  t.equal(both('for=10.1.1.1', '192.0.2.1'), null, 'the client wrote the one that its proxy does not know')
  t.equal(both('for=a', '192.0.2.1'), null)
})

t.test('W06: no header whatever makes it throw, or gives what is not an address', async () => {
  const unit = fc.constantFrom(...'0123456789abcdef.:,;="\\[]% for')
  const header = fc.oneof(fc.string({ unit, maxLength: 80 }), fc.string(), fc.constant(undefined))
  fc.assert(
    fc.property(header, header, fc.oneof(fc.ipV4(), fc.ipV6(), fc.string()), (forwarded, xff, peer) => {
      const answer = clientAddress(peer, { forwarded, 'x-forwarded-for': xff }, proxies)
      return answer === null || parseCidr(answer) !== null
    }),
    { numRuns: 5000 },
  )
})

t.test('limits count an IPv6 subscriber by its /64', async (t) => {
  const key = (address: string) => limitKey(peerOf(address, 1))
  t.equal(key('2001:db8::1'), key('2001:db8::ffff:1'))
  t.not(key('2001:db8::1'), key('2001:db8:0:1::1'))
  t.equal(key('::ffff:1.2.3.4'), key('1.2.3.4'))
  t.not(key('1.2.3.4'), key('1.2.3.5'))
  t.same(peerOf('fe80::1%eth0', 5), { address: null, port: 5, text: 'fe80::1%eth0' })
})

t.test('gate: so many at once, so many in line, the next is told that we are busy', async (t) => {
  const gate = new Gate(2, 1)
  const order: string[] = []
  const finish: (() => void)[] = []
  const work = (name: string) => () => {
    order.push(name)
    return new Promise<string>((resolve) => finish.push(() => resolve(name)))
  }
  const [a, b, c] = [gate.run(work('a')), gate.run(work('b')), gate.run(work('c'))]
  await t.rejects(gate.run(work('d')), { reason: 'busy' } as Fault)
  t.same([gate.running, gate.waiting, order], [2, 1, ['a', 'b']])
  finish[1]?.()
  t.equal(await b, 'b')
  await tick()
  t.same([gate.running, gate.waiting, order], [2, 0, ['a', 'b', 'c']])
  finish[0]?.()
  finish[2]?.()
  t.same(await Promise.all([a, c]), ['a', 'c'])
  await t.rejects(
    gate.run(() => Promise.reject(new Error('broken'))),
    /broken/,
  )
  await t.rejects(
    gate.run(() => {
      throw new Error('at once')
    }),
    /at once/,
  )
  t.equal(gate.running, 0, 'a failure gives its place back')
})

t.test('bucket and sparse log', async (t) => {
  let nowMs = 0
  const clock = { now: () => new Date(nowMs), monotonicMs: () => nowMs }
  const bucket = new TokenBucket({ perSecond: 2, burst: 3 }, clock)
  const takes = (count: number) => Array.from({ length: count }, () => bucket.take())
  t.same(takes(4), [true, true, true, false])
  nowMs = 499
  t.same(takes(1), [false])
  nowMs = 500
  t.same(takes(2), [true, false])
  nowMs = 1e9
  t.same(takes(4), [true, true, true, false], 'never more than a burst')

  const log = listLog()
  const sparse = sparseLog(log, { perSecond: 1, burst: 1 }, clock)
  for (const peer of [1, 2, 3]) sparse.warn({ peer }, 'refused')
  nowMs += 1000
  sparse.error({ peer: 4 }, 'refused')
  nowMs += 1000
  sparse.info({ peer: 5 }, 'refused')
  t.same(log.lines, [
    ['warn refused', { peer: 1 }],
    ['error refused', { peer: 4, suppressed: 2 }],
    ['info refused', { peer: 5 }],
  ])
})

t.test(
  'shutdown: last started, first stopped; once; an error or a slow part stops nobody else',
  async (t) => {
    const log = listLog()
    const order: string[] = []
    const shutdown = new Shutdown(log)
    const graces: number[] = []
    shutdown.add('store', 'database', () => void order.push('database'))
    shutdown.add('work', 'engine', async () => {
      await tick()
      order.push('engine')
    })
    shutdown.add('doors', 'ldap', async (graceMs) => {
      graces.push(graceMs)
      await tick()
      order.push('ldap')
    })
    shutdown.add('doors', 'radius', () => void order.push('radius'))
    t.notOk(shutdown.begun)
    t.same(await Promise.all([shutdown.stop(), shutdown.stop()]), [true, true])
    t.ok(shutdown.begun)
    t.same(order, ['radius', 'ldap', 'engine', 'database'])
    t.ok((graces[0] as number) > 0 && (graces[0] as number) < 9_500)

    order.length = 0
    const hasty = new Shutdown(log, 50)
    hasty.add('store', 'database', () => void order.push('database'))
    hasty.add('doors', 'hanging', () => new Promise(() => {}))
    hasty.add('doors', 'broken', () => {
      throw new Error('broken')
    })
    t.equal(await hasty.stop(), false)
    t.same(order, ['database'], 'the database is closed whatever the doors do')
    t.same(log.lines.map(([line]) => line).sort(), [
      'error did not stop in time',
      'error failed while stopping',
    ])
  },
)

t.test('W16: datagrams: both families, replies, and a handler that throws', async (t) => {
  const log = listLog()
  const overflow = (): number => overflow() + 1
  let finish = () => {}
  const onDatagram: UdpOptions['onDatagram'] = (bytes, peer, reply) => {
    const text = bytes.toString()
    if (text === 'throw') throw new Error('sync')
    if (text === 'overflow') overflow()
    if (text === 'reject') return Promise.reject(new Error('rejected'))
    if (text === 'huge') return reply(Buffer.alloc(70_000))
    if (text === 'slow') return new Promise((resolve) => (finish = () => resolve(reply(Buffer.from('late')))))
    reply(Buffer.from(`${text} from ${peer.address}`))
  }
  const listener = await listenUdp({ name: 'RADIUS', hosts: ['127.0.0.1', '::1'], port: 0, onDatagram, log })
  const [four, six] = [createSocket('udp4'), createSocket('udp6')]
  const ask = async (socket: typeof four, host: string, text: string) => {
    const answer = once(socket, 'message')
    socket.send(text, listener.port, host)
    return String((await answer)[0])
  }
  for (const text of ['throw', 'overflow', 'reject', 'huge']) four.send(text, listener.port, '127.0.0.1')
  t.equal(await ask(four, '127.0.0.1', 'a'), 'a from 127.0.0.1')
  t.equal(await ask(six, '::1', 'b'), 'b from ::1')
  while (log.lines.length < 4) await tick()
  const lines = log.lines.map(([line]) => line).sort()
  t.same(lines, [
    'error a handler failed; no answer',
    'error a handler failed; no answer',
    'error a handler failed; no answer',
    'warn answer not sent',
  ])

  const taken = { name: 'RADIUS', hosts: ['127.0.0.1'], port: listener.port, onDatagram, log }
  await t.rejects(listenUdp(taken), /RADIUS cannot listen on 127.0.0.1 port \d+: something else/)

  const late = once(four, 'message')
  four.send('slow', listener.port, '127.0.0.1')
  await ask(four, '127.0.0.1', 'c').catch(() => {})
  const closed = listener.close(5_000)
  finish()
  await closed
  t.ok(await late, 'what was under way is answered')
  t.equal(listener.close(0), listener.close(0))
  const again = await listenUdp(taken)
  t.equal(again.port, listener.port, 'the port is free again')
  await again.close(0)
  four.close()
  six.close()
})

t.test('a machine’s port 0 is one port for all hosts', async (t) => {
  const log = listLog()
  const one = await listenUdp({ name: 'x', hosts: ['0.0.0.0', '::'], port: 0, onDatagram: () => {}, log })
  t.ok(one.port > 0)
  await one.close(0)
  await t.rejects(listenUdp({ name: 'x', hosts: ['192.0.2.1'], port: 0, onDatagram: () => {}, log }), Fault)
  await t.rejects(listenUdp({ name: 'x', hosts: [], port: 0, onDatagram: () => {}, log }), Fault)
})

t.test('HTTP leaves connections to the other doors', async (t) => {
  const http = await listenHttp({
    hosts: ['127.0.0.1'],
    port: 0,
    handler: (_request, response) => void response.end('ok'),
    maxConnections: 2,
  })
  t.teardown(() => http.close(0))
  const sockets = [1, 2, 3].map(() => connect(http.port, '127.0.0.1'))
  t.teardown(() => {
    for (const socket of sockets) socket.destroy()
  })
  const [first, , third] = sockets
  third?.on('error', () => {})
  await once(third as Socket, 'close')
  first?.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  t.match(String((await once(first as Socket, 'data'))[0]), /^HTTP\/1.1 200/)
})

t.test('HTTP: one peer does not take all, and a trusted proxy is not one peer', async (t) => {
  for (const isProxy of [false, true]) {
    const http = await listenHttp({
      hosts: ['127.0.0.1'],
      port: 0,
      handler: (_request, response) => void response.end('ok'),
      maxPerPeer: 2,
      isProxy: (address) => isProxy && address === '127.0.0.1',
    })
    t.teardown(() => http.close(0))
    const open = () => {
      const socket = connect(http.port, '127.0.0.1').on('error', () => {})
      t.teardown(() => socket.destroy())
      return socket
    }
    const ask = (socket: Socket) =>
      new Promise<'answered' | 'closed'>((resolve) => {
        socket.once('data', () => resolve('answered'))
        socket.once('close', () => resolve('closed'))
        socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
      })
    const [first] = [open(), open()]
    t.equal(await ask(open()), isProxy ? 'answered' : 'closed')
    if (isProxy) continue
    first?.destroy()
    // As soon as the server has seen the place become free.
    while ((await ask(open())) === 'closed');
    t.pass('a place that becomes free is given again')
  }
})
