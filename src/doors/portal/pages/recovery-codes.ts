// Recovery codes, shown once: to be printed or copied, and never to be seen here again.
import type { Secret } from '../../../base/secrets.ts'
import { html, trusted } from '../../../web/html.ts'
import { button, card, form, heading, linkButton, notice } from '../../../web/parts.ts'
import { sendOnce } from '../../../web/send-once.ts'
import type { PortalFrame } from '../enter.ts'
import { narrowPage } from './frame.ts'

const style = `.codes{margin:0;padding:10px 14px;list-style:none;border:1px solid var(--line);border-radius:9px;background:var(--page);text-align:center}
.codes li{font:15px/1.9 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.pair{display:flex;gap:10px}.pair[hidden]{display:none}.pair>*{flex:1}
@media print{.pair,.button,.note{display:none}}`

const script = `const pair=document.querySelector('.pair')
pair.hidden=false
const text=[...document.querySelectorAll('.codes li')].map((li)=>li.textContent).join('\\n')
const [copy,print]=pair.children
copy.addEventListener('click',async()=>{await navigator.clipboard.writeText(text);copy.textContent='Copied'})
if(!navigator.clipboard)copy.hidden=true
print.addEventListener('click',()=>window.print())`

export function codesPage(frame: PortalFrame, codes: readonly Secret[], isNew: boolean): string {
  const title = 'Your recovery codes'
  const keep = 'Keep these codes for the day your phone is lost. Each one is good once.'
  return narrowPage(frame, {
    title,
    script,
    head: html`<style nonce="${frame.nonce}">${trusted(style)}</style>\n`,
    body: card(
      heading(title, isNew ? `Your authenticator is set up. ${keep}` : keep),
      notice('They are shown now and never again. Any codes from before are worth nothing any more.'),
      html`<ol class="codes" aria-label="Recovery codes">${codes.map((code) => html`<li>${code.reveal()}</li>`)}</ol>
<div class="pair" hidden><button type="button" class="button secondary">Copy</button><button type="button" class="button secondary">Print</button></div>`,
      linkButton({ label: 'I have kept them', href: frame.base, full: true }),
    ),
  })
}

export function renewPage(frame: PortalFrame): string {
  const title = 'Get new recovery codes?'
  return narrowPage(frame, {
    title,
    script: sendOnce,
    body: card(
      heading(title, 'The codes that you have now stop working at once.'),
      form({
        action: `${frame.base}/recovery-codes`,
        csrf: frame.csrf,
        body: [
          button({ label: 'Get new codes', full: true }),
          linkButton({ label: 'Keep the old ones', href: frame.base, kind: 'secondary', full: true }),
        ],
      }),
    ),
  })
}
