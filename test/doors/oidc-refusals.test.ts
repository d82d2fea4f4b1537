// What the OIDC door refuses, and where it says so: addresses that are not registered, proofs that are missing, tokens that are not
// theirs who bring them, requests that were begun elsewhere.
import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { CompactSign, SignJWT } from 'jose'
import t, { type Test } from 'tap'
import { metadataOf } from '../../src/doors/oidc/client.ts'
import { peerLimit } from '../../src/net/web/rate.ts'
import {
  type Answer,
  authorizationUrl,
  authorize,
  Browser,
  basic,
  challenge,
  openHouse,
  post,
  readTokens,
  redeem,
  refresh,
  tokensOf,
  verifier,
} from '../support/oidc-door.ts'

const registered = 'http://127.0.0.1:9001/callback'

const house = await openHouse(t)
const other = { clientId: 'other', redirectUris: [registered] }
await house.register(other, { clientSecret: 'muster-other-secret' })
const open = { clientId: 'open', redirectUris: [registered], tokenEndpointAuthMethod: 'none' }
await house.register(open)

t.test('addresses', async (t) => {
  const browser = new Browser()
  await authorize(house, browser, 'alice')
  const app = { clientId: 'native', redirectUris: ['com.example.app:/done', 'http://127.0.0.1/done'] }
  await house.register({ ...app, tokenEndpointAuthMethod: 'none' })

  const localPage = async (t: Test, url: URL, what: string) => {
    const response = await browser.fetch(url)
    const text = await response.text()
    t.equal(response.headers.get('location'), null, `${what}: no redirect`)
    t.ok(response.status >= 400 && response.status < 500, `${what}: ${response.status}`)
    t.match(text, /role="alert"/, what)
    t.match(response.headers.get('content-security-policy'), /default-src 'none'/)
    return text
  }

  await t.test('O01 redirect_uri is compared as a whole text', async (t) => {
    const variants = [
      `${registered}/`,
      `${registered}/..`,
      `${registered}/more`,
      `${registered}/..;/evil`,
      `${registered}%2f..`,
      `${registered}%252f`,
      `${registered}?`,
      `${registered}?x=1`,
      `${registered}#`,
      `${registered}#fragment`,
      `${registered}%23`,
      `${registered} `,
      ` ${registered}`,
      `${registered}%00`,
      `${registered}\t`,
      'http://127.0.0.1:9001/Callback',
      'HTTP://127.0.0.1:9001/callback',
      'http://127.0.0.1:9001//callback',
      'http://127.0.0.1:9001/./callback',
      'http://127.0.0.1:9001/%63allback',
      'http://127.0.0.1:9002/callback',
      'http://127.0.0.1/callback',
      'http://127.0.0.1:09001/callback',
      'https://127.0.0.1:9001/callback',
      'http://[::1]:9001/callback',
      'http://127.1:9001/callback',
      'http://2130706433:9001/callback',
      'http://0x7f.0.0.1:9001/callback',
      'http://LOCALHOST:9001/callback',
      'http://localhost.:9001/callback',
      'http://user@127.0.0.1:9001/callback',
      'http://127.0.0.1:9001@evil.example/callback',
      'http://evil.example@127.0.0.1:9001@127.0.0.1:9001/callback',
      'http://127.0.0.1:9001\\@evil.example/callback',
      'http:\\\\127.0.0.1:9001\\callback',
      'http:127.0.0.1:9001/callback',
      '//127.0.0.1:9001/callback',
      '/callback',
      'http://evil.example/?http://127.0.0.1:9001/callback',
      'http://127.0.0.1:9001.evil.example/callback',
      'javascript:alert(1)//127.0.0.1:9001/callback',
      'data:text/html,http://127.0.0.1:9001/callback',
    ]
    t.ok(variants.length >= 30)
    for (const uri of variants)
      await localPage(t, authorizationUrl(house.issuer, { redirect_uri: uri }), JSON.stringify(uri))
    const said = (change: Record<string, string>) =>
      localPage(t, authorizationUrl(house.issuer, change), JSON.stringify(change))
    const last = () => house.logged.at(-1)?.fields
    await said({ redirect_uri: 'https://app.example/callback' })
    const wrong = 'redirect_uri https://app.example/callback is not registered for client wiki'
    t.match(last(), { client: 'wiki', redirectUri: 'https://app.example/callback', why: wrong })
    await said({ redirect_uri: `https://app.example/\n\x1b${'x'.repeat(400)}` })
    t.match(last(), { redirectUri: /^https:\/\/app\.example\/x{280}$/ }, 'cut, and printable')
    await said({ client_id: 'wikki' })
    t.match(last(), { client: 'wikki', why: 'client wikki is not registered, or is turned off' })
    const native = { client_id: 'native' }
    const port = { ...native, redirect_uri: 'http://127.0.0.1:4711/done' }
    await localPage(t, authorizationUrl(house.issuer, port), 'another port of a native client')
    for (const uri of app.redirectUris) {
      const url = authorizationUrl(house.issuer, { ...native, redirect_uri: uri })
      t.ok((await browser.fetch(url)).headers.get('location')?.startsWith(`${uri}?`), uri)
    }
    const other = authorizationUrl(house.issuer, { redirect_uri: 'http://localhost:9001/callback' })
    t.match((await browser.fetch(other)).headers.get('location'), /^http:\/\/localhost:9001\/callback\?code=/)
  })

  await t.test('O03 an error is told to nobody before the address is known to be theirs', async (t) => {
    const elsewhere = { redirect_uri: 'https://evil.example/' }
    const faults: Record<string, string | null>[] = [
      { scope: 'openid "' },
      { response_type: 'token' },
      { response_type: null },
      { response_mode: 'web_message' },
      { prompt: 'create' },
      { request: 'x.y.z' },
      { request_uri: 'https://evil.example/request' },
      { registration: '{}' },
      { code_challenge: null, code_challenge_method: null },
      { code_challenge_method: 'plain' },
      { claims: '{' },
      { id_token_hint: 'nothing' },
      { max_age: 'x' },
    ]
    for (const fault of faults)
      await localPage(t, authorizationUrl(house.issuer, { ...fault, ...elsewhere }), JSON.stringify(fault))
    for (const unknown of ['nobody', '', 'WIKI', 'wiki\0', 'crm']) {
      const url = authorizationUrl(house.issuer, { client_id: unknown })
      await localPage(t, url, `client ${JSON.stringify(unknown)}`)
    }
    await localPage(t, authorizationUrl(house.issuer, { redirect_uri: null }), 'no address')
    const twice = authorizationUrl(house.issuer, {})
    twice.searchParams.append('redirect_uri', 'https://evil.example/')
    await localPage(t, twice, 'two addresses')
    const page = await localPage(t, authorizationUrl(house.issuer, { client_id: '<script>' }), 'markup')
    t.notMatch(page, /<script>/)
    for (const fault of faults.filter((one) => one.response_type === undefined)) {
      const { headers } = await browser.fetch(authorizationUrl(house.issuer, fault))
      const location = headers.get('location') ?? registered
      t.ok(location.startsWith(`${registered}`), `${JSON.stringify(fault)}: told to the application`)
      if (location !== registered) t.match(location, /[?&]error=.*[?&]iss=/, 'O09: with iss')
    }
  })

  await t.test('X06 no grant takes a password, so that there is no way around the lockout', async (t) => {
    const person = { username: 'alice', password: 'muster-alice' }
    const grants = ['password', 'implicit', 'urn:ietf:params:oauth:grant-type:jwt-bearer', '__proto__', '']
    const flows = ['device_code', 'token-exchange', 'saml2-bearer', 'pre-authorized_code']
    const urns = [
      ...flows.map((name) => `urn:ietf:params:oauth:grant-type:${name}`),
      'urn:openid:params:grant-type:ciba',
    ]
    for (const type of [...grants, ...urns]) {
      const form = { grant_type: type, ...person, scope: 'openid' }
      const { status, body } = await post(`${house.issuer}/oidc/token`, form, {
        authorization: basic('wiki'),
      })
      t.equal(status, 400, type)
      t.match(String(body.error), /^(unsupported_grant_type|invalid_request)$/)
    }
  })

  await t.test('only paths of the issuer, and bodies of a size', async (t) => {
    for (const path of ['/oidc/unused-logout/confirm', '/oidc/reg', '/interaction/x', '/oidc/device/auth'])
      t.equal((await fetch(`${house.issuer}${path}`, { method: 'POST' })).status, 404, path)
    const large = await fetch(`${house.issuer}/oidc/token`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'x'.repeat(70_000) }),
    })
    t.equal(large.status, 413)
    const unbounded = await fetch(`${house.issuer}/oidc/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new Blob(['grant_type=', 'x'.repeat(60_000)]).stream(),
      duplex: 'half',
    } as RequestInit)
    t.equal(unbounded.status, 400)
    const json = await fetch(`${house.issuer}/oidc/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'text/html' },
      body: '{}',
    })
    t.equal(json.status, 400)
    t.match(json.headers.get('content-type'), /json/, 'programs get JSON')
    t.equal((await fetch(`${house.issuer}/oidc/token`)).status, 404)
    t.equal((await browser.fetch(authorizationUrl(house.issuer, { state: 'a\0b' }))).status, 303)
  })
})

