// The SAML door as real service providers see it: @node-saml/node-saml and samlify, with every check that they have turned on, and
// xmlsec1 on what arrived. The whole program runs, on its embedded database, and is started anew on the way.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { demand, idByName, webUrl } from '../support/applications.ts'
import { startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'
import { type SamlArrival, startServiceProvider, xmlsec1 } from '../support/service-provider.ts'
import { createVisitor, passSignIn, type WebVisitor } from '../support/web-visitor.ts'

t.setTimeout(90_000)

const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
const muster = await startMuster(t, { data })
t.teardown(() => rm(data, { recursive: true, force: true }))
const portal = `${webUrl(muster)}/o/acme/portal`

/** Opens an application, signs in where that is asked for, and presses "Continue" until it is there. */
async function open(visitor: WebVisitor, url: string, name?: string): Promise<void> {
  await visitor.visit(url)
  for (let presses = 0; presses < 5; presses++) {
    if (visitor.hasField('Password') && name !== undefined) await passSignIn(visitor, name)
    else if (visitor.hasButton('Continue')) await visitor.press('Continue')
    else return
  }
}

async function signedTwice(t: Test, { xml }: SamlArrival, metadata: string): Promise<void> {
  for (const element of ['Response', 'Assertion'] as const) {
    const { code, said } = await xmlsec1(xml, element, metadata)
    t.equal(code, 0, `xmlsec1 on the ${element}: ${said}`)
  }
  const forged = xml.replace(/carol@/g, 'erin@')
  t.not(forged, xml)
  t.not((await xmlsec1(forged, 'Assertion', metadata)).code, 0, 'and not where a letter was changed')
}

t.test('S11 the sample, as it is registered: node-saml, requests unsigned', async (t) => {
  const crm = await startServiceProvider(t, muster, 'crm', { port: 9002, signs: false })
  const carol = createVisitor()
  await open(carol, crm.signInUrl({ relayState: 'deals/7?x="&' }), 'carol')
  const arrival = crm.last()
  t.equal(arrival.error, undefined)
  t.equal(arrival.relayState, 'deals/7?x="&', 'S14 as it was sent')
  t.equal(arrival.nameId, await idByName(muster, 'users', 'carol'), 'persistent: never that of anybody else')
  t.match(arrival.attributes, {
    username: ['carol'],
    email: ['carol@acme.example'],
    firstName: ['Carol'],
    groups: ['sales'],
  })
  t.match(arrival.xml, /PasswordProtectedTransport</)
  await signedTwice(t, arrival, crm.metadata)

  await open(carol, crm.signInUrl({ binding: 'post' }))
  t.match(
    crm.last(),
    { nameId: arrival.nameId, sessionIndex: arrival.sessionIndex },
    'by POST, without being asked',
  )

  const alice = createVisitor()
  await open(alice, crm.signInUrl(), 'alice')
  t.match(alice.shown().alert, /could not be signed in/)
  await open(alice, portal, 'alice')
  await open(alice, crm.signInUrl())
  t.match(crm.last().error, /Access was not granted/, 'known, and not allowed: told to the service provider')
  t.match(crm.last().xml, /status:RequestDenied/)
  const { body } = await muster.api('GET', '/audit?kind=decision&outcome=deny&limit=5')
  const { items } = body as { items: { body: { reference?: string; reason: string } }[] }
  const [, reference] = /Reference: ([\w-]+)/.exec(crm.last().error ?? '') ?? []
  t.equal(items.find((item) => item.body.reference === reference)?.body.reason, 'no-binding')
  t.notMatch(crm.last().xml, /binding|group|alice/, 'and no more than that')
})

t.test('S09 the same from samlify, in plain and encrypted', async (t) => {
  const carol = createVisitor()
  await demand(muster, 'PATCH', `/users/${await idByName(muster, 'users', 'carol')}`, {
    title: 'R&D <Lead>, "Ünï"',
  })
  const release = { username: 'username', title: 'title', 'urn:oid:0.9.2342.19200300.100.1.3': 'email' }
  for (const library of ['samlify', 'node-saml'] as const) {
    for (const decrypts of [false, true]) {
      const name = `${library}-${decrypts ? 'encrypted' : 'plain'}`
      const options = { library, decrypts, groups: ['sales', 'everyone'], application: { release } }
      const sp = await startServiceProvider(t, muster, name, options)
      await open(carol, sp.signInUrl(), 'carol')
      const arrival = sp.last()
      t.equal(arrival.error, undefined, name)
      // samlify asks for an e-mail address where it is told nothing else.
      const persistent = await idByName(muster, 'users', 'carol')
      t.equal(arrival.nameId, library === 'samlify' ? 'carol@acme.example' : persistent)
      t.same(
        { ...arrival.attributes, groups: [...(arrival.attributes?.groups ?? [])].sort() },
        {
          username: ['carol'],
          title: ['R&D <Lead>, "Ünï"'],
          'urn:oid:0.9.2342.19200300.100.1.3': ['carol@acme.example'],
          groups: ['everyone', 'sales'],
        },
      )
      if (decrypts) t.notMatch(arrival.xml, /carol/)
      else await signedTwice(t, arrival, sp.metadata)
      const { code } = await xmlsec1(arrival.xml, 'Response', sp.metadata)
      t.equal(code, 0)
    }
  }
})

t.test('S16 what a request demands is honoured', async (t) => {
  const sp = await startServiceProvider(t, muster, 'strict', {
    application: { wantsSignedRequests: true, nameIdFormat: 'email' },
  })
  const codes = new OneTimeCodes('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  const bob = createVisitor()
  await open(bob, sp.signInUrl({ passive: true }))
  t.match(sp.last().error, /nobody/, 'IsPassive: NoPassive, which node-saml reads as nobody')
  t.match(sp.last().xml, /status:NoPassive/)
  await open(bob, sp.signInUrl(), 'bob')
  t.match(sp.last(), { nameId: 'bob@acme.example' })
  await open(bob, sp.signInUrl({ passive: true }))
  t.match(sp.last(), { nameId: 'bob@acme.example' }, 'nothing had to be shown')

  const instant = (arrival: SamlArrival) => /AuthnInstant="([^"]*)"/.exec(arrival.xml)?.[1] ?? ''
  const before = instant(sp.last())
  await bob.visit(sp.signInUrl({ forceAuthn: true }))
  t.ok(bob.hasField('Password'), 'ForceAuthn')
  await open(bob, sp.signInUrl({ forceAuthn: true }), 'bob')
  t.ok(instant(sp.last()) > before)

  const mfa = 'https://refeds.org/profile/mfa'
  await bob.visit(sp.signInUrl({ context: mfa }))
  await bob.fill({ 'Verification code': await codes.next() }, 'Verify')
  await bob.press('Continue')
  t.equal(sp.last().error, undefined)
  t.match(sp.last().xml, new RegExp(`<saml:AuthnContextClassRef>${mfa}<`))
  const carol = createVisitor()
  await open(carol, portal, 'carol')
  const arrivals = sp.arrivals.length
  await open(carol, sp.signInUrl({ context: mfa }))
  t.equal(sp.arrivals.length, arrivals + 1)
  t.match(sp.last().xml, /status:(?:NoAuthnContext|RequestDenied)/, 'carol has no second factor')
})

