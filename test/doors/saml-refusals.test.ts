// What the SAML door does not answer: requests of strangers, forged, stray, old or repeated ones, and those that would send somebody
// elsewhere. Whatever it is, nothing leaves the house, and nothing is opened.
import { createHmac, createPublicKey } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import t from 'tap'
import { peerLimit } from '../../src/net/web/rate.ts'
import type { Page } from '../support/form-browser.ts'
import { deliveryOf, newRequestId, openSamlDoor, sloUrl, type TestProvider } from '../support/saml-door.ts'
import { base64, createKeyPair, deflated, signXml } from '../support/saml-sp.ts'
import { typed } from '../support/web-doors.ts'

const doors = await openSamlDoor(t, t.testdir({}))
const { house, logged, api } = doors
const { clock } = house
const [spKeys, stranger, weak] = await Promise.all([
  createKeyPair('sp.example'),
  createKeyPair('stranger.example'),
  createKeyPair('weak.example', 'rsa-1024'),
])
const sp = await doors.register(spKeys)
const demanding = await doors.register(spKeys, { wantsSignedRequests: true })

/** Signed in, so that whatever is accepted is answered at once. */
const browser = doors.browser()
await browser.submit(await browser.get('/o/acme/signin'), typed('alice'))

const answered = async (page: Page): Promise<string> => {
  const at = await browser.follow(page)
  return at.forms.length === 0 ? `page ${at.status}` : deliveryOf(at).status
}
const redirected = async (of: TestProvider, xml: string, key: string | null = of.keys.key) =>
  answered(await browser.get(of.redirect(xml, { key })))
const posted = async (of: TestProvider, xml: string) => answered(await of.post(browser, xml))

type Assertions = Pick<typeof t, 'match' | 'notOk' | 'equal' | 'ok'>

