// Single sign-on by SAML over the real house: what service providers receive, read by node-saml, samlify and xmlsec1, and what is
// asked of people on the way.
import samlify from 'samlify'
import t from 'tap'
import type { Browser, Page } from '../support/form-browser.ts'
import {
  attributeIn,
  type Delivery,
  deliveryOf,
  entityId,
  openSamlDoor,
  ssoUrl,
  type TestProvider,
  textIn,
} from '../support/saml-door.ts'
import { createKeyPair } from '../support/saml-sp.ts'
import { xmlsec1 } from '../support/service-provider.ts'
import { sessionTokenOf, typed } from '../support/web-doors.ts'

const daves = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const doors = await openSamlDoor(t, t.testdir({}))
const { house, api, code, logged } = doors
const { clock } = house
const spKeys = await createKeyPair('sp.example')
const sp = await doors.register(spKeys)

const classes = 'urn:oasis:names:tc:SAML:2.0:ac:classes:'
const refeds = 'https://refeds.org/profile/mfa'
const formats = {
  persistent: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
  transient: 'urn:oasis:names:tc:SAML:2.0:nameid-format:transient',
  email: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  unspecified: 'urn:oasis:names:tc:SAML:1.1:nameid-format:unspecified',
}

/** From whatever is shown, through sign-in, to what is sent to the service provider. */
async function through(browser: Browser, page: Page, username: string, seed = daves): Promise<Page> {
  let at = await browser.follow(page)
  if (at.text.includes('name="password"'))
    at = await browser.follow(await browser.submit(at, typed(username), '/signin'))
  if (at.text.includes('name="code"'))
    at = await browser.follow(await browser.submit(at, { code: code(seed) }, '/code'))
  return at
}

const begin = (browser: Browser, xml: string, of = sp): Promise<Page> => browser.get(of.redirect(xml))
const isSentToSignIn = ({ leadsTo }: Page): boolean => leadsTo?.startsWith('/o/acme/signin?to=') === true

/** All the way, for a browser of its own. */
async function arrive(username: string, of = sp, xml = of.request()): Promise<Delivery> {
  const browser = doors.browser()
  return deliveryOf(await through(browser, await begin(browser, xml, of), username))
}

const policy = (format: string, more = '') => `<samlp:NameIDPolicy Format="${format}" ${more}/>`
const context = (names: readonly string[], comparison = 'exact') =>
  `<samlp:RequestedAuthnContext Comparison="${comparison}">${names
    .map((name) => `<saml:AuthnContextClassRef>${name}</saml:AuthnContextClassRef>`)
    .join('')}</samlp:RequestedAuthnContext>`

/** In short: where the browser is sent, or the class that is stated, or the status. */
function said(page: Page): string {
  if (isSentToSignIn(page)) return 'sign-in'
  const { status, xml } = deliveryOf(page)
  return status === 'Success' ? (textIn(xml, 'AuthnContextClassRef') ?? '') : status
}

t.test('metadata: addresses, formats, certificates; cacheable, and without a cookie', async (t) => {
  const answer = await doors.app.inject('/o/acme/saml/metadata')
  t.equal(answer.statusCode, 200)
  t.match(answer.headers, {
    'content-type': 'application/samlmetadata+xml',
    'cache-control': 'public, max-age=300',
  })
  t.equal(answer.headers['set-cookie'], undefined)
  t.equal(attributeIn(answer.body, 'EntityDescriptor', 'entityID'), entityId)
  const { entityMeta } = samlify.IdentityProvider({ metadata: answer.body })
  for (const binding of ['redirect', 'post'] as const) {
    t.equal(entityMeta.getSingleSignOnService(binding), ssoUrl)
    t.equal(entityMeta.getSingleLogoutService(binding), ssoUrl.replace(/sso$/, 'slo'))
  }
  for (const [name, format] of Object.entries(formats))
    t.equal(answer.body.includes(`>${format}<`), name !== 'transient', name)
  t.equal((await doors.app.inject('/o/nobody/saml/metadata')).statusCode, 404)
  t.equal((await doors.app.inject('/o/..%2facme/saml/metadata')).statusCode, 404)
})

