// The parts that pages are put together from: fields, buttons, notes, cards and rows. Each gives HTML; none knows a door.
import { type Html, type HtmlValue, html, safeUrl } from './html.ts'
import { type Icon, icon } from './icons.ts'

export interface Field {
  /** What people and screen readers read. */
  readonly label: string
  readonly name: string
  readonly type?: 'text' | 'password' | 'email'
  readonly value?: string
  /** HTML §4.10.18.7: `username`, `current-password`, `one-time-code`, … */
  readonly autocomplete?: string
  readonly inputMode?: 'numeric' | 'text' | 'email'
  readonly maxLength?: number
  readonly hint?: string
  /** No label: it is gone with the first letter. */
  readonly placeholder?: string
  /** What is wrong with what was typed. */
  readonly problem?: string
  readonly required?: boolean
  readonly autofocus?: boolean
  /** Wide digits, for one-time codes. */
  readonly isCode?: boolean
  /** Names are text, not prose: no capitals, no spelling. On by default. */
  readonly isProse?: boolean
}

export function field(of: Field): Html {
  return labelled(
    of,
    (described) =>
      html`<input id="field-${of.name}" name="${of.name}" type="${of.type ?? 'text'}"${attributes({
        class: of.isCode && 'code',
        value: of.value,
        autocomplete: of.autocomplete ?? 'off',
        inputmode: of.inputMode,
        maxlength: of.maxLength,
        placeholder: of.placeholder,
        autocapitalize: !of.isProse && 'none',
        spellcheck: !of.isProse && 'false',
        autofocus: of.autofocus,
        required: of.required ?? true,
        ...described,
      })}>`,
  )
}

export interface ChoiceField extends Pick<Field, 'label' | 'name' | 'value' | 'hint' | 'problem'> {
  /** Values, and what people read. */
  readonly choices: readonly (readonly [string, string])[]
}

export function choiceField({ choices, ...of }: ChoiceField): Html {
  return labelled(of, (described) => {
    const options = choices.map(
      ([value, label]) =>
        html`<option value="${value}"${attributes({ selected: value === of.value })}>${label}</option>`,
    )
    return html`<select id="field-${of.name}" name="${of.name}"${attributes(described)}>${options}</select>`
  })
}

/** A label, the control that `control` gives, what is wrong with it, and a hint. */
function labelled(
  { label, name, problem, hint }: Pick<Field, 'label' | 'name' | 'hint' | 'problem'>,
  control: (described: Readonly<Record<string, string | false | undefined>>) => Html,
): Html {
  const id = `field-${name}`
  const described = [problem && `${id}-problem`, hint && `${id}-hint`].filter(Boolean).join(' ')
  return html`<div class="field">
<label for="${id}">${label}</label>
${control({
  'aria-invalid': problem !== undefined && 'true',
  'aria-describedby': described === '' ? undefined : described,
})}
${problem !== undefined && html`<p class="small wrong" id="${id}-problem">${problem}</p>`}${
  hint !== undefined && html`<p class="small muted" id="${id}-hint">${hint}</p>`
}</div>`
}

/** The field "Verification code": digits as from an authenticator, or a recovery code where `most` leaves room for one. */
export function codeField(of: Partial<Field> = {}): Html {
  return field({
    label: 'Verification code',
    name: 'code',
    autocomplete: 'one-time-code',
    inputMode: 'numeric',
    maxLength: 12,
    isCode: true,
    ...of,
  })
}

export interface Button {
  readonly label: string
  readonly kind?: 'primary' | 'secondary' | 'danger' | 'quiet'
  readonly icon?: Icon
  /** As wide as the card. */
  readonly full?: boolean
  readonly slim?: boolean
  /** Sent with the form when this button is used. */
  readonly name?: string
  readonly value?: string
  /** Does this button send the form even where fields are empty? */
  readonly skipsFields?: boolean
  /** Where one label stands several times: which one this is, for those who do not see. */
  readonly about?: string
}

