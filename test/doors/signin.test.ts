// Sign-in over the real house: who gets a session, what the others are told, and what a form has to bring to be looked at.
import { randomUUID } from 'node:crypto'
import t from 'tap'
import {
  type ApplicationSessionId,
  type ConversationId,
  newId,
  type OrganizationId,
} from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import type { ApplicationSession } from '../../src/core/ports.ts'
import { csrfToken } from '../../src/net/web/origin.ts'
import type { Browser, Page } from '../support/form-browser.ts'
import { groundAt } from '../support/web.ts'
import {
  browserIdOf,
  openWebDoors,
  referenceOn,
  resourceId,
  returnTo,
  sessionTokenOf,
  typed,
} from '../support/web-doors.ts'

const daves = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const bobs = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const doors = await openWebDoors(t, t.testdir({}))
const { house, api, begin, code } = doors
const { store, organization, webSessions } = house

const resumed = (token: string | null) =>
  token === null ? null : webSessions.resume(organization, new Secret(token))
const audited = async (reference: string) =>
  (await api('GET', `/audit?reference=${reference}`)).body.items.map(
    ({ body }: { body: { reference?: string } }) => body,
  )
const decisions = async (): Promise<number> =>
  (await api('GET', '/audit?kind=decision&limit=500')).body.items.length
const noRecovery = /^That recovery code did not work\. Each one is good once\.$/
const isForm = ({ text }: Page) => /<label for="field-password">Password<\/label>/.test(text)

t.test('the page, the portal behind it, and a password that is never written back', async (t) => {
  t.match(await doors.browser().get('/o/acme'), { status: 303, leadsTo: '/o/acme/portal' })
  t.match(await doors.browser().get('/'), { status: 303, leadsTo: '/o/acme/portal' }, 'of the only one')
  for (const path of ['/o/nope', '/o/nope/portal'])
    t.match(await doors.browser().get(path), { status: 404, heading: 'There is no such organization here' })
  t.equal((await doors.browser().get('/o/nobody/signin')).status, 404)
  t.equal((await doors.browser().get('/o/NOBODY%2f..%2f/signin')).status, 404)
  const browser = doors.browser()
  const page = await browser.get('/o/acme/signin')
  t.equal(page.status, 200)
  for (const text of [
    '<label for="field-username">Username</label>',
    '<label for="field-password">Password</label>',
    'autocomplete="username"',
    'autocomplete="current-password"',
    '>Sign in</button>',
    '<title>Sign in · Acme</title>',
  ])
    t.ok(page.text.includes(text), text)
  t.equal(page.headers['cache-control'], 'no-store')

  const refused = await browser.submit(page, typed('alice', 'not "hers" <b>'))
  t.match(refused, { status: 403, alert: /^You could not be signed in\. Check what you typed\./ })
  t.ok(refused.text.includes('value="alice"'), 'the name stays')
  t.notOk(refused.text.includes('hers'), 'the password does not')
  t.equal(sessionTokenOf(browser), null)
  const [record, ...more] = await audited(referenceOn(refused))
  t.match(record, { outcome: 'deny', reason: 'wrong-proof', circumstance: { door: 'signin' } })
  t.equal(more.length, 0, 'one record, found by the reference')

  const asked = await decisions()
  for (const fields of [typed('', ''), typed('alice', ''), typed('   ', 'x')]) {
    const empty = await browser.submit(page, fields)
    t.match(empty, { status: 400, alert: null })
    t.match(empty.text, /Enter your (?:username|password)/)
  }
  for (const fields of [{ username: 'alice' }, { password: 'x' }]) {
    t.equal((await browser.post('/o/acme/signin', { ...page.forms[0]?.fields, ...fields })).status, 400)
  }
  t.equal(await decisions(), asked, 'nobody is asked about nothing')

  const { status, leadsTo, headers } = await browser.submit(
    page,
    typed(' Alice@Acme.example ', 'muster-alice'),
  )
  t.match({ status, leadsTo }, { status: 303, leadsTo: '/o/acme/portal' })
  t.equal(headers['cache-control'], 'no-store', 'W01 a redirect that sets a cookie is kept by nobody')
  t.match(await resumed(sessionTokenOf(browser)), { userAgent: /Firefox/, peer: '127.0.0.1' })
  t.equal((await browser.get('/o/acme/signin')).leadsTo, '/o/acme/portal', 'who is in is not asked again')
})

