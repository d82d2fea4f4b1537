// The pages of sign-in: name and password, the code, and the way out.
import type { ConversationId } from '../../base/ids.ts'
import { type Html, type HtmlValue, html } from '../../web/html.ts'
import { brandOf, type Frame, page } from '../../web/page.ts'
import { alert, button, card, codeField, field, form, heading, link, linkButton } from '../../web/parts.ts'
import { sendOnce } from '../../web/send-once.ts'
import type { Typed } from './ask.ts'

/** What all forms of one sign-in hold. */
export interface Under extends Frame {
  readonly slug: string
  readonly csrf: string
  /** The conversation of the door that waits, or null. */
  readonly to: string | null
  /** Name of the application that is about to be opened. */
  readonly target: string | null
  /** Is somebody who is signed in to show it once more? */
  readonly isConfirming: boolean
}

export interface PasswordPage extends Under {
  readonly username: string
  /** `reference` is null where nothing was decided, and so nothing recorded. */
  readonly refusal?: { readonly step: Typed['step']; readonly reference: string | null }
  readonly missing?: { readonly username: boolean; readonly password: boolean }
}

const pathOf = (slug: string) => `/o/${slug}/signin`

export function passwordPage(of: PasswordPage): string {
  const { brand, nonce, slug, csrf, to, isConfirming, username, refusal, missing } = of
  const title = isConfirming ? 'Confirm that it is you' : 'Sign in'
  return page({
    brand,
    nonce,
    title,
    script: sendOnce,
    body: card(
      heading(title, leadTo(of)),
      refusal !== undefined && refused(refusal),
      form({
        action: pathOf(slug),
        csrf,
        hidden: hidden(to),
        body: [
          field({
            label: 'Username',
            name: 'username',
            autocomplete: 'username',
            placeholder: 'or e-mail address',
            value: username,
            autofocus: username === '',
            ...(missing?.username && { problem: 'Enter your username or e-mail address.' }),
          }),
          field({
            label: 'Password',
            name: 'password',
            type: 'password',
            autocomplete: 'current-password',
            autofocus: username !== '',
            ...(missing?.password && { problem: 'Enter your password.' }),
          }),
          button({ label: 'Sign in', full: true }),
        ],
      }),
    ),
  })
}

export interface CodePage extends Under {
  readonly username: string
  readonly challenge: ConversationId
  /** The code before was not accepted. */
  readonly isAgain: boolean
  readonly isMissing?: boolean
  /** Letters are typed, too: telephones then show all of them. */
  readonly isRecovery: boolean
}

export function codePage(of: CodePage): string {
  const { brand, nonce, slug, csrf, to, target, username, challenge, isAgain, isMissing, isRecovery } = of
  const title = isRecovery ? 'Use a recovery code' : 'Verification code'
  const lead = isRecovery
    ? 'Enter one of the codes that you kept when you set up your authenticator. Each is good once.'
    : 'Enter the code that your authenticator shows now.'
  const problem = isMissing ? { problem: 'Enter the code.' } : {}
  return page({
    brand,
    nonce,
    title,
    script: sendOnce,
    body: html`${[
      card(
        heading(title, lead),
        isAgain &&
          alert(
            isRecovery
              ? 'That recovery code did not work. Each one is good once.'
              : 'That code did not work. Wait for the next one, or use a recovery code.',
          ),
        form({
          action: `${pathOf(slug)}/code`,
          csrf,
          hidden: { ...hidden(to), challenge, username, ...(isRecovery && { as: 'recovery' }) },
          body: [
            isRecovery
              ? field({ label: 'Recovery code', name: 'code', maxLength: 64, autofocus: true, ...problem })
              : codeField({ maxLength: 64, autofocus: true, ...problem }),
            button({ label: 'Verify', full: true }),
            button({
              label: isRecovery ? 'Use your authenticator' : 'Use a recovery code',
              kind: 'quiet',
              name: 'kind',
              value: isRecovery ? 'authenticator' : 'recovery',
              skipsFields: true,
            }),
          ],
        }),
      ),
      html`<p class="foot">${target === null ? 'You are' : html`To open <strong>${target}</strong>, you are`} signing in as ${username}. ${link(
        'Start again',
        pathOf(slug) + (to === null ? '' : `?to=${encodeURIComponent(to)}`),
      )}</p>`,
    ]}`,
  })
}

/** GET changes nothing, so leaving is a form. */
export function signOutPage({
  brand,
  nonce,
  slug,
  csrf,
}: Omit<Under, 'to' | 'target' | 'isConfirming'>): string {
  const title = 'Sign out?'
  return page({
    brand,
    nonce,
    title,
    body: card(
      heading(title, 'Applications that you opened from here are signed out as well, where they can be.'),
      form({ action: `${pathOf(slug)}/out`, csrf, body: button({ label: 'Sign out', full: true }) }),
      linkButton({ label: 'Stay signed in', href: `/o/${slug}/portal`, kind: 'secondary', full: true }),
    ),
  })
}

export function signedOutPage({ brand, nonce, slug }: Pick<Under, 'brand' | 'nonce' | 'slug'>): string {
  const title = 'You are signed out'
  return page({
    brand,
    nonce,
    title,
    body: card(
      heading(title, 'On a computer that others use, close the browser, too.'),
      linkButton({ label: 'Sign in again', href: pathOf(slug), kind: 'secondary', full: true }),
    ),
  })
}

/** For whoever leaves the organization out of the address; it does not tell which there are. */
export function startPage(nonce: string, publicUrl: string): string {
  const title = 'Which organization?'
  const lead = html`Open the address that your organization gave you, such as <code>${publicUrl}/o/your-organization</code>`
  return page({ brand: brandOf(null), nonce, title, body: card(heading(title, lead)) })
}

const hidden = (to: string | null) => (to === null ? {} : { to })

function leadTo({ target, isConfirming }: Under): HtmlValue {
  if (target !== null) return html`to continue to <strong>${target}</strong>`
  return isConfirming ? 'Sign in once more before you change how you sign in.' : null
}

/** The same for every reason. */
function refused({ step, reference }: NonNullable<PasswordPage['refusal']>): Html {
  const advice = {
    password: 'Check what you typed.',
    code: 'Begin again with your password: a code is waited for no longer than two minutes.',
  }[step]
  const otherwise = { password: 'If it is right,', code: 'If this happens again,' }[step]
  return alert(
    html`You could not be signed in. ${advice}${
      reference !== null &&
      html` ${otherwise} ask your administrator and quote reference <code>${reference}</code>.`
    }`,
  )
}