t.test('from no session to an assertion', async (t) => {
  const { id } = await doors.user('alice')
  const began = clock.now()
  const browser = doors.browser()
  const xml = sp.request({ id: '_first' })
  const first = await browser.get(sp.redirect(xml, { relayState: `"where they have been" & <more>` }))
  t.ok(isSentToSignIn(first))
  const page = await through(browser, first, 'alice')
  const delivery = deliveryOf(page)

  t.test('S14 RelayState comes back as it was, escaped, and leads nowhere', async (t) => {
    t.equal(delivery.relayState, `"where they have been" & <more>`)
    t.notOk(page.text.includes('<more>'))
    const url = sp.redirect(sp.request(), { relayState: 'https://evil.example/' })
    const again = await browser.get(url)
    t.match(deliveryOf(again), { to: sp.acs, relayState: 'https://evil.example/' })
    t.equal(again.leadsTo, null)
    t.notMatch(String(again.headers['content-security-policy']), /evil/)
    t.match(again.headers['content-security-policy'], /form-action 'self' https:;/)
    const long = await browser.get(sp.redirect(sp.request(), { relayState: 'r'.repeat(1025) }))
    t.match(long, { status: 400, forms: [] })
  })

  t.test('S11 what the assertion says', async (t) => {
    const { xml } = delivery
    t.equal(delivery.to, sp.acs)
    t.equal(attributeIn(xml, 'Response', 'Destination'), sp.acs)
    t.equal(attributeIn(xml, 'Response', 'InResponseTo'), '_first')
    t.equal(attributeIn(xml, 'SubjectConfirmationData', 'InResponseTo'), '_first')
    t.equal(attributeIn(xml, 'SubjectConfirmationData', 'Recipient'), sp.acs)
    t.equal(attributeIn(xml, 'SubjectConfirmationData', 'NotBefore'), null)
    t.equal(textIn(xml, 'Audience'), sp.entityId)
    t.equal(textIn(xml, 'AuthnContextClassRef'), `${classes}PasswordProtectedTransport`)
    t.equal(attributeIn(xml, 'NameID', 'Format'), formats.persistent)
    t.equal(attributeIn(xml, 'NameID', 'SPNameQualifier'), sp.entityId)
    const instant = (element: string, name: string) => Date.parse(attributeIn(xml, element, name) ?? '')
    const issued = instant('Assertion', 'IssueInstant')
    t.ok(issued >= began.getTime() && issued <= clock.now().getTime())
    for (const element of ['Conditions', 'SubjectConfirmationData'])
      t.equal(instant(element, 'NotOnOrAfter') - issued, 5 * 60_000, element)
    t.equal(issued - instant('Conditions', 'NotBefore'), 60_000)
    const signedIn = instant('AuthnStatement', 'AuthnInstant')
    t.ok(signedIn >= began.getTime() && signedIn <= issued)
    t.equal(instant('AuthnStatement', 'SessionNotOnOrAfter') - signedIn, 12 * 3600_000)
    const { profile } = await sp.library().validatePostResponseAsync({ ...delivery.fields })
    t.match(profile, {
      nameID: id,
      issuer: entityId,
      attributes: {
        username: 'alice',
        email: 'alice@acme.example',
        firstName: 'Alice',
        lastName: 'Adams',
        displayName: 'Alice Adams',
        groups: 'everyone',
      },
    })
    const metadata = (await doors.app.inject('/o/acme/saml/metadata')).body
    for (const element of ['Response', 'Assertion'] as const) {
      const { code, said } = await xmlsec1(xml, element, metadata)
      t.equal(code, 0, `xmlsec1 accepts the signature of the ${element}: ${said}`)
    }
  })

  t.test('S11 again in the same browser: new IDs, the same SessionIndex, and a record of each', async (t) => {
    const again = deliveryOf(await begin(browser, sp.request({ id: '_again' })))
    for (const element of ['Response', 'Assertion']) {
      const id = attributeIn(again.xml, element, 'ID')
      t.match(id, /^_[0-9a-f-]{36}$/)
      t.not(id, attributeIn(delivery.xml, element, 'ID'))
    }
    const index = attributeIn(again.xml, 'AuthnStatement', 'SessionIndex')
    t.equal(index, attributeIn(delivery.xml, 'AuthnStatement', 'SessionIndex'))
    const { items } = (await api('GET', '/audit?kind=decision&limit=1')).body
    t.match(items[0]?.body, {
      outcome: 'permit',
      circumstance: { door: 'saml' },
      trace: { subject: { id }, resource: { id: sp.id } },
    })
  })
})