t.test('whatever the reason, a refusal is the same page', async (t) => {
  const browser = doors.browser('127.0.0.7')
  const to = await begin(browser, 'payroll')
  const page = await browser.get(to)
  for (let i = 0; i < 5; i++) await browser.submit(page, typed('frank', 'wrong-each-time'))
  const cases: [reason: string, username: string, password: string][] = [
    ['unknown-subject', 'nobody-at-all', 'muster-alice'],
    ['wrong-proof', 'dave', 'not-the-password'],
    // Locked as well, as the portal tells below.
    ['no-binding', 'frank', 'muster-frank'],
    ['no-binding', 'alice', 'muster-alice'],
    ['subject-suspended', 'heidi', 'muster-heidi'],
    ['subject-staged', 'grace', 'muster-grace'],
    ['unknown-subject', 'x\0y', 'muster-alice'],
    ['wrong-proof', 'dave', 'x'.repeat(2_000)],
  ]
  const shown = new Map<string, string>()
  const neutral = ({ text }: Page, username: string) =>
    text
      .replace(/nonce="[^"]+"/g, 'nonce=""')
      .replace(referenceOn({ text } as Page) || 'none', 'REFERENCE')
      .replace(`value="${username}"`, 'value="NAME"')
  for (const [reason, username, password] of cases) {
    const refused = await browser.submit(page, typed(username, password))
    t.equal(refused.status, 403, reason)
    const [record] = await audited(referenceOn(refused))
    t.equal(record?.reason, reason, username)
    shown.set(`${reason} ${username} ${password.length}`, neutral(refused, username))
  }
  t.equal(new Set(shown.values()).size, 1, [...shown.keys()].join(', '))

  // With a challenge that nobody gave: whoever is named, and nobody is asked about.
  const asked = await decisions()
  const late = new Set<string>()
  for (const username of ['dave', 'alice', 'heidi', 'nobody-at-all']) {
    const fields = { username, challenge: randomUUID(), code: '123456' }
    const refused = await browser.post('/o/acme/signin/code', { ...page.forms[0]?.fields, ...fields })
    t.match(refused, { status: 403, alert: /^You could not be signed in\. Begin again/ })
    t.equal(referenceOn(refused), '', 'no reference to a record that there is not')
    late.add(neutral(refused, username))
  }
  t.equal(late.size, 1)
  t.equal(await decisions(), asked, 'the name in the form is never looked up')

  // The lock itself, where nothing else would refuse.
  const portal = await browser.get('/o/acme/signin')
  const lockedOut = await browser.submit(portal, typed('frank'))
  t.equal((await audited(referenceOn(lockedOut)))[0]?.reason, 'locked')
  const stranger = await browser.submit(portal, typed('nobody-at-all'))
  t.equal(neutral(lockedOut, 'frank'), neutral(stranger, 'nobody-at-all'))
})

