// People with a real browser: they sign in, are asked for more, are refused, set up their authenticator, lose it, and leave. Fields and
// buttons are found by the names that the contract gives them, as a screen reader finds them; every page is watched.
import type { Page } from 'playwright-core'
import t from 'tap'
import { idByName, webUrl } from '../support/applications.ts'
import { type Person, person, startBrowser } from '../support/browser.ts'
import { startMuster } from '../support/muster.ts'
import { codeOfStep, OneTimeCodes } from '../support/one-time-codes.ts'
import { freePort } from '../support/ports.ts'
import { readQrCode } from '../support/qr-code.ts'
import { listen, nameOf, startRelyingParty } from '../support/relying-party.ts'
import { startServiceProvider } from '../support/service-provider.ts'

t.setTimeout(120_000)

const [muster, browser] = await Promise.all([startMuster(t), startBrowser(t)])
const portal = `${webUrl(muster)}/o/acme/portal`
const wiki = await startRelyingParty(t, muster, 'wiki')
const payroll = await startRelyingParty(t, muster, 'payroll')
const crm = await startServiceProvider(t, muster, 'crm')
const daves = new OneTimeCodes('JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP')

const people: Person[] = []
async function somebody(options: { readonly scripts?: boolean } = {}): Promise<Page> {
  const someone = await person(browser, { javaScriptEnabled: options.scripts ?? true })
  people.push(someone)
  return someone.page
}