t.test('by the POST binding of another site, which brings no cookies', async (t) => {
  const browser = doors.browser()
  await through(browser, await begin(browser, sp.request()), 'alice')
  const before = new Map(browser.cookies)
  const first = await sp.post(browser, sp.sign(sp.request({ id: '_posted' })), {
    fields: { RelayState: 'x' },
  })
  t.equal(first.status, 303)
  t.equal(first.headers['set-cookie'], undefined, 'the cookies that the browser has stay')
  t.match(first.leadsTo, /^\/o\/acme\/saml\/resume\?request=[0-9a-f-]{36}$/)
  const delivery = deliveryOf(await browser.follow(first))
  t.match(delivery, { to: sp.acs, relayState: 'x', status: 'Success' })
  t.equal(attributeIn(delivery.xml, 'Response', 'InResponseTo'), '_posted')
  t.same(browser.cookies, before)
  t.match(await browser.get(first.leadsTo ?? ''), { status: 410, forms: [] }, 'once')

  t.test('O16 what was sent to sign in belongs to that browser, and is answered once', async (t) => {
    const mine = doors.browser()
    const posted = await sp.post(mine, sp.request())
    const sent = await mine.get(posted.leadsTo ?? '')
    t.ok(isSentToSignIn(sent))
    const form = await mine.follow(sent)
    const signedIn = await mine.submit(form, typed('alice'), '/signin')
    t.match(signedIn.leadsTo, /^\/o\/acme\/saml\/resume\?request=/)
    t.match(await browser.get(signedIn.leadsTo ?? ''), { status: 410, forms: [] }, 'not in another browser')
    t.equal(deliveryOf(await mine.follow(signedIn)).status, 'Success', 'it is still there for the right one')
    t.match(await mine.get(signedIn.leadsTo ?? ''), { status: 410 })
    t.match(await mine.get('/o/acme/saml/resume'), { status: 410 })
    t.match(await mine.get('/o/acme/saml/resume?request=a&request=b'), { status: 410 })
  })

  t.test('what was changed meanwhile is looked at again', async (t) => {
    const other = await doors.register(spKeys)
    const mine = doors.browser()
    const sent = await begin(mine, other.request(), other)
    const path = `/resources/${other.id}`
    t.equal((await api('PATCH', path, { enabled: false })).status, 200)
    t.match(await through(mine, sent, 'alice'), { status: 403, forms: [{}] }, 'not signed in at all')
    t.match(await begin(mine, other.request(), other), { status: 403, forms: [] })

    // S01, S13: also after signing in, on the way back.
    const moved = { application: { assertionConsumerServices: [{ url: `${other.url}/moved` }] } }
    for (const change of [moved, { enabled: false }]) {
      t.equal((await api('PATCH', path, { enabled: true })).status, 200)
      const one = doors.browser()
      const form = await one.follow(await begin(one, other.request(), other))
      const back = await one.submit(form, typed('alice'), '/signin')
      t.match(back.leadsTo, /^\/o\/acme\/saml\/resume/)
      t.equal((await api('PATCH', path, change)).status, 200)
      t.match(await one.follow(back), { status: 403, forms: [] }, Object.keys(change).join())
    }
  })
})

