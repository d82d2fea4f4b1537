// "Your details": the attributes that people look after themselves.
import type { OwnDetail } from '../../../core/directory/own-details.ts'
import { html } from '../../../web/html.ts'
import { alert, button, card, choiceField, field, form, heading, linkButton } from '../../../web/parts.ts'
import { sendOnce } from '../../../web/send-once.ts'
import { shownOf } from '../details-form.ts'
import type { PortalFrame } from '../enter.ts'
import { narrowPage } from './frame.ts'

export interface DetailsPage {
  readonly details: readonly OwnDetail[]
  /** What was typed and refused, by field. */
  readonly typed: ReadonlyMap<string, string>
  /** What is wrong with it, by field. */
  readonly problems: ReadonlyMap<string, string>
  /** What is wrong with all of it. */
  readonly problem: string | null
}

const title = 'Your details'

/** `givenName` is "Given name". Names that an organization has declared stay as they are. */
export function labelOf({ field: place, name }: Pick<OwnDetail, 'field' | 'name'>): string {
  if (place !== name) return name
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const hints: Readonly<Partial<Record<OwnDetail['type'], string>>> = {
  date: 'Such as 2026-01-31',
  list: 'Separated by commas',
}

export function detailsPage(frame: PortalFrame, { details, typed, problems, problem }: DetailsPage): string {
  const back = linkButton({ label: 'Back', href: frame.base, kind: 'quiet' })
  if (details.length === 0) {
    const nothing = heading(title, 'There is nothing here that you can change yourself.')
    return narrowPage(frame, { title, body: card(nothing, problem !== null && alert(problem), back) })
  }
  const one = (detail: OwnDetail) => {
    const hint = [detail.description, hints[detail.type]].filter(Boolean).join('. ')
    const wrong = problems.get(detail.field)
    const common = {
      ...{ label: labelOf(detail), name: detail.field, required: false },
      value: typed.get(detail.field) ?? shownOf(detail),
      ...(hint !== '' && { hint }),
      ...(wrong !== undefined && { problem: wrong }),
    }
    if (detail.type === 'boolean')
      return choiceField({
        ...common,
        choices: [
          ['', 'Not said'],
          ['true', 'Yes'],
          ['false', 'No'],
        ],
      })
    return field({ ...common, isProse: true, ...(detail.type === 'string' && { maxLength: detail.most }) })
  }
  return narrowPage(frame, {
    title,
    script: sendOnce,
    body: card(
      heading(title, 'What you change here counts at once.'),
      problem !== null && alert(problem),
      form({
        action: `${frame.base}/details`,
        csrf: frame.csrf,
        body: html`${details.map(one)}
${button({ label: 'Save', full: true })}${back}`,
      }),
    ),
  })
}