async function signIn(page: Page, name: string, password = `muster-${name}`): Promise<void> {
  await page.getByLabel('Username').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

async function verify(page: Page, code: string): Promise<void> {
  await page.getByLabel('Verification code').fill(code)
  await page.getByRole('button', { name: 'Verify' }).click()
}

const shows = (page: Page, text: string | RegExp) => page.getByText(text).first().waitFor()

t.test('W04 what a page may not do is noticed, with and without scripts', async (t) => {
  const port = await freePort()
  await listen(t, port, async (_, response) => {
    response.setHeader('content-security-policy', `default-src 'none'`)
    response.setHeader('content-type', 'text/html')
    response.end('<title>x</title><p style="color:red">Refused</p>')
  })
  for (const javaScriptEnabled of [true, false]) {
    const { page, watched } = await person(browser, { javaScriptEnabled })
    await page.goto(`http://127.0.0.1:${port}/?secret`)
    await page.getByText('Refused').waitFor()
    t.equal(watched.violations.length, 1)
    t.same([...watched.pages], [`http://127.0.0.1:${port}/`])
  }
})

t.test('M14 payroll asks for a code, and gets it', async (t) => {
  for (const scripts of [true, false]) {
    const page = await somebody({ scripts })
    const before = payroll.arrivals.length
    await page.goto(payroll.url)
    await page.getByRole('link', { name: 'Sign in' }).click()
    await signIn(page, 'dave')
    await page.getByLabel('Verification code').waitFor()
    t.equal(payroll.arrivals.length, before)
    t.notOk(
      (await page.context().cookies()).some(({ name }) => name.includes('session')),
      'no session yet',
    )
    await verify(page, '000000')
    await page.getByRole('alert').waitFor()
    await verify(page, await daves.next())
    await shows(page, 'Signed in as dave')
    t.match(payroll.last().claims, { amr: ['pwd', 'otp', 'mfa'], groups: ['finance'] })
  }
})

t.test('a refusal says little to the person and everything to the log', async (t) => {
  const page = await somebody()
  await page.goto(payroll.signInUrl())
  await signIn(page, 'bob')
  const alert = page.getByRole('alert')
  const read = async () => {
    const said = (await alert.textContent()) ?? ''
    const reference = (await alert.locator('code').textContent()) ?? ''
    return { reference, words: said.replace(reference, '').trim() }
  }
  await alert.waitFor()
  const first = await read()
  t.notMatch(first.words, /bind|group|payroll|factor/i)
  await signIn(page, 'nobody')
  await alert.getByText(first.reference).waitFor({ state: 'detached' })
  const second = await read()
  t.equal(first.words, second.words, 'the same words for every reason')

  const { body } = await muster.api('GET', '/audit?kind=decision&outcome=deny&limit=20')
  const { items } = body as { items: { body: { reference?: string; reason: string } }[] }
  const reasonOf = (wanted: string) => items.find((item) => item.body.reference === wanted)?.body.reason
  t.equal(reasonOf(first.reference), 'no-binding')
  t.equal(reasonOf(second.reference), 'unknown-subject')
  t.equal(payroll.arrivals.filter(({ claims }) => claims?.preferred_username === 'bob').length, 0)
})

t.test('a day in the life of alice', async (t) => {
  const page = await somebody()
  let seed = ''
  let recovery: string[] = []

  await t.test('W01 she signs in once, and opens her applications from the portal', async (t) => {
    await page.goto(portal)
    await signIn(page, 'alice', 'wrong')
    await page.getByRole('alert').waitFor()
    t.equal(await page.getByLabel('Username').inputValue(), 'alice', 'not to be typed again')
    await signIn(page, 'alice')
    await page.getByRole('heading', { name: 'Your portal' }).waitFor()
    const cookies = await page.context().cookies()
    const session = cookies.find(({ name }) => name.includes('session'))
    t.match(session, { httpOnly: true, sameSite: 'Lax', path: '/' })
    t.match(session?.value, /^[\w-]{43}$/)
    t.same(await page.locator('.tile').allInnerTexts(), ['W\nwiki'], 'what she may open, and no more')
    await page.getByRole('link', { name: 'wiki' }).click()
    await shows(page, 'Signed in as alice')
    t.match(wiki.last().claims, { amr: ['pwd'], preferred_username: 'alice' })
  })

  await t.test('she sets up an authenticator', async (t) => {
    await page.goto(portal)
    await page.getByRole('link', { name: 'Set up an authenticator' }).click()
    const picture = page.getByRole('img', { name: 'QR code for your authenticator app' })
    const [, , , size = 0] = ((await picture.getAttribute('viewBox')) ?? '').split(' ').map(Number)
    const path = (await picture.locator('path').getAttribute('d')) ?? ''
    const dark = new Set([...path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x} ${y}`))
    const border = Math.min(...[...dark].map((place) => Number(place.split(' ')[0])))
    const uri = new URL(readQrCode(size - 2 * border, (x, y) => dark.has(`${x + border} ${y + border}`)))
    t.equal(uri.protocol, 'otpauth:')
    t.equal(uri.searchParams.get('issuer'), 'Acme')
    t.match(decodeURIComponent(uri.pathname), /alice$/)
    seed = uri.searchParams.get('secret') ?? ''
    const typed = await page.locator('code').first().textContent()
    t.equal(typed?.replace(/\s/g, ''), seed, 'the key to type is the same')

    await verify(page, '000000')
    await page.getByRole('alert').waitFor()
    await verify(page, codeOfStep(seed, Math.floor(Date.now() / 30_000)))
    const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')
    await codes.first().waitFor()
    recovery = await codes.allInnerTexts()
    t.ok(recovery.length >= 8)
    t.equal(new Set(recovery).size, recovery.length)
    // M20: 80 bits and more, of letters and digits.
    for (const code of recovery) t.ok(code.replace(/[^a-z0-9]/gi, '').length >= 16, code)
    await page.getByRole('link', { name: 'I have kept them' }).click()
    await page.getByRole('link', { name: 'Replace the authenticator' }).waitFor()
  })

  await t.test('M20 she has lost her phone: a recovery code is good once', async (t) => {
    const stepUp = wiki.signInUrl({ acr_values: 'https://refeds.org/profile/mfa', prompt: 'login' })
    const [code = '', next = ''] = recovery
    const other = await somebody()
    const give = async (code: string) => {
      await other.getByLabel('Recovery code').fill(code)
      await other.getByRole('button', { name: 'Verify' }).click()
    }
    const before = wiki.arrivals.length
    for (let times = 0; times < 2; times++) {
      await other.goto(stepUp)
      await signIn(other, 'alice')
      await other.getByRole('button', { name: 'Use a recovery code' }).click()
      await give(code)
      if (times === 0) await shows(other, 'Signed in as alice')
    }
    await other.getByRole('alert').getByText('That recovery code did not work.').waitFor()
    t.equal(wiki.arrivals.length, before + 1)
    await give(next)
    await shows(other, 'Signed in as alice')
    t.match(wiki.last().claims, { amr: ['pwd', 'otp', 'mfa'] })
  })

  await t.test('she sees where she is signed in, and ends it', async (t) => {
    await page.goto(portal)
    const elsewhere = people.at(-1)?.page as Page
    await elsewhere.goto(portal)
    await elsewhere.getByRole('heading', { name: 'Your portal' }).waitFor()
    await page.getByRole('button', { name: 'Sign out everywhere else' }).click()
    await page.getByRole('status').waitFor()
    t.equal(await page.getByRole('button', { name: 'Sign out everywhere else' }).count(), 0)
    await elsewhere.goto(portal)
    await elsewhere.getByLabel('Password').waitFor()
  })

  await t.test('she leaves, and what was open is shut', async (t) => {
    await page.goto(wiki.signInUrl())
    await shows(page, 'Signed in as alice')
    await page.goto(portal)
    await page.getByRole('button', { name: 'Sign out', exact: true }).click()
    await shows(page, 'You are signed out')
    t.notOk((await page.context().cookies()).some(({ name }) => name.includes('session')))
    await page.goto(portal)
    await page.getByLabel('Username').waitFor()
    t.equal(await wiki.refresh().then(() => 'accepted', nameOf), 'invalid_grant')
  })
})

t.test('without scripts: sign-in, portal, an authenticator, and out', async (t) => {
  const page = await somebody({ scripts: false })
  await page.goto(wiki.signInUrl())
  await signIn(page, 'carol')
  await shows(page, 'Signed in as carol')
  await page.goto(portal)
  await page.getByRole('link', { name: 'Set up an authenticator' }).click()
  const seed = ((await page.locator('code').first().textContent()) ?? '').replace(/\s/g, '')
  await verify(page, codeOfStep(seed, Math.floor(Date.now() / 30_000)))
  const codes = page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem')
  await codes.first().waitFor()
  await page.getByRole('link', { name: 'I have kept them' }).click()

  await page.goto(wiki.signOutUrl)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await shows(page, 'Signed out')
  await page.goto(portal)
  await signIn(page, 'carol')
  await page.getByRole('heading', { name: 'Your portal' }).waitFor()
  // What is changed here is how she signs in: with all that she has, or not at all.
  await page.getByRole('link', { name: 'Remove the authenticator' }).click()
  await page.getByLabel('Verification code').waitFor()
  await verify(page, codeOfStep(seed, Math.floor(Date.now() / 30_000) + 1))
  await page.getByRole('button', { name: 'Remove' }).click()
  await page.getByRole('link', { name: 'Set up an authenticator' }).waitFor()
  t.pass('she did')
})

t.test('SAML and forms that go to applications, with and without scripts', async (t) => {
  const carol = await idByName(muster, 'users', 'carol')
  for (const scripts of [true, false]) {
    const page = await somebody({ scripts })
    const goOn = async () => {
      if (!scripts) await page.getByRole('button', { name: 'Continue' }).click()
    }
    await page.goto(portal)
    await signIn(page, 'carol')
    await page.getByRole('link', { name: 'crm' }).click()
    await goOn()
    await shows(page, `Signed in as ${carol}`)
    t.match(crm.last().attributes, { username: ['carol'], groups: ['sales'] }, 'from the portal')

    const before = crm.arrivals.length
    await page.goto(crm.signInUrl({ binding: 'post', relayState: 'deal 7' }))
    // The form of the service provider brings no cookies: it comes from another site.
    await page.getByRole('button', { name: 'Continue' }).click()
    await goOn()
    await shows(page, `Signed in as ${carol}`)
    t.equal(crm.arrivals.length, before + 1)
    t.equal(crm.last().relayState, 'deal 7')

    await page.goto(wiki.signInUrl({ response_mode: 'form_post' }))
    await goOn()
    await shows(page, 'Signed in as carol')

    await page.goto(crm.signOutUrl)
    await shows(page, 'Signed out')
    await page.goto(portal)
    await page.getByLabel('Password').waitFor()
  }
  t.same(crm.logouts, ['response, logged out: true', 'response, logged out: true'])
})

t.test('the other pages, and those of mistakes', async (t) => {
  const page = await somebody()
  await page.goto(portal)
  await signIn(page, 'erin')
  await page.getByRole('heading', { name: 'Your portal' }).waitFor()
  const pages: readonly (readonly [path: string, status: number, heading: string | RegExp])[] = [
    ['signin/out', 200, 'Sign out?'],
    ['portal/recovery-codes', 409, /authenticator/],
    ['portal/authenticator/remove', 409, /authenticator/],
    ['signin?to=5f0c1c0e-0d7e-4a53-9c2f-0a5b1ad0f6cb', 410, /expired/],
    ['oidc/authorize?client_id=nobody', 400, /./],
    ['oidc/logout?post_logout_redirect_uri=https://elsewhere.example', 400, /./],
    ['oidc/logout', 200, 'Sign out?'],
    ['saml/sso?SAMLRequest=nonsense', 400, /./],
    ['saml/slo?SAMLResponse=nonsense', 400, /./],
  ]
  for (const [path, status, heading] of pages) {
    const answer = await page.goto(`${webUrl(muster)}/o/acme/${path}`)
    t.equal(answer?.status(), status, path)
    t.match(await page.getByRole('heading', { level: 1 }).textContent(), heading, path)
  }
})

t.test('W04 no page violated its policy, threw, or asked for what is not there', async (t) => {
  const seen = new Set(people.flatMap(({ watched }) => [...watched.pages]))
  for (const path of ['signin', 'signin/code', 'portal', 'portal/authenticator', 'oidc/logout', 'saml/sso'])
    t.ok(seen.has(`${webUrl(muster)}/o/acme/${path}`), path)
  t.same(
    people.flatMap(({ watched }) => watched.violations),
    [],
  )
  t.same(
    people.flatMap(({ watched }) => watched.errors),
    [],
  )
})
