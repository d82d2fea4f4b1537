// A page that goes on by itself, in place of a redirect as the answer to a form: browsers apply form-action to the whole chain of
// redirects after a form, so the policy of the page with the form would have to name every application (CSP3 §4.2.3).
import { html, safeUrl } from './html.ts'
import { type Frame, page } from './page.ts'
import { heading, linkButton } from './parts.ts'

export interface Continue extends Frame {
  /** A path of our own, an http or https URL, or one of an application's private scheme. */
  readonly to: string
  readonly title?: string
}

/** Throws TypeError where `to` leads nowhere a page may lead. */
export function continuePage({ brand, nonce, to, title = 'One moment' }: Continue): string {
  const url = safeUrl(to)
  if (url === null) throw new TypeError('a page does not lead to such a URL')
  return page({
    brand,
    nonce,
    title,
    head: html`<meta http-equiv="refresh" content="0;url=${url}">\n`,
    body: html`<div class="card stack">
${heading(title, 'You are being taken further.')}
${linkButton({ label: 'Continue', href: url, icon: 'arrow', full: true })}
</div>`,
  })
}