t.test('who asks too often waits; scripts of strangers get nothing', async (t) => {
  const limit = peerLimit({ perSecond: 1, burst: 2 })
  const { databaseUrl, dataFolder } = house
  const limited = await openHouse(t, {
    ...{ databaseUrl, dataFolder },
    change: (options) => ({ ...options, limit }),
  })
  const browser = new Browser()
  const statuses: number[] = []
  for (let i = 0; i < 4; i++) statuses.push((await browser.fetch(authorizationUrl(limited.issuer))).status)
  t.same(statuses, [303, 303, 429, 429])
  const page = await browser.fetch(authorizationUrl(limited.issuer))
  t.ok(Number(page.headers.get('retry-after')) >= 1)
  t.match(await page.text(), /Too many requests/)
  const token = await post(
    `${house.issuer}/oidc/token`,
    { grant_type: 'x' },
    { authorization: basic('wiki') },
  )
  t.equal(token.status, 400, 'only where a sign-in begins')

  await house.register({
    clientId: 'spa',
    redirectUris: ['https://spa.example/cb'],
    tokenEndpointAuthMethod: 'none',
  })
  const ask = async (origin: string, method = 'POST') => {
    const headers = { origin, 'access-control-request-method': 'POST' }
    const body = new URLSearchParams({ client_id: 'spa', grant_type: 'refresh_token', refresh_token: 'x' })
    const url = `${house.issuer}/oidc/token`
    const answer = await fetch(url, { method, headers, ...(method === 'POST' && { body }) })
    return [answer.status, answer.headers.get('access-control-allow-origin')]
  }
  t.same(await ask('https://spa.example'), [400, 'https://spa.example'])
  t.same(await ask('https://evil.example'), [400, null])
  t.same(await ask('null'), [400, null])
  t.equal((await ask('https://spa.example', 'OPTIONS'))[0], 204)
})

