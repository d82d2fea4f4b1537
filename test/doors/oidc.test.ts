// The OIDC door: the code flow from end to end over the real house, and what the decision says of it, at sign-in and with every
// code and token that is used afterwards.
import { createRemoteJWKSet, jwtVerify } from 'jose'
import t from 'tap'
import { Fault } from '../../src/base/result.ts'
import { authenticationOf } from '../../src/doors/oidc/authentication.ts'
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

const twoFactors = 'urn:muster:acr:2fa'
const day = 24 * 60 * 60 * 1000

const userinfo = async (house: OidcHouse, token: string) => {
  const response = await fetch(`${house.issuer}/oidc/userinfo`, {
    headers: { authorization: `Bearer ${token}` },
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

/** Where the browser is sent; its parameters without the code, which is new each time. */
async function answerTo(browser: Browser, url: URL): Promise<Record<string, string>> {
  const response = await browser.fetch(url)
  const location = response.headers.get('location') ?? ''
  if (location.startsWith('/o/acme/signin')) return { sentTo: 'sign-in' }
  if (location === '') return { page: String(response.status) }
  const { code, error_description: _, ...rest } = Object.fromEntries(new URL(location).searchParams)
  return { ...rest, ...(code !== undefined && { code: 'a code' }) }
}

/** One house for most of the tests, and its database for those that need another door. */
const house = await openHouse(t)
const { databaseUrl, dataFolder } = house

t.test('the code flow', async (t) => {
  const alice = await house.user('alice')

  await t.test('discovery names what is there, with the issuer as it was configured', async (t) => {
    const forged = { 'x-forwarded-host': 'evil.example', forwarded: 'host=evil.example;proto=https' }
    const found = await fetch(`${house.issuer}/.well-known/openid-configuration`, { headers: forged })
    const body = (await found.json()) as Record<string, string>
    t.equal(body.issuer, house.issuer)
    t.equal(body.authorization_endpoint, `${house.issuer}/oidc/authorize`)
    t.equal(body.end_session_endpoint, `${house.issuer}/oidc/logout`)
    t.same(body.response_types_supported, ['code'])
    t.same(body.response_modes_supported, ['query', 'form_post'])
    t.same(body.code_challenge_methods_supported, ['S256'])
    t.match(body.claims_supported, ['sub'])
    t.notMatch(JSON.stringify(body), /evil/)
    t.equal((await fetch(`${house.url}/o/nobody/.well-known/openid-configuration`)).status, 404)
    t.equal((await fetch(`${house.url}/o/%61cme/.well-known/openid-configuration`)).status, 404)
  })

  await t.test('W01 over https: every cookie is secure, and no neighbour can write it', async (t) => {
    const publicUrl = 'https://id.acme.example'
    const secure = await openHouse(t, {
      ...{ databaseUrl, dataFolder },
      change: (options) => ({ ...options, ground: { ...options.ground, publicUrl: () => publicUrl } }),
    })
    const begun = await fetch(authorizationUrl(secure.issuer), { redirect: 'manual' })
    const cookies = begun.headers.getSetCookie()
    t.ok(cookies.length > 1)
    for (const cookie of cookies) t.match(cookie, /^__(?:Host|Secure)-.*; secure(;|$).*/i)
    for (const cookie of cookies) t.match(cookie, /; httponly/i)
    const found = await fetch(`${secure.issuer}/.well-known/openid-configuration`)
    const body = (await found.json()) as Record<string, string>
    t.equal(body.issuer, `${publicUrl}/o/acme`)
    t.equal(body.token_endpoint, `${publicUrl}/o/acme/oidc/token`)
  })

  await t.test('from no session to an ID token, an access token and claims', async (t) => {
    const browser = new Browser()
    const back = await authorize(house, browser, 'alice')
    t.match(
      Object.fromEntries(back),
      { state: 'a-state', iss: house.issuer, code: /^[\w-]{46}$/ },
      'O09: iss',
    )
    const { status, body } = await redeem(house.issuer, back.get('code') ?? '')
    t.equal(status, 200)
    t.match(body, { token_type: 'Bearer', expires_in: 3600, scope: 'openid profile email groups' })
    const jwks = createRemoteJWKSet(new URL(`${house.issuer}/oidc/jwks`))
    const { payload, protectedHeader } = await jwtVerify(String(body.id_token), jwks, {
      issuer: house.issuer,
      audience: 'wiki',
    })
    t.equal(protectedHeader.alg, 'RS256')
    const known = {
      sub: alice.id,
      name: 'Alice Adams',
      given_name: 'Alice',
      family_name: 'Adams',
      preferred_username: 'alice',
      email: 'alice@acme.example',
      // O27: nobody has proven it.
      email_verified: false,
      updated_at: Math.floor(alice.updatedAt.getTime() / 1000),
      groups: ['everyone'],
    }
    t.match(payload, { ...known, nonce: 'a-nonce', acr: 'urn:muster:acr:1fa', amr: ['pwd'] })
    t.equal(Number(payload.exp) - Number(payload.iat), 600)
    const told = await userinfo(house, String(body.access_token))
    t.same(told, { status: 200, body: known })
    t.notOk(
      browser.names().some((name) => name.includes('unused')),
      'the library keeps no session',
    )

    const again = await answerTo(browser, authorizationUrl(house.issuer, { prompt: 'none' }))
    t.same(again, { state: 'a-state', iss: house.issuer, code: 'a code' }, 'single sign-on, nothing shown')
  })

  await t.test('claims go by scope; groups are a list, also for one and for none', async (t) => {
    const browser = new Browser()
    const names = async (scope: string) => {
      const { claims, access } = await tokensOf(house, browser, 'alice', { scope })
      const fixed = ['acr', 'amr', 'aud', 'auth_time', 'exp', 'iat', 'iss', 'nonce', 'sub']
      const own = Object.keys(claims).filter((name) => !fixed.includes(name))
      const told = Object.keys((await userinfo(house, access)).body).filter((name) => name !== 'sub')
      t.same(told.toSorted(), own.toSorted(), `${scope}: the same in the ID token and at userinfo`)
      return own.toSorted()
    }
    t.same(await names('openid'), [])
    t.same(await names('openid email'), ['email', 'email_verified'])
    t.same(await names('openid groups'), ['groups'])
    const { claims } = await tokensOf(house, browser, 'alice', {
      scope: 'openid',
      claims: JSON.stringify({ id_token: { email: null, groups: null, nothing: null } }),
    })
    t.match(claims, { email: 'alice@acme.example', groups: ['everyone'] }, 'asked for one by one')

    const application = {
      clientId: 'two-groups',
      redirectUris: ['http://127.0.0.1:9001/callback'],
      release: { preferred_username: 'email', dept: 'department', badge: 'attributes.badge' },
    }
    const secret = { clientSecret: 'muster-two-groups-secret' }
    const more = { attributes: { claims: { plan: 'gold', seats: 3, email_verified: true } } }
    const resource = await house.register(application, secret, 'engineering', more)
    const groups = await house.store.reader.groupNames(house.acme.id)
    const groupId = groups.find(({ name }) => name === 'everyone')?.id
    await house.directory.bindings.create(house.by, { groupId, resourceId: resource.id })
    const told = await tokensOf(house, browser, 'alice', { client_id: 'two-groups' })
    t.same((told.claims.groups as string[]).toSorted(), ['engineering', 'everyone'])
    t.match(told.claims, {
      plan: 'gold',
      seats: 3,
      dept: 'Engineering',
      preferred_username: 'alice@acme.example',
    })
    t.equal(told.claims.email_verified, false, 'O27: no binding can vouch for an address')
    t.notOk('badge' in told.claims, 'what she does not have is left out')
    t.match((await userinfo(house, told.access)).body, { plan: 'gold', dept: 'Engineering' })
  })

  await t.test('ES256 where the application asks for it, and response_mode=form_post', async (t) => {
    const application = {
      clientId: 'modern',
      redirectUris: ['https://modern.example/callback'],
      idTokenSignedResponseAlg: 'ES256',
      tokenEndpointAuthMethod: 'none',
    }
    await house.register(application)
    const browser = new Browser()
    await authorize(house, browser, 'alice')
    const parameters = {
      client_id: 'modern',
      redirect_uri: 'https://modern.example/callback',
      response_mode: 'form_post',
    }
    const page = await browser.fetch(authorizationUrl(house.issuer, parameters))
    const text = await page.text()
    t.match(text, /<form method="post" action="https:\/\/modern\.example\/callback">/)
    t.match(page.headers.get('content-security-policy'), /script-src 'sha256-[^']+';.*frame-ancestors 'none'/)
    const code = /name="code" value="([^"]+)"/.exec(text)?.[1] ?? ''
    const { body } = await post(`${house.issuer}/oidc/token`, {
      grant_type: 'authorization_code',
      client_id: 'modern',
      redirect_uri: 'https://modern.example/callback',
      code_verifier: 'a-verifier-of-the-length-that-is-demanded-by-the-rfc',
      code,
    })
    const jwks = createRemoteJWKSet(new URL(`${house.issuer}/oidc/jwks`))
    const { protectedHeader } = await jwtVerify(String(body.id_token), jwks, { issuer: house.issuer })
    t.equal(protectedHeader.alg, 'ES256')
  })

  await t.test('client credentials: a token without a person', async (t) => {
    const client = { clientId: 'robot', grantTypes: ['client_credentials'] }
    await house.register(client, { clientSecret: 'muster-robot-secret' })
    const ask = (path: string, form: Record<string, string>, client = 'robot') =>
      post(`${house.issuer}/oidc/${path}`, form, { authorization: basic(client) })
    const { status, body } = await ask('token', { grant_type: 'client_credentials' })
    t.equal(status, 200)
    t.same(Object.keys(body).toSorted(), ['access_token', 'expires_in', 'token_type'])
    const token = String(body.access_token)
    const told = await ask('introspect', { token })
    t.match(told.body, { active: true, client_id: 'robot', iss: house.issuer })
    t.notOk('sub' in told.body)
    t.same((await ask('introspect', { token }, 'wiki')).body, { active: false }, 'O13')
    t.equal((await userinfo(house, token)).status, 401)
    const form = { grant_type: 'client_credentials' }
    const scoped = await ask('token', { ...form, scope: 'openid' })
    t.match(scoped, { status: 400, body: { error: 'invalid_scope' } }, 'nobody gives scopes to themselves')
    const unknown = (await ask('token', { ...form, scope: 'admin' })).body
    t.notOk('scope' in unknown)
    t.notOk('scope' in (await ask('introspect', { token: String(unknown.access_token) })).body)
    const other = await ask('token', { grant_type: 'client_credentials' }, 'wiki')
    t.equal(other.status, 400, 'only where it is registered')
    t.equal((await ask('revoke', { token })).status, 200)
    t.same((await ask('introspect', { token })).body, { active: false })
  })
})

t.test('what the decision says', async (t) => {
  await t.test(
    'X08 a session, and nothing else, is a proof: each application is asked for by itself',
    async (t) => {
      const browser = new Browser()
      await authorize(house, browser, 'alice')
      const before = house.decisionsAt('oidc')
      const payroll = { client_id: 'payroll' }
      const refused = await browser.fetch(authorizationUrl(house.issuer, payroll))
      const told = new URL(refused.headers.get('location') ?? '').searchParams
      t.match(Object.fromEntries(told), { error: 'access_denied', state: 'a-state', iss: house.issuer })
      const reference = /reference ([0-9A-Z]{4}-[0-9A-Z]{4})/.exec(told.get('error_description') ?? '')?.[1]
      t.equal(
        house.asked.at(-1)?.reference,
        reference,
        'the audit log has it under what the person may quote',
      )
      t.equal(house.decisionsAt('oidc'), before + 1, 'one decision, one record')
      browser.remove('muster-session-acme')
      t.same(await answerTo(browser, authorizationUrl(house.issuer)), { sentTo: 'sign-in' })
      const none = await answerTo(browser, authorizationUrl(house.issuer, { prompt: 'none' }))
      t.match(none, { error: 'login_required', state: 'a-state', iss: house.issuer })
    },
  )

  await t.test('M14 a code that is missing is asked for, and until then there is nothing', async (t) => {
    const browser = new Browser()
    await authorize(house, browser, 'dave')
    const url = authorizationUrl(house.issuer, { client_id: 'payroll' })
    t.same(await answerTo(browser, url), { sentTo: 'sign-in' })
    url.searchParams.set('prompt', 'none')
    t.match(await answerTo(browser, url), { error: 'login_required' })
    const { claims } = await tokensOf(house, browser, 'dave', { client_id: 'payroll' })
    t.match(claims, { acr: twoFactors, amr: ['pwd', 'otp', 'mfa'], groups: ['finance'] })
  })

  await t.test('O18 acr_values: demanded, and never claimed for less', async (t) => {
    const browser = new Browser()
    await authorize(house, browser, 'bob')
    const url = (values: string, more = {}) =>
      authorizationUrl(house.issuer, { acr_values: values, prompt: 'none', ...more })
    t.match(await answerTo(browser, url(twoFactors)), { error: 'login_required' })
    t.match(await answerTo(browser, url('https://refeds.org/profile/mfa')), { error: 'login_required' })
    t.match(
      await answerTo(browser, url(`${twoFactors} urn:muster:acr:1fa`)),
      { error: 'login_required' },
      'bob has a second factor',
    )
    t.match(await answerTo(browser, url('urn:muster:acr:1fa')), { code: 'a code' })
    t.match(await answerTo(browser, url('urn:unknown')), { code: 'a code' }, 'unknown ones are voluntary')
    const essential = (values: string[]) => JSON.stringify({ id_token: { acr: { essential: true, values } } })
    const unmet = await answerTo(
      browser,
      authorizationUrl(house.issuer, { claims: essential(['urn:unknown']) }),
    )
    t.match(unmet, { error: 'unmet_authentication_requirements' })
    const both = { claims: essential(['urn:unknown']), acr_values: 'urn:muster:acr:1fa' }
    t.match(await answerTo(browser, authorizationUrl(house.issuer, both)), {
      error: 'unmet_authentication_requirements',
    })

    const alone = new Browser()
    await authorize(house, alone, 'alice')
    t.match(await answerTo(alone, url(twoFactors)), { error: 'access_denied' }, 'alice has no second factor')
    t.match(await answerTo(alone, url(`${twoFactors} urn:muster:acr:1fa`)), { code: 'a code' })

    const refeds = 'https://refeds.org/profile/mfa'
    const { claims, refresh: token } = await tokensOf(house, browser, 'bob', { acr_values: refeds })
    t.match(claims, { acr: refeds, amr: ['pwd', 'otp', 'mfa'] })
    const renewed = readTokens((await refresh(house.issuer, token)).body).claims
    for (const name of ['acr', 'amr', 'auth_time', 'sub'])
      t.same(renewed[name], claims[name], `${name} after refresh`)
    t.same(renewed.nonce, claims.nonce)
  })

  await t.test('O18 auth_time is that of the oldest proof that counts', (t) => {
    const at = (seconds: number) => new Date(seconds * 1000)
    const password = { kind: 'password', factorVersion: '1', at: at(1_000) } as const
    const code = { kind: 'totp', factorVersion: '1', at: at(9_000) } as const
    for (const proof of [
      [password, code],
      [code, password],
    ])
      t.match(authenticationOf(proof, []), { authTime: 1_000, acr: twoFactors })
    t.equal(authenticationOf([{ ...password, at: at(9_000) }], []).authTime, 9_000)
    t.end()
  })

  await t.test('O18 max_age and prompt=login: an older sign-in does not count', async (t) => {
    const browser = new Browser()
    house.clock.shiftMs = -600_000
    await authorize(house, browser, 'alice')
    house.clock.shiftMs = 0
    const old = Math.floor(Date.now() / 1000) - 600
    const silent = (parameters: Record<string, string>) =>
      answerTo(browser, authorizationUrl(house.issuer, { prompt: 'none', ...parameters }))
    t.match(await silent({ max_age: '3600' }), { code: 'a code' })
    t.match(await silent({ max_age: '60' }), { error: 'login_required' })
    t.match(await silent({ max_age: '0' }), { error: 'login_required' }, 'max_age=0 is prompt=login')
    t.match(await silent({ max_age: '-1' }), { error: 'invalid_request' })

    const before = (await tokensOf(house, browser, 'alice')).claims
    t.ok(Math.abs(Number(before.auth_time) - old) <= 5, 'auth_time is that of the proof')

    const first = await browser.fetch(authorizationUrl(house.issuer, { prompt: 'login' }))
    const signInAt = first.headers.get('location') ?? ''
    const resume = [...browser.names()].find((name) => name.startsWith('muster-oidc-resume'))
    t.ok(resume)
    const back = `${house.issuer}/oidc/authorize/${browser.get('muster-oidc-resume-acme')}`
    const unchanged = await browser.fetch(back)
    t.match(
      unchanged.headers.get('location'),
      /^\/o\/acme\/signin\?to=/,
      'back without having signed in: sent again',
    )
    t.not(unchanged.headers.get('location'), signInAt)
    const done = await browser.fetch(
      await house.signIn(browser, unchanged.headers.get('location') ?? '', 'alice'),
    )
    t.match(done.headers.get('location'), /[?&]code=/)
    const { claims } = await tokensOf(house, browser, 'alice', { max_age: '60' })
    t.ok(Number(claims.auth_time) > old + 500, 'a new auth_time')
    for (const prompt of ['select_account', 'login consent'])
      t.same(
        await answerTo(browser, authorizationUrl(house.issuer, { prompt })),
        { sentTo: 'sign-in' },
        prompt,
      )
    t.match(await answerTo(browser, authorizationUrl(house.issuer, { prompt: 'consent' })), {
      code: 'a code',
    })
    t.match(await answerTo(browser, authorizationUrl(house.issuer, { prompt: 'create' })), {
      error: 'invalid_request',
    })
    t.match(await silent({ prompt: 'none login' }), { error: 'invalid_request' })
  })

  await t.test('a person who is named is that person, or nobody', async (t) => {
    const browser = new Browser()
    const { id } = await tokensOf(house, browser, 'alice')
    const carol = await house.user('carol')
    const hint = (token: string, prompt = 'none') =>
      answerTo(browser, authorizationUrl(house.issuer, { prompt, id_token_hint: token }))
    t.match(await hint(id), { code: 'a code' })
    const other = new Browser()
    const { id: carols } = await tokensOf(house, other, 'carol')
    t.match(await hint(carols), { error: 'login_required' })
    const claims = JSON.stringify({ id_token: { sub: { value: carol.id } } })
    const first = await browser.fetch(authorizationUrl(house.issuer, { claims, login_hint: 'carol' }))
    const location = first.headers.get('location') ?? ''
    const asAlice = await browser.fetch(await house.signIn(browser, location, 'alice'))
    t.match(asAlice.headers.get('location'), /error=login_required/)
    const again = await authorize(house, browser, 'carol', { claims })
    t.ok(again.get('code'))
  })

  await t.test('X01 suspended: code, refresh, userinfo and introspection say so at once', async (t) => {
    const browser = new Browser()
    const frank = await house.user('frank')
    const { access, refresh: token } = await tokensOf(house, browser, 'frank')
    const code = (await authorize(house, browser, 'frank')).get('code') ?? ''
    t.equal((await userinfo(house, access)).status, 200)
    await house.directory.users.update(house.by, frank.id, { state: 'suspended' })
    t.match(await redeem(house.issuer, code), { status: 400, body: { error: 'invalid_grant' } })
    t.match(await refresh(house.issuer, token), { status: 400, body: { error: 'invalid_grant' } })
    t.match(await userinfo(house, access), { status: 401, body: { error: 'invalid_token' } })
    const shown = await browser.fetch(authorizationUrl(house.issuer))
    t.match(shown.headers.get('location'), /signin|access_denied/)

    await house.directory.users.update(house.by, frank.id, { state: 'active' })
    t.match(await refresh(house.issuer, token), { status: 400 }, 'what ended does not come back')
    t.match(await userinfo(house, access), { status: 401 })
  })

  await t.test('X02 out of the group: the next use of a token is the last', async (t) => {
    const application = { clientId: 'sales', redirectUris: ['http://127.0.0.1:9001/callback'] }
    await house.register(application, { clientSecret: 'muster-sales-secret' }, 'sales')
    const carol = await house.user('carol')
    const { access, refresh: token } = await tokensOf(house, new Browser(), 'carol', { client_id: 'sales' })
    t.match((await userinfo(house, access)).body, { groups: ['sales'] })
    await house.directory.users.update(house.by, carol.id, { department: 'Other' })
    t.match(await userinfo(house, access), { status: 401 })
    t.match(await refresh(house.issuer, token, 'sales'), { body: { error: 'invalid_grant' } })
    await house.directory.users.update(house.by, carol.id, { department: 'Sales' })
  })

  await t.test('a change of a user is in the next token', async (t) => {
    const carol = await house.user('carol')
    const { access, refresh: token } = await tokensOf(house, new Browser(), 'carol')
    await house.directory.users.update(house.by, carol.id, { displayName: 'Carol Carter' })
    t.match((await userinfo(house, access)).body, { name: 'Carol Carter' })
    t.equal(payloadOf(String((await refresh(house.issuer, token)).body.id_token)).name, 'Carol Carter')
  })

  await t.test('an application that is turned off is not there', async (t) => {
    const application = { clientId: 'gone', redirectUris: ['http://127.0.0.1:9001/callback'] }
    const resource = await house.register(application, { clientSecret: 'muster-gone-secret' })
    const browser = new Browser()
    const { access } = await tokensOf(house, browser, 'alice', { client_id: 'gone' })
    await house.directory.resources.update(house.by, resource.id, { enabled: false })
    t.match(await answerTo(browser, authorizationUrl(house.issuer, { client_id: 'gone' })), { page: '400' })
    t.match(await userinfo(house, access), { status: 401 })
    t.match(await redeem(house.issuer, 'x', 'gone'), { status: 401, body: { error: 'invalid_client' } })
  })
})

t.test(
  'X01 what a refusal met at any endpoint is ended for good, whoever else would have noticed',
  async (t) => {
    const house = await openHouse(t, { isAlone: true })
    const frank = await house.user('frank')
    const setState = (state: string) => house.directory.users.update(house.by, frank.id, { state })
    const introspect = async (token: string) =>
      (await post(`${house.issuer}/oidc/introspect`, { token }, { authorization: basic('wiki') })).body
    type Use = (tokens: Awaited<ReturnType<typeof tokensOf>>) => Promise<unknown>
    const uses: Record<string, Use> = {
      userinfo: ({ access }) => userinfo(house, access),
      refresh: ({ refresh: token }) => refresh(house.issuer, token),
      introspection: ({ access }) => introspect(access),
    }
    for (const [name, use] of Object.entries(uses)) {
      const tokens = await tokensOf(house, new Browser(), 'frank')
      t.match(await introspect(tokens.access), { active: true })
      await setState('suspended')
      await use(tokens)
      await setState('active')
      t.match(await userinfo(house, tokens.access), { status: 401 }, name)
      t.match(await refresh(house.issuer, tokens.refresh), { body: { error: 'invalid_grant' } }, name)
      t.same(await introspect(tokens.access), { active: false }, name)
    }
  },
)

t.test('what cannot be decided is neither yes nor no', async (t) => {
  let isAway = false
  const house = await openHouse(t, {
    ...{ databaseUrl, dataFolder },
    change: (options) => ({
      ...options,
      access: {
        decide: (request) =>
          isAway
            ? Promise.resolve({ outcome: 'indeterminate', cause: 'unavailable', trace: {} as never })
            : options.access.decide(request),
        review: (request) =>
          isAway
            ? Promise.resolve({ outcome: 'indeterminate', cause: 'unavailable', trace: {} as never })
            : options.access.review(request),
      },
      applications: {
        find: (...args) => {
          if (args[2] === 'away') throw new Fault('unavailable', 'the database does not answer')
          return options.applications.find(...args)
        },
      },
    }),
  })
  const browser = new Browser()
  const { access, refresh: token } = await tokensOf(house, browser, 'alice')
  const code = (await authorize(house, browser, 'alice')).get('code') ?? ''
  isAway = true
  t.match(await answerTo(browser, authorizationUrl(house.issuer)), { error: 'temporarily_unavailable' })
  t.match(await redeem(house.issuer, code), { status: 503, body: { error: 'temporarily_unavailable' } })
  t.match(await refresh(house.issuer, token), { status: 503 })
  t.match(await userinfo(house, access), { status: 503 })
  isAway = false
  t.match(await refresh(house.issuer, token), { status: 200 }, 'the token was not used up')
  const page = await browser.fetch(authorizationUrl(house.issuer, { client_id: 'away' }))
  t.equal(page.status, 503)
  t.match(await page.text(), /Not available at the moment/)
  t.match(await redeem(house.issuer, 'x', 'away'), { status: 503 })
})

t.test('keys change without a signature that cannot be checked', async (t) => {
  const kids = async () => {
    const { keys } = (await (await fetch(`${house.issuer}/oidc/jwks`)).json()) as { keys: { kid: string }[] }
    t.notMatch(JSON.stringify(keys), /"d":/, 'public keys only')
    return keys.map(({ kid }) => kid)
  }
  const browser = new Browser()
  const kidOf = async () => {
    const { id } = await tokensOf(house, browser, 'alice')
    return JSON.parse(Buffer.from(id.split('.')[0] ?? '', 'base64url').toString()).kid as string
  }
  const before = await kids()
  t.equal(before.length, 2)
  const signing = await kidOf()
  t.ok(before.includes(signing))
  t.ok((await house.keys.rotate(house.by, { purpose: 'oidc' })).ok)
  const published = await kids()
  t.equal(published.length, 4, 'the new ones are shown at once')
  t.equal(await kidOf(), signing, 'and sign later')
  house.clock.shiftMs = 2 * 60 * 60 * 1000
  const next = await kidOf()
  t.ok(published.includes(next) && !before.includes(next))
  house.clock.shiftMs = 3 * day
  t.equal((await kids()).length, 2, 'and the old ones are withdrawn')
  house.clock.shiftMs = 0
})