t.test('S01 S03 requests that are not as they were agreed go nowhere', async (t) => {
  const sp = await startServiceProvider(t, muster, 'strict', { application: { wantsSignedRequests: true } })
  const other = await startServiceProvider(t, muster, 'lenient', { signs: false })
  const bob = createVisitor()
  await open(bob, portal, 'bob')
  const begun = async (from: typeof sp) =>
    new URL((await bob.request(from.signInUrl())).headers.get('location') ?? '')
  const refusedHere = async (url: URL, why: string) => {
    const arrivals = sp.arrivals.length + other.arrivals.length
    await open(bob, url.href)
    t.ok(bob.shown().status >= 400, why)
    t.ok(bob.shown().url.startsWith(webUrl(muster)), 'a page of ours')
    t.equal(sp.arrivals.length + other.arrivals.length, arrivals)
  }
  const unsigned = await begun(sp)
  for (const name of ['Signature', 'SigAlg']) unsigned.searchParams.delete(name)
  await refusedHere(unsigned, 'signature stripped')
  const changed = await begun(sp)
  changed.searchParams.set('RelayState', 'another')
  await refusedHere(changed, 'RelayState changed')
  const twice = await begun(sp)
  await open(bob, twice.href)
  t.equal(sp.last().error, undefined, 'the right one is answered')
  await refusedHere(twice, 'S13 a request sent again')

  const forged = await begun(other)
  const { inflateRawSync, deflateRawSync } = await import('node:zlib')
  const request = inflateRawSync(
    Buffer.from(forged.searchParams.get('SAMLRequest') ?? '', 'base64'),
  ).toString()
  const elsewhere = request.replace(`${other.url}/acs`, `${sp.url}/acs`)
  t.not(elsewhere, request)
  forged.searchParams.set('SAMLRequest', deflateRawSync(elsewhere).toString('base64'))
  await refusedHere(forged, 'an address that is not in the registration')
})