t.test('node-saml and samlify as they come', async (t) => {
  await t.test('node-saml, both bindings', async (t) => {
    const library = sp.library()
    const browser = doors.browser()
    const url = new URL(await library.getAuthorizeUrlAsync('there', undefined, {}))
    const first = deliveryOf(await through(browser, await browser.get(url.pathname + url.search), 'carol'))
    t.equal(first.relayState, 'there')
    const { profile } = await library.validatePostResponseAsync({ ...first.fields })
    t.match(profile, { email: 'carol@acme.example' })

    const poster = sp.library({ skipRequestCompression: true })
    const html = await poster.getAuthorizeFormAsync('there')
    const xml = Buffer.from(/name="SAMLRequest" value="([^"]*)"/.exec(html)?.[1] ?? '', 'base64').toString()
    t.match(xml, /Signature/)
    const second = deliveryOf(await browser.follow(await sp.post(browser, xml)))
    const again = await library.validatePostResponseAsync({ ...second.fields })
    t.match(again.profile, { email: 'carol@acme.example' })
  })

  await t.test('samlify, both bindings', async (t) => {
    samlify.setSchemaValidator({ validate: async () => 'not looked at' })
    const ours = (await doors.app.inject('/o/acme/saml/metadata')).body
    // It signs only for those who demand it.
    const metadata = ours.replace('WantAuthnRequestsSigned="false"', 'WantAuthnRequestsSigned="true"')
    const idp = samlify.IdentityProvider({ metadata })
    const own = samlify.ServiceProvider({
      entityID: sp.entityId,
      authnRequestsSigned: true,
      wantAssertionsSigned: true,
      wantMessageSigned: true,
      privateKey: spKeys.key,
      signingCert: spKeys.certificate,
      requestSignatureAlgorithm: 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256',
      signatureConfig: {
        prefix: 'ds',
        location: { reference: "/*/*[local-name(.)='Issuer']", action: 'after' },
      },
      assertionConsumerService: [
        { Binding: 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST', Location: sp.acs },
      ],
    })
    const browser = doors.browser()
    const url = new URL((own.createLoginRequest(idp, 'redirect') as { context: string }).context)
    const first = deliveryOf(await through(browser, await browser.get(url.pathname + url.search), 'carol'))
    const { extract } = await own.parseLoginResponse(idp, 'post', { body: first.fields })
    t.match(extract, { attributes: { email: 'carol@acme.example' } })
    const xml = Buffer.from((own.createLoginRequest(idp, 'post') as { context: string }).context, 'base64')
    const second = deliveryOf(await browser.follow(await sp.post(browser, xml.toString())))
    t.equal(second.status, 'Success')
  })
})

t.test('names: what is asked for, what is registered, and what nobody is given', async (t) => {
  const { id } = await doors.user('alice')
  const byEmail = await doors.register(spKeys, { nameIdFormat: 'email' })
  const byName = await doors.register(spKeys, { nameIdFormat: 'unspecified' })
  const asked = async (of: TestProvider, format: string | null, more = '') => {
    const inner = format === null ? '' : policy(format, more)
    const { status, xml } = await arrive('alice', of, of.request({ inner }))
    return status === 'Success' ? textIn(xml, 'NameID') : status
  }
  t.equal(await asked(sp, null), id)
  t.equal(await asked(sp, formats.unspecified), id, 'unspecified leaves it to us')
  t.equal(await asked(sp, formats.email), 'alice@acme.example')
  t.equal(await asked(byEmail, null), 'alice@acme.example')
  t.equal(await asked(byEmail, formats.persistent), id)
  t.equal(await asked(byName, null), 'alice')
  t.equal(await asked(sp, formats.persistent, `SPNameQualifier="${sp.entityId}"`), id)

  const browser = doors.browser()
  for (const inner of [
    policy(formats.transient),
    policy(formats.persistent, 'SPNameQualifier="https://a"'),
  ]) {
    const page = await begin(browser, sp.request({ inner }))
    t.equal(deliveryOf(page).status, 'InvalidNameIDPolicy', 'said at once, before anybody signs in')
    await t.rejects(
      sp.library().validatePostResponseAsync({ ...deliveryOf(page).fields }),
      /No names of the format|for the service provider itself/,
    )
    t.notOk(deliveryOf(page).xml.includes('Assertion'))
  }
})

t.test('S16 Subject: the person who is meant, or nobody', async (t) => {
  const browser = doors.browser()
  const subject = (name: string) => `<saml:Subject><saml:NameID>${name}</saml:NameID></saml:Subject>`
  const sent = await begin(browser, sp.request({ inner: subject('alice@acme.example') }))
  const form = await browser.follow(sent)
  t.ok(form.text.includes('value="alice@acme.example"'), 'the name is filled in')
  t.equal(deliveryOf(await through(browser, form, 'alice')).status, 'Success')
  t.equal(said(await begin(browser, sp.request({ inner: subject('carol') }))), 'UnknownPrincipal')
})

