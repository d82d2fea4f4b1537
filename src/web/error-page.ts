// What people see where nothing else can be shown: what happened, what to do now, and a reference to quote.
import { html } from './html.ts'
import { type Frame, page } from './page.ts'
import { heading, linkButton } from './parts.ts'

export interface ErrorPage extends Frame {
  /** What happened, in a few words: "This page has expired". */
  readonly title: string
  /** A sentence that helps: what to do now. */
  readonly text: string
  /** Under which the records and logs have it; nothing secret. */
  readonly reference?: string
  readonly action?: Action
  readonly otherwise?: Action
}

interface Action {
  readonly label: string
  readonly href: string
}

export function errorPage({ brand, nonce, title, text, reference, action, otherwise }: ErrorPage): string {
  return page({
    brand,
    nonce,
    title,
    body: html`<div class="card stack" role="alert">
${heading(title, text)}
${action && linkButton({ ...action, kind: 'secondary', full: true })}
${otherwise && linkButton({ ...otherwise, kind: 'secondary', full: true })}
${
  reference !== undefined &&
  html`<p class="small muted">If you ask for help, quote this reference:<br><code>${reference}</code></p>`
}
</div>`,
  })
}