t.test('a code: asked for, wrong once, right then; recovery codes stand in for it', async (t) => {
  const browser = doors.browser()
  const to = await begin(browser, 'payroll')
  const first = await browser.submit(await browser.get(to), typed('dave'))
  t.equal(first.status, 200)
  for (const text of [
    '<label for="field-code">Verification code</label>',
    'autocomplete="one-time-code"',
    'inputmode="numeric"',
    '>Verify</button>',
  ])
    t.ok(first.text.includes(text), text)
  t.match(first.text, /to open <strong>payroll<\/strong>/i)
  t.equal(sessionTokenOf(browser), null, 'M14: a password alone opens no session')
  const wrongDigits = await browser.submit(first, { code: '12345' })
  t.match(wrongDigits, { status: 403, heading: 'Verification code', alert: /^That code did not work/ })
  const empty = await browser.submit(wrongDigits, { code: ' ' })
  t.match(empty, { status: 400 })
  const letters = await browser.submit(empty, { code: '', kind: 'recovery' })
  t.match(letters.text, /<label for="field-code">Recovery code<\/label>/)
  t.match(await browser.submit(letters, { code: '' }), { status: 400, heading: 'Use a recovery code' })
  const wrong = await browser.submit(letters, { code: '12345' })
  t.match(wrong, { status: 403, heading: 'Use a recovery code', alert: noRecovery })
  t.not(wrong.forms[0]?.fields.challenge, first.forms[0]?.fields.challenge, 'a challenge is good once')
  t.equal(
    (await browser.submit(first, { code: code(daves) })).alert?.slice(0, 30),
    'You could not be signed in. Be',
  )

  const again = await browser.submit(await browser.submit(await browser.get(to), typed('dave')), {
    code: code(daves).replace(/(...)/, '$1 '),
  })
  t.match(again, { status: 200, leadsTo: returnTo })
  t.ok(await resumed(sessionTokenOf(browser)))
  t.match(await browser.get(to), { status: 410, heading: 'This sign-in has expired' }, 'taken once')

  const dave = await store.facts.findSubject(organization.id, { by: 'login', name: 'dave' })
  if (dave?.kind !== 'user') throw new Error('no dave')
  const [recovery] = await house.enrolment.renewRecoveryCodes(organization, dave.user)
  const withRecovery = async (isAskedFor = false) => {
    const one = doors.browser()
    const asked = await one.submit(await one.get(await begin(one, 'payroll')), typed('dave'))
    const page = isAskedFor ? await one.submit(asked, { code: '', kind: 'recovery' }) : asked
    const text = recovery?.reveal().toLowerCase() ?? ''
    return one.submit(page, { code: text })
  }
  t.match(await withRecovery(), { status: 200, leadsTo: returnTo }, 'M20: a recovery code is good')
  t.match(await withRecovery(), { status: 403, alert: /^That code did not work/ }, 'M20: once')
  const used = await withRecovery(true)
  t.match(
    used,
    { status: 403, heading: 'Use a recovery code', alert: noRecovery },
    'used, or wrong: the same',
  )
  t.match(used.text, /<label for="field-code">Recovery code<\/label>/)
  t.ok(used.text.includes('>Use your authenticator</button>'))
})

t.test('L22 at the code step it is the challenge that says who, not the name in the form', async (t) => {
  const browser = doors.browser('127.0.0.8')
  const page = await browser.submit(await browser.get(await begin(browser, 'payroll')), typed('dave'))
  const again = await browser.submit(page, { username: 'alice', code: '12345' })
  t.match(again, { status: 403, alert: /^That code did not work/ })
  t.equal(again.forms[0]?.fields.username, 'alice', 'what was sent is only shown again')
  const through = await browser.submit(again, { username: 'nobody-at-all', code: code(daves) })
  t.match(through, { status: 200, leadsTo: returnTo })
  const dave = await store.facts.findSubject(organization.id, { by: 'login', name: 'dave' })
  t.match(await resumed(sessionTokenOf(browser)), {
    userId: dave?.kind === 'user' ? dave.user.id : 'no dave',
  })

  // Locked, at the code step: a real try, and one page for all of them, under a reference.
  const one = doors.browser('127.0.0.11')
  const waiting = await one.submit(await one.get(await begin(one, 'payroll')), typed('dave'))
  for (let i = 0; i < 5; i++) await one.submit(await one.get('/o/acme/signin'), typed('dave', 'wrong'))
  const locked = await one.submit(waiting, { code: code(daves) })
  t.match(locked, { status: 403, alert: /^You could not be signed in/ })
  t.equal((await audited(referenceOn(locked)))[0]?.reason, 'locked')
  house.clock.pass(3600)
})

