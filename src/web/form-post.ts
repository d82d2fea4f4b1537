// A page that sends a form to somebody else, as the POST bindings of SAML and OIDC demand: by itself, or with one press
// of a button where scripts are off. Its Content-Security-Policy has to name the target (`formTargets`).
import { html, safeUrl } from './html.ts'
import { icon } from './icons.ts'
import { type Frame, page } from './page.ts'
import { heading } from './parts.ts'

export interface FormPost extends Frame {
  /** An http or https URL. */
  readonly action: string
  readonly fields: Readonly<Record<string, string>>
  /** Where it goes, in words: the name of the application. */
  readonly to: string
  /** A sentence; by default that of somebody who signs in. */
  readonly text?: string
}

// A field may be named "submit", and would hide the form's own.
const script = 'HTMLFormElement.prototype.submit.call(document.forms[0])'

/** Throws TypeError where `action` is not an http or https URL. */
export function formPostPage({
  brand,
  nonce,
  action,
  fields,
  to,
  text = 'You are signed in, and on your way.',
}: FormPost): string {
  const target = safeUrl(action)
  if (target === null || !/^https?:/.test(target))
    throw new TypeError('a form is posted to an http or https URL')
  const title = `Continue to ${to}`
  return page({
    brand,
    nonce,
    title,
    script,
    body: html`<div class="card">
${heading(title, text)}
<form method="post" action="${target}">
${Object.entries(fields).map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">\n`)}<noscript><button class="button primary full gap" type="submit">Continue${icon('arrow')}</button></noscript>
</form>
</div>`,
  })
}
