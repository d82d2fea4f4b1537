// How what the OIDC door gave out ends: used once, used twice, rotated, revoked, logged out of, ended by others; and what does not end,
// because the process did.
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import t, { type Test } from 'tap'
import { type ApplicationSessionId, newId, type ResourceId } from '../../src/base/ids.ts'
import type { ApplicationSession } from '../../src/core/ports.ts'
import { createAdapter, tokenBits } from '../../src/doors/oidc/adapter.ts'
import { fetchFor } from '../../src/net/web/fetch.ts'
import {
  authorizationUrl,
  authorize,
  Browser,
  basic,
  type OidcHouse,
  openHouse,
  payloadOf,
  post,
  readTokens,
  redeem,
  refresh,
  tokensOf,
} from '../support/oidc-door.ts'

const invalidGrant = { status: 400, body: { error: 'invalid_grant' } }

const userinfo = async (house: OidcHouse, token: string) =>
  (await fetch(`${house.issuer}/oidc/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status

const house = await openHouse(t)
const { databaseUrl, dataFolder } = house

t.test('codes and refresh tokens, on two processes', async (t) => {
  const second = await openHouse(t, { databaseUrl, dataFolder })
  const browser = new Browser()
  const codeOf = async (parameters: Record<string, string> = {}) =>
    (await authorize(house, browser, 'alice', parameters)).get('code') ?? ''
  const either = (i: number) => (i % 2 === 0 ? house : second).issuer

  await t.test('O06 of 50 who redeem a code one succeeds, and the others end what came of it', async (t) => {
    const code = await codeOf()
    const told: string[] = []
    for (const { webSessions } of [house, second])
      webSessions.onEnded((_, ended) => told.push(...ended.map(({ id }) => id)))
    const answers = await Promise.all(Array.from({ length: 50 }, (_, i) => redeem(either(i), code)))
    const won = answers.filter(({ status }) => status === 200)
    t.equal(won.length, 1)
    for (const answer of answers) if (answer.status !== 200) t.match(answer, invalidGrant)
    t.equal(told.length, 1, 'O21 and the application is told once, whoever was first')
    const { access, refresh: token } = readTokens(won[0]?.body ?? {})
    t.equal(await userinfo(house, access), 401)
    t.match(await refresh(house.issuer, token), invalidGrant)
  })

  await t.test('O06 the database says who was the first, and the second ends what came of it', async (t) => {
    const ended: string[] = []
    const { oidcObjects: objects, usedOnce } = house.store
    const adapterOf = (model: string) =>
      createAdapter(model, {
        ...{ organization: house.acme.id, objects, usedOnce, clock: house.clock },
        findClient: async () => undefined,
        findGrant: async () => undefined,
        endGrant: async (grantId) => void ended.push(grantId),
      })
    for (const [model, ends] of Object.entries({ AuthorizationCode: ['g'], RefreshToken: [] })) {
      const adapter = adapterOf(model)
      const id = 'x'.repeat(Math.ceil((tokenBits[model] ?? 0) / 6))
      await adapter.upsert(id, { grantId: 'g', jti: id }, 60)
      await adapter.consume(id)
      await t.rejects(adapter.consume(id), { message: 'invalid_grant' })
      t.same(ended.splice(0), ends, model)
    }
  })

  await t.test('O06 a code that comes again ends its tokens; after a minute it is nothing', async (t) => {
    const code = await codeOf()
    const { access, refresh: token } = readTokens((await redeem(house.issuer, code)).body)
    t.equal(await userinfo(second, access), 200)
    t.match(await redeem(second.issuer, code), invalidGrant)
    t.equal(await userinfo(house, access), 401)
    t.match(await refresh(house.issuer, token), invalidGrant)
    const late = await codeOf()
    house.clock.shiftMs = 61_000
    t.match(await redeem(house.issuer, late), invalidGrant)
    house.clock.shiftMs = 0
  })

  await t.test('O07 a refresh token is used once; used again it ends the family', async (t) => {
    const alice = await house.user('alice')
    const grantsOf = async () => {
      const page = { limit: 1_000 }
      const all = await house.store.applicationSessions.list(
        house.acme.id,
        { user: alice.id },
        new Date(),
        page,
      )
      return all.length
    }
    const before = await grantsOf()
    const first = await tokensOf(house, browser, 'alice')
    t.equal(await grantsOf(), before + 1)
    const next = readTokens((await refresh(second.issuer, first.refresh)).body)
    t.not(next.refresh, first.refresh)
    const third = readTokens((await refresh(house.issuer, next.refresh)).body)
    t.equal(await userinfo(house, third.access), 200)
    t.match(await refresh(second.issuer, first.refresh), invalidGrant, 'the first, again')
    t.match(await refresh(house.issuer, third.refresh), invalidGrant, 'the newest')
    for (const { access } of [first, next, third]) t.equal(await userinfo(house, access), 401)
    t.equal(await grantsOf(), before, 'and nothing of it stays open')
  })

  await t.test('O07 two at the very same moment: one family', async (t) => {
    const { refresh: token } = await tokensOf(house, browser, 'alice')
    const answers = await Promise.all(Array.from({ length: 10 }, (_, i) => refresh(either(i), token)))
    t.equal(answers.filter(({ status }) => status === 200).length, 1)
    for (const answer of answers) if (answer.status !== 200) t.match(answer, invalidGrant)
    t.match(await refresh(house.issuer, token), invalidGrant)
    const { body } = answers.find(({ status }) => status === 200) ?? { body: {} }
    t.match(await refresh(house.issuer, readTokens(body).refresh), invalidGrant, 'it came again, later')
  })

  await t.test('scopes only become fewer', async (t) => {
    const { refresh: token } = await tokensOf(house, browser, 'alice', { scope: 'openid email' })
    const ask = (scope: string) =>
      post(
        `${house.issuer}/oidc/token`,
        { grant_type: 'refresh_token', refresh_token: token, scope },
        { authorization: basic('wiki') },
      )
    t.match(await ask('openid email profile'), { status: 400, body: { error: 'invalid_scope' } })
    const { status, body } = await ask('openid')
    t.equal(status, 200)
    t.notOk('email' in readTokens(body).claims)
  })

  await t.test('revocation (RFC 7009)', async (t) => {
    const revoke = (token: string) =>
      post(`${house.issuer}/oidc/revoke`, { token }, { authorization: basic('wiki') })
    const one = await tokensOf(house, browser, 'alice')
    t.equal((await revoke(one.refresh)).status, 200)
    t.equal(await userinfo(second, one.access), 401)
    t.match(await refresh(second.issuer, one.refresh), invalidGrant)
    t.equal((await revoke('nothing')).status, 200)
  })

  await t.test('what was given out survives a restart', async (t) => {
    const tokens = await tokensOf(house, browser, 'alice')
    const code = await codeOf()
    const begun = await browser.fetch(authorizationUrl(house.issuer, { prompt: 'login' }))
    t.match(begun.headers.get('location'), /signin/)
    const port = Number(new URL(house.url).port)
    await house.close()
    const after = await openHouse(t, { databaseUrl, dataFolder, port })
    t.equal(after.issuer, house.issuer)
    t.equal(await userinfo(after, tokens.access), 200)
    t.equal((await redeem(after.issuer, code)).status, 200)
    t.equal((await refresh(after.issuer, tokens.refresh)).status, 200)
    const resumed = await browser.fetch(
      `${after.issuer}/oidc/authorize/${browser.get('muster-oidc-resume-acme')}`,
    )
    t.match(resumed.headers.get('location'), /^\/o\/acme\/signin\?to=/, 'the interaction, too')
    const jwks = createRemoteJWKSet(new URL(`${after.issuer}/oidc/jwks`))
    await t.resolves(jwtVerify(tokens.id, jwks, { issuer: after.issuer, audience: 'wiki' }))
  })
})

/** An application that is told of logouts. */
async function startListener(t: Test) {
  const told: string[] = []
  let answer: (request: IncomingMessage) => number | null = () => 200
  const waiting: (() => void)[] = []
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk) => (body += chunk))
    request.on('end', () => {
      told.push(new URLSearchParams(body).get('logout_token') ?? '')
      for (const go of waiting.splice(0)) go()
      const finish = () => {
        const status = answer(request)
        if (status !== null) response.writeHead(status, { location: 'http://127.0.0.1:1/' }).end()
      }
      if (listener.hold === null) finish()
      else listener.hold.push(finish)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  const listener = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/logged-out`,
    told,
    /** Where answers wait for whoever sets it. */
    hold: null as (() => void)[] | null,
    answerWith: (how: typeof answer) => void (answer = how),
    /** Resolves once so many have come in all. */
    async count(n: number): Promise<void> {
      while (told.length < n) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
  return listener
}

t.test('logout', async (t) => {
  const removals: number[] = []
  const house = await openHouse(t, {
    ...{ databaseUrl, dataFolder },
    change: (options) => {
      const { objects } = options
      const removeGrants: typeof objects.removeGrants = (organization, ids) => {
        removals.push(ids.length)
        return objects.removeGrants(organization, ids)
      }
      return { ...options, objects: { ...objects, removeGrants } }
    },
  })
  const listener = await startListener(t)
  const returnTo = 'https://app.example/bye'
  await house.register(
    {
      clientId: 'app',
      redirectUris: ['http://127.0.0.1:9001/callback'],
      postLogoutRedirectUris: [returnTo],
      backchannelLogoutUri: listener.url,
    },
    { clientSecret: 'muster-app-secret-1' },
  )
  const tokens = async (browser: Browser, more: Record<string, string> = {}) => {
    const back = await authorize(house, browser, 'alice', { client_id: 'app', ...more })
    const form = {
      grant_type: 'authorization_code',
      code: back.get('code') ?? '',
      redirect_uri: 'http://127.0.0.1:9001/callback',
      code_verifier: 'a-verifier-of-the-length-that-is-demanded-by-the-rfc',
    }
    const headers = { authorization: basic('app', 'muster-app-secret-1') }
    return readTokens((await post(`${house.issuer}/oidc/token`, form, headers)).body)
  }
  const logout = (browser: Browser, parameters: Record<string, string> = {}) => {
    const url = new URL(`${house.issuer}/oidc/logout`)
    url.search = new URLSearchParams(parameters).toString()
    return browser.fetch(url)
  }
  const isSignedIn = async (browser: Browser) => {
    const answer = await browser.fetch(authorizationUrl(house.issuer, { prompt: 'none' }))
    return answer.headers.get('location')?.includes('code=') === true
  }
  const press = (browser: Browser, html: string, more: Record<string, string> = {}) => {
    const fields = [...html.matchAll(/<input type="hidden" name="([^"]+)" value="([^"]*)">/g)]
    const unescaped = (text = '') => text.replaceAll('&amp;', '&')
    const form = Object.fromEntries(fields.map(([, name, value]) => [name, unescaped(value)]))
    const headers = { origin: house.url, 'sec-fetch-site': 'same-origin' }
    const body = new URLSearchParams({ ...(form as Record<string, string>), ...more })
    return browser.fetch(`${house.issuer}/oidc/logout`, { method: 'POST', headers, body })
  }

  await t.test(
    'O21 with an ID token of this session: no question, and a token for the application',
    async (t) => {
      const browser = new Browser()
      const { id, access, claims } = await tokens(browser)
      await tokens(browser)
      const wiki = await tokensOf(house, browser, 'alice')
      const shown = await logout(browser, {
        id_token_hint: id,
        post_logout_redirect_uri: returnTo,
        state: 's&1',
      })
      const html = await shown.text()
      t.match(html, /document\.forms\[0\]\.submit\(\)/)
      t.notMatch(html, /Stay signed in/)
      t.ok(await isSignedIn(browser), 'a GET changes nothing')
      t.equal((await press(browser, html, { csrf: 'x' })).status, 403)
      const done = await press(browser, html)
      t.match(await done.text(), /https:\/\/app\.example\/bye\?state=s%261/)
      t.notOk(browser.names().includes('muster-session-acme'))
      t.notOk(await isSignedIn(browser))
      t.equal(await userinfo(house, access), 401)
      t.equal(await userinfo(house, wiki.access), 401)
      t.match(await refresh(house.issuer, wiki.refresh), invalidGrant)

      await listener.count(1)
      await house.door.settled()
      t.equal(listener.told.length, 1, 'once, though it was opened twice')
      const jwks = createRemoteJWKSet(new URL(`${house.issuer}/oidc/jwks`))
      const { payload, protectedHeader } = await jwtVerify(listener.told[0] ?? '', jwks, {
        issuer: house.issuer,
        audience: 'app',
        typ: 'logout+jwt',
      })
      t.equal(protectedHeader.typ, 'logout+jwt')
      t.same(payload.events, { 'http://schemas.openid.net/event/backchannel-logout': {} })
      t.match(payload, { sub: claims.sub, sid: claims.sid, jti: /.+/ })
      t.ok(Number(payload.exp) - Number(payload.iat) <= 120)
      t.notOk('nonce' in payload)

      const hinted = await browser.fetch(
        authorizationUrl(house.issuer, { id_token_hint: listener.told[0] ?? '', prompt: 'none' }),
      )
      t.notMatch(hinted.headers.get('location'), /code=/, 'O13: a logout token is no ID token')
    },
  )

  await t.test('O21 without a token that is ours and of this session, the person is asked', async (t) => {
    const other = new Browser()
    const { id: others } = await tokens(other)
    const browser = new Browser()
    const { id } = await tokens(browser)
    const [head = '', body = ''] = id.split('.')
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${body}.`
    for (const hint of [undefined, others, unsigned, `${head}.${body}.AAAA`, `${id} `, 'x.y.z', '{}']) {
      const shown = await logout(browser, {
        ...(hint !== undefined && { id_token_hint: hint }),
        client_id: 'app',
      })
      const html = await shown.text()
      t.equal(shown.status, 200, String(hint).slice(0, 20))
      t.notMatch(html, /submit\(\)/)
      t.match(html, /Sign out\?/)
    }
    t.ok(await isSignedIn(browser))
    const html = await (await logout(browser)).text()
    t.match(await (await press(browser, html)).text(), /You are signed out/)
    t.notOk(await isSignedIn(browser))
    t.ok(await isSignedIn(other), 'one session, and not the person')
    t.match(
      await (await logout(browser)).text(),
      /You are signed out/,
      'with nobody there, there is nothing to do',
    )
  })

  await t.test('O21 post_logout_redirect_uri is compared as a whole text', async (t) => {
    const browser = new Browser()
    const { id } = await tokens(browser)
    for (const uri of [
      `${returnTo}/`,
      `${returnTo}?x`,
      'https://app.example',
      'https://evil.example/',
      'javascript:alert(1)',
    ]) {
      const page = await logout(browser, { id_token_hint: id, post_logout_redirect_uri: uri })
      t.equal(page.status, 400, uri)
      const text = await page.text()
      t.notMatch(text, /<form|http-equiv="refresh"/)
      t.match(text, /href="\/o\/acme\/signin\/out">Sign out</, 'whoever wants to leave can')
      t.match(text, /href="\/o\/acme\/portal">Stay signed in</)
      const reference = /<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(text)?.[1]
      const told = house.logged.find(
        ({ fields }) => (fields as { reference?: string }).reference === reference,
      )
      t.match(told, {
        message: 'a sign-out was not carried out',
        fields: { client: 'app', postLogoutRedirectUri: uri, why: /not registered/ },
      })
    }
    t.equal((await logout(browser, { post_logout_redirect_uri: returnTo })).status, 400, 'of no client')
    const nobody = await logout(new Browser(), {
      post_logout_redirect_uri: `${returnTo}\n${'x'.repeat(400)}`,
    })
    t.match(await nobody.text(), /You are not signed in, and stay here/)
    t.match(house.logged.at(-1), {
      fields: { postLogoutRedirectUri: /^https:\/\/app\.example\/byex{1,280}$/ },
    })
    t.equal((await logout(browser, { id_token_hint: id, client_id: 'wiki' })).status, 400, 'of two clients')
    const twice = await browser.fetch(`${house.issuer}/oidc/logout?state=a&state=b`)
    t.equal(twice.status, 400)
    const html = await (
      await logout(browser, { id_token_hint: id, post_logout_redirect_uri: returnTo })
    ).text()
    const swapped = await press(browser, html, { post_logout_redirect_uri: 'https://evil.example/' })
    t.equal(swapped.status, 400, 'what the form brings is looked at again')
    const foreign = await browser.fetch(`${house.issuer}/oidc/logout`, {
      method: 'POST',
      headers: { origin: 'https://app.example' },
      body: new URLSearchParams({ id_token_hint: id }),
    })
    t.equal(foreign.status, 303, 'a form of the application becomes the GET')
    t.ok(await isSignedIn(browser))
  })

  await t.test('O21 an application that does not answer keeps nobody waiting', async (t) => {
    const browser = new Browser()
    const before = listener.told.length
    const { id } = await tokens(browser)
    listener.answerWith(() => null)
    const html = await (await logout(browser, { id_token_hint: id })).text()
    t.match(await (await press(browser, html)).text(), /You are signed out/)
    await listener.count(before + 1)
    await house.door.settled()
    t.ok(house.logged.some(({ message }) => /could not be told/.test(message)))
    listener.answerWith(() => 302)
    const another = new Browser()
    const { id: next } = await tokens(another)
    await press(another, await (await logout(another, { id_token_hint: next })).text())
    await house.door.settled()
    t.equal(listener.told.length, before + 2, 'a redirect is not followed')
    listener.answerWith(() => 200)
  })

  await t.test('O21 a notice that did not arrive is sent once more', async (t) => {
    const notices = async (answers: readonly ('broken' | number)[]) => {
      const before = listener.told.length
      const left = [...answers]
      listener.answerWith(({ socket }) => {
        const next = left.shift() ?? 200
        if (next !== 'broken') return next
        socket.destroy()
        return null
      })
      const browser = new Browser()
      const { id } = await tokens(browser)
      await press(browser, await (await logout(browser, { id_token_hint: id })).text())
      await house.door.settled()
      listener.answerWith(() => 200)
      return listener.told.slice(before)
    }
    const [first = '', second = '', ...more] = await notices(['broken'])
    t.same(more, [])
    t.equal(payloadOf(second).sid, payloadOf(first).sid)
    t.not(payloadOf(second).jti, payloadOf(first).jti)
    t.equal((await notices(['broken', 'broken'])).length, 2, 'and then no more')
    t.equal((await notices([500])).length, 1, 'one that arrived is not')
  })

  await t.test('O21 so many at once, so many wait, and more are let go with a line in the log', async (t) => {
    const alice = await house.user('alice')
    const before = listener.told.length
    const held: (() => void)[] = []
    listener.hold = held
    const ended = Array.from({ length: 520 }, (_, i) => ({
      ...{ id: newId<ApplicationSessionId>(), userId: alice.id, resourceId: newId<ResourceId>() },
      ...{ sessionId: null, door: 'oidc', proof: [], openedAt: new Date(), expiresAt: new Date() },
      details: { clientId: 'app', sid: `session-${i}` },
    })) satisfies ApplicationSession[]
    removals.length = 0
    house.webSessions.tellEnded(house.acme.id, ended)
    await listener.count(before + 8)
    const line = () => house.logged.find(({ message }) => /too many applications/.test(message))
    t.notOk(line(), 'not before it is known how many')
    t.equal(held.length, 8)
    t.same(removals, [520], 'one statement for all')
    listener.hold = null
    for (const go of held) go()
    await house.door.settled()
    t.equal(listener.told.length, before + 8 + 500)
    t.match(line()?.fields, { organization: 'acme', count: 12 })
  })

  await t.test('O14 a logout address within the house is not called', async (t) => {
    let isGuarded = false
    const guarded = await openHouse(t, {
      ...{ databaseUrl, dataFolder },
      change: (options) => {
        const guard = fetchFor({ allow: [], allowLoopback: false })
        isGuarded = true
        return { ...options, fetch: guard as typeof fetch }
      },
    })
    t.ok(isGuarded)
    const before = listener.told.length
    const browser = new Browser()
    await authorize(guarded, browser, 'alice', { client_id: 'app' })
    const session = (
      await guarded.store.sessions.list(guarded.acme.id, (await guarded.user('alice')).id, new Date(), 1e6)
    )[0]
    const alice = await guarded.user('alice')
    await guarded.webSessions.end(guarded.acme.id, session!.id, alice, guarded.by.actor, 'test')
    await guarded.door.settled()
    t.equal(listener.told.length, before)
    t.ok(guarded.logged.some(({ message }) => /could not be told/.test(message)))
  })

  await t.test('whoever ends it, the application is told', async (t) => {
    const browser = new Browser()
    const before = listener.told.length
    const carol = await house.user('alice')
    const { claims } = await tokens(browser)
    await house.directory.users.update(house.by, carol.id, { state: 'suspended' })
    await listener.count(before + 1)
    t.equal(payloadOf(listener.told.at(-1) ?? '').sid, claims.sid)
    await house.directory.users.update(house.by, carol.id, { state: 'active' })
  })

  await t.test(
    'through a session that has ended nothing is opened, however close together the two are',
    async (t) => {
      const alice = await house.user('alice')
      for (let i = 0; i < 10; i++) {
        const browser = new Browser()
        await authorize(house, browser, 'alice')
        const [session] = await house.store.sessions.list(house.acme.id, alice.id, new Date(), 1e6)
        const url = authorizationUrl(house.issuer, { prompt: 'none' })
        const [opened] = await Promise.all([
          browser.fetch(url),
          house.webSessions.end(house.acme.id, session!.id, alice, house.by.actor, 'test'),
        ])
        const code = new URL(opened.headers.get('location') ?? '').searchParams.get('code')
        if (code !== null) t.match(await redeem(house.issuer, code), invalidGrant)
        const page = { limit: 10 }
        const left = await house.store.applicationSessions.list(
          house.acme.id,
          { session: session!.id },
          new Date(),
          page,
        )
        t.same(left, [])
      }
    },
  )

  await t.test('offline access outlives the session, and ends with the person', async (t) => {
    const browser = new Browser()
    const before = listener.told.length
    const scope = 'openid offline_access'
    const plain = await tokens(browser, { scope })
    t.notMatch(
      (
        await post(
          `${house.issuer}/oidc/introspect`,
          { token: plain.access },
          { authorization: basic('app', 'muster-app-secret-1') },
        )
      ).body,
      { scope },
      'only with prompt=consent',
    )
    const { id, refresh: token } = await tokens(browser, { scope, prompt: 'consent' })
    const html = await (await logout(browser, { id_token_hint: id })).text()
    await press(browser, html)
    await listener.count(before + 1)
    const renew = (with_: string) =>
      post(
        `${house.issuer}/oidc/token`,
        { grant_type: 'refresh_token', refresh_token: with_ },
        { authorization: basic('app', 'muster-app-secret-1') },
      )
    t.match(await renew(plain.refresh), invalidGrant)
    const renewed = await renew(token)
    t.equal(renewed.status, 200)
    const alice = await house.user('alice')
    await house.directory.users.update(house.by, alice.id, { state: 'suspended' })
    t.match(await renew(readTokens(renewed.body).refresh), invalidGrant)
    await house.directory.users.update(house.by, alice.id, { state: 'active' })
  })

  await t.test('O27 a user who is made anew is somebody else', async (t) => {
    const browser = new Browser()
    const first = await tokensOf(house, browser, 'frank')
    const frank = await house.user('frank')
    t.ok((await house.directory.users.remove(house.by, frank.id)).ok)
    t.equal(await userinfo(house, first.access), 401)
    t.match(await refresh(house.issuer, first.refresh), invalidGrant)
    const body = { username: 'frank', email: frank.email, state: 'active', password: 'muster-frank' }
    const made = await house.directory.users.create(house.by, body)
    t.ok(made.ok)
    t.equal(await userinfo(house, first.access), 401)
    t.notOk(await isSignedIn(browser), 'nor is the old browser signed in')
    const { claims } = await tokensOf(house, new Browser(), 'frank')
    t.not(claims.sub, first.claims.sub)
    t.equal(claims.email_verified, false)
  })
})