t.test(
  'W01: a session gets a new token with every sign-in, and the one before is worth nothing',
  async (t) => {
    const browser = await doors.signedIn('bob')
    const old = sessionTokenOf(browser)
    const session = await resumed(old)
    const wanted = { secondFactor: 'demanded', freshSince: null } as const
    const to = await begin(browser, 'wiki', wanted)
    const page = await browser.submit(await browser.get(to), typed('bob'))
    t.equal(sessionTokenOf(browser), old, 'nothing changes before it is through')
    t.match(await browser.submit(page, { code: code(bobs) }), { leadsTo: returnTo })
    const stepped = sessionTokenOf(browser)
    t.not(stepped, old)
    t.equal(await resumed(old), null)
    t.match(await resumed(stepped), { id: session?.id }, 'the same session')
    t.same((await resumed(stepped))?.proof.map(({ kind }) => kind).sort(), ['password', 'totp'])

    browser.cookies.set('muster-session-acme', 'A'.repeat(43))
    t.match(await browser.submit(await browser.get('/o/acme/signin'), typed('bob')), { status: 303 })
    t.not(sessionTokenOf(browser), 'A'.repeat(43), 'one that was planted is not taken over')

    const someoneElse = await doors.signedIn('carol')
    const carols = sessionTokenOf(someoneElse)
    const switched = await someoneElse.get(await begin(someoneElse, 'wiki'))
    t.match(await someoneElse.submit(switched, typed('erin')), { leadsTo: returnTo })
    t.equal(await resumed(carols), null, 'who was there before is out')
  },
)

t.test('W01: cookies over https, and over http on loopback', async (t) => {
  const cookieOf = (page: Page, what: string) =>
    [page.headers['set-cookie'] ?? []]
      .flat()
      .map(String)
      .find((one) => one.includes(what))
      ?.replace(/=[\w-]{43};/, '=…;')
  const secure = await openWebDoors(t, '', { publicUrl: 'https://muster.example' }, house)
  const ours = secure.browser()
  const page = await ours.get('/o/acme/signin')
  const attributes = 'Path=/; HttpOnly; Secure; SameSite=Lax'
  t.equal(cookieOf(page, 'browser'), `__Host-muster-browser-acme=…; ${attributes}`)
  const inside = await ours.submit(page, typed('alice'))
  t.equal(cookieOf(inside, 'session'), `__Host-muster-session-acme=…; ${attributes}`)
  const plain = doors.browser()
  const there = await plain.submit(await plain.get('/o/acme/signin'), typed('alice'))
  t.equal(cookieOf(there, 'session'), 'muster-session-acme=…; Path=/; HttpOnly; SameSite=Lax')
})

t.test('who comes by another name than the public URL is told where to go on', async (t) => {
  const paths = [
    '/',
    '/o/acme',
    '/o/acme/signin?to=x',
    '/o/acme/signin/out',
    '/o/acme/portal',
    '/o/acme/portal/x',
  ]
  for (const path of paths) {
    const page = await doors.browser().get(path, { host: '192.0.2.2:8080' })
    t.match(page, { status: 421, heading: 'Go on at http://localhost', forms: [] }, path)
    t.ok(page.text.includes(`href="http://localhost${path.split('?')[0]}"`), path)
    t.match(page.text, /MUSTER_PUBLIC_URL<\/code> if people are to come by <code>192\.0\.2\.2:8080<\/code>/)
    t.match(page.text, path === '/' ? /<span>Muster</ : /<span>Acme</)
  }
  const page = await doors.browser().get('/o/acme/signin', { host: '"><script>alert(1)</script>' })
  t.equal(page.status, 421)
  t.notMatch(page.text, /alert\(1\)/)
  const browser = doors.browser()
  const form = await browser.get('/o/acme/signin')
  const there = { host: 'id.example', origin: 'http://id.example' }
  for (const path of ['/o/acme/signin', '/o/acme/signin/code', '/o/acme/signin/out']) {
    const posted = await browser.post(path, { ...form.forms[0]?.fields, ...typed('alice') }, there)
    t.match(posted, { status: 421, heading: 'Go on at http://localhost' }, path)
    t.ok(posted.text.includes('href="http://localhost/o/acme/portal"'), path)
  }
  t.equal(sessionTokenOf(browser), null)
  t.equal((await browser.get('/o/acme/signin', { host: '127.0.0.1:8080' })).status, 200)
})