t.test('S16 ForceAuthn and IsPassive', async (t) => {
  const browser = doors.browser()
  const passive = () => sp.request({ attributes: 'IsPassive="true"' })
  const forced = () => sp.request({ attributes: 'ForceAuthn="true"' })
  const none = await begin(browser, passive())
  t.equal(said(none), 'NoPassive')
  t.match(await sp.library().validatePostResponseAsync({ ...deliveryOf(none).fields }), { profile: null })
  const first = deliveryOf(await through(browser, await begin(browser, sp.request()), 'alice'))
  t.match(said(await begin(browser, passive())), /PasswordProtectedTransport$/)
  const both = sp.request({ attributes: 'ForceAuthn="true" IsPassive="true"' })
  t.equal(said(await begin(browser, both)), 'NoPassive')

  clock.pass(1)
  const began = clock.now().getTime()
  const sent = await begin(browser, forced())
  t.ok(isSentToSignIn(sent), 'although somebody is signed in')
  const form = await browser.follow(sent)
  const to = form.forms[0]?.fields.to ?? ''
  const pending = await house.store.conversations.find(to as never)
  const { returnTo } = pending as unknown as { returnTo: string }
  t.ok(isSentToSignIn(await browser.get(returnTo)), 'going back without signing in leads there again')
  const delivery = deliveryOf(await through(browser, await begin(browser, forced()), 'alice'))
  const instant = Date.parse(attributeIn(delivery.xml, 'AuthnStatement', 'AuthnInstant') ?? '')
  t.ok(instant >= began, 'signed in after it was asked for')
  t.equal(
    attributeIn(delivery.xml, 'AuthnStatement', 'SessionIndex'),
    attributeIn(first.xml, 'AuthnStatement', 'SessionIndex'),
  )
})

t.test('S16 RequestedAuthnContext', async (t) => {
  const password = `${classes}Password`
  const protectedTransport = `${classes}PasswordProtectedTransport`
  const token = `${classes}TimeSyncToken`
  const microsoft = 'http://schemas.microsoft.com/claims/multipleauthn'
  const mobile = `${classes}MobileTwoFactorContract`
  const unknown = `${classes}Kerberos`
  const asked = async (browser: Browser, names: readonly string[], comparison?: string) =>
    said(await begin(browser, sp.request({ inner: names.length === 0 ? '' : context(names, comparison) })))

  const one = doors.browser()
  await through(one, await begin(one, sp.request()), 'alice')
  const ofOne = [
    [[], '', protectedTransport],
    [[protectedTransport], 'exact', protectedTransport],
    [[password], 'exact', password],
    [[`${classes}unspecified`], 'exact', `${classes}unspecified`],
    [[refeds, protectedTransport], 'exact', protectedTransport],
    [[unknown, password], 'exact', password],
    [[protectedTransport], 'minimum', protectedTransport],
    [[protectedTransport], 'maximum', protectedTransport],
    [[refeds], 'maximum', protectedTransport],
    [[unknown], 'exact', 'NoAuthnContext'],
    [[unknown], 'minimum', 'NoAuthnContext'],
    [[refeds], 'exact', 'NoAuthnContext'],
    [[mobile, microsoft], 'exact', 'NoAuthnContext'],
    [[refeds], 'minimum', 'NoAuthnContext'],
    [[protectedTransport], 'better', 'NoAuthnContext'],
    [[refeds], 'better', 'NoAuthnContext'],
  ] as const
  for (const [names, comparison, expected] of ofOne)
    t.equal(await asked(one, names, comparison), expected, `password: ${comparison} ${names}`)

  const two = doors.browser()
  const signedIn = deliveryOf(await through(two, await begin(two, sp.request()), 'dave'))
  t.equal(await asked(two, []), protectedTransport, 'no code was asked for yet')
  t.equal(await asked(two, [protectedTransport, refeds]), protectedTransport, 'the preferred one is there')
  t.equal(await asked(two, [refeds, protectedTransport]), 'sign-in', 'preferred, and within reach')
  t.equal(await asked(two, [protectedTransport], 'better'), 'sign-in')
  const sent = await begin(two, sp.request({ inner: context([refeds]) }))
  t.ok(isSentToSignIn(sent))
  const form = await two.follow(sent)
  t.ok(form.text.includes('name="code"'), 'only the code is missing')
  const delivery = deliveryOf(await through(two, form, 'dave'))
  t.equal(textIn(delivery.xml, 'AuthnContextClassRef'), refeds)
  const instantOf = ({ xml }: Delivery) => attributeIn(xml, 'AuthnStatement', 'AuthnInstant')
  t.equal(instantOf(delivery), instantOf(signedIn), 'that of the oldest proof: the code came later')
  const ofTwo = [
    [[], '', refeds],
    [[protectedTransport], 'exact', protectedTransport],
    [[token], 'exact', token],
    [[microsoft, refeds], 'exact', microsoft],
    [[mobile], 'exact', mobile],
    [[unknown, refeds], 'minimum', refeds],
    [[protectedTransport], 'better', refeds],
    [[protectedTransport], 'maximum', protectedTransport],
    [[refeds, protectedTransport], 'better', 'NoAuthnContext'],
  ] as const
  for (const [names, comparison, expected] of ofTwo)
    t.equal(await asked(two, names, comparison), expected, `password and code: ${comparison} ${names}`)
})

