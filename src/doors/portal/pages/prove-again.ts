// A form came too late after its sender had proven who they are: said, before they are sent to do it again.
import { card, heading, linkButton } from '../../../web/parts.ts'
import type { PortalFrame } from '../enter.ts'
import { narrowPage } from './frame.ts'

export function proveAgainPage(frame: PortalFrame, path: string): string {
  const title = 'Confirm that it is you'
  return narrowPage(frame, {
    title,
    body: card(
      heading(
        title,
        'This changes how you sign in, and you signed in a while ago. Nothing has been changed yet.',
      ),
      linkButton({ label: 'Continue', href: path, icon: 'arrow', full: true }),
      linkButton({ label: 'Back to the portal', href: frame.base, kind: 'secondary', full: true }),
    ),
  })
}