t.test('W01: where browsers keep no cookies, no form is shown', async (t) => {
  const { browser } = await openWebDoors(t, '', { publicUrl: 'http://id.example' }, house)
  for (const path of ['/o/acme/signin', '/o/acme/portal']) {
    const page = await browser().get(path, { host: 'id.example' })
    t.match(page, { status: 403, heading: 'Cookies are needed', forms: [] }, path)
    t.match(page.text, /set <code>MUSTER_PUBLIC_URL<\/code> to the https address/)
  }
})

t.test('which organizations there are, the first page does not tell', async (t) => {
  const many = async () => [organization, { ...organization, slug: 'globex' }]
  for (const list of [many, async () => []]) {
    const organizations = { ...store.organizations, list }
    const { browser } = await openWebDoors(t, '', { organizations }, house)
    const page = await browser().get('/')
    t.match(page, { status: 200, heading: 'Which organization?', leadsTo: null })
    t.match(page.text, /gave you, such as <code>http:\/\/localhost\/o\/your-organization<\/code>/)
    t.notMatch(page.text, /acme|globex/i)
  }
})

t.test('O16: what one browser began, another cannot finish', async (t) => {
  const attacker = doors.browser()
  const to = await begin(attacker, 'wiki')
  const victim = doors.browser()
  await victim.get('/o/acme/signin')
  const opened = await victim.get(to)
  t.match(opened, { status: 410, heading: 'This sign-in has expired' })
  t.notOk(isForm(opened))
  t.ok(opened.text.includes('href="/o/acme/signin"'), 'and a way to begin anew')
  const id = to.split('=')[1] as string
  const own = await victim.get('/o/acme/signin')
  const posted = await victim.post('/o/acme/signin', { ...own.forms[0]?.fields, ...typed('alice'), to: id })
  t.equal(posted.status, 410)
  t.equal(sessionTokenOf(victim), null)
  const stolen = await attacker.get(to)
  t.equal(
    (await victim.post('/o/acme/signin', { ...stolen.forms[0]?.fields, ...typed('alice') })).status,
    403,
    "with the attacker's own token",
  )
  for (const bad of ['', 'x', randomUUID(), '..%2f', `${id}&to=${id}`]) {
    t.equal((await attacker.get(`/o/acme/signin?to=${bad}`)).status, 410, bad)
  }
  const foreign = newId<ConversationId>()
  const begun = await store.conversations.find(id as ConversationId)
  if (begun?.kind !== 'sign-in') throw new Error('nothing was begun')
  await store.conversations.park(foreign, { ...begun, organization: newId<OrganizationId>() }, 60)
  t.equal((await attacker.get(`/o/acme/signin?to=${foreign}`)).status, 410, 'begun at another organization')
  // A challenge is bound as well: what it asks for cannot be answered from elsewhere.
  const asked = await attacker.submit(await attacker.get(await begin(attacker, 'payroll')), typed('dave'))
  const { challenge = '' } = asked.forms[0]?.fields ?? {}
  const mine = await victim.get(await begin(victim, 'payroll'))
  const answered = await victim.post('/o/acme/signin/code', {
    ...mine.forms[0]?.fields,
    ...{ username: 'dave', challenge, code: code(daves) },
  })
  t.equal(answered.status, 403)
  t.equal(sessionTokenOf(victim), null)
  t.match(
    await attacker.submit(asked, { code: code(daves) }),
    { status: 200, leadsTo: returnTo },
    'and it still waits for the browser that was asked',
  )
})

t.test('where it goes on after sign-in, no request can say', async (t) => {
  const evil = 'https://evil.example/'
  const names = ['returnTo', 'return_to', 'next', 'url', 'redirect', 'redirect_uri', 'RelayState', 'continue']
  const fields = Object.fromEntries(names.map((name) => [name, evil]))
  const query = new URLSearchParams(fields).toString()
  const browser = doors.browser()
  const asked = await browser.get(`${await begin(browser, 'wiki')}&${query}`)
  const given = { ...asked.forms[0]?.fields, ...fields, ...typed('alice') }
  t.match(await browser.post(`/o/acme/signin?${query}`, given), { status: 200, leadsTo: returnTo })
  const plain = doors.browser()
  const page = await plain.get(`/o/acme/signin?${query}`)
  const answer = await plain.post(`/o/acme/signin?${query}`, {
    ...page.forms[0]?.fields,
    ...fields,
    ...typed('alice'),
  })
  t.match(answer, { status: 303, leadsTo: '/o/acme/portal' })
})