const classOf = ({ kind = 'primary', full, slim }: Pick<Button, 'kind' | 'full' | 'slim'>) =>
  ['button', kind, full && 'full', slim && 'slim'].filter(Boolean).join(' ')

export function button(of: Button): Html {
  return html`<button class="${classOf(of)}" type="submit"${attributes({
    name: of.name,
    value: of.value,
    formnovalidate: of.skipsFields,
  })}>${of.icon && icon(of.icon)}${of.label}${of.about !== undefined && html`<span class="hidden"> ${of.about}</span>`}</button>`
}

/** A link that looks like a button. Throws where `href` leads nowhere a page may lead. */
export function linkButton(
  of: Omit<Button, 'name' | 'value' | 'skipsFields'> & { readonly href: string },
): Html {
  return html`<a class="${classOf(of)}" href="${hrefOf(of.href)}">${of.icon && icon(of.icon)}${of.label}${
    of.about !== undefined && html`<span class="hidden"> ${of.about}</span>`
  }</a>`
}

export function link(label: string, href: string): Html {
  return html`<a href="${hrefOf(href)}">${label}</a>`
}

export interface Form {
  /** A path of our own. */
  readonly action: string
  /** `visitor.csrf(purpose)` */
  readonly csrf: string
  readonly hidden?: Readonly<Record<string, string>>
  readonly body: HtmlValue
}

export function form({ action, csrf, hidden = {}, body }: Form): Html {
  const fields = Object.entries({ ...hidden, csrf })
  return html`<form method="post" action="${hrefOf(action)}">
${fields.map(([name, value]) => html`<input type="hidden" name="${name}" value="${value}">\n`)}<div class="stack">
${body}
</div>
</form>`
}

/** Something was refused or failed: read aloud at once. */
export function alert(text: HtmlValue, reference?: string): Html {
  return html`<div class="note bad" role="alert">${icon('alert')}<div><p>${text}</p>${
    reference !== undefined && html`<p class="small">Reference: <code>${reference}</code></p>`
  }</div></div>`
}

/** Something went well, or is worth knowing. */
export function notice(text: HtmlValue, tone: 'good' | 'plain' = 'plain'): Html {
  return html`<div class="${tone === 'good' ? 'note good' : 'note'}" role="status">${icon(
    tone === 'good' ? 'check' : 'info',
  )}<div>${text}</div></div>`
}

/** The page's one h1, with a sentence below it. */
export function heading(title: string, lead?: HtmlValue): Html {
  return html`<div class="tight"><h1>${title}</h1>${lead && html`<p class="muted">${lead}</p>`}</div>`
}

export const card = (...body: HtmlValue[]): Html => html`<div class="card stack">${body}</div>`

export const or = (): Html => html`<div class="or">or</div>`

export interface Row {
  readonly icon?: Icon
  readonly title: HtmlValue
  readonly detail?: HtmlValue
  readonly pill?: string
  /** At the end: a form with a slim button. */
  readonly action?: Html
}

/** A card of rows; where there are none, a sentence that says so. */
export function rows(items: readonly Row[], empty: string): Html {
  if (items.length === 0) return html`<div class="card"><p class="muted">${empty}</p></div>`
  const one = (of: Row) =>
    html`<li>${of.icon && icon(of.icon, 20)}<div class="grow"><p>${of.title}${
      of.pill !== undefined && html` <span class="pill">${of.pill}</span>`
    }</p>${of.detail && html`<p class="small muted">${of.detail}</p>`}</div>${of.action}</li>`
  return html`<div class="card flush"><ul class="rows">${items.map(one)}</ul></div>`
}

/** Attributes that are absent where their value is undefined, null or false, and bare where it is true. */
function attributes(of: Readonly<Record<string, string | number | boolean | undefined>>): Html[] {
  return Object.entries(of)
    .filter(([, value]) => value !== undefined && value !== false)
    .map(([name, value]) => (value === true ? html` ${name}` : html` ${name}="${String(value)}"`))
}

function hrefOf(href: string): string {
  const safe = safeUrl(href)
  if (safe === null) throw new TypeError('a page does not lead to such a URL')
  return safe
}