/** Asserts that a page of ours was shown, that nothing on it leads away, and that the log says why under its reference. */
function stopped(t: Assertions, page: Page, status: number, why: object, message: string): void {
  const reference = /<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(page.text)?.[1]
  t.match(page, { status, forms: [], leadsTo: null }, message)
  t.notOk(/name="SAML|evil/.test(page.text), message)
  t.equal(page.headers.location, undefined)
  t.ok(reference, message)
  t.match(
    logged.find(({ fields }) => fields.reference === reference),
    { fields: { organization: 'acme', ...why } },
    message,
  )
}

t.test('S01 an answer goes to a registered address and nowhere else', async (t) => {
  const two = await doors.register(spKeys, {
    assertionConsumerServices: [
      { url: 'https://one.example/acs', index: 1 },
      { url: 'https://two.example/acs', index: 2, isDefault: true },
    ],
  })
  const to = async (attributes: string) =>
    deliveryOf(await browser.get(two.redirect(two.request({ attributes })))).to
  t.equal(await to(''), 'https://two.example/acs')
  t.equal(await to('AssertionConsumerServiceIndex="1"'), 'https://one.example/acs')
  t.equal(await to('AssertionConsumerServiceURL="https://one.example/acs"'), 'https://one.example/acs')
  const elsewhere = [
    'AssertionConsumerServiceURL="https://evil.example/acs"',
    'AssertionConsumerServiceURL="https://one.example/acs/"',
    'AssertionConsumerServiceURL="https://one.example/acs?x=1"',
    'AssertionConsumerServiceURL="https://one.example:443/acs"',
    'AssertionConsumerServiceURL="HTTPS://one.example/acs"',
    'AssertionConsumerServiceURL="javascript:alert(1)"',
    'AssertionConsumerServiceIndex="3"',
  ]
  for (const attributes of elsewhere) {
    const page = await browser.get(two.redirect(two.request({ attributes })))
    stopped(t, page, 403, { what: 'elsewhere' }, attributes)
    const other = await two.post(browser, two.sign(two.request({ attributes })))
    stopped(t, other, 403, { what: 'elsewhere' }, `posted, ${attributes}`)
  }
  for (const name of ['HTTP-Artifact', 'PAOS', 'HTTP-Redirect']) {
    const attributes = `ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:${name}"`
    const page = await browser.get(two.redirect(two.request({ attributes })))
    stopped(t, page, 400, { what: 'unsupported' }, `S16 ${name}`)
  }
  t.equal(
    await to('ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST"'),
    'https://two.example/acs',
  )
})

t.test('S16 artifact and ECP have no endpoint', async (t) => {
  for (const url of ['/o/acme/saml/artifact', '/o/acme/saml/ecp', '/o/acme/saml/soap'])
    for (const method of ['GET', 'POST'] as const)
      t.equal((await doors.app.inject({ method, url })).statusCode, 404, `${method} ${url}`)
  const soap = { 'content-type': 'text/xml' }
  const envelope = { method: 'POST', url: '/o/acme/saml/sso', headers: soap, payload: sp.request() } as const
  t.equal((await doors.app.inject(envelope)).statusCode, 415)
})

t.test('X05 a sender that is not known, is turned off, or comes to no organization', async (t) => {
  const page = await browser.get(sp.redirect(sp.request({ issuer: 'https://evil.example/' })))
  stopped(t, page, 403, { what: 'unknownApplication' }, 'unknown')
  const off = await doors.register(spKeys)
  t.equal((await api('PATCH', `/resources/${off.id}`, { enabled: false })).status, 200)
  stopped(t, await browser.get(off.redirect(off.request())), 403, { what: 'unknownApplication' }, 'off')
  const nobody = await browser.get(sp.redirect(sp.request(), { path: '/o/nobody/saml/sso' }))
  t.match(nobody, { status: 404, forms: [] })
})

t.test('S03 where signatures are demanded, and where they are only there', async (t) => {
  t.equal(await redirected(demanding, demanding.request()), 'Success')
  t.equal(await posted(demanding, demanding.sign(demanding.request())), 'Success')
  t.equal(await redirected(sp, sp.request(), null), 'Success', 'not demanded')
  t.equal(await posted(sp, sp.request()), 'Success', 'not demanded')

  for (const each of [sp, demanding]) {
    const name = each === sp ? 'not demanded' : 'demanded'
    const query = new URLSearchParams(each.redirect(each.request()).split('?')[1])
    const changed = (values: Record<string, string>) => {
      const parts = ['SAMLRequest', 'SigAlg', 'Signature'].map(
        (part) => `${part}=${encodeURIComponent(values[part] ?? query.get(part) ?? '')}`,
      )
      return `/o/acme/saml/sso?${parts.join('&')}`
    }
    const wrong: Record<string, string> = {
      'another message': changed({ SAMLRequest: deflated(each.request()) }),
      'SHA-1': changed({ SigAlg: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1' }),
      'a RelayState that was not signed': changed({}).replace('&SigAlg', '&RelayState=x&SigAlg'),
    }
    const publicKey = createPublicKey(spKeys.certificate).export({ type: 'spki', format: 'pem' })
    const hmac = 'http://www.w3.org/2001/04/xmldsig-more#hmac-sha256'
    const toSign = `SAMLRequest=${encodeURIComponent(query.get('SAMLRequest') ?? '')}&SigAlg=${encodeURIComponent(hmac)}`
    const mac = createHmac('sha256', publicKey).update(toSign).digest('base64')
    wrong['HMAC with the public key'] = `/o/acme/saml/sso?${toSign}&Signature=${encodeURIComponent(mac)}`
    for (const [what, path] of Object.entries(wrong))
      stopped(t, await browser.get(path), 403, { why: /./ }, `${name}, redirect: ${what}`)

    const xml = each.request()
    const forged: Record<string, string> = {
      'a key of somebody else': signXml(xml, stranger.key),
      'a key of 1024 bits': signXml(xml, weak.key),
      'SHA-1': signXml(xml, spKeys.key, {
        signatureAlgorithm: 'http://www.w3.org/2000/09/xmldsig#rsa-sha1',
      }),
      'changed afterwards': each.sign(xml).replace(' Version', ' ForceAuthn="true" Version'),
      'its own certificate in KeyInfo': signXml(xml, stranger.key, { certificate: stranger.certificate }),
    }
    for (const [what, text] of Object.entries(forged))
      stopped(t, await each.post(browser, text), 403, { why: /./ }, `${name}, POST: ${what}`)
    const another = await browser.get(each.redirect(each.request(), { key: stranger.key }))
    stopped(t, another, 403, { code: 'signature-wrong' }, `${name}, redirect: another key`)
  }

  const bare = await browser.get(demanding.redirect(demanding.request(), { key: null }))
  stopped(t, bare, 403, { code: 'signature-missing' }, 'not signed')
  const stripped = await demanding.post(browser, demanding.request())
  stopped(t, stripped, 403, { code: 'signature-missing' }, 'not signed, POST')
  // A signature in the XML is none for the redirect binding.
  const enveloped = demanding.redirect(demanding.sign(demanding.request()), { key: null })
  stopped(t, await browser.get(enveloped), 403, { code: 'signature-missing' }, 'enveloped')
})

t.test('S04 a query that two readers could take for two different ones', async (t) => {
  const path = demanding.redirect(demanding.request(), { relayState: 'a' })
  const [request = '', relayState = '', ...signature] = (path.split('?')[1] ?? '').split('&')
  const of = (...parts: readonly string[]) => browser.get(`/o/acme/saml/sso?${parts.join('&')}`)
  const other = `SAMLRequest=${encodeURIComponent(deflated(demanding.request()))}`
  const queries = {
    'SAMLRequest twice': [request, other, relayState, ...signature],
    'SAMLRequest before': [other, request, relayState, ...signature],
    'RelayState twice': [request, relayState, 'RelayState=b', ...signature],
    'SigAlg twice': [request, relayState, signature[0] ?? '', ...signature],
    reordered: [relayState, request, ...signature],
    'SAMLResponse as well': [request, request.replace('Request', 'Response'), relayState, ...signature],
    'a name in disguise': [request, other.replace('Request', '%52equest'), relayState, ...signature],
  }
  for (const [what, parts] of Object.entries(queries))
    stopped(t, await of(...parts), 400, { code: /^parameter-/ }, what)
  t.match(await of(request, relayState, ...signature), { status: 200 }, 'as it was')
  const fields = { RelayState: 'x', SAMLResponse: base64(demanding.request()) }
  const page = await demanding.post(browser, demanding.sign(demanding.request()), { fields })
  stopped(t, page, 400, { code: 'parameter-repeated' }, 'both in a form')
})

t.test('S05 signature wrapping at the door', async (t) => {
  for (const kind of ['AuthnRequest', 'LogoutRequest'] as const) {
    const path = kind === 'AuthnRequest' ? '/o/acme/saml/sso' : '/o/acme/saml/slo'
    const inner = kind === 'LogoutRequest' ? '<saml:NameID>alice</saml:NameID>' : ''
    const original = demanding.sign(demanding.message(kind, { inner }))
    const signature = /<ds:Signature .*<\/ds:Signature>/s.exec(original)?.[0] ?? ''
    const bare = original.replace(signature, '')
    const forgery = bare.replace(' Version', ' Consent="urn:evil" Version')
    const fresh = forgery.replace(/ID="[^"]*"/, `ID="${newRequestId()}"`)
    const issuer = /<saml:Issuer>.*?<\/saml:Issuer>/.exec(bare)?.[0] ?? ''
    const afterIssuer = (xml: string, more: string) => xml.replace(issuer, `${issuer}${more}`)
    const intoSignature = (more: string) => signature.replace('</ds:Signature>', `${more}</ds:Signature>`)
    const atEnd = (xml: string, more: string) => xml.replace(/<\/samlp:\w+>$/, `${more}$&`)
    const extensions = (more: string) => `<samlp:Extensions>${more}</samlp:Extensions>`
    const wrapped = [
      afterIssuer(fresh, intoSignature(bare)),
      afterIssuer(fresh, `${bare}${signature}`),
      afterIssuer(fresh, `${signature}${extensions(bare)}`),
      atEnd(fresh, original),
      atEnd(afterIssuer(forgery, signature), bare),
      afterIssuer(forgery, intoSignature(bare)),
      original.replace(signature, `${signature}${extensions(forgery)}`),
      afterIssuer(forgery, intoSignature(`<ds:Object>${bare}</ds:Object>`)),
    ]
    for (const [index, xml] of wrapped.entries()) {
      const page = await demanding.post(browser, xml, { path })
      stopped(t, page, 403, { code: /^(?:signature-|id-repeated)/ }, `XSW${index + 1} ${kind}`)
    }
  }
  t.match(await browser.get('/o/acme/portal'), { status: 200 }, 'still signed in')
})

t.test('S07 a DOCTYPE, entities, and 284 bytes that unpack to 28,000 elements', async (t) => {
  const doctype = '<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]>'
  stopped(t, await sp.post(browser, doctype + sp.request()), 400, { code: 'xml-doctype' }, 'DOCTYPE')
  const page = await browser.get(sp.redirect(doctype + sp.request()))
  stopped(t, page, 400, { code: 'xml-doctype' }, 'DOCTYPE, redirect')
  const many = `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol">${'<a/>'.repeat(28_000)}</samlp:AuthnRequest>`
  const packed = deflateRawSync(many, { level: 9 }).toString('base64')
  t.equal(packed.length, 284)
  const small = await browser.get(`/o/acme/saml/sso?SAMLRequest=${encodeURIComponent(packed)}`)
  stopped(t, small, 400, { code: 'deflate-malformed' }, '284 bytes')
  const bomb = deflateRawSync(Buffer.alloc(4 * 1024 * 1024, 0x20), { level: 9 }).toString('base64')
  const unpacked = await browser.get(`/o/acme/saml/sso?SAMLRequest=${encodeURIComponent(bomb)}`)
  stopped(t, unpacked, 400, { code: 'deflate-malformed' }, 'megabytes of spaces')
  const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, method: 'POST' } as const
  const url = '/o/acme/saml/sso'
  const large = await doors.app.inject({ ...form, url, payload: `SAMLRequest=${'A'.repeat(200 * 1024)}` })
  t.equal(large.statusCode, 413)
  // Fields of others are not looked at, however many there are.
  const fields = Array.from({ length: 25_000 }, (_, index) => `${index}=`).join('&')
  t.equal((await doors.app.inject({ ...form, url, payload: fields })).statusCode, 400)
})

t.test('S13 stray, old and repeated requests', async (t) => {
  const ago = (minutes: number) => new Date(clock.now().getTime() - minutes * 60_000)
  const destinations = ['https://other.example/sso', sloUrl, 'http://localhost/o/acme/saml/sso/', 'x']
  for (const destination of destinations) {
    const page = await browser.get(sp.redirect(sp.request({ destination })))
    stopped(t, page, 400, { what: 'misdirected' }, destination)
  }
  t.equal(await redirected(sp, sp.request({ destination: null })), 'Success', 'it may be left out')
  for (const minutes of [5.1, -5.1, 60, -60]) {
    const page = await sp.post(browser, sp.sign(sp.request({ issueInstant: ago(minutes) })))
    stopped(t, page, 400, { what: 'outdated' }, `${minutes} minutes ago`)
  }
  for (const minutes of [4.9, -4.9])
    t.equal(await redirected(sp, sp.request({ issueInstant: ago(minutes) })), 'Success', `${minutes}`)

  const once = sp.redirect(sp.request())
  t.equal(deliveryOf(await browser.get(once)).status, 'Success')
  stopped(t, await browser.get(once), 400, { what: 'repeated' }, 'again')
  const id = newRequestId()
  const same = await Promise.all(
    Array.from({ length: 8 }, () => sp.post(browser, sp.sign(sp.request({ id })))),
  )
  t.equal(same.filter(({ status }) => status === 303).length, 1, 'one of eight at once')
  t.equal(await redirected(demanding, demanding.request({ id })), 'Success', 'IDs of others are others')
  // Whatever is refused for another reason has not used up its ID.
  const later = sp.request({ attributes: 'AssertionConsumerServiceIndex="9"' })
  t.equal(await redirected(sp, later), 'page 403')
  t.equal(await redirected(sp, later.replace('="9"', '="0"')), 'Success')
  const { statusCode } = await doors.app.inject({ method: 'HEAD', url: sp.redirect(sp.request()) })
  t.equal(statusCode, 404, 'a look at the headers uses up nothing')
})

t.test('S13 an ID is remembered for as long as a message with it could be accepted', async (t) => {
  const untils: number[] = []
  const use = async (_of: unknown, _kind: string, _value: string, until: Date) =>
    untils.push(until.getTime()) > 0
  const own = await openSamlDoor(t, t.testdir({}), { usedOnce: { use } })
  const { clock } = own.house
  const provider = await own.register(spKeys)
  // Of a sender whose clock is as far ahead as it may be, it is accepted for twice the tolerance from now on.
  const ahead = provider.request({ issueInstant: new Date(clock.now().getTime() + 4.9 * 60_000) })
  t.equal((await own.browser().get(provider.redirect(ahead))).status, 303)
  t.equal(untils.length, 1)
  const seconds = ((untils[0] ?? 0) - clock.now().getTime()) / 1000
  t.ok(seconds > 9.9 * 60, `${seconds} seconds`)
})

t.test('messages that do not belong there', async (t) => {
  const nameId = '<saml:NameID>alice</saml:NameID>'
  const logout = sp.message('LogoutRequest', { inner: nameId })
  stopped(t, await browser.get(sp.redirect(logout)), 400, { what: 'unsupported' }, 'logout at sso')
  const request = sp.redirect(sp.request({ destination: null }), { path: '/o/acme/saml/slo' })
  stopped(t, await browser.get(request), 400, { what: 'unsupported' }, 'sso at slo')
  stopped(t, await browser.get('/o/acme/saml/sso'), 400, { code: 'parameter-missing' }, 'nothing')
  const response = sp.redirect(logout, { parameter: 'SAMLResponse', path: '/o/acme/saml/slo' })
  stopped(t, await browser.get(response), 400, { code: 'parameter-mismatch' }, 'as a response')
})

t.test('how often one peer may come', async (t) => {
  const limited = await openSamlDoor(t, t.testdir({}), { limit: peerLimit({ perSecond: 0.001, burst: 3 }) })
  const one = limited.browser('192.0.2.1')
  for (let tries = 0; tries < 3; tries++) t.equal((await one.get('/o/acme/saml/sso')).status, 400)
  const page = await one.get('/o/acme/saml/slo')
  t.match(page, { status: 429, forms: [], headers: { 'retry-after': /\d/ } })
  t.equal((await limited.browser('192.0.2.2').get('/o/acme/saml/sso')).status, 400)
})