t.test('a code that is missing is asked for at once, of whoever is signed in already', async (t) => {
  const browser = await doors.signedIn('bob')
  const session = await resumed(sessionTokenOf(browser))
  const wanted = { secondFactor: 'demanded', freshSince: null } as const
  const to = await begin(browser, 'wiki', wanted)
  const id = to.split('=')[1] as never
  const pending = await store.conversations.take(id)
  const decision = await house.access.decide({
    organization: organization.id,
    subject: { by: 'user-id', id: session?.userId as never },
    evidence: [{ kind: 'session', id: session?.id as never }],
    resource: { kind: 'id', id: (pending as never as { resource: never }).resource },
    circumstance: { peer: '127.0.0.1', door: 'oidc', secured: true, browser: browserIdOf(browser) },
    means: ['prompt', 'sign-in'],
    wanted,
    at: house.clock.now(),
  })
  const step = decision.outcome === 'challenge' ? decision.step : null
  const challenge = step?.kind === 'code' ? step.conversation : null
  t.ok(challenge)
  await store.conversations.park(
    id,
    { ...(pending as never as object), login: 'bob', challenge } as never,
    60,
  )
  const page = await browser.get(to)
  t.match(page.text, /Verification code/)
  t.notOk(isForm(page), 'not for the password')
  t.match(await browser.submit(page, { code: code(bobs) }), { leadsTo: returnTo })

  await store.conversations.park(
    id,
    { ...(pending as never as object), login: 'bob', challenge: randomUUID() } as never,
    60,
  )
  const late = await browser.get(to)
  t.ok(isForm(late), 'a challenge that is over: from the beginning')
  t.ok(late.text.includes('value="bob"'))
})

t.test('W03: no form is acted upon that does not come from our own page', async (t) => {
  const browser = await doors.signedIn('carol')
  const token = sessionTokenOf(browser)
  const form = {
    ...typed('carol'),
    ...{ challenge: randomUUID(), code: '123456' },
    csrf: '',
  }
  const { csrfKey } = groundAt('')
  const purposes = { '/o/acme/signin/out': 'sign-out' } as Record<string, string>
  const posts = doors.routes.filter((route) => /^POST .*\/signin/.test(route))
  t.same(posts, ['POST /o/:slug/signin', 'POST /o/:slug/signin/code', 'POST /o/:slug/signin/out'])
  for (const route of posts) {
    const url = route.slice(5).replace(':slug', 'acme')
    const purpose = purposes[url] ?? 'sign-in'
    const good = csrfToken(csrfKey, browserIdOf(browser), purpose)
    const other = csrfToken(csrfKey, browserIdOf(browser), purpose === 'sign-in' ? 'sign-out' : 'sign-in')
    const anothers = csrfToken(csrfKey, 'B'.repeat(43), purpose)
    const refused: [string, number, Record<string, string>, Record<string, string>?][] = [
      ['without a token', 403, { csrf: '' }],
      ["another purpose's token", 403, { csrf: other }],
      ["another browser's token", 403, { csrf: anothers }],
      ['from elsewhere', 403, { csrf: good }, { origin: 'https://evil.example' }],
      ['from a sandbox', 403, { csrf: good }, { origin: 'null' }],
      ['across sites', 403, { csrf: good }, { 'sec-fetch-site': 'cross-site' }],
      ['as text', 415, { csrf: good }, { 'content-type': 'text/plain' }],
      ['as JSON', 415, { csrf: good }, { 'content-type': 'application/json' }],
    ]
    for (const [name, status, fields, headers] of refused) {
      const answer = await browser.post(url, { ...form, ...fields }, headers)
      // A wrong password, or a challenge that nobody was given, is a 403 as well: it is the form that has to be refused.
      const refusal = {
        status,
        heading: status === 403 ? 'This page has expired' : 'This request cannot be read',
      }
      t.match(answer, refusal, `${url} ${name}`)
      t.equal(sessionTokenOf(browser), token, 'nothing is set or cleared')
    }
  }
  t.ok(await resumed(token), 'and nobody is signed out')
  const cookieless = doors.browser()
  t.equal(
    (await cookieless.post('/o/acme/signin', { ...form, csrf: 'x' })).heading,
    'Cookies are needed',
    'said where that is what is missing',
  )
})