t.test('S17 out at one is out everywhere', async (t) => {
  const [first, second] = [
    await startServiceProvider(t, muster, 'first'),
    await startServiceProvider(t, muster, 'second'),
  ]
  const carol = createVisitor()
  await open(carol, first.signInUrl(), 'carol')
  await open(carol, second.signInUrl())
  t.equal(second.last().error, undefined)

  await open(carol, first.signOutUrl)
  t.match(carol.shown().html, /Signed out/)
  t.equal(carol.shown().url.split('?')[0], `${first.url}/slo`)
  t.same(first.logouts, ['response, logged out: true'])
  t.match(second.logouts, [/^request for/], 'told through the browser')
  await carol.visit(portal)
  t.ok(carol.hasField('Password'), 'and out of the portal')

  await open(carol, first.signInUrl(), 'carol')
  await carol.visit(portal)
  await carol.press('Sign out')
  await open(carol, carol.shown().url)
  t.match(first.logouts.slice(1), [/^request for/], 'signing out at the portal tells them, too')
})

t.test('from the portal: by a request of the application, or unasked where that is allowed', async (t) => {
  const sp = await startServiceProvider(t, muster, 'unasked', {
    application: { allowIdpInitiated: true, launchUrl: null },
  })
  await startServiceProvider(t, muster, 'asked-only', { application: { launchUrl: null } })
  const bob = createVisitor()
  await open(bob, portal, 'bob')
  t.notMatch(bob.shown().html, /asked-only/, 'off by default')
  await bob.follow('U unasked')
  if (bob.hasButton('Continue')) await bob.press('Continue')
  t.match(sp.last().xml, /status:Success/)
  t.notMatch(sp.last().xml, /InResponseTo/)
  t.match(sp.last().error, /InResponseTo/, 'this one still insists on having asked')
})

t.test('what was opened before a restart is open after it', async (t) => {
  const sp = await startServiceProvider(t, muster, 'lasting')
  const carol = createVisitor()
  await open(carol, sp.signInUrl(), 'carol')
  const { nameId, sessionIndex } = sp.last()
  await muster.stop()
  await startMuster(t, { data, ports: muster.ports })
  await open(carol, sp.signInUrl())
  t.match(sp.last(), { nameId, sessionIndex }, 'the same session')
  const metadata = await (await fetch(`${webUrl(muster)}/o/acme/saml/metadata`)).text()
  t.equal(metadata, sp.metadata, 'the same keys')
  await open(carol, sp.signOutUrl)
  t.same(sp.logouts, ['response, logged out: true'])
})