t.test('codes and clients', async (t) => {
  const browser = new Browser()
  const codeOf = async (parameters: Record<string, string | null> = {}) =>
    (await authorize(house, browser, 'alice', parameters)).get('code') ?? ''
  const invalidGrant = { status: 400, body: { error: 'invalid_grant' } }

  await t.test('O04 PKCE', async (t) => {
    const without = { code_challenge: null, code_challenge_method: null }
    t.match(Object.fromEntries(await authorize(house, browser, 'alice', without)), {
      error: 'invalid_request',
    })
    const plain = { code_challenge: verifier, code_challenge_method: 'plain' }
    t.match(Object.fromEntries(await authorize(house, browser, 'alice', plain)), { error: 'invalid_request' })
    t.match(Object.fromEntries(await authorize(house, browser, 'alice', { code_challenge_method: null })), {
      error: 'invalid_request',
    })
    const form = { grant_type: 'authorization_code', redirect_uri: registered }
    const headers = { authorization: basic('wiki') }
    const missing = await post(`${house.issuer}/oidc/token`, { ...form, code: await codeOf() }, headers)
    t.match(missing, invalidGrant, 'verifier missing')
    const wrong = { code_verifier: verifier.replace('a', 'b') }
    t.match(await redeem(house.issuer, await codeOf(), 'wiki', wrong), invalidGrant)

    const lax = { clientId: 'lax', redirectUris: [registered], pkce: false }
    await house.register(lax, { clientSecret: 'muster-lax-secret-1' })
    const code = await codeOf({ client_id: 'lax', ...without })
    const unasked = await post(
      `${house.issuer}/oidc/token`,
      { ...form, code, code_verifier: verifier },
      { authorization: basic('lax', 'muster-lax-secret-1') },
    )
    t.match(unasked, invalidGrant, 'verifier without challenge')
    t.match(Object.fromEntries(await authorize(house, browser, 'alice', { client_id: 'open', ...without })), {
      error: 'invalid_request',
    })
  })

  await t.test('O04 a client without a secret needs PKCE, whatever it is registered with', async (t) => {
    const known = await house.store.applications.find(house.acme.id, 'oidc', 'open')
    if (known === null) throw new Error('not registered')
    const application = { ...known.application, pkce: false }
    t.match(metadataOf({ ...known, application }), { token_endpoint_auth_method: 'none', pkce: true })
  })

  await t.test('O06 a code is bound to its client and its address', async (t) => {
    const code = await codeOf()
    t.match(await redeem(house.issuer, code, 'other'), invalidGrant)
    const elsewhere = { redirect_uri: 'http://localhost:9001/callback' }
    t.match(await redeem(house.issuer, code, 'wiki', elsewhere), invalidGrant)
    t.match(await redeem(house.issuer, code), { status: 200 }, 'tries of others do not use it up')
  })

  await t.test('O12 clients prove who they are, in the way that they were registered for', async (t) => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }
    const method = {
      tokenEndpointAuthMethod: 'private_key_jwt',
      grantTypes: ['client_credentials'],
      jwks: [jwk],
    }
    await house.register({ clientId: 'keyed', ...method })
    await house.register({ clientId: 'keyed2', ...method })
    const url = `${house.issuer}/oidc/token`
    const now = Math.floor(Date.now() / 1000)
    let count = 0
    const claims = (more: object = {}) => ({
      ...{ iss: 'keyed', sub: 'keyed', aud: house.issuer, jti: `jti-${count++}`, iat: now, exp: now + 60 },
      ...more,
    })
    const sign = (payload: object, header: object = {}, key: KeyObject = privateKey) =>
      new SignJWT(payload as never).setProtectedHeader({ alg: 'ES256', kid: 'one', ...header }).sign(key)
    const use = (assertion: string, more: Record<string, string> = {}): Promise<Answer> =>
      post(url, {
        grant_type: 'client_credentials',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: assertion,
        ...more,
      })
    const refused = { status: 401, body: { error: 'invalid_client' } }
    t.match(await use(await sign(claims())), { status: 200 })
    t.match(
      await use(await sign(claims({ aud: url }))),
      { status: 200 },
      'the token endpoint is an audience, too',
    )

    const twice = await sign(claims())
    const parallel = await Promise.all(Array.from({ length: 20 }, () => use(twice)))
    t.equal(parallel.filter(({ status }) => status === 200).length, 1, 'once, however many come at once')

    const signText = (text: string) =>
      new CompactSign(Buffer.from(text)).setProtectedHeader({ alg: 'ES256', kid: 'one' }).sign(privateKey)
    const honest = await use(await signText(JSON.stringify(claims())))
    t.equal(honest.status, 200, 'as a text of our own')
    const header = (of: object) => Buffer.from(JSON.stringify(of)).toString('base64url')
    const body = header(claims())
    const publicPem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
    const hmac = (head: string) =>
      createHmac('sha256', publicPem).update(`${head}.${body}`).digest('base64url')
    const hs256 = header({ alg: 'HS256', kid: 'one' })
    const bad: Record<string, string> = {
      'alg none': `${header({ alg: 'none' })}.${body}.`,
      'no alg': `${header({ kid: 'one' })}.${body}.AAAA`,
      'HS256 with the public key': `${hs256}.${body}.${hmac(hs256)}`,
      'another key': await sign(claims(), {}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
      'another algorithm': await sign(claims(), { alg: 'RS256' }, rsa.privateKey),
      'its own jwk': await sign(claims(), { jwk }),
      jku: await sign(claims(), { jku: 'https://evil.example/keys' }),
      x5u: await sign(claims(), { x5u: 'https://evil.example/cert' }),
      'a path as kid': await sign(claims(), { kid: '../../etc/passwd' }),
      'two audiences': await sign(claims({ aud: [house.issuer, 'https://other.example'] })),
      'an audience in a list': await sign(claims({ aud: [house.issuer] })),
      'another audience': await sign(claims({ aud: 'https://other.example' })),
      'another organization': await sign(claims({ aud: house.issuer.replace('acme', 'other') })),
      'a slash more': await sign(claims({ aud: `${house.issuer}/` })),
      expired: await sign(claims({ exp: now - 60 })),
      'no end': await sign({ ...claims(), exp: undefined }),
      'a far end': await sign(claims({ exp: now + 7200 })),
      'not yet': await sign(claims({ nbf: now + 600 })),
      'no jti': await sign({ ...claims(), jti: undefined }),
      'another issuer': await sign(claims({ iss: 'keyed2' })),
      'another subject': await sign(claims({ sub: 'keyed2' })),
      whitespace: `${await sign(claims())} `,
      'an audience twice': await signText(
        JSON.stringify(claims()).replace('{', `{"aud":"https://other.example",`),
      ),
      'not JSON': `${header({ alg: 'ES256' })}.${Buffer.from('x').toString('base64url')}.AAAA`,
    }
    for (const [what, assertion] of Object.entries(bad)) {
      const { status } = await use(assertion)
      t.ok(status === 401 || status === 400, `O10 ${what}: ${status}`)
    }
    const critical = new CompactSign(Buffer.from(JSON.stringify(claims())))
      .setProtectedHeader({ alg: 'ES256', kid: 'one', crit: ['b64'], b64: true })
      .sign(privateKey)
    t.match(await use(await critical), refused, 'O10 crit')
    t.match(await use(await sign(claims()), { client_id: 'keyed2' }), { status: 400 }, 'two clients at once')

    const secret = await post(
      url,
      { grant_type: 'client_credentials' },
      { authorization: basic('keyed', 'x') },
    )
    t.match(secret, refused, 'a secret in place of the key')
    const none = await post(url, { grant_type: 'client_credentials', client_id: 'keyed' })
    t.match(none, refused, 'nothing in place of the key')
    t.match(await redeem(house.issuer, 'x', 'wiki', { client_id: 'other' }), { status: 400 })
    for (const wrong of ['muster-wiki-secret\0', 'Muster-wiki-secret', '', 'x'.repeat(2000)]) {
      const answer = await post(
        url,
        { grant_type: 'authorization_code', code: 'x', redirect_uri: registered },
        { authorization: basic('wiki', wrong) },
      )
      t.ok(answer.status === 401 || answer.status === 400, `secret ${JSON.stringify(wrong.slice(0, 20))}`)
      t.not(answer.body.error, 'invalid_grant')
    }
    const nobody = await post(url, { grant_type: 'authorization_code', code: 'x', client_id: 'wiki' })
    t.match(nobody, refused)
  })

  await t.test('O25 a pushed request: once, for a minute, for its client', async (t) => {
    const push = (parameters: Record<string, string> = {}, client = 'wiki') =>
      post(
        `${house.issuer}/oidc/par`,
        { ...Object.fromEntries(authorizationUrl(house.issuer).searchParams), ...parameters },
        { authorization: basic(client) },
      )
    const use = (uri: unknown, client = 'wiki') => {
      const url = new URL(`${house.issuer}/oidc/authorize`)
      url.search = new URLSearchParams({ client_id: client, request_uri: String(uri) }).toString()
      return browser.fetch(url)
    }
    const { status, body } = await push()
    t.equal(status, 201)
    t.ok(Number(body.expires_in) <= 60)
    t.notMatch((await use(body.request_uri, 'other')).headers.get('location'), /code=/, 'another client')
    t.match((await use(body.request_uri)).headers.get('location'), /[?&]code=/)
    t.equal((await use(body.request_uri)).headers.get('location'), null, 'a second time')

    const begun = (await push({ prompt: 'login' })).body.request_uri
    const tabs = [new Browser(), new Browser()]
    const url = `${house.issuer}/oidc/authorize?client_id=wiki&request_uri=${encodeURIComponent(String(begun))}`
    const backs: string[] = []
    for (const tab of tabs) {
      const first = await tab.fetch(url)
      backs.push(await house.signIn(tab, first.headers.get('location') ?? '', 'alice'))
    }
    const locations: string[] = []
    for (const [i, tab] of tabs.entries()) {
      locations.push((await tab.fetch(backs[i] ?? '')).headers.get('location') ?? 'page')
      // The minute for which the request is valid is over when the second comes back.
      house.clock.shiftMs = 61_000
    }
    house.clock.shiftMs = 0
    t.equal(locations.filter((one) => one.includes('code=')).length, 1, 'begun twice, it ends once')

    t.match(await push({ redirect_uri: 'https://evil.example/' }), { status: 400 })
    t.match(await push({ request: 'x' }), { status: 400 })
    t.match(await push({ request_uri: 'https://evil.example/' }), { status: 400 })
    t.match(await push({}, 'other'), { status: 400 }, 'in the name of another client')
    const secret = await post(`${house.issuer}/oidc/par`, { client_id: 'wiki' })
    t.equal(secret.status, 401)
    const wider = await tokensOf(house, browser, 'alice', {
      scope: 'openid',
      claims: '{"userinfo":{"plan":null}}',
    })
    t.notOk('plan' in wider.claims, 'claims ask for what there is, and make nothing')
  })
})

