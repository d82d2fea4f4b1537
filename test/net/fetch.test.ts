// The guarded fetch against real servers on loopback, and against URLs that want to be let into the house.
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import t, { type Test } from 'tap'
import { type Cidr, parseAddress, parseCidr } from '../../src/base/ip.ts'
import { createAuthority, createServerCertificate } from '../../src/net/issue.ts'
import { exchange } from '../../src/net/web/exchange.ts'
import {
  type FetchGuard,
  FetchRefused,
  type FetchRequest,
  fetchFor,
  guardedFetch,
} from '../../src/net/web/fetch.ts'
import { isPublic } from '../../src/net/web/public-address.ts'

const outside: FetchGuard = { allow: [], allowLoopback: false }
const sample: FetchGuard = { allow: [], allowLoopback: true }

/** The reason of a refusal, or the status of what should have been refused. */
async function reason(request: FetchRequest, guard: FetchGuard = outside): Promise<string> {
  const answer = await guardedFetch({ timeoutMs: 10_000, ...request }, guard).catch((error: unknown) => error)
  if (answer instanceof FetchRefused) return answer.reason
  return answer instanceof Error ? `${answer.name} ${answer.message}` : 'fetched'
}

async function serve(t: Test, handler: RequestListener, server: Server = createServer()): Promise<number> {
  server.on('request', handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    server.closeAllConnections()
  })
  return (server.address() as AddressInfo).port
}

t.test('O14: hostile URLs lead nowhere', async (t) => {
  const port = await serve(t, (_request, response) => {
    t.fail('a request arrived')
    response.end()
  })
  const addresses = [
    'https://127.0.0.1/',
    'https://127.1/',
    'https://2130706433/',
    'https://0x7f000001/',
    'https://0177.0.0.1/',
    'https://0/',
    'https://localhost/',
    'https://LOCALHOST/',
    'https://[::1]/',
    'https://[::]/',
    'https://[::ffff:127.0.0.1]/',
    'https://[::ffff:7f00:1]/',
    'https://[::ffff:a9fe:a9fe]/',
    'https://[::127.0.0.1]/',
    'https://[64:ff9b::7f00:1]/',
    'https://[64:ff9b::a9fe:a9fe]/',
    'https://[64:ff9b:1::a00:1]/',
    'https://[2002:7f00:1::1]/',
    'https://[2001:0:7f00:1::]/',
    'https://[fe80::1]/',
    'https://[fc00::1]/',
    'https://[fec0::1]/',
    'https://[ff02::1]/',
    'https://169.254.169.254/latest/meta-data/',
    'https://10.0.0.1/',
    'https://172.16.0.1/',
    'https://192.168.1.1/',
    'https://100.64.0.1/',
    'https://192.0.0.170/',
    'https://198.18.0.1/',
    'https://224.0.0.1/',
    'https://255.255.255.255/',
    'https://①②⑦.⓪.⓪.①/',
    'https://127。0。0。1/',
  ]
  for (const url of addresses) {
    t.equal(await reason({ url: url.replace(/\/$/, `:${port}/`) }), 'address', url)
  }
  const dotted = await reason({ url: `https://localhost.:${port}/` })
  t.ok(['address', 'name'].includes(dotted), `localhost. is what the resolver makes of it: ${dotted}`)
  const others: Record<string, string> = {
    [`http://127.0.0.1:${port}/`]: 'scheme',
    'http://example.com/': 'scheme',
    'ftp://example.com/': 'scheme',
    'file:///etc/passwd': 'scheme',
    'gopher://127.0.0.1:6379/_FLUSHALL': 'scheme',
    'data:text/xml,<x/>': 'scheme',
    'javascript:alert(1)': 'scheme',
    'https://example.com@127.0.0.1/': 'credentials',
    'https://user:password@example.com/': 'credentials',
    'https://[fe80::1%25eth0]/': 'url',
    'https://1.2.3.4.5/': 'url',
    '//127.0.0.1/': 'url',
    'https://': 'url',
    [`https://example.com/${'a'.repeat(2048)}`]: 'url',
  }
  for (const [url, expected] of Object.entries(others)) t.equal(await reason({ url }), expected, url)
  t.equal(await reason({ url: 'http://10.0.0.1/' }, sample), 'address', 'http is for this machine alone')
  t.equal(await reason({ url: 'http://192.0.2.1/' }, sample), 'address')
})

