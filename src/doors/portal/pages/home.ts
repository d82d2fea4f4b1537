// The portal's first page: what somebody may open, how they prove who they are, and where they are signed in.
import type { OwnDetail } from '../../../core/directory/own-details.ts'
import type { FactorKind } from '../../../core/directory/types.ts'
import type { Session } from '../../../core/ports.ts'
import { type Html, html, safeUrl, trusted } from '../../../web/html.ts'
import { button, form, heading, linkButton, notice, type Row, rows } from '../../../web/parts.ts'
import { ago, dayOf } from '../ago.ts'
import type { PortalFrame } from '../enter.ts'
import { describeBrowser } from '../user-agent.ts'
import { labelOf } from './details.ts'
import { widePage } from './frame.ts'

export interface Home {
  readonly applications: readonly { readonly name: string; readonly href: string }[]
  /** What they may change of themselves. */
  readonly details: readonly OwnDetail[]
  readonly factors: readonly { readonly kind: FactorKind; readonly createdAt: Date }[]
  readonly sessions: readonly Session[]
  /** Applications that keep access without a browser. */
  readonly keeping: readonly { readonly id: string; readonly name: string; readonly since: Date }[]
  readonly current: Session
  readonly notice: string | null
  readonly now: Date
}

/** Two buttons in one row: below the text where there is no room beside it, as far in as the text is. */
const style = `.acts{display:flex;gap:10px}.others .stack{align-items:flex-start}
@media(max-width:480px){.acts{width:100%;padding-left:34px}.others .stack{align-items:stretch}}`

export function homePage(frame: PortalFrame, home: Home): string {
  const title = 'Your portal'
  return widePage(frame, {
    title,
    head: html`<style nonce="${frame.nonce}">${trusted(style)}</style>\n`,
    body: html`<div class="stack">
${heading(title, `You are signed in as ${frame.name}.`)}
${home.notice !== null && notice(home.notice, 'good')}
<h2>Applications</h2>
${tiles(home.applications)}
${
  home.details.length > 0 &&
  html`<h2>Your details</h2>
${rows([own(frame, home)], '')}`
}
<h2>Your verification methods</h2>
${rows(methods(frame, home), 'You have none.')}
<h2>Where you are signed in</h2>
${rows([...places(frame, home), ...keepers(frame, home)], 'Nowhere.')}
${home.sessions.length + home.keeping.length > 1 && endOthers(frame)}
</div>`,
  })
}

function tiles(applications: Home['applications']): Html {
  if (applications.length === 0)
    return html`<div class="card"><p class="muted">There is nothing for you to open here yet.</p></div>`
  const tile = ({ name, href }: Home['applications'][number]): Html | null => {
    const url = safeUrl(href)
    if (url === null) return null
    const [first] = new Intl.Segmenter().segment(name)
    return html`<li><a class="tile" href="${url}"><span class="mark" aria-hidden="true">${first?.segment.toUpperCase()}</span><span>${name}</span></a></li>`
  }
  return html`<ul class="tiles">${applications.map(tile)}</ul>`
}

function methods({ base }: PortalFrame, { factors, now }: Home): Row[] {
  const since = (kind: FactorKind) => factors.find((factor) => factor.kind === kind)?.createdAt
  const to = (label: string, path: string, about: string) =>
    linkButton({ label, href: `${base}/${path}`, kind: 'secondary', slim: true, about })
  const [password, authenticator, recovery] = [since('password'), since('totp'), since('recovery-code')]
  const all: (Row | false)[] = [
    password !== undefined && { icon: 'key', title: 'Password', detail: `Set ${ago(password, now)}` },
    authenticator === undefined
      ? {
          icon: 'shield',
          title: 'Authenticator',
          detail: 'An app on your phone that shows a new code every half minute. Not set up.',
          action: to('Set up', 'authenticator', 'an authenticator'),
        }
      : {
          icon: 'shield',
          title: 'Authenticator',
          detail: `Set up ${ago(authenticator, now)}`,
          pill: 'On',
          action: html`<div class="acts">${to('Replace', 'authenticator', 'the authenticator')}${to('Remove', 'authenticator/remove', 'the authenticator')}</div>`,
        },
    authenticator !== undefined && {
      icon: 'info',
      title: 'Recovery codes',
      detail:
        recovery === undefined
          ? 'For the day your phone is lost. You have none.'
          : `For the day your phone is lost. Made ${ago(recovery, now)}`,
      action: to(recovery === undefined ? 'Get codes' : 'Renew', 'recovery-codes', 'recovery codes'),
    },
  ]
  return all.filter((row) => row !== false)
}

function own({ base }: PortalFrame, { details }: Home): Row {
  const action = linkButton({
    ...{ label: 'Change', href: `${base}/details`, kind: 'secondary', slim: true, about: 'your details' },
  })
  return { icon: 'info', title: details.map(labelOf).join(', '), action }
}

function places({ base, csrf }: PortalFrame, { sessions, current, now }: Home): Row[] {
  return sessions.map(({ id, userAgent, peer, createdAt, seenAt }) => {
    const name = describeBrowser(userAgent)
    const isCurrent = id === current.id
    const detail = `${peer ?? 'Unknown address'} · signed in ${ago(createdAt, now)} · last used ${ago(seenAt, now)}`
    return {
      ...{ icon: 'device', title: name, detail },
      ...(isCurrent
        ? { pill: 'This browser' }
        : {
            action: form({
              action: `${base}/sessions/${id}/end`,
              csrf,
              body: button({
                label: 'Sign out',
                kind: 'secondary',
                slim: true,
                about: `${name}, ${peer ?? ''}`,
              }),
            }),
          }),
    }
  })
}

function keepers({ base, csrf }: PortalFrame, { keeping }: Home): Row[] {
  return keeping.map(({ id, name, since }) => ({
    ...{ icon: 'key', title: name, detail: `Keeps access since ${dayOf(since)}, also without a browser` },
    action: form({
      action: `${base}/applications/${id}/end`,
      csrf,
      body: button({ label: 'End access', kind: 'secondary', slim: true, about: `of ${name}` }),
    }),
  }))
}

const endOthers = ({ base, csrf }: PortalFrame): Html =>
  html`<div class="others">${form({
    action: `${base}/sessions/end-others`,
    csrf,
    body: button({ label: 'Sign out everywhere else', kind: 'danger' }),
  })}</div>`
