// Setting up an authenticator, and taking it away.
import type { Secret } from '../../../base/secrets.ts'
import { html } from '../../../web/html.ts'
import { alert, button, card, codeField, form, heading, linkButton, notice } from '../../../web/parts.ts'
import { sendOnce } from '../../../web/send-once.ts'
import type { PortalFrame } from '../enter.ts'
import { qrPicture } from '../qr.ts'
import { narrowPage } from './frame.ts'

export interface Enrolling {
  readonly seed: Secret
  readonly uri: Secret
  /** There is one already, which the new one takes the place of. */
  readonly isReplacing: boolean
  readonly problem: string | null
}

export function authenticatorPage(
  frame: PortalFrame,
  { seed, uri, isReplacing, problem }: Enrolling,
): string {
  const title = isReplacing ? 'Replace your authenticator' : 'Set up an authenticator'
  const groups = seed.reveal().match(/.{1,4}/g) ?? []
  const half = Math.ceil(groups.length / 2)
  const lines = [groups.slice(0, half), groups.slice(half)].map((line) => line.join(' '))
  return narrowPage(frame, {
    title,
    script: sendOnce,
    body: card(
      heading(title, 'Scan this with an authenticator app on your phone, then enter the code that it shows.'),
      isReplacing && notice('Your present authenticator counts until the new one is verified.'),
      qrPicture(uri.reveal(), 'QR code for your authenticator app'),
      html`<div class="tight"><p class="small muted">Or type this key into the app:</p><p><code>${lines[0]}<br>${lines[1]}</code></p></div>`,
      problem !== null && alert(problem),
      form({
        action: `${frame.base}/authenticator`,
        csrf: frame.csrf,
        body: [
          codeField({ autofocus: problem !== null }),
          button({ label: 'Verify', full: true }),
          linkButton({ label: 'Cancel', href: frame.base, kind: 'quiet' }),
        ],
      }),
    ),
  })
}

export function removePage(frame: PortalFrame): string {
  const title = 'Remove your authenticator?'
  return narrowPage(frame, {
    title,
    body: card(
      heading(title, 'Your recovery codes go with it.'),
      notice('Applications and networks that ask for a code will refuse you until you set up a new one.'),
      form({
        action: `${frame.base}/authenticator/remove`,
        csrf: frame.csrf,
        body: [
          button({ label: 'Remove', kind: 'danger', full: true }),
          linkButton({ label: 'Keep it', href: frame.base, kind: 'secondary', full: true }),
        ],
      }),
    ),
  })
}
