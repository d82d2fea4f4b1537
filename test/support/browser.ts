// A real browser: Debian's Chromium, driven by playwright-core. Every page that was open is watched, so that a test can say
// at its end that none of them violated its Content-Security-Policy, threw, or asked for what it may not have.
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium,
  type Page,
} from 'playwright-core'
import type { WithTeardown } from './database.ts'
import { programPath } from './debian.ts'

/** Chromium talks to nobody but the pages that it is told to open. */
const switches = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--no-proxy-server',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Its own sandbox does not start as root, nor in most containers.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
]

/** Someone with a browser of their own: cookies are shared with nobody. */
export interface Person {
  readonly context: BrowserContext
  readonly page: Page
  /** What went wrong on any page of this person so far. */
  readonly watched: Watched
}

export interface Watched {
  /** Each with the address of its page. */
  readonly violations: string[]
  /** Exceptions of scripts, and what the console calls an error, violations apart. */
  readonly errors: string[]
  /** Addresses of the documents that were shown. */
  readonly pages: Set<string>
}

/** Starts Chromium with an empty profile; it ends with `t`. */
export async function startBrowser(t: WithTeardown): Promise<Browser> {
  const browser = await chromium.launch({ executablePath: programPath('chromium'), args: switches })
  t.teardown(() => browser.close())
  return browser
}

/** A browser profile of its own, with one page open. */
export async function person(browser: Browser, options: BrowserContextOptions = {}): Promise<Person> {
  const context = await browser.newContext(options)
  context.setDefaultTimeout(15_000)
  const watched: Watched = { violations: [], errors: [], pages: new Set() }
  context.on('page', (page) => watch(page, watched))
  return { context, page: await context.newPage(), watched }
}

// The console says both even where a page has no scripts: such messages come from the browser, not from the page.
function watch(page: Page, { violations, errors, pages }: Watched): void {
  page.on(
    'framenavigated',
    (frame) => void (frame === page.mainFrame() && pages.add(withoutQuery(frame.url()))),
  )
  page.on('pageerror', (error) => errors.push(`${page.url()}: ${error}`))
  page.on('console', (message) => {
    const text = `${page.url()}: ${message.text()}`
    if (/Content.Security.Policy/i.test(message.text())) violations.push(text)
    // A refusal is a page with status 4xx: the browser mentions it, and it is as meant.
    else if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) errors.push(text)
  })
}

const withoutQuery = (url: string): string => url.replace(/[?#].*$/, '')