t.test('O16 what one browser began, no other goes on with', async (t) => {
  const attacker = new Browser()
  const begun = await attacker.fetch(authorizationUrl(house.issuer))
  const uid = attacker.get('muster-oidc-resume-acme') ?? ''
  const resume = `${house.issuer}/oidc/authorize/${uid}`

  const victim = new Browser()
  await authorize(house, victim, 'alice')
  const lured = await victim.fetch(resume)
  t.equal(lured.headers.get('location'), null, 'without the cookie of the interaction')
  t.match(await lured.text(), /This sign-in is over/)

  for (const name of ['muster-oidc-resume-acme', 'muster-oidc-resume-acme.sig'])
    victim.set(name, attacker.get(name) ?? '')
  const planted = await victim.fetch(resume)
  t.equal(planted.headers.get('location'), null, 'with the cookie planted')
  t.match(await planted.text(), /role="alert"/)

  attacker.set('muster-oidc-resume-acme.sig', 'forged')
  t.equal((await attacker.fetch(resume)).headers.get('location'), null, 'a cookie that we did not sign')

  const pending = await victim.fetch(authorizationUrl(house.issuer, { prompt: 'login' }))
  const before = house.decisionsAt('oidc')
  t.match(pending.headers.get('location'), /signin/)
  await victim.fetch(authorizationUrl(house.issuer, { client_id: 'nobody' }))
  t.equal(house.decisionsAt('oidc'), before)
  t.match(begun.headers.get('location'), /^\/o\/acme\/signin\?to=/)
  const posted = await victim.fetch(`${house.issuer}/oidc/authorize`, {
    method: 'POST',
    body: authorizationUrl(house.issuer).searchParams,
  })
  t.equal(posted.status, 404, 'no POST from other sites')
})

