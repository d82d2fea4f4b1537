// The ground of the web doors over real sockets: cookies, forms, headers, who is there, and how often.
import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { type Cidr, parseCidr } from '../../src/base/ip.ts'
import { silentLog } from '../../src/base/log.ts'
import { isPlainLoopback, isToken, newToken } from '../../src/net/web/cookies.ts'
import { newNonce, pageHeaders, sendPage } from '../../src/net/web/headers.ts'
import { homeOnly } from '../../src/net/web/home.ts'
import { csrfToken, refuseForm } from '../../src/net/web/origin.ts'
import { hintAtProxies } from '../../src/net/web/proxy-hints.ts'
import { limitPeers, peerLimit } from '../../src/net/web/rate.ts'
import { cookiesOf, formOf, refusePost, type WebGround, webScope } from '../../src/net/web/visitor.ts'

const csrfKey = Buffer.alloc(32, 7)
const network = (text: string) => parseCidr(text) as Cidr

interface Options {
  readonly publicUrl?: string
  readonly trusted?: readonly string[]
}

/** A web scope with a page, a form and a sign-in that sets the session's cookie. */
async function serve(t: Test, { publicUrl, trusted = [] }: Options = {}) {
  const app = Fastify()
  t.teardown(() => app.close())
  let own = ''
  const ground: WebGround = {
    publicUrl: () => publicUrl ?? own,
    trustedProxies: trusted.map(network),
    csrfKey,
  }
  await app.register(async (scope) => {
    await webScope(scope, ground)
    scope.get('/o/:slug/who', ({ visitor }) => ({ ...visitor, csrf: visitor.csrf('test') }))
    scope.get('/o/:slug/page', (request, reply) =>
      sendPage(reply, 200, '<p>', { nonce: request.visitor.nonce, publicUrl: ground.publicUrl() }),
    )
    scope.post('/o/:slug/form', (request, reply) => {
      const refusal = refusePost(request, ground, 'test')
      if (refusal !== null) return reply.code(403).send({ refusal })
      return { name: formOf(request).get('name'), isBrowserKnown: request.visitor.isBrowserKnown }
    })
    scope.delete('/o/:slug/form', () => ({ deleted: true }))
    scope.get('/o/:slug/signed-in', (_request, reply) => {
      cookiesOf(ground).setSession(reply, 'acme', newToken())
      return reply.send({})
    })
    scope.get('/o/:slug/signed-out', (_request, reply) => {
      cookiesOf(ground).clearSession(reply, 'acme')
      return reply.send({})
    })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  own = `http://localhost:${(app.server.address() as AddressInfo).port}`
  const at = own.replace('localhost', '127.0.0.1')
  return { app, at, own: publicUrl ?? own }
}

async function who(at: string, headers: Record<string, string> = {}) {
  const answer = await fetch(`${at}/o/acme/who`, { headers })
  const cookie = answer.headers.getSetCookie().map((one) => one.split(';')[0] as string)[0] ?? ''
  return { ...((await answer.json()) as Record<string, unknown>), cookie } as Record<string, never> & {
    cookie: string
    csrf: string
    browser: string
  }
}

t.test('W01: cookies are __Host-, Secure, HttpOnly, Lax; plain on loopback HTTP alone', async (t) => {
  for (const [url, isPlain] of Object.entries({
    'http://localhost:8080': true,
    'http://127.0.0.1': true,
    'http://[::1]:8080': true,
    'https://localhost': false,
    'http://muster.example': false,
    'http://localhost.example': false,
    'http://127.0.0.2': false,
  })) {
    t.equal(isPlainLoopback(url), isPlain, url)
  }
  const { at } = await serve(t, { publicUrl: 'https://muster.example' })
  const secure = await fetch(`${at}/o/acme/signed-in`)
  t.same(
    secure.headers.getSetCookie().map((one) => one.replace(/=[A-Za-z0-9_-]{43};/, '=…;')),
    [
      '__Host-muster-browser-acme=…; Path=/; HttpOnly; Secure; SameSite=Lax',
      '__Host-muster-session-acme=…; Path=/; HttpOnly; Secure; SameSite=Lax',
    ],
  )
  const { at: plain } = await serve(t)
  const [browser = '', session = ''] = (await fetch(`${plain}/o/acme/signed-in`)).headers.getSetCookie()
  t.match(browser, /^muster-browser-acme=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  t.match(session, /^muster-session-acme=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/)
  const ended = (await fetch(`${plain}/o/acme/signed-out`)).headers.getSetCookie()[1]
  t.match(
    ended,
    /^muster-session-acme=; Max-Age=0; Path=\/; Expires=Thu, 01 Jan 1970 [^;]+; HttpOnly; SameSite=Lax$/,
  )
  t.ok(isToken(newToken()))
  t.not(newToken(), newToken())
})

t.test(
  'W01: a browser keeps its id; organizations do not share cookies; damaged ones are none',
  async (t) => {
    const { at } = await serve(t)
    const first = await who(at)
    t.equal(first.isBrowserKnown, false)
    const again = await who(at, { cookie: first.cookie })
    t.match(again, { browser: first.browser, isBrowserKnown: true, cookie: '', sessionToken: null })
    const token = newToken()
    const cookie = `${first.cookie}; muster-session-acme=${token}`
    t.match(await who(at, { cookie }), { sessionToken: token })
    const other = await fetch(`${at}/o/globex/who`, { headers: { cookie } })
    t.match(await other.json(), { sessionToken: null, isBrowserKnown: false })
    t.match(other.headers.getSetCookie()[0], /^muster-browser-globex=/)
    for (const damaged of [
      '',
      'x',
      `${token}=`,
      `"${token}"`,
      token.slice(1),
      `${token}A`,
      '%00',
      token.replace(/.$/, '+'),
    ]) {
      const seen = await who(at, { cookie: `muster-session-acme=${damaged}; muster-browser-acme=${damaged}` })
      t.match(seen, { sessionToken: null, isBrowserKnown: false }, JSON.stringify(damaged))
      t.not(seen.browser, damaged)
    }
    const odd = await fetch(`${at}/o/%0d%0aset-cookie:x/who`)
    t.same(odd.headers.getSetCookie(), [], 'what is no slug gets no cookie')
  },
)

t.test('W03: a form is acted upon only where one of our own pages sent it', async (t) => {
  const { at, own } = await serve(t)
  const { cookie, csrf, browser } = await who(at)
  const form = 'application/x-www-form-urlencoded'
  const honest = { cookie, origin: own, 'content-type': form, 'sec-fetch-site': 'same-origin' }
  const post = async (headers: Record<string, string | undefined>, body = `name=alice&csrf=${csrf}`) => {
    const given = Object.entries({ ...honest, ...headers }).filter(
      (one): one is [string, string] => one[1] !== undefined,
    )
    const answer = await fetch(`${at}/o/acme/form`, { method: 'POST', headers: given, body })
    const said = (await answer.json()) as { refusal?: string; name?: string }
    return said.refusal ?? said.name ?? answer.status
  }
  t.equal(await post({}), 'alice')
  t.equal(await post({ 'sec-fetch-site': undefined }), 'alice', 'older browsers')
  t.equal(await post({ origin: at }), 'alice', 'the host that the request itself names')
  t.equal(await post({ 'content-type': `${form}; charset=UTF-8` }), 'alice')

  t.equal(await post({ origin: undefined }), 'origin')
  for (const origin of [
    'null',
    '',
    'https://evil.example',
    own.replace('http:', 'https:'),
    `${own}.evil.example`,
    `${own}0`,
    `${own}/`,
    `${own}, ${own}`,
  ]) {
    t.equal(await post({ origin }), 'origin', origin)
  }
  for (const site of ['cross-site', 'same-site', 'none', 'same-origin, same-origin']) {
    t.equal(await post({ 'sec-fetch-site': site }), 'fetch-site', site)
  }
  const wrong = [
    '',
    'x',
    csrf.slice(1),
    `${csrf}A`,
    csrfToken(csrfKey, browser, 'another purpose'),
    csrfToken(csrfKey, newToken(), 'test'),
    csrfToken(Buffer.alloc(32, 8), browser, 'test'),
  ]
  for (const token of wrong) t.equal(await post({}, `name=alice&csrf=${token}`), 'token', token)
  t.equal(await post({}, 'name=alice'), 'token')
  t.equal(await post({}, `csrf=${csrf}&csrf=${csrf}`), 'token', 'twice is once too often')
  t.equal(await post({ cookie: undefined }), 'token', 'another browser')
  const foreign = await who(at)
  t.equal(await post({ cookie: foreign.cookie }), 'token')

  t.equal(await post({ 'content-type': 'text/plain' }, JSON.stringify({ csrf })), 415, 'JSON as text/plain')
  t.equal(await post({ 'content-type': 'application/json' }, JSON.stringify({ csrf })), 415)
  t.equal(await post({ 'content-type': 'multipart/form-data; boundary=x' }, '--x--'), 415)
  t.equal(await post({}, `csrf=${csrf}&name=${'a'.repeat(70_000)}`), 413, 'bounded')
  for (const override of ['x-http-method-override', 'x-http-method', 'x-method-override']) {
    t.equal(await post({ [override]: 'DELETE' }), 'alice', `${override} overrides nothing`)
  }
  t.equal(await post({}, `_method=DELETE&name=alice&csrf=${csrf}`), 'alice')
  const without = await fetch(`${at}/o/acme/form`, { method: 'POST', headers: { cookie, origin: own } })
  t.equal(without.status, 403, 'no body and no type')
})

t.test('W03: a POST from another site replaces nothing that the browser has under way', async (t) => {
  const { at } = await serve(t)
  const answer = await fetch(`${at}/o/acme/form`, {
    method: 'POST',
    headers: { origin: 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded' },
    body: 'x=1',
  })
  t.equal(answer.status, 403)
  t.same(answer.headers.getSetCookie(), [])
})

t.test(
  'W03: beside the public URL counts the name in use on the very machine, and nowhere else',
  async (t) => {
    const csrf = 'x'
    const refused = (publicUrl: string, host: string, origin: string) =>
      refuseForm({
        headers: { host, origin, 'content-type': 'application/x-www-form-urlencoded' },
        ...{ publicUrl, expected: csrf, given: csrf },
      })
    t.equal(refused('http://localhost:8080', '127.0.0.1:8080', 'http://127.0.0.1:8080'), null)
    t.equal(refused('https://id.example', 'id.example', 'https://id.example'), null)
    const local = 'http://localhost:8080'
    t.equal(refused(local, 'id.example', 'http://id.example'), 'origin', 'the public URL has to be set')
    t.equal(refused(local, 'id.example', 'https://id.example'), 'origin')
    t.equal(refused('https://id.example', '127.0.0.1', 'http://127.0.0.1'), 'origin')
    t.equal(refused('https://id.example', 'other.example', 'https://other.example'), 'origin')
  },
)

t.test('a page is shown under the public URL alone; elsewhere, where to go on', async (t) => {
  const homes = async (publicUrl: string, trusted: readonly string[] = []) => {
    const app = Fastify()
    t.teardown(() => app.close())
    const ground = { publicUrl: () => publicUrl, trustedProxies: trusted.map(network), csrfKey }
    await app.register(async (scope) => {
      await webScope(scope, ground)
      scope.addHook(
        'onRequest',
        homeOnly(ground, async (_request, { url, host }) => `${url} ${host}`),
      )
      scope.get('/o/:slug/x', () => 'here')
      scope.post('/o/:slug/x', () => 'here')
    })
    return async (headers: Record<string, string>, method: 'GET' | 'POST' = 'GET') => {
      const { statusCode, body } = await app.inject({ method, url: '/o/acme/x?secret', headers })
      return body === 'here' ? body : `${statusCode} ${body}`
    }
  }
  const trial = await homes('http://localhost:8080')
  for (const host of ['localhost:8080', 'LOCALHOST:8080', '127.0.0.1:8080', '[::1]:8080', '127.0.0.1:18080'])
    t.equal(await trial({ host }), 'here', host)
  const there = 'http://localhost:8080/o/acme/x'
  for (const host of ['192.0.2.2:8080', '[2001:db8::2]:8080', 'id.example', 'localhost.example:8080'])
    t.equal(await trial({ host }), `421 ${there} ${host}`, host)
  for (const host of ['<script>', 'a b', 'evil.example/@localhost:8080', 'x@localhost:8080', 'a'.repeat(300)])
    t.equal(await trial({ host }), `421 ${there} null`, host)
  t.equal(
    await trial({ host: '192.0.2.2:8080', origin: 'http://192.0.2.2:8080' }, 'POST'),
    '421 http://localhost:8080/o/acme/portal 192.0.2.2:8080',
    'what only takes forms is not led to',
  )
  t.equal(await trial({ host: 'x.example', 'x-forwarded-host': 'localhost:8080' }), `421 ${there} x.example`)

  const own = 'https://id.example'
  const bare = await homes(own)
  for (const host of ['id.example', 'ID.example:443']) t.equal(await bare({ host }), 'here', host)
  for (const host of ['id.example:8080', 'id.example.', 'www.id.example', '127.0.0.1:8080', 'localhost'])
    t.equal(await bare({ host }), `421 ${own}/o/acme/x ${host}`, host)
  t.equal(await bare({ host: 'backend', origin: own }, 'POST'), 'here', 'the browser says where it is')

  const proxied = await homes(own, ['127.0.0.1'])
  t.equal(await proxied({ host: '192.0.2.2' }), `421 ${own}/o/acme/x 192.0.2.2`)
  for (const host of ['backend', 'muster:8080', '127.0.0.1:8080', 'localhost:8080']) {
    t.equal(await proxied({ host }), 'here', `${host}: the proxy's name for us`)
    t.equal(await proxied({ host, 'x-forwarded-host': 'id.example' }), 'here')
    t.equal(
      await proxied({ host, 'x-forwarded-host': 'www.id.example, a' }),
      `421 ${own}/o/acme/x www.id.example`,
    )
  }

  const inClear = await homes('http://id.example')
  for (const host of ['id.example', 'localhost']) t.match(await inClear({ host }), /^403 /, host)
})

t.test('an administrator is told, once, of a proxy that Muster was not told of', async (t) => {
  const said: string[] = []
  const app = Fastify()
  const log = { ...silentLog, warn: (_fields: object, message: string) => void said.push(message) }
  hintAtProxies(app, { publicUrl: () => 'http://localhost:8080', trustedProxies: [], log })
  app.get('/', async () => 'here')
  t.teardown(() => app.close())
  const ask = (headers: Record<string, string>) => app.inject({ url: '/', headers })
  for (const host of ['localhost:8080', '127.0.0.1', '[::1]:8080']) await ask({ host })
  t.same(said, [])
  for (let twice = 0; twice < 2; twice++) await ask({ host: 'localhost', 'x-forwarded-for': '192.0.2.1' })
  t.match(said, [/MUSTER_TRUSTED_PROXIES/])
  for (let twice = 0; twice < 2; twice++) await ask({ host: 'id.example' })
  t.match(said, [/MUSTER_TRUSTED_PROXIES/, /MUSTER_PUBLIC_URL/])
})

t.test('W04: every page has the one strict policy', async (t) => {
  const { at } = await serve(t)
  const one = await fetch(`${at}/o/acme/page`)
  const policy = one.headers.get('content-security-policy') ?? ''
  const nonce = /'nonce-([A-Za-z0-9+/]{24})'/.exec(policy)?.[1]
  t.equal(
    policy,
    `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; img-src 'self' data:; ` +
      `connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`,
  )
  const other = await fetch(`${at}/o/acme/page`)
  t.not(other.headers.get('content-security-policy'), policy, 'a nonce is used once')
  t.match(Object.fromEntries(one.headers), {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'same-origin',
    'x-content-type-options': 'nosniff',
    'cross-origin-opener-policy': 'same-origin',
  })
  t.notOk(one.headers.has('strict-transport-security'), 'not on plain HTTP')

  const headers = (publicUrl: string, ...formTargets: string[]) =>
    pageHeaders({ nonce: newNonce(), publicUrl, formTargets })
  t.match(headers('https://muster.example')['strict-transport-security'], /^max-age=\d{8}/)
  const target = (...urls: string[]) =>
    /form-action ([^;]*)/.exec(
      headers('https://muster.example', ...urls)['content-security-policy'] ?? '',
    )?.[1]
  t.equal(
    target('https://crm.example/acs?x=;script-src *', 'https://crm.example:8443'),
    `'self' https:`,
    'and wherever the application goes on to',
  )
  t.equal(target('http://127.0.0.1:9002/acs'), `'self' http://127.0.0.1:* http://localhost:*`)
  t.equal(target('http://[::1]:9002/acs'), `'self' http:`, 'CSP cannot name IPv6')
  for (const url of [
    'javascript:alert(1)',
    'data:text/html,x',
    'acs',
    '*',
    `https://a.example; script-src *`,
  ]) {
    t.throws(() => target(url), TypeError, url)
  }
  t.equal(headers('https://muster.example', 'https://crm.example')['referrer-policy'], 'strict-origin')
})

t.test('W06: address and transport are those of the socket, or what trusted proxies agree on', async (t) => {
  const plain = await serve(t)
  const forged = {
    'x-forwarded-for': '192.0.2.1',
    'x-forwarded-proto': 'https',
    forwarded: 'for=192.0.2.1;proto=https',
  }
  t.match(await who(plain.at, forged), { peer: '127.0.0.1', secured: false })
  const { at } = await serve(t, { trusted: ['127.0.0.1'] })
  const via = async (headers: Record<string, string>) => {
    const { peer, secured } = await who(at, headers)
    return [peer, secured]
  }
  const client = { 'x-forwarded-for': '192.0.2.1' }
  t.same(await via(forged), ['192.0.2.1', true])
  t.same(await via({ ...client, 'x-forwarded-proto': 'https' }), ['192.0.2.1', true])
  t.same(await via({ forwarded: 'for=192.0.2.1; Proto="https"' }), ['192.0.2.1', true])
  t.same(await via({ forwarded: 'for=192.0.2.1;by="a,proto=http"' }), ['192.0.2.1', false], 'no word of it')
  t.same(await via(client), ['192.0.2.1', false])
  t.same(await via({ 'x-forwarded-proto': 'https' }), [null, false], 'an unknown client has no transport')
  for (const proto of ['http', 'https, http', 'http,https', 'https;', 'x', ',']) {
    t.same(await via({ ...client, 'x-forwarded-proto': proto }), ['192.0.2.1', false], proto)
  }
  for (const forwarded of [
    'proto=https;for=192.0.2.1, for=127.0.0.1;proto=http',
    'for=192.0.2.1;proto="https',
  ]) {
    t.equal((await via({ ...client, forwarded, 'x-forwarded-proto': 'https' }))[1], false, forwarded)
  }
  const browser = await who(at, {
    ...client,
    'user-agent': `Mozilla\x80\x9f${'é'.repeat(20)} x${'y'.repeat(900)}`,
  })
  t.match(browser.userAgent, /^Mozilla xy{191}$/)
})

t.test('W10: headers and bodies that are two things at once are refused', async (t) => {
  const { app } = await serve(t)
  const { port } = app.server.address() as AddressInfo
  const raw = async (text: string) => {
    const socket = connect(port, '127.0.0.1')
    let said = ''
    socket.setEncoding('latin1').on('data', (part) => (said += part))
    socket.end(text, 'latin1')
    await once(socket, 'close')
    return Number(/^HTTP\/1\.1 (\d{3})/.exec(said)?.[1])
  }
  const start = 'POST /o/acme/form HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n'
  t.equal(await raw(`${start}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`), 400)
  t.equal(await raw(`${start}cookie: a\r\n b\r\ncontent-length: 0\r\n\r\n`), 400, 'obs-fold')
  t.equal(
    await raw(
      `GET /o/acme/who HTTP/1.1\r\nhost: a\r\n__proto__: x\r\ncookie: __proto__=1; constructor=2\r\nconnection: close\r\n\r\n`,
    ),
    200,
  )
  t.equal(await raw(`GET /o/acme/who HTTP/1.1\r\nhost: a\r\ncookie: ${'a=b;'.repeat(9000)}\r\n\r\n`), 431)
})

t.test('rates: each peer has its own, an IPv6 subscriber one; memory is bounded', async (t) => {
  let nowMs = 0
  const clock = { now: () => new Date(0), monotonicMs: () => nowMs }
  const limit = peerLimit({ perSecond: 0.5, burst: 2 }, 3, clock)
  const take = (peer: string | null) => limit.take(peer)
  t.same([take('192.0.2.1'), take('192.0.2.1'), take('192.0.2.1')], [null, null, 2])
  t.equal(take('192.0.2.2'), null)
  t.same([take('2001:db8::1'), take('2001:db8::2:1'), take('2001:db8:0:0:ffff::1')], [null, null, 2], 'a /64')
  nowMs = 2000
  t.same([take('192.0.2.1'), take('192.0.2.1')], [null, 2], 'tokens come back')
  t.same([take(null), take(null), take(null)], [null, null, 2], 'those without an address share')
  t.equal(limit.size, 3)
  t.equal(take('192.0.2.1'), 2, 'who asked lately is remembered')

  const app = Fastify()
  t.teardown(() => app.close())
  await app.register(async (scope) => {
    await webScope(scope, { publicUrl: () => 'http://localhost', trustedProxies: [], csrfKey })
    const one = peerLimit({ perSecond: 0.01, burst: 1 })
    scope.addHook(
      'onRequest',
      limitPeers(one, (_request, reply) => reply.send('slow down')),
    )
    scope.get('/o/:slug/x', () => 'fine')
  })
  const get = () => app.inject('/o/acme/x')
  t.equal((await get()).body, 'fine')
  const refused = await get()
  t.same([refused.statusCode, refused.body, refused.headers['retry-after']], [429, 'slow down', '100'])
})