t.test('O14: what is public, and what is not', async (t) => {
  const judge = (text: string) => isPublic(parseAddress(text) as NonNullable<ReturnType<typeof parseAddress>>)
  for (const text of [
    '1.1.1.1',
    '9.255.255.255',
    '11.0.0.0',
    '100.63.255.255',
    '100.128.0.0',
    '172.15.255.255',
    '172.32.0.0',
    '223.255.255.255',
    '2606:4700::1111',
    '2a00::1',
    '64:ff9b::101:101',
    '::ffff:1.1.1.1',
  ]) {
    t.ok(judge(text), text)
  }
  for (const text of [
    '0.0.0.0',
    '100.127.255.255',
    '172.31.255.255',
    '239.0.0.1',
    '240.0.0.1',
    '192.88.99.1',
    '2001:db8::1',
    '2001:1ff::1',
    '2002:101:101::1',
    '3fff::1',
    '4000::1',
    '64:ff9b::c0a8:1',
    '100::1',
    '5f00::1',
  ]) {
    t.notOk(judge(text), text)
  }
})

t.test(
  'O14: names are looked up once, all their addresses judged, and the one judged is connected to',
  async (t) => {
    const hosts: (string | undefined)[] = []
    const port = await serve(t, ({ headers }, response) => {
      hosts.push(headers.host)
      response.end('inside')
    })
    const answering = (...answers: (readonly string[])[]) => {
      const asked: string[] = []
      const resolve = async (name: string) => {
        asked.push(name)
        return answers[Math.min(asked.length, answers.length) - 1] ?? []
      }
      return { asked, resolve }
    }
    const url = `https://metadata.example:${port}/`
    for (const inside of [
      '127.0.0.1',
      '::1',
      '10.1.2.3',
      '::ffff:10.1.2.3',
      '169.254.169.254',
      'fe80::1',
      '64:ff9b::a00:1',
    ]) {
      t.equal(await reason({ url }, { ...outside, ...answering([inside]) }), 'address', inside)
      t.equal(
        await reason({ url }, { ...outside, ...answering(['1.1.1.1', inside]) }),
        'address',
        `and ${inside}`,
      )
    }
    for (const odd of [[], ['not an address'], ['1.1.1.1', 'fe80::1%lo']]) {
      t.equal(await reason({ url }, { ...outside, ...answering(odd) }), 'name')
    }
    const failing = async () => Promise.reject(new Error('NXDOMAIN'))
    t.equal(await reason({ url }, { ...outside, resolve: failing }), 'name')

    // Rebinding: the first answer is fit to be judged, the next ones are where the attacker wants to go.
    const rebinding = answering(['127.0.0.1'], ['127.0.0.2'])
    const plain = `http://rebind.example:${port}/`
    const fetched = await guardedFetch({ url: plain }, { ...sample, resolve: rebinding.resolve })
    t.equal(String(fetched.body), 'inside')
    t.same(rebinding.asked, ['rebind.example'], 'nobody asks a second time')
    t.same(hosts, [`rebind.example:${port}`], 'under its own name')
    const both = await guardedFetch({ url: plain }, { ...sample, ...answering(['::1', '127.0.0.1']) })
    t.equal(both.status, 200, 'the next address where one does not answer')

    const allow = [parseCidr('127.0.0.0/8') as Cidr]
    t.equal(
      await reason({ url }, { ...outside, allow, ...answering(['127.0.0.1']) }),
      'connection',
      'allowed, but no TLS',
    )
    t.equal(await reason({ url: plain }, { ...outside, allow }), 'scheme', 'allowed is no leave for http')
  },
)

t.test('O14: nothing is sent to an address that was not judged, wherever the connection went', async (t) => {
  const port = await serve(t, (_request, response) => {
    t.fail('a request arrived')
    response.end()
  })
  const sending = exchange({
    url: new URL(`http://127.0.0.1:${port}/`),
    ...{ method: 'POST', headers: {}, body: 'x', maxBytes: 1_000, addresses: ['192.0.2.1'], ca: undefined },
    lookup: (_name, _options, callback) => callback(null, '192.0.2.1', 4),
    signal: AbortSignal.timeout(10_000),
  })
  t.match(await sending.catch((error: unknown) => error), { reason: 'address' })
})

