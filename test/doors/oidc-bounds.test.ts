// What the OIDC door bounds, and what changes while a request is under way: registrations, sessions, the number of what is open.
import { Client } from 'pg'
import t from 'tap'
import type { ApplicationSession } from '../../src/core/ports.ts'
import { peerLimit } from '../../src/net/web/rate.ts'
import {
  authorizationUrl,
  authorize,
  Browser,
  basic,
  openHouse,
  post,
  readTokens,
  redeem,
  refresh,
  tokensOf,
} from '../support/oidc-door.ts'

const registered = 'http://127.0.0.1:9001/callback'
const invalidGrant = { status: 400, body: { error: 'invalid_grant' } }

const house = await openHouse(t)
const { databaseUrl, dataFolder } = house
const alice = await house.user('alice')

const userinfo = async (token: string) =>
  (await fetch(`${house.issuer}/oidc/userinfo`, { headers: { authorization: `Bearer ${token}` } })).status

/** What is open of alice at the applications, through one session or through none. */
const openOf = async (of: { session: ApplicationSession['sessionId'] }) => {
  const all = await house.store.applicationSessions.list(house.acme.id, { user: alice.id }, new Date(), {
    limit: 10_000,
  })
  return all.filter(({ sessionId }) => sessionId === of.session)
}

t.test('every path of the door is the one that was meant, and counts', async (t) => {
  const limits = { limit: peerLimit({ perSecond: 0.001, burst: 2 }) }
  const limited = await openHouse(t, {
    ...{ databaseUrl, dataFolder },
    change: (options) => ({ ...options, ...limits, resumeLimit: peerLimit({ perSecond: 0.001, burst: 3 }) }),
  })
  const { search } = authorizationUrl(house.issuer)
  const browser = new Browser()
  await authorize(house, browser, 'alice')
  for (const path of [
    'authorize/',
    'authorize/%20',
    'authorize/..',
    'authoriz%65',
    `authorize/${'x'.repeat(65)}`,
  ]) {
    const answer = await browser.fetch(`${house.issuer}/oidc/${path.replace('..', '%2e%2e')}${search}`)
    t.equal(answer.status, 404, path)
    t.equal(answer.headers.get('location'), null, path)
    t.same(answer.headers.getSetCookie(), [], path)
  }
  const statuses = async (path: string, times: number) => {
    const all: number[] = []
    for (let i = 0; i < times; i++) all.push((await browser.fetch(`${limited.issuer}/oidc/${path}`)).status)
    return all
  }
  t.same(await statuses('authorize/x', 5), [400, 400, 400, 429, 429], 'those who come back')
  t.same(
    await statuses(`authorize${search}`, 4),
    [303, 303, 429, 429],
    'have no part in what those use who begin',
  )
})

t.test('what is open at one application is bounded, and each is ended by itself', async (t) => {
  const browser = new Browser()
  const first = await tokensOf(house, browser, 'alice')
  const session = (await house.store.sessions.list(house.acme.id, alice.id, new Date(), 1e6)).find(
    ({ id }) => id === first.claims.sid || first.claims.sid === undefined,
  )
  const elsewhere = await tokensOf(house, new Browser(), 'alice')
  await house.register(
    { clientId: 'beside', redirectUris: [registered] },
    { clientSecret: 'muster-beside-secret' },
  )
  const beside = await tokensOf(house, browser, 'alice', { client_id: 'beside' })
  const told: string[] = []
  house.webSessions.onEnded((_, ended) => told.push(...ended.map(({ id }) => id)))
  const tokens = [first]
  for (let i = 0; i < 35; i++) tokens.push(await tokensOf(house, browser, 'alice'))
  t.ok(session)
  const opened = (await openOf({ session: session!.id })).filter(({ details }) => details.clientId === 'wiki')
  t.ok(opened.length >= 20 && opened.length <= 30, `${opened.length} are open`)
  t.equal(await userinfo(first.access), 401, 'the oldest is over')
  t.match(await refresh(house.issuer, first.refresh), invalidGrant)
  for (const { access } of tokens.slice(-20)) t.equal(await userinfo(access), 200, 'the newest 20 are not')
  t.equal(await userinfo(elsewhere.access), 200, 'nor is that of another browser')
  t.equal(await userinfo(beside.access), 200, 'nor that of another application')
  t.same(told, [], 'and no application is told that the session ended')
  t.notOk((await house.dump()).includes(first.refresh))

  const [one, other] = tokens.slice(-2) as [(typeof tokens)[0], (typeof tokens)[0]]
  await post(`${house.issuer}/oidc/revoke`, { token: one.refresh }, { authorization: basic('wiki') })
  t.equal(await userinfo(one.access), 401)
  t.equal(await userinfo(other.access), 200, 'O07 revoking one leaves the other')
  t.equal((await refresh(house.issuer, other.refresh)).status, 200)

  const offline = { scope: 'openid offline_access', prompt: 'consent' }
  const oldest = await tokensOf(house, browser, 'alice', offline)
  let last = oldest
  for (let i = 0; i < 35; i++) last = await tokensOf(house, browser, 'alice', offline)
  const outliving = await openOf({ session: null })
  t.ok(outliving.length >= 20 && outliving.length <= 30, `${outliving.length} outlive their session`)
  t.match(await refresh(house.issuer, oldest.refresh), invalidGrant)
  const renewed = await refresh(house.issuer, last.refresh)
  t.equal(renewed.status, 200)
  // Another site sends a browser of alice's here again and again, and gets nothing of what comes back.
  const lured = new Browser()
  for (let i = 0; i < 40; i++) await authorize(house, lured, 'alice', offline)
  t.equal((await refresh(house.issuer, String(renewed.body.refresh_token))).status, 200)
})

