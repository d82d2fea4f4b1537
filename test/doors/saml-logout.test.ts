// Single logout by SAML over the real house: whose request ends what, how the others are told, and what the first one hears.
import { inflateRawSync } from 'node:zlib'
import t from 'tap'
import { Secret } from '../../src/base/secrets.ts'
import type { Browser, Page } from '../support/form-browser.ts'
import {
  attributeIn,
  deliveryOf,
  entityId,
  openSamlDoor,
  sloUrl,
  type TestProvider,
  textIn,
} from '../support/saml-door.ts'
import { createKeyPair } from '../support/saml-sp.ts'
import { browserIdOf, sessionTokenOf, typed } from '../support/web-doors.ts'

const doors = await openSamlDoor(t, t.testdir({}))
const { house, api, logged } = doors
const { clock } = house
const spKeys = await createKeyPair('sp.example')
const strangerKeys = await createKeyPair('stranger.example')

const slo = '/o/acme/saml/slo'
const withSlo = async (...bindings: readonly ('redirect' | 'post')[]): Promise<TestProvider> => {
  const made = await doors.register(spKeys)
  const { body } = await api('GET', `/resources/${made.id}`)
  const singleLogoutServices = bindings.map((binding) => ({ binding, url: made.slo }))
  const application = { ...body.application, singleLogoutServices }
  const { status } = await api('PATCH', `/resources/${made.id}`, { application })
  if (status !== 200) throw new Error('no single logout service')
  return made
}
const [a, b, c, mute] = await Promise.all([
  withSlo('redirect'),
  withSlo('post'),
  withSlo('redirect', 'post'),
  withSlo(),
])

/** What a service provider remembers of somebody who signed in. */
interface Known {
  readonly nameId: string
  readonly index: string
}

async function signedIn(username: string, ...at: readonly TestProvider[]) {
  const browser = doors.browser()
  const page = await browser.submit(await browser.get('/o/acme/signin'), typed(username))
  if (page.leadsTo === null) throw new Error(`${username} is not in`)
  const known: Known[] = []
  for (const sp of at) {
    const { xml } = deliveryOf(await browser.get(sp.redirect(sp.request())))
    const index = attributeIn(xml, 'AuthnStatement', 'SessionIndex') ?? ''
    known.push({ nameId: textIn(xml, 'NameID') ?? '', index })
  }
  return { browser, known }
}

const namesOf = ({ nameId, index }: Known): string =>
  `<saml:NameID>${nameId}</saml:NameID>${index === '' ? '' : `<samlp:SessionIndex>${index}</samlp:SessionIndex>`}`
const logoutOf = (sp: TestProvider, known: Known, more: Parameters<TestProvider['message']>[1] = {}) =>
  sp.message('LogoutRequest', { inner: namesOf(known), ...more })
const byRedirect = (
  browser: Browser,
  sp: TestProvider,
  xml: string,
  key: string | null = spKeys.key,
  more = {},
) => browser.get(sp.redirect(xml, { path: slo, key, ...more }))

/** What a page that leads to a service provider's redirect endpoint brings there, checked by node-saml. */
async function told(page: Page, sp: TestProvider) {
  const url = new URL(page.leadsTo ?? '')
  if (url.origin !== sp.url) throw new Error(`${url.origin} and not ${sp.url}`)
  const query = Object.fromEntries(url.searchParams)
  const read = await sp.library().validateRedirectAsync(query, url.search.slice(1))
  return { query, profile: read.profile, relayState: query.RelayState }
}

