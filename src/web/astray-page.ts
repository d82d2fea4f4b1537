// What people see who come to a page by an address under which nobody can sign in, before they have typed anything.
import { html } from './html.ts'
import { type Frame, page } from './page.ts'
import { heading, linkButton } from './parts.ts'

export interface AstrayPage extends Frame {
  readonly publicUrl: string
  /** Do browsers keep no cookies at the public URL? Then no other address is better. */
  readonly isInClear: boolean
  /** Of the same page, at the public URL. */
  readonly url: string
  /** The name in use; null where it is none. */
  readonly host: string | null
}

export function astrayPage({ brand, nonce, publicUrl, isInClear, url, host }: AstrayPage): string {
  const title = isInClear ? 'Cookies are needed' : `Go on at ${publicUrl}`
  return page({
    brand,
    nonce,
    title,
    body: html`<div class="card stack" role="alert">
${
  isInClear
    ? heading(title, 'Your browser keeps them over https only, so nobody can sign in at this address.')
    : heading(title, 'Nobody can sign in by the address that you used.')
}
${!isInClear && linkButton({ label: 'Go on', href: url, icon: 'arrow', full: true })}
<p class="small muted">For administrators: ${
      isInClear
        ? html`set <code>MUSTER_PUBLIC_URL</code> to the https address of your reverse proxy.`
        : html`set <code>MUSTER_PUBLIC_URL</code> if people are to come by ${
            host === null ? 'another address' : html`<code>${host}</code>`
          }. A reverse proxy has to pass on the name that people use.`
    }</p>
</div>`,
  })
}
