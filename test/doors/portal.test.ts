// The portal over the real house: what somebody sees and may change, and that nothing of it is there without a session that holds.
import { randomUUID } from 'node:crypto'
import t from 'tap'
import { type ApplicationSessionId, newId, type SessionId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { ApplicationSession } from '../../src/core/ports.ts'
import { ago } from '../../src/doors/portal/ago.ts'
import { describeBrowser } from '../../src/doors/portal/user-agent.ts'
import { csrfToken } from '../../src/net/web/origin.ts'
import type { Browser, Page } from '../support/form-browser.ts'
import { codeOfStep } from '../support/one-time-codes.ts'
import { groundAt } from '../support/web.ts'
import { browserIdOf, openWebDoors, resourceId, sessionTokenOf, typed } from '../support/web-doors.ts'

const daves = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'
const bobs = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ'
const portal = '/o/acme/portal'
const doors = await openWebDoors(t, t.testdir({}))
const { house, api, begin, code, signedIn } = doors
const { store, organization, webSessions, clock } = house
const { csrfKey } = groundAt('')

const user = async (username: string) => {
  const found = await store.facts.findSubject(organization.id, { by: 'login', name: username })
  if (found?.kind !== 'user') throw new Error(`no ${username}`)
  return found.user
}
const factorsOf = async (username: string) =>
  (await store.credentials.list(organization.id, (await user(username)).id)).map(({ kind }) => kind).sort()
const patch = async (path: string, filter: string, body: object) => {
  const [found] = (await api('GET', `${path}?filter=${encodeURIComponent(filter)}`)).body.items
  const answer = await api('PATCH', `${path}/${found.id}`, body, {
    'content-type': 'application/merge-patch+json',
  })
  t.equal(answer.status, 200, `${path} ${filter}`)
}
const resumed = (browser: Browser) => {
  const token = sessionTokenOf(browser)
  return token === null ? null : webSessions.resume(organization, new Secret(token))
}
/** What an application keeps, or has open through a session. */
const opened = async (
  username: string,
  resource: string,
  sessionId: SessionId | null = null,
): Promise<ApplicationSession> => {
  const at = clock.now()
  const one: ApplicationSession = {
    ...{ id: newId<ApplicationSessionId>(), userId: (await user(username)).id, sessionId },
    ...{ resourceId: await resourceId(house, resource), door: 'oidc', proof: [], details: {} },
    ...{ openedAt: at, expiresAt: new Date(at.getTime() + 30 * 86_400_000) },
  }
  await store.applicationSessions.save(organization.id, one)
  return one
}
const isOpen = async ({ id }: ApplicationSession) =>
  (await store.applicationSessions.find(organization.id, id, clock.now())) !== null
const told: string[] = []
webSessions.onEnded((_organization, ended) => void told.push(...ended.map(({ id }) => id)))
const decisions = async () => (await api('GET', '/audit?kind=decision&limit=200')).body.items.length
const seedOn = ({ text }: Page) =>
  /<p><code>([\s\S]*?)<\/code>/.exec(text)?.[1]?.replace(/<br>|\s/g, '') ?? ''
const codesOn = ({ text }: Page) =>
  [...text.matchAll(/<li>([A-Z2-7-]{19})<\/li>/g)].map(([, one]) => one as string)
const now = (seed: string) => codeOfStep(seed, Math.floor(clock.now().getTime() / 30_000))
const portalRoutes = doors.routes.filter((route) => route.includes('/portal') && !route.startsWith('HEAD'))
const pathOf = (route: string) =>
  (route.split(' ')[1] as string).replace(':slug', 'acme').replace(':session', randomUUID())

t.test('shows what somebody may open, and asks each time without a record', async (t) => {
  const alice = await signedIn('alice')
  const before = await decisions()
  const page = await alice.get(portal)
  t.match(page, { status: 200, heading: 'Your portal' })
  t.ok(page.text.includes('Alice Adams'))
  t.ok(page.text.includes('href="http://127.0.0.1:9001/"'))
  const tilesOn = ({ text }: Page) =>
    [...text.matchAll(/<a class="tile"[\s\S]*?<span>([^<]+)<\/span><\/a>/g)].map(([, name]) => name)
  t.same(tilesOn(page), ['wiki'])
  t.same(
    tilesOn(await (await signedIn('dave')).get(portal)),
    ['payroll', 'wiki'],
    'by what they have, not by what they showed',
  )
  const carol = await signedIn('carol')
  t.same(tilesOn(await carol.get(portal)), ['crm', 'wiki'])
  const { body: found } = await api('GET', '/resources?filter=name%20eq%20%22crm%22')
  const [{ id, application }] = found.items
  const launched = (launchUrl: string | null) =>
    api('PATCH', `/resources/${id}`, { application: { ...application, launchUrl } })
  t.equal((await launched(null)).status, 200)
  t.same(tilesOn(await carol.get(portal)), ['wiki'], 'the one without a launch URL is left out')
  t.equal((await launched(application.launchUrl)).status, 200)
  t.match(await carol.get(`${portal}/nothing`), { status: 404, heading: 'There is no such thing' })
  t.ok(page.text.includes('Firefox on Windows'))
  t.ok(page.text.includes('This browser'))
  t.equal(await decisions(), before + 2, 'one for each sign-in')
  t.equal((await alice.get('/o/other-house/portal')).status, 404)
  t.notOk((await alice.get(`${portal}?done=constructor`)).text.includes('role="status"'))
})

t.test(
  'M14: without a session, and with one half begun, no route of the portal does or shows anything',
  async (t) => {
    t.ok(portalRoutes.length >= 8, portalRoutes.join(', '))
    const nobody = doors.browser()
    await nobody.get('/o/acme/signin')
    const half = doors.browser()
    const asked = await half.submit(await half.get(await begin(half, 'payroll')), typed('dave'))
    t.ok(asked.forms[0]?.fields.challenge)
    const pretender = doors.browser()
    await pretender.get('/o/acme/signin')
    pretender.cookies.set('muster-session-acme', 'A'.repeat(43))
    const before = await factorsOf('dave')
    for (const route of portalRoutes) {
      for (const [name, browser] of Object.entries({ nobody, half, pretender })) {
        const csrf = csrfToken(csrfKey, browserIdOf(browser), 'portal')
        const fields = { csrf, code: '123456', ...asked.forms[0]?.fields }
        const answer = route.startsWith('POST')
          ? await browser.post(pathOf(route), { ...fields, csrf })
          : await browser.get(pathOf(route))
        t.match(answer, { status: 303, leadsTo: '/o/acme/signin', text: '' }, `${route} ${name}`)
        t.equal(answer.headers['cache-control'], 'no-store')
      }
    }
    t.same(await factorsOf('dave'), before)
  },
)

t.test('W03: no form of the portal is acted upon that does not come from our own page', async (t) => {
  const bob = await signedIn('bob')
  const to = await begin(bob, 'wiki', { secondFactor: 'demanded', freshSince: null })
  await bob.submit(await bob.submit(await bob.get(to), typed('bob')), { code: code(bobs) })
  const other = await signedIn('bob')
  const otherId = (await resumed(other))?.id as string
  const kept = await opened('bob', 'wiki')
  const good = csrfToken(csrfKey, browserIdOf(bob), 'portal')
  const fields = { code: '123456' }
  for (const route of portalRoutes.filter((one) => one.startsWith('POST'))) {
    const url = (route.split(' ')[1] as string)
      .replace(':slug', 'acme')
      .replace(':session', route.includes('/applications/') ? kept.id : otherId)
    const refused: [string, number, Record<string, string>, Record<string, string>?][] = [
      ['without a token', 403, {}],
      ['with a token of sign-in', 403, { csrf: csrfToken(csrfKey, browserIdOf(bob), 'sign-in') }],
      ["with another browser's", 403, { csrf: csrfToken(csrfKey, browserIdOf(other), 'portal') }],
      ['from elsewhere', 403, { csrf: good }, { origin: 'https://evil.example' }],
      ['from a sandbox', 403, { csrf: good }, { origin: 'null' }],
      ['across sites', 403, { csrf: good }, { 'sec-fetch-site': 'same-site' }],
      ['as JSON', 415, { csrf: good }, { 'content-type': 'application/json' }],
      ['as text', 415, { csrf: good }, { 'content-type': 'text/plain' }],
    ]
    for (const [name, status, given, headers] of refused) {
      t.equal((await bob.post(url, { ...fields, ...given }, headers)).status, status, `${url} ${name}`)
    }
  }
  t.same(await factorsOf('bob'), ['password', 'totp'])
  t.ok(await resumed(other))
  t.ok(await isOpen(kept))
  const gets = portalRoutes.filter((one) => one.startsWith('GET'))
  for (const route of gets) await bob.get(pathOf(route))
  t.same(await factorsOf('bob'), ['password', 'totp'], 'O16: GET changes nothing')
  t.ok(await resumed(other))
})

t.test('an authenticator is set up, and counts once its first code was right', async (t) => {
  const erin = await signedIn('erin')
  const page = await erin.get(`${portal}/authenticator`)
  t.equal(page.heading, 'Set up an authenticator')
  t.match(page.text, /<svg class="qr" role="img"[^>]*><title>QR code/)
  const seed = seedOn(page)
  t.match(seed, /^[A-Z2-7]{32}$/)
  t.same(await factorsOf('erin'), ['password'], 'M17: an unconfirmed one counts for nothing')
  t.equal(
    (await erin.get(`${portal}/authenticator`)).status,
    200,
    'M17: nor is a code asked for because of it',
  )
  const wrongCode = ['000000', '111111', '222222', '333333'].find(
    (one) =>
      ![-1, 0, 1].some((step) => codeOfStep(seed, Math.floor(clock.now().getTime() / 30_000) + step) === one),
  ) as string
  const wrong = await erin.submit(page, { code: wrongCode }, '/authenticator')
  t.match(wrong, { status: 400, alert: /^That code did not work/ })
  t.equal(seedOn(wrong), seed, 'the same key, so that it is not scanned again')
  t.same(await factorsOf('erin'), ['password'])
  const done = await erin.submit(wrong, { code: now(seed) }, '/authenticator')
  t.match(done, { status: 200, heading: 'Your recovery codes' })
  t.equal(new Set(codesOn(done)).size, 10)
  t.equal(done.headers['cache-control'], 'no-store')
  t.same(await factorsOf('erin'), ['password', 'recovery-code', 'totp'])
  const late = await erin.submit(page, { code: now(seed) }, '/authenticator')
  t.equal(late.status, 403, 'and from now on it is asked for, too')

  // It is good for sign-in, and the code that confirmed it is not good a second time.
  const one = doors.browser()
  const wanted = { secondFactor: 'demanded', freshSince: null } as const
  const asked = await one.submit(await one.get(await begin(one, 'wiki', wanted)), typed('erin'))
  const again = await one.submit(asked, { code: now(seed) })
  t.match(again, { status: 403, alert: /^That code did not work/ })
  t.match(await one.submit(again, { code: code(seed) }), { status: 200, leadsTo: /back/ })
})

t.test('M17: a key that waits belongs to the session that was shown it', async (t) => {
  const [one, other] = [await signedIn('carol'), await signedIn('carol')]
  const [first, second] = [
    await one.get(`${portal}/authenticator`),
    await other.get(`${portal}/authenticator`),
  ]
  t.not(seedOn(first), seedOn(second))
  t.equal(seedOn(await one.get(`${portal}/authenticator`)), seedOn(first), 'and stays the same there')
  const wrong = await other.submit(second, { code: now(seedOn(first)) }, '/authenticator')
  t.match(
    wrong,
    { status: 400, alert: /^That code did not work/ },
    'one cannot confirm what the other was shown',
  )
  t.equal(seedOn(wrong), seedOn(second))
  t.same(await factorsOf('carol'), ['password'])
  const right = await one.submit(first, { code: now(seedOn(first)) }, '/authenticator')
  t.equal(right.heading, 'Your recovery codes')

  // Whoever replaces it, or sets one up again, is shown another key: this one may be in wrong hands.
  const asked = await one.get((await one.get(`${portal}/authenticator`)).leadsTo as string)
  const replacing = await one.follow(await one.submit(asked, { code: code(seedOn(first)) }))
  t.match(seedOn(replacing), /^[A-Z2-7]{32}$/)
  t.not(seedOn(replacing), seedOn(first), 'a key that was confirmed does not wait any more')
})

t.test('M17: changing how one signs in needs every factor, freshly', async (t) => {
  const dave = await signedIn('dave')
  const sent = await dave.get(`${portal}/recovery-codes`)
  t.match(sent, { status: 303, leadsTo: /\/signin\?to=/ }, 'a password alone is not all he has')
  const step = await dave.get(sent.leadsTo as string)
  t.equal(step.heading, 'Verification code')
  const token = sessionTokenOf(dave)
  const wrong = await dave.submit(step, { code: '12345' })
  t.match(wrong, { status: 403, alert: /did not work/ })
  const back = await dave.submit(wrong, { code: code(daves) })
  t.equal(back.leadsTo, `${portal}/recovery-codes`)
  t.not(sessionTokenOf(dave), token, 'W01: a new token')
  t.equal(await webSessions.resume(organization, new Secret(token ?? '')), null)
  const page = await dave.follow(back)
  t.equal(page.heading, 'Get new recovery codes?')

  clock.pass(11 * 60)
  for (const path of ['authenticator', 'authenticator/remove', 'recovery-codes']) {
    const again = await dave.get(`${portal}/${path}`)
    t.match(again, { status: 303, leadsTo: /\/signin\?to=/ }, `${path} after eleven minutes`)
    const form = await dave.get(again.leadsTo as string)
    t.equal(form.heading, 'Confirm that it is you')
    t.ok(form.text.includes('value="dave"'))
    const posted = await dave.post(`${portal}/${path}`, { ...page.forms[0]?.fields, code: '123456' })
    t.match(posted, { status: 403, heading: 'Confirm that it is you' }, path)
    t.match(posted.text, /Nothing has been changed yet/)
    t.match(posted.text, /href="\/o\/acme\/signin\?to=/)
  }
  t.same(await factorsOf('dave'), ['password', 'totp'], 'nothing was done')

  const question = await dave.get(`${portal}/recovery-codes`)
  const typedIn = await dave.submit(await dave.get(question.leadsTo as string), typed('dave'))
  t.equal(typedIn.heading, 'Verification code', 'both factors again')
  const renewing = await dave.follow(await dave.submit(typedIn, { code: code(daves) }))
  const first = codesOn(await dave.submit(renewing, {}, '/recovery-codes'))
  const second = codesOn(await dave.submit(renewing, {}, '/recovery-codes'))
  t.equal(first.length, 10)
  t.same(
    first.filter((one) => second.includes(one)),
    [],
  )

  const signInWith = async (text: string) => {
    const one = doors.browser()
    const asked = await one.submit(await one.get(await begin(one, 'payroll')), typed('dave'))
    return one.submit(asked, { code: text })
  }
  t.match(await signInWith(first[0] as string), { status: 403 }, 'M20: renewal ends the set before')
  t.match(await signInWith(second[0] as string), { status: 200 })
  t.match(await signInWith(second[0] as string), { status: 403 }, 'M20: once')

  const question2 = await dave.get(`${portal}/authenticator/remove`)
  t.equal(question2.heading, 'Remove your authenticator?')
  const removed = await dave.submit(question2, {}, '/authenticator/remove')
  t.equal(removed.leadsTo, `${portal}?done=authenticator-removed`)
  t.match((await dave.follow(removed)).text, /Your authenticator and your recovery codes are removed/)
  t.same(await factorsOf('dave'), ['password'])
  t.equal((await dave.get(`${portal}/recovery-codes`)).status, 409)
  t.equal((await dave.get(`${portal}/authenticator/remove`)).status, 409)
  t.equal((await dave.submit(renewing, {}, '/recovery-codes')).status, 409, 'no codes for no authenticator')
})

t.test('A15: sessions of one’s own can be ended, those of others are not there', async (t) => {
  const here = await signedIn('alice')
  const there = await signedIn('alice')
  const elsewhere = await signedIn('alice')
  const carols = await signedIn('carol')
  const idOf = async (browser: Browser) => (await resumed(browser))?.id ?? ''
  const page = await here.get(portal)
  const csrf = page.forms.find(({ action }) => action.endsWith('/end-others'))?.fields.csrf ?? ''
  for (const id of [await idOf(carols), randomUUID(), 'x', '..%2fend-others']) {
    const answer = await here.post(`${portal}/sessions/${id}/end`, { csrf })
    t.equal(answer.status, 404, id)
  }
  t.ok(await resumed(carols))
  t.notOk(page.text.includes(await idOf(carols)))
  const ended = await here.submit(page, {}, `/sessions/${await idOf(there)}/end`)
  t.equal(ended.leadsTo, `${portal}?done=session-ended`)
  t.equal(await resumed(there), null)
  t.equal((await there.get(portal)).leadsTo, '/o/acme/signin', 'at the very next request')
  t.ok(await resumed(elsewhere))
  await here.submit(page, {}, '/end-others')
  t.equal(await resumed(elsewhere), null)
  t.ok(await resumed(here))
  t.ok(await resumed(carols))
  const out = await here.submit(await here.get(portal), {}, '/signin/out')
  t.equal(out.leadsTo, '/o/acme/signin/out', 'the button of the portal')
  t.equal((await here.get(portal)).leadsTo, '/o/acme/signin')
})

t.test('A15: what applications keep without a browser is seen and ended by its user alone', async (t) => {
  const alice = await signedIn('alice')
  const kept = await opened('alice', 'wiki')
  const carols = await opened('carol', 'wiki')
  const open = await opened('alice', 'crm', (await resumed(alice))?.id ?? null)
  const page = await alice.get(portal)
  t.match(page.text, /wiki<\/p><p class="small muted">Keeps access since \d+ \w{3} \d{4}/)
  t.match(page.text, />End access<span class="hidden"> of wiki<\/span><\/button>/)
  t.ok(page.text.includes('Sign out everywhere else'), 'also where that is all there is')
  for (const { id } of [carols, open]) t.notOk(page.text.includes(id))
  const csrf = page.forms.find(({ action }) => action.includes('/applications/'))?.fields.csrf ?? ''
  for (const id of [carols.id, open.id, randomUUID(), 'x', '..%2f..%2fsessions%2fend-others'])
    t.equal((await alice.post(`${portal}/applications/${id}/end`, { csrf })).status, 404, id)
  t.same([await isOpen(kept), await isOpen(carols), await isOpen(open)], [true, true, true])

  told.length = 0
  const ended = await alice.submit(page, {}, `/applications/${kept.id}/end`)
  t.equal(ended.leadsTo, `${portal}?done=access-ended`)
  t.match((await alice.follow(ended)).text, /That application does not keep access any more/)
  t.notOk(await isOpen(kept))
  t.same(told, [kept.id], 'the door is told, so that it tells the application')
  const [record] = (await api('GET', '/audit?outcome=application-session.end&limit=1')).body.items
  t.match(record.body, {
    actor: { kind: 'user', name: 'alice' },
    target: { id: kept.id, name: 'alice' },
    details: { reason: 'ended by its user' },
  })
  t.equal((await alice.post(`${portal}/applications/${kept.id}/end`, { csrf })).status, 404, 'once')

  const raced = await opened('alice', 'wiki')
  told.length = 0
  const owner = await user('alice')
  const actor = { kind: 'user', id: owner.id, name: 'alice' } as const
  const ends = await Promise.all(
    Array.from({ length: 8 }, () =>
      webSessions.endApplication(organization.id, raced, owner, actor, 'ended by its user'),
    ),
  )
  t.equal(ends.filter((isMine) => isMine).length, 1)
  t.same(told, [raced.id], 'of several who end it at once, one tells')

  const another = await signedIn('alice')
  const elsewhere = await opened('alice', 'crm', (await resumed(another))?.id ?? null)
  const [wiki, crm] = [await opened('alice', 'wiki'), await opened('alice', 'crm')]
  told.length = 0
  await alice.submit(await alice.get(portal), {}, '/end-others')
  t.equal(await resumed(another), null)
  t.same(told.toSorted(), [elsewhere.id, wiki.id, crm.id].sort(), 'all that is not of this browser')
  t.ok(await isOpen(open))
  t.ok(await resumed(alice))
  t.ok(await isOpen(carols))
  t.notOk((await alice.get(portal)).text.includes('Sign out everywhere else'), 'nothing is left to end')
})

t.test('what is decided elsewhere is in force at the next request', async (t) => {
  const frank = await signedIn('frank')
  await patch('/users', 'username eq "frank"', { state: 'suspended' })
  t.match(await frank.get(portal), { status: 403, heading: 'You cannot use the portal' })
  t.match(await frank.get(`${portal}/authenticator`), { status: 403 })
  await patch('/users', 'username eq "frank"', { state: 'active' })
  t.equal((await frank.get(portal)).status, 200)

  await patch('/users', 'username eq "frank"', { password: 'another-Password-1' })
  const sent = await frank.get(portal)
  t.match(sent, { status: 303, leadsTo: /\/signin\?to=/ }, 'a changed password ends what rests on it')
  const form = await frank.get(sent.leadsTo as string)
  t.match(form.text, /value="frank"/)
  const csrf = csrfToken(csrfKey, browserIdOf(frank), 'portal')
  t.match(await frank.post(`${portal}/sessions/end-others`, { csrf }), {
    status: 303,
    leadsTo: /\/signin\?to=/,
  })
  t.equal((await frank.submit(form, typed('frank'))).status, 403)
  const back = await frank.submit(form, typed('frank', 'another-Password-1'))
  t.equal(back.leadsTo, portal)
  t.equal((await frank.follow(back)).heading, 'Your portal')

  const bob = await signedIn('bob')
  t.equal((await bob.get(portal)).status, 200)
  await patch('/groups', 'name eq "engineering"', { factors: ['totp'] })
  const asked = await bob.get(portal)
  t.match(asked, { status: 303, leadsTo: /\/signin\?to=/ }, 'a new demand is asked for')
  const step = await bob.get(asked.leadsTo as string)
  t.equal(step.heading, 'Verification code')
  t.equal((await bob.follow(await bob.submit(step, { code: code(bobs) }))).heading, 'Your portal')
})

t.test('how things are said', async (t) => {
  const base = new Date('2026-03-01T12:00:00Z')
  const before = (seconds: number) => ago(new Date(base.getTime() - seconds * 1000), base)
  t.same([-5, 0, 59, 60, 3599, 3600, 86_400, 29 * 86_400, 31 * 86_400].map(before), [
    ...['just now', 'just now', 'just now', '1 minute ago', '59 minutes ago', '1 hour ago', '1 day ago'],
    ...['29 days ago', 'on 29 Jan 2026'],
  ])
  const webkit = 'AppleWebKit/605.1.15 (KHTML, like Gecko)'
  const chrome = 'AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
  for (const [text, said] of [
    [
      `Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) ${webkit} Version/18.0 Safari/605.1.15`,
      'Safari on macOS',
    ],
    [
      `Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) ${webkit} Version/18.0 Mobile/15E148 Safari/604.1`,
      'Safari on iPhone',
    ],
    [`Mozilla/5.0 (X11; Linux x86_64) ${chrome}`, 'Chrome on Linux'],
    [`Mozilla/5.0 (Windows NT 10.0; Win64; x64) ${chrome} Edg/140.0.0.0`, 'Edge on Windows'],
    [`Mozilla/5.0 (Linux; Android 15; K) ${chrome}`, 'Chrome on Android'],
    ['Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0', 'Firefox on Linux'],
    ['curl/8.0', 'A browser'],
    ['', 'A browser'],
  ] as const)
    t.equal(describeBrowser(text), said)
})