/** The status in a LogoutResponse that is on its way by redirect. */
function outcome(page: Page, sp: TestProvider): string {
  const url = new URL(page.leadsTo ?? '')
  if (url.origin !== sp.url) throw new Error(`${url.origin} and not ${sp.url}`)
  const text = url.searchParams.get('SAMLResponse') ?? ''
  const xml = inflateRawSync(Buffer.from(text, 'base64')).toString()
  return [...xml.matchAll(/StatusCode Value="[^"]*:(\w+)"/g)].map(([, code]) => code).join(' ')
}

/** The ID of the request that is on its way. */
function requestIdIn(page: Page): string {
  if (page.forms.length > 0) return attributeIn(deliveryOf(page).xml, 'LogoutRequest', 'ID') ?? ''
  const text = new URL(page.leadsTo ?? '').searchParams.get('SAMLRequest') ?? ''
  return attributeIn(inflateRawSync(Buffer.from(text, 'base64')).toString(), 'LogoutRequest', 'ID') ?? ''
}

const status = (code = 'Success') =>
  `<samlp:Status><samlp:StatusCode Value="urn:oasis:names:tc:SAML:2.0:status:${code}"/></samlp:Status>`
const responseTo = (sp: TestProvider, id: string, inner = status()) =>
  sp.message('LogoutResponse', { inner, attributes: `InResponseTo="${id}"` })

const isIn = async (browser: Browser): Promise<boolean> => {
  const page = await browser.get('/o/acme/portal')
  return page.status === 200
}
const isSignedOutPage = ({ heading }: Page): boolean => heading === 'You are signed out'

t.test('one service provider ends the session, and hears that it did', async (t) => {
  const { browser, known } = await signedIn('alice', a)
  const library = a.library()
  const profile = { nameID: known[0]?.nameId ?? '', nameIDFormat: '', sessionIndex: known[0]?.index ?? '' }
  const format = 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent'
  const url = new URL(
    await library.getLogoutUrlAsync(
      { ...profile, issuer: a.entityId, nameIDFormat: format, spNameQualifier: a.entityId },
      'bye',
      {},
    ),
  )
  const page = await browser.get(url.pathname + url.search)
  t.match(await told(page, a), { relayState: 'bye' }, 'signed, as node-saml sees it')
  t.equal(outcome(page, a), 'Success')
  t.equal(sessionTokenOf(browser), null)
  t.notOk(await isIn(browser))
  const { items } = (await api('GET', '/audit?kind=change&limit=1')).body
  t.match(items[0]?.body, {
    action: 'session.end',
    actor: { kind: 'user', name: 'alice' },
    details: { reason: `signed out at ${a.name}` },
  })
})

t.test('a chain: the others are told one after the other, by their bindings', async (t) => {
  const { browser, known } = await signedIn('alice', a, b, c)
  const [first, , last] = known
  const toB = await byRedirect(browser, a, logoutOf(a, first!), undefined, { relayState: '"me" & <you>' })
  t.notOk(await isIn(browser), 'before anybody else is told')
  const step = deliveryOf(toB)
  t.equal(step.to, b.slo)
  t.match(toB.headers['content-security-policy'], /form-action 'self' https:;/)
  const { profile } = await b
    .library()
    .validatePostRequestAsync({ SAMLRequest: step.fields.SAMLRequest ?? '' })
  t.match(profile, { issuer: entityId, nameID: known[1]?.nameId, sessionIndex: known[1]?.index })

  const answered = await b.post(browser, b.sign(responseTo(b, requestIdIn(toB))), {
    path: slo,
    parameter: 'SAMLResponse',
  })
  t.match(answered, { status: 303, leadsTo: /^\/o\/acme\/saml\/slo\/resume\?request=/ })
  t.equal(answered.headers['set-cookie'], undefined)
  const elsewhere = await doors.browser().get(answered.leadsTo ?? '')
  t.match(elsewhere, { status: 410, forms: [] }, 'another browser cannot go on with it')

  const toC = await browser.get(answered.leadsTo ?? '')
  const asked = await told(toC, c)
  t.match(asked.profile, { nameID: last?.nameId, sessionIndex: last?.index })
  const answer = new URL(await c.library().getLogoutResponseUrlAsync(asked.profile!, '', {}, true))
  const end = await browser.get(answer.pathname + answer.search)
  t.match(await told(end, a), { relayState: '"me" & <you>' })
  t.equal(outcome(end, a), 'Success')
  t.match(await browser.get(answer.pathname + answer.search), { status: 410 }, 'a step counts once')
})

t.test('by the POST binding of another site, which brings no cookies', async (t) => {
  const { browser, known } = await signedIn('carol', b)
  const page = await b.post(browser, b.sign(logoutOf(b, known[0]!)), {
    path: slo,
    fields: { RelayState: 'x' },
  })
  t.match(page, { status: 303, leadsTo: /^\/o\/acme\/saml\/slo\/resume\?request=/ })
  t.ok(await isIn(browser), 'nothing has happened yet')
  const end = deliveryOf(await browser.get(page.leadsTo ?? ''))
  t.match(end, { to: b.slo, relayState: 'x', status: 'Success' })
  const { fields } = end
  const { loggedOut } = await b.library().validatePostResponseAsync({ ...fields })
  t.ok(loggedOut, 'signed, as node-saml sees it')
  t.notOk(await isIn(browser))
  t.match(await browser.get(page.leadsTo ?? ''), { status: 410 })
})

t.test('a request without SessionIndex, and one that comes when all is over', async (t) => {
  const { browser, known } = await signedIn('carol', a)
  const { nameId, index } = known[0]!
  t.equal(outcome(await byRedirect(browser, a, logoutOf(a, { nameId, index: '' })), a), 'Success')
  t.notOk(await isIn(browser))
  const fields = { RelayState: "it's over" }
  const posted = await a.post(browser, a.sign(logoutOf(a, { nameId, index })), { path: slo, fields })
  const end = await browser.get(posted.leadsTo ?? '')
  t.equal(outcome(end, a), 'Success')
  t.match(await told(end, a), { relayState: "it's over" }, 'signed as the browser writes it')
})

t.test('somebody could not be told: PartialLogout', async (t) => {
  const answers: Record<string, (sp: TestProvider, id: string) => [xml: string, key: string | null]> = {
    'it did not succeed': (sp, id) => [responseTo(sp, id, status('Responder')), spKeys.key],
    'not signed': (sp, id) => [responseTo(sp, id), null],
    'signed by somebody else': (sp, id) => [responseTo(sp, id), strangerKeys.key],
    'for another address': (sp, id) => [
      responseTo(sp, id).replace(sloUrl, 'https://other.example/slo'),
      spKeys.key,
    ],
  }
  for (const [what, answer] of Object.entries(answers)) {
    const { browser, known } = await signedIn('alice', a, c)
    const toC = await byRedirect(browser, a, logoutOf(a, known[0]!))
    const [xml, key] = answer(c, requestIdIn(toC))
    const end = await byRedirect(browser, c, xml, key, { parameter: 'SAMLResponse' })
    t.equal(outcome(end, a), 'Success PartialLogout', what)
    t.notOk(await isIn(browser))
  }
  const { browser, known } = await signedIn('alice', a, mute)
  const end = await byRedirect(browser, a, logoutOf(a, known[0]!))
  t.equal(outcome(end, a), 'Success PartialLogout', 'without an endpoint')
})

t.test('an answer that nobody asked for, or not of this one, moves nothing', async (t) => {
  const { browser, known } = await signedIn('alice', a, c)
  const toC = await byRedirect(browser, a, logoutOf(a, known[0]!))
  const id = requestIdIn(toC)
  const answer = (of: TestProvider, to: string, by = browser) =>
    byRedirect(by, of, responseTo(of, to), spKeys.key, { parameter: 'SAMLResponse' })
  t.match(await answer(a, id), { status: 410, forms: [] }, 'of another service provider')
  t.match(await answer(c, id, doors.browser()), { status: 410, forms: [] }, 'in another browser')
  t.match(await answer(c, '_00000000-0000-4000-8000-000000000000'), { status: 410, forms: [] }, 'to nothing')
  const step = await browser.get(`${slo}/resume?request=${id.slice(1)}`)
  t.match(step, { status: 410, forms: [] }, 'a step cannot be skipped')
  t.equal(outcome(await answer(c, id), a), 'Success', 'it is still waited for')
})

t.test('S17 what has no effect', async (t) => {
  const alice = await signedIn('alice', a, b)
  const carol = await signedIn('carol', a)
  const [atA, atB] = alice.known
  const [hers] = carol.known
  const ago = (minutes: number) => new Date(clock.now().getTime() - minutes * 60_000)

  await t.test('not signed, by somebody else, stray, old, over: a page of ours', async (t) => {
    const over = { attributes: `NotOnOrAfter="${ago(1).toISOString()}"` }
    const requests: Record<string, readonly [number, string, string | null]> = {
      'not signed': [403, logoutOf(a, atA!), null],
      'another key': [403, logoutOf(a, atA!), strangerKeys.key],
      'an unknown sender': [403, logoutOf(a, atA!, { issuer: 'https://evil.example/' }), spKeys.key],
      'another address': [400, logoutOf(a, atA!, { destination: 'https://other.example/slo' }), spKeys.key],
      old: [400, logoutOf(a, atA!, { issueInstant: ago(6) }), spKeys.key],
      'valid until a minute ago': [400, logoutOf(a, atA!, over), spKeys.key],
      'too many sessions': [
        400,
        logoutOf(a, atA!, { inner: namesOf(atA!).replace(/<samlp:S.*/, '$&'.repeat(30)) }),
        spKeys.key,
      ],
    }
    for (const [what, [expected, xml, key]] of Object.entries(requests)) {
      logged.length = 0
      const page = await byRedirect(alice.browser, a, xml, key)
      t.match(page, { status: expected, forms: [], leadsTo: null }, what)
      t.equal(logged.length, 1, `${what} is in the log`)
      t.ok(await isIn(alice.browser), what)
    }
    const posted = await a.post(alice.browser, logoutOf(a, atA!), { path: slo })
    t.match(posted, { status: 403, forms: [] }, 'posted, not signed')
    const unregistered = await doors.register(spKeys, { signingCertificates: [] })
    const there = deliveryOf(
      await alice.browser.get(unregistered.redirect(unregistered.request(), { key: null })),
    )
    const index = attributeIn(there.xml, 'AuthnStatement', 'SessionIndex') ?? ''
    for (const key of [null, spKeys.key]) {
      const page = await byRedirect(
        alice.browser,
        unregistered,
        logoutOf(unregistered, { nameId: atA!.nameId, index }),
        key,
      )
      t.match(page, { status: 403, forms: [] }, 'no certificate is registered')
    }
    t.ok(await isIn(alice.browser))
  })

  await t.test('signed, and about what is not theirs: UnknownPrincipal', async (t) => {
    const foreign: Record<string, Known> = {
      "another person's session": hers!,
      "another person's SessionIndex": { nameId: atA!.nameId, index: hers!.index },
      "another person's name": { nameId: hers!.nameId, index: atA!.index },
      "another service provider's SessionIndex": { nameId: atA!.nameId, index: atB!.index },
    }
    for (const [what, known] of Object.entries(foreign)) {
      const page = await byRedirect(alice.browser, a, logoutOf(a, known))
      t.equal(outcome(page, a), 'Requester UnknownPrincipal', what)
    }
    const strange = doors.browser()
    const page = await byRedirect(strange, a, logoutOf(a, atA!))
    t.equal(outcome(page, a), 'Requester UnknownPrincipal', 'in a browser without the session')
    const other = await byRedirect(carol.browser, a, logoutOf(a, atA!))
    t.equal(outcome(other, a), 'Requester UnknownPrincipal', "in another person's browser")
    t.same([await isIn(alice.browser), await isIn(carol.browser)], [true, true])
  })

  await t.test('S13 a request that was used before', async (t) => {
    const xml = logoutOf(a, { nameId: atA!.nameId, index: '_00000000-0000-4000-8000-000000000000' })
    t.equal(outcome(await byRedirect(alice.browser, a, xml), a), 'Success')
    t.match(await byRedirect(alice.browser, a, xml), { status: 400, forms: [] })
    t.ok(await isIn(alice.browser))
  })

  t.equal(outcome(await byRedirect(carol.browser, a, logoutOf(a, hers!)), a), 'Success', 'but hers does')
  t.same([await isIn(alice.browser), await isIn(carol.browser)], [true, false])
})

t.test('a sign-out that begins at Muster goes the same way', async (t) => {
  const out = async (browser: Browser) =>
    browser.submit(await browser.get('/o/acme/signin/out'), {}, '/signin/out')
  const { browser } = await signedIn('alice', b, c)
  const first = await out(browser)
  t.match(first.leadsTo, /^\/o\/acme\/saml\/slo\/resume\?request=/)
  t.notOk(await isIn(browser))
  const toB = await browser.get(first.leadsTo ?? '')
  t.equal(deliveryOf(toB).to, b.slo)
  const posted = await b.post(browser, b.sign(responseTo(b, requestIdIn(toB))), {
    path: slo,
    parameter: 'SAMLResponse',
  })
  const toC = await browser.get(posted.leadsTo ?? '')
  const answer = responseTo(c, requestIdIn(toC))
  const end = await byRedirect(browser, c, answer, spKeys.key, { parameter: 'SAMLResponse' })
  t.ok(isSignedOutPage(await browser.follow(end)))

  const alone = await signedIn('alice', mute)
  t.ok(isSignedOutPage(await alone.browser.follow(await out(alone.browser))), 'nobody can be told')
  const nowhere = await signedIn('alice')
  t.ok(isSignedOutPage(await nowhere.browser.follow(await out(nowhere.browser))))
})

t.test('a sign-out that begins at another door tells them, and goes on to where it began', async (t) => {
  const { browser } = await signedIn('alice', b)
  const session = await house.webSessions.resume(
    house.organization,
    new Secret(sessionTokenOf(browser) ?? ''),
  )
  const { id, userId } = session!
  const actor = { kind: 'system', name: 'test' } as const
  const ended = await house.webSessions.end(
    house.organization.id,
    id,
    { id: userId, username: 'alice' },
    actor,
    'test',
  )
  const next = await doors.afterSignOut(
    house.organization,
    ended,
    browserIdOf(browser),
    'https://rp.example/out',
  )
  const toB = await browser.get(next ?? '')
  t.equal(deliveryOf(toB).to, b.slo)
  const end = await b.post(browser, b.sign(responseTo(b, requestIdIn(toB))), {
    path: slo,
    parameter: 'SAMLResponse',
  })
  t.equal((await browser.get(end.leadsTo ?? '')).leadsTo, 'https://rp.example/out')
})

t.test('a service provider that cannot be answered: the page of those who are signed out', async (t) => {
  const { browser, known } = await signedIn('alice', mute)
  const page = await byRedirect(browser, mute, logoutOf(mute, known[0]!))
  t.ok(isSignedOutPage(await browser.follow(page)))
  t.notOk(await isIn(browser))
})