t.test('who is refused, and what the service provider hears of it', async (t) => {
  const sales = await doors.register(spKeys, {}, { group: 'sales' })
  const finance = await doors.register(spKeys, {}, { group: 'finance', binding: { factors: ['totp'] } })
  const browser = doors.browser()
  await through(browser, await begin(browser, sp.request()), 'alice')

  await t.test('no group of theirs: RequestDenied, with the reference of the record', async (t) => {
    const { status, xml, to } = deliveryOf(await begin(browser, sales.request(), sales))
    t.match({ status, to }, { status: 'RequestDenied', to: sales.acs })
    t.notOk(xml.includes('Assertion') || xml.includes('alice'))
    const reference = /Reference: ([0-9A-Z]{4}-[0-9A-Z]{4})</.exec(xml)?.[1]
    const { items } = (await api('GET', '/audit?kind=decision&limit=5')).body
    const record = items.find(({ body }: { body: { reference?: string } }) => body.reference === reference)
    t.match(record?.body, { outcome: 'deny', reason: 'no-binding', circumstance: { door: 'saml' } })
  })

  await t.test('M14 half-way through there is no session, and nothing opens', async (t) => {
    const half = doors.browser()
    const sent = await begin(half, finance.request(), finance)
    const step = await half.submit(await half.follow(sent), typed('dave'), '/signin')
    t.ok(step.text.includes('name="code"'))
    t.equal(sessionTokenOf(half), null)
    t.ok(isSentToSignIn(await begin(half, sp.request())), 'also not what needs no code')
    const passive = sp.request({ attributes: 'IsPassive="true"' })
    t.equal(said(await begin(half, passive)), 'NoPassive')
    const done = await half.submit(step, { code: code(daves) }, '/code')
    const delivery = deliveryOf(await half.follow(done))
    t.match(delivery, { to: finance.acs, status: 'Success' })
    t.equal(textIn(delivery.xml, 'AuthnContextClassRef'), refeds)
  })

  await t.test('X06 X01 suspended: refused with a session that was open, and at sign-in', async (t) => {
    const { id } = await doors.user('alice')
    t.equal((await api('PATCH', `/users/${id}`, { state: 'suspended' })).status, 200)
    t.equal(deliveryOf(await begin(browser, sp.request())).status, 'RequestDenied')
    const fresh = doors.browser()
    const page = await through(fresh, await begin(fresh, sp.request()), 'alice')
    t.match(page, { status: 403, alert: /could not be signed in/ })
    t.equal((await api('PATCH', `/users/${id}`, { state: 'active' })).status, 200)
    t.equal(deliveryOf(await begin(browser, sp.request())).status, 'Success')
  })

  await t.test('X01 signed out while the answer is under way: nothing is said', async (t) => {
    const ending = doors.browser()
    await through(ending, await begin(ending, sp.request()), 'alice')
    const { decide } = house.access
    const leaving = async (request: Parameters<typeof decide>[0]) => {
      const decision = await decide(request)
      await ending.submit(await ending.get('/o/acme/signin/out'), {}, '/signin/out')
      return decision
    }
    Object.assign(house.access, { decide: leaving })
    const page = await begin(ending, sp.request())
    Object.assign(house.access, { decide })
    t.match(page, { status: 410, forms: [] })
  })

  await t.test('X06 locked by wrong passwords at sign-in: the right one opens nothing', async (t) => {
    const fresh = doors.browser()
    const form = await fresh.follow(await begin(fresh, sp.request()))
    for (let tries = 0; tries < 10; tries++) await fresh.submit(form, typed('frank', 'wrong'), '/signin')
    const page = await fresh.submit(form, typed('frank'), '/signin')
    t.match(page, { status: 403 })
    t.equal(sessionTokenOf(fresh), null)
  })

  await t.test('X05 nothing can be decided: a page, and never a yes or a no', async (t) => {
    const mine = doors.browser()
    await through(mine, await begin(mine, sp.request()), 'alice')
    const { decide } = house.access
    const undecided = { outcome: 'indeterminate', cause: 'unavailable', trace: {} } as never
    Object.assign(house.access, { decide: async () => undecided })
    const page = await begin(mine, sp.request({ id: '_undecided' }))
    Object.assign(house.access, { decide })
    t.match(page, { status: 503, forms: [], headers: { 'retry-after': '5' } })
    t.match(page.text, /quote this reference/)
    const again = /href="(\/o\/acme\/saml\/resume\?request=[^"]*)"/.exec(page.text)?.[1] ?? ''
    const delivery = deliveryOf(await mine.get(again))
    t.equal(delivery.status, 'Success', 'what was asked for is not lost')
    t.equal(attributeIn(delivery.xml, 'Response', 'InResponseTo'), '_undecided')
  })
})