t.test('O13 a token is what it is, for whom it is', async (t) => {
  const browser = new Browser()
  const tokens = await tokensOf(house, browser, 'alice')
  const code = (await authorize(house, browser, 'alice')).get('code') ?? ''
  const { access, id } = tokens
  const all: Record<string, string> = { access, refresh: tokens.refresh, id, code }

  const userinfo = async (token: string) =>
    (await fetch(`${house.issuer}/oidc/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status
  for (const [name, token] of Object.entries(all))
    t.equal(await userinfo(token), name === 'access' ? 200 : 401, `userinfo: ${name}`)
  const query = await fetch(`${house.issuer}/oidc/userinfo?access_token=${access}`)
  t.equal(query.status, 400, 'never in an address')

  const introspect = (token: string, client: string) =>
    post(`${house.issuer}/oidc/introspect`, { token }, { authorization: basic(client) })
  for (const client of ['wiki', 'other']) {
    for (const [name, token] of Object.entries(all)) {
      const { body } = await introspect(token, client)
      const isTold = client === 'wiki' && (name === 'access' || name === 'refresh')
      t.equal(body.active === true, isTold, `introspection by ${client}: ${name}`)
      if (!isTold && body.active !== undefined) t.same(body, { active: false })
    }
  }
  const byNobody = await post(`${house.issuer}/oidc/introspect`, { token: access, client_id: 'open' })
  t.same(byNobody.body, { active: false })
  const ofOpen = (await authorize(house, browser, 'alice', { client_id: 'open' })).get('code') ?? ''
  const redeemed = await post(`${house.issuer}/oidc/token`, {
    ...{ grant_type: 'authorization_code', code: ofOpen, client_id: 'open' },
    ...{ redirect_uri: registered, code_verifier: verifier },
  })
  t.equal(redeemed.status, 200)
  const own = { token: readTokens(redeemed.body).access, client_id: 'open' }
  t.same(
    (await post(`${house.issuer}/oidc/introspect`, own)).body,
    { active: false },
    'nothing is told to whom proves nothing, not even of its own',
  )

  for (const client of ['wiki', 'other']) {
    for (const [name, token] of Object.entries(all)) {
      if (client === 'wiki' && name === 'refresh') continue
      t.match(await refresh(house.issuer, token, client), { status: 400 }, `refresh by ${client}: ${name}`)
      if (client === 'wiki' && name === 'code') continue
      t.match(await redeem(house.issuer, token, client), { status: 400 }, `code by ${client}: ${name}`)
    }
  }
  for (const [name, token] of Object.entries(all)) {
    await post(`${house.issuer}/oidc/revoke`, { token }, { authorization: basic('other') })
    t.equal(await userinfo(access), 200, `revocation by another client: ${name}`)
  }
  for (const [name, token] of Object.entries(all)) {
    const { status } = await browser.fetch(
      authorizationUrl(house.issuer, { id_token_hint: token, prompt: 'none' }),
    )
    t.equal(status, 303)
    if (name === 'id') continue
  }

  await t.test('O09 nothing of one organization counts at another', async (t) => {
    const made = await house.createOrganization('beta')
    t.ok(made)
    const beta = house.issuer.replace('/o/acme', '/o/beta')
    t.equal((await fetch(`${beta}/.well-known/openid-configuration`)).status, 200)
    const at = (path: string, form: Record<string, string>) =>
      post(`${beta}/oidc/${path}`, form, { authorization: basic('wiki') })
    const form = { grant_type: 'authorization_code', code, redirect_uri: registered, code_verifier: verifier }
    t.match(await at('token', form), { status: 400, body: { error: 'invalid_grant' } })
    const renewal = { grant_type: 'refresh_token', refresh_token: tokens.refresh }
    t.match(await at('token', renewal), { status: 400, body: { error: 'invalid_grant' } })
    t.same((await at('introspect', { token: access })).body, { active: false })
    const told = await fetch(`${beta}/oidc/userinfo`, { headers: { authorization: `Bearer ${access}` } })
    t.equal(told.status, 401)
    const signedIn = await browser.fetch(authorizationUrl(beta, { prompt: 'none' }))
    t.match(signedIn.headers.get('location'), /error=login_required/)
    const jwks = async (issuer: string) =>
      ((await (await fetch(`${issuer}/oidc/jwks`)).json()) as { keys: { kid: string }[] }).keys
    const own = new Set((await jwks(house.issuer)).map(({ kid }) => kid))
    t.ok(
      (await jwks(beta)).every(({ kid }) => !own.has(kid)),
      'keys of its own',
    )
    const hinted = await browser.fetch(authorizationUrl(beta, { id_token_hint: id, prompt: 'none' }))
    t.match(hinted.headers.get('location'), /error=invalid_request/)
  })
})

t.test('what is at rest names nobody and opens nothing', async (t) => {
  const browser = new Browser()
  const tokens = await tokensOf(house, browser, 'alice')
  const code = (await authorize(house, browser, 'alice')).get('code') ?? ''
  const rows = await house.dump()
  t.ok(rows.includes(createHash('sha256').update(code).digest('hex')), 'the dump is one of the right tables')
  for (const [name, secret] of Object.entries({
    ...tokens,
    code,
    session: browser.get('muster-session-acme') ?? '',
  }))
    if (typeof secret === 'string') t.notOk(rows.includes(secret), name)
  t.ok(rows.includes(challenge), 'a challenge is no secret')
})