t.test('O14: answers are bounded in size and time, redirects are not followed', async (t) => {
  const port = await serve(t, (request, response) => {
    const size = Number(/^\/size\/(\d+)/.exec(request.url ?? '')?.[1] ?? 0)
    if (request.url === '/redirect') response.writeHead(302, { location: 'http://127.0.0.1:1/secret' }).end()
    else if (request.url === '/gzip') response.writeHead(200, { 'content-encoding': 'gzip' }).end('x')
    else if (request.url === '/upgrade') {
      response.writeHead(101, { connection: 'upgrade', upgrade: 'x' }).end()
    } else if (request.url === '/silent') return
    else if (request.url === '/dripping') response.writeHead(200).write('x')
    else if (request.url === '/short') {
      response.writeHead(200, { 'content-length': '10' }).write('x', () => request.socket.destroy())
    } else if (request.url?.endsWith('/chunked')) {
      response.write(Buffer.alloc(size / 2))
      response.end(Buffer.alloc(size / 2))
    } else response.end(Buffer.alloc(size))
  })
  const at = (path: string) => ({ url: `http://127.0.0.1:${port}${path}` })
  const length = async (request: FetchRequest) => (await guardedFetch(request, sample)).body.length
  t.equal(await length(at('/size/65536')), 65_536)
  t.equal(await length({ ...at('/size/1048576'), maxBytes: 1_048_576 }), 1_048_576)
  t.equal(await reason(at('/size/65538'), sample), 'too-large')
  t.equal(await reason(at('/size/65538/chunked'), sample), 'too-large')
  t.equal(await reason({ ...at('/size/1048578'), maxBytes: 9_999_999 }, sample), 'too-large', '1 MiB at most')
  const redirect = await guardedFetch(at('/redirect'), sample)
  t.match(redirect, { status: 302, headers: { location: 'http://127.0.0.1:1/secret' } })
  t.equal(await reason(at('/gzip'), sample), 'encoding')
  t.equal(await reason(at('/upgrade'), sample), 'connection')
  t.equal(await reason(at('/short'), sample), 'connection')
  const brief = { timeoutMs: 100 }
  t.equal(await reason({ ...at('/silent'), ...brief }, sample), 'timeout')
  t.equal(await reason({ ...at('/dripping'), ...brief }, sample), 'timeout')
  const never = () => new Promise<never>(() => undefined)
  t.equal(await reason({ url: 'https://slow.example/', ...brief }, { ...outside, resolve: never }), 'timeout')
  const stopped = AbortSignal.abort()
  t.equal(await reason({ ...at('/silent'), signal: stopped }, sample), 'connection', 'the caller gave up')

  const garbage = createTcpServer((socket) => void socket.end('SSH-2.0-OpenSSH_9.9\r\n')).listen(
    0,
    '127.0.0.1',
  )
  await once(garbage, 'listening')
  t.teardown(() => void garbage.close())
  const { port: odd } = garbage.address() as AddressInfo
  t.equal(await reason({ url: `http://127.0.0.1:${odd}/` }, sample), 'connection')
  garbage.close()
})

t.test('O14: certificates are verified, even where an environment variable says otherwise', async (t) => {
  const ca = await createAuthority('Fetch test', new Date(), 1)
  const issued = await createServerCertificate(ca, ['localhost'], new Date(), 1)
  const server = createTlsServer({ cert: issued.certificate, key: issued.key })
  const seen: string[] = []
  const answer: RequestListener = (request, response) => {
    seen.push(request.url ?? '')
    response.end('fine')
  }
  const port = await serve(t, answer, server as never)
  const trusting = { ...sample, ca: ca.certificate }
  const fetched = await guardedFetch({ url: `https://localhost:${port}/ok` }, trusting)
  t.equal(String(fetched.body), 'fine')
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  t.teardown(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  t.equal(await reason({ url: `https://localhost:${port}/untrusted` }, sample), 'connection')
  const named = { ...trusting, resolve: async () => ['127.0.0.1'] }
  t.equal(await reason({ url: `https://other.example:${port}/name` }, named), 'connection', 'another name')
  t.same(seen, ['/ok'], 'nothing was sent to the others')
})

t.test('a fetch for libraries: same guard, Responses and TypeErrors', async (t) => {
  const port = await serve(t, async (request, response) => {
    if (request.url === '/none') return void response.writeHead(204).end()
    let body = ''
    for await (const part of request) body += part
    const { method, headers } = request
    const { 'accept-encoding': encoding, 'content-type': type } = headers
    response.writeHead(201, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ method, body, encoding, type }))
  })
  const fetch = fetchFor(sample)
  const at = `http://127.0.0.1:${port}`
  const answer = await fetch(new URL(`${at}/`), {
    method: 'POST',
    body: new URLSearchParams({ logout_token: 'é' }),
    redirect: 'manual',
    signal: AbortSignal.timeout(2_000),
  })
  t.equal(answer.status, 201)
  t.same(await answer.json(), {
    method: 'POST',
    body: 'logout_token=%C3%A9',
    encoding: 'identity',
    type: 'application/x-www-form-urlencoded;charset=UTF-8',
  })
  t.equal((await fetch(`${at}/none`)).status, 204)
  t.equal((await fetch(`${at}/`, { method: 'HEAD' })).status, 201)
  await t.rejects(fetch(`${at}/`, { method: 'DELETE' }), TypeError)
  const refused = await fetchFor(outside)('https://127.0.0.1/').catch((error: TypeError) => error)
  t.match(refused, { name: 'TypeError', cause: { name: 'FetchRefused', reason: 'address' } })
  const short = fetchFor(sample, 10)
  await t.rejects(short(`${at}/`), { cause: { reason: 'too-large' } })
})