t.test('attributes: the default, a release list, claims of bindings, several values', async (t) => {
  const { id } = await doors.user('erin')
  const declared = { name: 'teams', of: 'users', type: 'list' }
  t.equal((await api('POST', '/attributes', declared)).status, 201)
  await api('PATCH', `/users/${id}`, { attributes: { teams: ['red', 'blue & <white>'] } })
  const release = { teams: 'attributes.teams', 'urn:oid:0.9.2342.19200300.100.1.3': 'email' }
  const claims = { level: 3, admin: true }
  const released = await doors.register(spKeys, { release }, { binding: { attributes: { claims } } })
  const { xml, fields } = await arrive('erin', released)
  const { profile } = await released.library().validatePostResponseAsync({ ...fields })
  t.same(profile?.attributes, {
    teams: ['red', 'blue & <white>'],
    'urn:oid:0.9.2342.19200300.100.1.3': 'erin@acme.example',
    level: '3',
    admin: 'true',
    groups: 'everyone',
  })
  t.match(xml, /Name="urn:oid:[^"]*" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:uri"/)
  t.match(xml, /Name="teams" NameFormat="urn:oasis:names:tc:SAML:2.0:attrname-format:basic"/)
})

t.test('S09 hostile values arrive as they are, and what XML cannot carry keeps nobody out', async (t) => {
  const { id } = await doors.user('erin')
  const displayName = `Er<!-- x -->in & &amp; ]]> <![CDATA[c]]> <?pi?> "'\u2028 \u{1F98A} </saml:AttributeValue>`
  t.equal((await api('PATCH', `/users/${id}`, { displayName })).status, 200)
  const delivery = await arrive('erin')
  const { profile } = await sp.library().validatePostResponseAsync({ ...delivery.fields })
  const attributesOf = (of: unknown) => (of as { attributes: { displayName: string } }).attributes
  // It parses what was signed once more, and xmldom takes U+2028 for a line feed; the signature is right all the same.
  t.ok(attributesOf(profile).displayName === displayName.replace('\u2028', '\n'))
  const encrypted = await doors.register(spKeys, { encryptionCertificate: spKeys.certificate })
  const sealed = await arrive('erin', encrypted)
  for (const secret of ['erin', id, 'everyone', '<saml:Assertion'])
    t.notOk(sealed.xml.includes(secret), `encrypted: ${secret}`)
  t.match(sealed.xml, /<saml:EncryptedAssertion.*xmlenc11#aes256-gcm/)
  const library = encrypted.library({ decryptionPvk: spKeys.key })
  const opened = await library.validatePostResponseAsync({ ...sealed.fields })
  t.ok(attributesOf(opened.profile).displayName === displayName)
  const metadata = (await doors.app.inject('/o/acme/saml/metadata')).body
  t.equal((await xmlsec1(delivery.xml, 'Assertion', metadata)).code, 0)

  logged.length = 0
  const control = await api('PATCH', `/users/${id}`, { attributes: { teams: ['a\uFFFFb', 'c'] } })
  t.equal(control.status, 200)
  const release = { teams: 'attributes.teams' }
  const told = await doors.register(spKeys, { release })
  const { xml } = await arrive('erin', told)
  t.match(xml, /<saml:AttributeValue>c<\/saml:AttributeValue>/)
  t.match(logged, [{ fields: { attributes: ['teams'] } }])
})

t.test(
  'a sign-in that nobody has asked for: where the service provider takes it, and nowhere else',
  async (t) => {
    const open = await doors.register(spKeys, { allowIdpInitiated: true })
    const launch = (id: string) => `/o/acme/saml/launch/${id}`
    const browser = doors.browser()
    t.match(await browser.get(launch(sp.id)), { status: 404, forms: [] }, 'off by default')
    t.match(await browser.get(launch('wiki')), { status: 404 })
    t.match(await browser.get(launch('00000000-0000-4000-8000-000000000000')), { status: 404 })
    const { xml, fields, to, relayState } = deliveryOf(
      await through(browser, await browser.get(launch(open.id)), 'alice'),
    )
    t.equal(to, open.acs)
    t.equal(relayState, undefined)
    t.notOk(xml.includes('InResponseTo'))
    t.match(await open.library().validatePostResponseAsync({ ...fields }), {
      profile: { email: 'alice@acme.example' },
    })
    const application = { protocol: 'saml', allowIdpInitiated: true } as never
    t.equal(doors.door.launchPath({ slug: 'acme' }, { id: open.id as never, application }), launch(open.id))
    const closed = { protocol: 'saml', allowIdpInitiated: false } as never
    t.equal(doors.door.launchPath({ slug: 'acme' }, { id: open.id as never, application: closed }), null)
    t.equal((await api('PATCH', `/resources/${open.id}`, { enabled: false })).status, 200)
    t.match(await browser.get(launch(open.id)), { status: 403, forms: [] })
  },
)

t.test('a new key: published beside the old one, first in the metadata once it signs', async (t) => {
  const [old = ''] = await doors.certificates()
  const by = {
    organization: house.organization,
    role: 'owner',
    actor: { kind: 'system', name: 'test' },
  } as const
  const rotated = await doors.keys.rotate(by, { purpose: 'saml', activateAfterSeconds: 30 })
  t.ok(rotated.ok)
  const both = await doors.certificates()
  t.equal(both.length, 2)
  t.equal(both[0], old)
  const certificateIn = ({ xml }: Delivery) => textIn(xml, 'X509Certificate')
  const asIn = (pem: string) => pem.replace(/-----[^-]*-----|\s/g, '')
  const browser = doors.browser()
  const before = deliveryOf(await through(browser, await begin(browser, sp.request()), 'alice'))
  t.equal(certificateIn(before), asIn(old))
  clock.pass(31)
  const after = deliveryOf(await begin(browser, sp.request()))
  t.equal(certificateIn(after), asIn(both[1] ?? ''))
  t.same(await doors.certificates(), both.toReversed())
  const idpCert = [...both]
  const { profile } = await sp.library({ idpCert }).validatePostResponseAsync({ ...after.fields })
  t.match(profile, { email: 'alice@acme.example' })
})
