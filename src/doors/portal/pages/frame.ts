// The frame of the portal's pages: the bar with who is signed in, and the way out.
import { type Html, html } from '../../../web/html.ts'
import { page } from '../../../web/page.ts'
import { button, form } from '../../../web/parts.ts'
import type { PortalFrame } from '../enter.ts'

interface PortalPage {
  readonly title: string
  readonly body: Html
  readonly head?: Html
  readonly script?: string
}

/** `wide`: the portal itself. */
export function widePage({ brand, nonce, name, signOut }: PortalFrame, of: PortalPage): string {
  const bar = html`<span>${name}</span>${form({ ...signOut, body: button({ label: 'Sign out', kind: 'quiet' }) })}`
  return page({ ...of, brand, nonce, layout: 'wide', bar })
}

/** One thing to do, in the middle. */
export function narrowPage({ brand, nonce }: PortalFrame, of: PortalPage): string {
  return page({ ...of, brand, nonce })
}