t.test('O01 an address that was taken away gets nothing that was under way', async (t) => {
  const [kept, gone] = [registered, 'http://127.0.0.1:9001/gone']
  const make = async (clientId: string, more: object = {}) => {
    const application = { clientId, redirectUris: [kept, gone], ...more }
    const resource = await house.register(application, { clientSecret: `muster-${clientId}-secret` })
    return async (changes: object, enabled = true) => {
      const body = { application: { protocol: 'oidc', ...application, ...changes }, enabled }
      const changed = await house.directory.resources.update(house.by, resource.id, body)
      t.ok(changed.ok, JSON.stringify(changed))
    }
  }
  const begin = async (clientId: string, more: Record<string, string | null> = {}) => {
    const browser = new Browser()
    const url = authorizationUrl(house.issuer, { client_id: clientId, redirect_uri: gone, ...more })
    const first = await browser.fetch(url)
    const back = await house.signIn(browser, first.headers.get('location') ?? '', 'alice')
    return () => browser.fetch(back)
  }
  const codeOf = async (clientId: string, more: Record<string, string | null> = {}) => {
    const parameters = { client_id: clientId, redirect_uri: gone, ...more }
    return (await authorize(house, new Browser(), 'alice', parameters)).get('code') ?? ''
  }

  await t.test('while somebody signs in, and with a code in hand', async (t) => {
    const change = await make('moving')
    const resume = await begin('moving')
    const code = await codeOf('moving')
    const still = await codeOf('moving', { redirect_uri: kept })
    const pushed = await post(
      `${house.issuer}/oidc/par`,
      {
        ...Object.fromEntries(authorizationUrl(house.issuer).searchParams),
        ...{ client_id: 'moving', redirect_uri: gone },
      },
      { authorization: basic('moving') },
    )
    await change({ redirectUris: [kept] })
    const page = await resume()
    t.equal(page.headers.get('location'), null)
    t.equal(page.status, 400)
    t.match(await page.text(), /This request was stopped/)
    t.match(await redeem(house.issuer, code, 'moving', { redirect_uri: gone }), invalidGrant)
    t.equal((await redeem(house.issuer, still, 'moving')).status, 200)
    const url = new URL(`${house.issuer}/oidc/authorize`)
    url.search = new URLSearchParams({
      client_id: 'moving',
      request_uri: String(pushed.body.request_uri),
    }).toString()
    t.equal((await new Browser().fetch(url)).headers.get('location'), null, 'a pushed request')
  })

  await t.test('O04 PKCE that is demanded meanwhile', async (t) => {
    const change = await make('stricter', { pkce: false })
    const without = { code_challenge: null, code_challenge_method: null }
    const resume = await begin('stricter', without)
    const code = await codeOf('stricter', without)
    const proven = await codeOf('stricter')
    await change({ pkce: true })
    t.match((await resume()).headers.get('location'), /error=invalid_request/)
    const form = { grant_type: 'authorization_code', code, redirect_uri: gone }
    const answer = await post(`${house.issuer}/oidc/token`, form, { authorization: basic('stricter') })
    t.match(answer, invalidGrant)
    t.equal((await redeem(house.issuer, proven, 'stricter', { redirect_uri: gone })).status, 200)
  })

  await t.test('a client that has another kind of grant now, or none', async (t) => {
    const change = await make('machine')
    const [resume, code] = [await begin('machine'), await codeOf('machine')]
    await change({ grantTypes: ['client_credentials'] })
    t.notMatch((await resume()).headers.get('location'), /code=/)
    t.match(await redeem(house.issuer, code, 'machine', { redirect_uri: gone }), { status: 400 })

    const turn = await make('off')
    const [resumeOff, codeOff] = [await begin('off'), await codeOf('off')]
    await turn({}, false)
    t.equal((await resumeOff()).headers.get('location'), null)
    const refused = { status: 401, body: { error: 'invalid_client' } }
    t.match(await redeem(house.issuer, codeOff, 'off', { redirect_uri: gone }), refused)
  })
})

