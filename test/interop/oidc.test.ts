// openid-client as the relying party of the whole program: discovery, code flow with PKCE through the pages of sign-in, step-up,
// refresh, userinfo, introspection, revocation, pushed requests, client credentials, logout.
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import * as client from 'openid-client'
import t, { type Test } from 'tap'
import { type RunningMuster, startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'
import { createVisitor, type WebVisitor } from '../support/web-visitor.ts'

const secret = 'a-secret-of-the-relying-party'
const codes = new OneTimeCodes('JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP')

interface Party {
  readonly redirectUri: string
  /** Where the last browser came back to. */
  last(): URL
}

async function startParty(t: Test): Promise<Party> {
  let last = ''
  const server = createServer((request, response) => {
    last = request.url ?? ''
    response.end('<p>The application</p>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return { redirectUri: `${origin}/callback`, last: () => new URL(last, origin) }
}

/** The default of MUSTER_PUBLIC_URL, which the issuer follows. */
const publicUrl = ({ url }: RunningMuster): string => url.replace('127.0.0.1', 'localhost')

/** What the relying party is told in place of what it asked for. */
const errorOf = (asked: Promise<unknown>): Promise<unknown> =>
  asked.then(
    () => 'no error',
    (error: { error?: unknown }) => error.error ?? error,
  )

type Item = { readonly id: string; readonly name: string }

async function register(muster: RunningMuster, party: Party, clientId: string, group: string, more = {}) {
  const made = await muster.api('POST', '/resources', {
    name: clientId,
    kind: 'application',
    clientSecret: secret,
    application: {
      protocol: 'oidc',
      clientId,
      redirectUris: [party.redirectUri],
      postLogoutRedirectUris: [party.redirectUri],
      ...more,
    },
  })
  const groups = (await muster.api('GET', '/groups?limit=100')).body as { items: Item[] }
  const groupId = groups.items.find(({ name }) => name === group)?.id
  const factors = group === 'finance' ? ['totp', 'webauthn'] : []
  const bound = await muster.api('POST', '/bindings', {
    groupId,
    resourceId: (made.body as Item).id,
    factors,
  })
  if (made.status !== 201 || bound.status !== 201) throw new Error(JSON.stringify([made, bound]))
  return client.discovery(new URL(`${publicUrl(muster)}/o/acme`), clientId, secret, undefined, {
    execute: [client.allowInsecureRequests],
  })
}

interface Flow {
  readonly config: client.Configuration
  readonly party: Party
  readonly browser: WebVisitor
}

/** Goes through the pages; gives what the relying party then has. */
async function signIn(
  { config, party, browser }: Flow,
  username: string | null,
  parameters: Record<string, string> = {},
) {
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const [state, nonce] = [client.randomState(), client.randomNonce()]
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri: party.redirectUri,
    scope: 'openid profile email groups',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    ...{ state, nonce },
    ...parameters,
  })
  await browser.visit(url)
  if (username !== null) {
    if (browser.hasField('Username'))
      await browser.fill({ Username: username, Password: `muster-${username}` }, 'Sign in')
    if (browser.hasField('Verification code'))
      await browser.fill({ 'Verification code': await codes.next() }, 'Verify')
  }
  const maxAge = parameters.max_age === undefined ? {} : { maxAge: Number(parameters.max_age) }
  return client.authorizationCodeGrant(config, party.last(), {
    pkceCodeVerifier,
    expectedState: state,
    expectedNonce: nonce,
    idTokenExpected: true,
    ...maxAge,
  })
}

t.test('openid-client', { timeout: 90_000 }, async (t) => {
  const muster = await startMuster(t)
  const party = await startParty(t)
  const config = await register(muster, party, 'notes', 'everyone')
  const browser = createVisitor()
  const notes: Flow = { config, party, browser }

  await t.test('from discovery to userinfo', async (t) => {
    const tokens = await signIn(notes, 'alice')
    const claims = tokens.claims()
    t.match(claims, { name: 'Alice Adams', groups: ['everyone'], acr: 'urn:muster:acr:1fa', amr: ['pwd'] })
    const told = await client.fetchUserInfo(config, tokens.access_token, claims?.sub ?? '')
    t.match(told, { preferred_username: 'alice', email: 'alice@acme.example', email_verified: false })

    const renewed = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
    t.equal(renewed.claims()?.auth_time, claims?.auth_time)
    t.match(await client.tokenIntrospection(config, renewed.access_token), { active: true, sub: claims?.sub })
    await client.tokenRevocation(config, renewed.refresh_token ?? '')
    t.match(await client.tokenIntrospection(config, renewed.access_token), { active: false })
    t.equal(await errorOf(client.refreshTokenGrant(config, renewed.refresh_token ?? '')), 'invalid_grant')
  })

  await t.test('again without a page; max_age; prompt=none', async (t) => {
    const silent = await signIn(notes, null, { prompt: 'none' })
    t.ok(silent.access_token)
    t.ok((await signIn(notes, 'alice', { max_age: '3600' })).claims()?.auth_time)
    const { claims } = await signIn(notes, 'alice', { prompt: 'login' })
    t.ok(claims)
    const nobody = { ...notes, browser: createVisitor() }
    t.equal(await errorOf(signIn(nobody, null, { prompt: 'none' })), 'login_required')
  })

  await t.test('a second factor, asked for by the binding and by the application', async (t) => {
    const flow = {
      party,
      browser: createVisitor(),
      config: await register(muster, party, 'books', 'finance'),
    }
    const first = await signIn({ ...notes, browser: flow.browser }, 'dave')
    t.equal(first.claims()?.acr, 'urn:muster:acr:1fa')
    const stepped = await signIn(flow, 'dave')
    t.match(stepped.claims(), { acr: 'urn:muster:acr:2fa', amr: ['pwd', 'otp', 'mfa'], groups: ['finance'] })
    const again = await signIn({ ...notes, browser: flow.browser }, null, {
      acr_values: 'https://refeds.org/profile/mfa',
    })
    t.equal(again.claims()?.acr, 'https://refeds.org/profile/mfa')
    t.equal(await errorOf(signIn({ ...flow, browser }, null)), 'access_denied', 'alice is not in finance')
  })

  await t.test('pushed requests and client credentials', async (t) => {
    const grantTypes = ['authorization_code', 'client_credentials']
    const robot = await register(muster, party, 'robot', 'everyone', { grantTypes })
    const token = await client.clientCredentialsGrant(robot)
    t.match(await client.tokenIntrospection(robot, token.access_token), { active: true, client_id: 'robot' })
    const verifier = client.randomPKCECodeVerifier()
    const url = await client.buildAuthorizationUrlWithPAR(robot, {
      redirect_uri: party.redirectUri,
      scope: 'openid',
      state: 'pushed',
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
    await browser.visit(url)
    const tokens = await client.authorizationCodeGrant(robot, party.last(), {
      pkceCodeVerifier: verifier,
      expectedState: 'pushed',
    })
    t.ok(tokens.claims()?.sub)
    t.notOk(tokens.refresh_token, 'where it is not registered there is none')
  })

  await t.test('logout', async (t) => {
    const tokens = await signIn(notes, 'alice')
    const url = client.buildEndSessionUrl(config, {
      id_token_hint: tokens.id_token ?? '',
      post_logout_redirect_uri: party.redirectUri,
      state: 'bye',
    })
    await browser.visit(url)
    await browser.press('Sign out')
    t.equal(party.last().searchParams.get('state'), 'bye')
    t.equal(await errorOf(signIn(notes, null, { prompt: 'none' })), 'login_required')
    t.match(await client.tokenIntrospection(config, tokens.access_token), { active: false })
    t.equal(await errorOf(client.refreshTokenGrant(config, tokens.refresh_token ?? '')), 'invalid_grant')
  })
})
