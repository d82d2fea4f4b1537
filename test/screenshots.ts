// `npm run screenshots`: the pictures of the documents, taken of the sample organization with a real browser. With a folder as argument,
// every page instead, wide and narrow, light and dark, to be looked at: `npm run screenshots -- /tmp/pages`.
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { webUrl } from './support/applications.ts'
import { person, startBrowser } from './support/browser.ts'
import { ensurePackages, testPackages } from './support/debian.ts'
import { type RunningMuster, startMuster } from './support/muster.ts'
import { codeOfStep } from './support/one-time-codes.ts'
import { startRelyingParty } from './support/relying-party.ts'

/** What people have on their machines, not what a test has. */
const userAgent =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36'
const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 390, height: 844 } } as const

const cleanups: (() => unknown)[] = []
const owner = { teardown: (action: () => unknown) => cleanups.push(action) }

async function signIn(page: Page, name: string, password = `muster-${name}`): Promise<void> {
  await page.getByLabel('Username').fill(name)
  await page.getByLabel('Password').fill(password)
  await page.getByRole('button', { name: 'Sign in' }).click()
}

const blur = (page: Page) => page.locator('h1').click()

async function forDocuments(browser: Browser, muster: RunningMuster, signInUrl: string): Promise<void> {
  const folder = join(import.meta.dirname, '../docs/images')
  await mkdir(folder, { recursive: true })
  const { page } = await person(browser, {
    viewport: { width: 1280, height: 620 },
    userAgent,
    colorScheme: 'light',
  })
  await page.goto(signInUrl)
  await page.getByLabel('Username').fill('dave')
  await blur(page)
  await writeFile(join(folder, 'signin.png'), await page.screenshot({ animations: 'disabled' }))
  await page.goto(`${webUrl(muster)}/o/acme/portal`)
  await signIn(page, 'dave')
  await page.getByRole('heading', { name: 'Your portal' }).waitFor()
  await page.setViewportSize({ width: 1280, height: 740 })
  await writeFile(join(folder, 'portal.png'), await page.screenshot({ animations: 'disabled' }))
}

interface Variant extends BrowserContextOptions {
  readonly name: string
  /** Who sets up an authenticator: somebody else each time. */
  readonly user: string
}

/** Every page, as one person meets them. */
async function everyPage(
  browser: Browser,
  muster: RunningMuster,
  signInUrl: string,
  folder: string,
  { name, user, ...options }: Variant,
): Promise<void> {
  const { page } = await person(browser, { ...options, userAgent })
  const portal = `${webUrl(muster)}/o/acme/portal`
  const keep = async (what: string) =>
    writeFile(
      join(folder, `${what}-${name}.png`),
      await page.screenshot({ fullPage: true, animations: 'disabled' }),
    )
  await page.goto(signInUrl)
  await keep('signin')
  await signIn(page, user, 'wrong')
  await page.getByRole('alert').waitFor()
  await keep('signin-refused')
  await page.goto(signInUrl)
  await signIn(page, 'dave')
  await page.getByLabel('Verification code').waitFor()
  await keep('code')
  await page.getByRole('button', { name: 'Use a recovery code' }).click()
  await page.getByLabel('Recovery code').waitFor()
  await keep('code-recovery')
  await page.getByRole('button', { name: 'Use your authenticator' }).click()
  await page.getByLabel('Verification code').fill('000000')
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByRole('alert').waitFor()
  await keep('code-refused')

  await page.goto(portal)
  await signIn(page, user)
  await page.getByRole('heading', { name: 'Your portal' }).waitFor()
  await keep('portal')
  await page.getByRole('link', { name: 'Set up an authenticator' }).click()
  await keep('authenticator')
  const seed = ((await page.locator('code').first().textContent()) ?? '').replace(/\s/g, '')
  await page.getByLabel('Verification code').fill(codeOfStep(seed, Math.floor(Date.now() / 30_000)))
  await page.getByRole('button', { name: 'Verify' }).click()
  await page.getByRole('list', { name: 'Recovery codes' }).waitFor()
  await keep('recovery-codes')
  await page.getByRole('link', { name: 'I have kept them' }).click()
  await keep('portal-with-authenticator')
  await page.getByRole('link', { name: 'Remove the authenticator' }).click()
  await keep('prove-again')
  await page.goto(`${webUrl(muster)}/o/acme/oidc/authorize?client_id=unknown`)
  await keep('error')
  await page.goto(`${webUrl(muster)}/o/acme/signin/out`)
  await keep('sign-out')
  await page.goto(portal)
  await page.getByRole('button', { name: 'Sign out', exact: true }).click()
  await page.getByRole('heading', { name: 'You are signed out' }).waitFor()
  await keep('signed-out')
}

async function main(folder: string | undefined): Promise<void> {
  await ensurePackages(testPackages)
  const [muster, browser] = await Promise.all([startMuster(owner), startBrowser(owner)])
  const payroll = await startRelyingParty(owner, muster, 'payroll')
  if (folder === undefined) return forDocuments(browser, muster, payroll.signInUrl())
  await mkdir(folder, { recursive: true })
  const users = ['alice', 'carol', 'erin', 'frank']
  for (const [size, viewport] of Object.entries(sizes)) {
    for (const colorScheme of ['light', 'dark'] as const) {
      const variant = { name: `${size}-${colorScheme}`, user: users.shift() ?? '', viewport, colorScheme }
      await everyPage(browser, muster, payroll.signInUrl(), folder, variant)
    }
  }
}

try {
  await main(process.argv[2])
} finally {
  for (const action of cleanups.reverse()) await action()
}