t.test(
  'O13 an application that gets the client ID of another gets nothing of what was given to that',
  async (t) => {
    const application = { protocol: 'oidc', clientId: 'handed-on', redirectUris: [registered] }
    const secret = { clientSecret: 'muster-handed-on-secret' }
    const first = await house.register(application, secret)
    const tokens = await tokensOf(house, new Browser(), 'alice', { client_id: 'handed-on' })
    t.equal(await userinfo(tokens.access), 200)
    const renamed = { application: { ...application, clientId: 'named-anew' } }
    const changed = await house.directory.resources.update(house.by, first.id, renamed)
    t.ok(changed.ok, JSON.stringify(changed))
    await house.register(application, secret)
    t.equal(await userinfo(tokens.access), 401)
    t.match(await refresh(house.issuer, tokens.refresh, 'handed-on'), invalidGrant)
  },
)

t.test('a browser keeps what is needed to come back, and no cache keeps a redirect', async (t) => {
  const browser = new Browser()
  const redirects: Response[] = []
  const begun = await browser.fetch(authorizationUrl(house.issuer))
  redirects.push(begun)
  const names = (response: Response) =>
    response.headers
      .getSetCookie()
      .map((line) => line.slice(0, line.indexOf('=')))
      .toSorted()
  const resume = ['muster-oidc-resume-acme', 'muster-oidc-resume-acme.sig']
  t.same(names(begun), ['muster-browser-acme', ...resume])
  const stranger = await fetch(`${house.issuer}/oidc/authorize/nothing`, { redirect: 'manual' })
  t.equal(stranger.status, 400)
  t.same(names(stranger), [], 'nothing was begun there')
  const back = await house.signIn(browser, begun.headers.get('location') ?? '', 'alice')
  const done = await browser.fetch(back)
  redirects.push(done)
  t.match(done.headers.get('location'), /[?&]code=/)
  t.same(names(done), resume, 'taken back')
  t.same(
    browser.names().filter((name) => name.includes('oidc')),
    [],
  )
  redirects.push(await browser.fetch(authorizationUrl(house.issuer, { prompt: 'create' })))
  redirects.push(await browser.fetch(authorizationUrl(house.issuer, { client_id: 'payroll' })))
  redirects.push(
    await fetch(`${house.issuer}/oidc/logout`, {
      ...{ method: 'POST', redirect: 'manual', body: new URLSearchParams({ client_id: 'wiki' }) },
    }),
  )
  for (const { status, headers } of redirects) {
    t.equal(status, 303)
    t.equal(headers.get('cache-control'), 'no-store', headers.get('location') ?? '')
  }
})

t.test('a sign-out wins over every authorization that is under way', async (t) => {
  const database = new Client({ connectionString: databaseUrl })
  await database.connect()
  t.teardown(() => database.end())
  const given: Awaited<ReturnType<typeof readTokens>>[] = []
  let refused = 0
  for (let round = 0; round < 5; round++) {
    const browser = new Browser()
    await authorize(house, browser, 'alice')
    const [session] = await house.store.sessions.list(house.acme.id, alice.id, new Date(), 1e6)
    const first = Promise.withResolvers<void>()
    const flow = async () => {
      const answer = await browser.fetch(authorizationUrl(house.issuer, { prompt: 'none' }))
      first.resolve()
      const code = new URL(answer.headers.get('location') ?? '').searchParams.get('code')
      const { status, body } = code === null ? { status: 0, body: {} } : await redeem(house.issuer, code)
      if (status === 200) given.push(readTokens(body))
      else refused++
    }
    const flows = Array.from({ length: 24 }, flow)
    await first.promise
    await house.webSessions.end(house.acme.id, session!.id, alice, house.by.actor, 'test')
    await Promise.all(flows)
    const { rows } = await database.query(
      `select a.id from application_session a where a.session_id is not null
         and not exists (select from session s where s.org = a.org and s.id = a.session_id)`,
    )
    t.same(rows, [], 'nothing is open through a session that is gone')
  }
  t.ok(refused > 0, `${refused} came too late, ${given.length} did not`)
  for (const { access, refresh: token } of given) {
    t.equal(await userinfo(access), 401)
    t.match(await refresh(house.issuer, token), invalidGrant)
  }
})