t.test(
  'signing out: asked with GET, done with POST, and on to applications where they must be told',
  async (t) => {
    const told: { ended: readonly ApplicationSession[]; browser: string }[] = []
    const { browser: make } = await openWebDoors(
      t,
      '',
      {
        afterSignOut: async (_organization, ended, browser) => {
          told.push({ ended, browser })
          return ended.length > 0 ? '/o/acme/saml/slo?then=1' : null
        },
      },
      house,
    )
    const inside = async (): Promise<Browser> => {
      const one = make()
      await one.submit(await one.get('/o/acme/signin'), typed('carol'))
      return one
    }
    const browser = await inside()
    const token = sessionTokenOf(browser)
    const question = await browser.get('/o/acme/signin/out')
    t.equal(question.heading, 'Sign out?')
    t.ok(await resumed(token), 'GET changes nothing')
    const session = await resumed(token)
    const opened: ApplicationSession = {
      ...{
        id: newId<ApplicationSessionId>(),
        userId: session?.userId as never,
        door: 'saml',
        proof: [],
        details: {},
      },
      ...{ resourceId: await resourceId(house, 'crm'), sessionId: session?.id as never },
      ...{ openedAt: house.clock.now(), expiresAt: new Date(house.clock.now().getTime() + 60_000) },
    }
    await store.applicationSessions.save(organization.id, opened)
    t.match(await browser.submit(question), { status: 200, leadsTo: '/o/acme/saml/slo?then=1' })
    t.match(told, [{ ended: [{ id: opened.id }], browser: browserIdOf(browser) }])
    t.equal(sessionTokenOf(browser), null)
    t.equal(await resumed(token), null)
    t.equal((await browser.get('/o/acme/signin/out')).heading, 'You are signed out')

    const plain = await inside()
    const left = await plain.submit(await plain.get('/o/acme/signin/out'))
    t.match(left, { status: 303, leadsTo: '/o/acme/signin/out' })
    t.equal((await plain.follow(left)).heading, 'You are signed out')
  },
)

t.test('trouble is told as such, and never as a refusal or a yes', async (t) => {
  const away: Decision = { outcome: 'indeterminate', cause: 'busy', trace: {} as never }
  const { browser: make } = await openWebDoors(t, '', { access: { decide: async () => away } }, house)
  const browser = make()
  const answer = await browser.submit(await browser.get('/o/acme/signin'), typed('alice'))
  t.match(answer, { status: 503, headers: { 'retry-after': '5' } })
  t.notOk(answer.text.includes('muster-alice'))
  t.equal(sessionTokenOf(browser), null)

  const { browser: limited } = await openWebDoors(t, '', { rate: { perSecond: 0.01, burst: 2 } }, house)
  const one = limited('127.0.0.9')
  const page = await one.get('/o/acme/signin')
  const statuses: number[] = []
  for (let i = 0; i < 3; i++) statuses.push((await one.submit(page, typed('alice', 'x'))).status)
  t.same(statuses, [403, 403, 429])
  t.equal((await one.get('/o/acme/signin')).status, 200, 'pages are still shown')
  const guess = { ...page.forms[0]?.fields, username: 'dave', code: '123456', challenge: randomUUID() }
  t.equal((await one.post('/o/acme/signin/code', guess)).status, 429, 'codes count with passwords')
  const other = limited('127.0.0.10')
  t.equal((await other.submit(await other.get('/o/acme/signin'), typed('alice'))).status, 303)
  const huge = { ...page.forms[0]?.fields, ...typed('alice', 'x'.repeat(20_000)) }
  t.equal((await other.post('/o/acme/signin', huge)).status, 413)
})
