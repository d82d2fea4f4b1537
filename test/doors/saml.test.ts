// Single sign-on by SAML over the real house: what service providers receive, read by node-saml and samlify, and what is asked of
// people on the way.
import samlify from 'samlify'
import t from 'tap'
import type { Browser, Page } from '../support/form-browser.ts'
import {
  attributeIn,
  deliveryOf,
  entityId,
  openSamlDoor,
  ssoUrl,
  type TestProvider,
  textIn,
} from '../support/saml-door.ts'
import { createKeyPair } from '../support/saml-sp.ts'
import { typed } from '../support/web-doors.ts'

const daves = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const doors = await openSamlDoor(t, t.testdir({}))
const { house, api, code } = doors
const [spKeys, otherKeys] = await Promise.all([createKeyPair('sp.example'), createKeyPair('other.example')])
const sp = await doors.register(spKeys)

/** From the page of sign-in, whatever it shows, to what is sent to the service provider. */
async function through(browser: Browser, page: Page, username: string, seed = ''): Promise<Page> {
  let at = await browser.follow(page)
  if (at.text.includes('name="password"'))
    at = await browser.follow(await browser.submit(at, typed(username), '/signin'))
  if (at.text.includes('name="code"')) {
    at = await browser.follow(await browser.submit(at, { code: code(seed) }, '/code'))
  }
  return at
}

t.test('from no session to an assertion, by the redirect binding', async (t) => {
  const browser = doors.browser()
  const first = await browser.get(
    sp.redirect(sp.request({ id: '_first' }), { relayState: 'where they were' }),
  )
  t.equal(first.status, 303)
  t.match(first.leadsTo, /^\/o\/acme\/signin\?to=[0-9a-f-]{36}$/)
  const delivery = deliveryOf(await through(browser, first, 'alice'))
  t.equal(delivery.to, sp.acs)
  t.equal(delivery.relayState, 'where they were')
  const { profile } = await sp.library().validatePostResponseAsync({ ...delivery.fields })
  const { id } = await doors.user('alice')
  t.match(profile, { nameID: id, issuer: entityId, email: 'alice@acme.example', groups: 'everyone' })
})
