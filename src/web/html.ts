// HTML as a tagged template: every value is escaped, except what is HTML already. Attribute values are always in double quotes.

declare const brand: unique symbol
/** Text that is HTML: made by `html`, or vouched for by `trusted`. */
export interface Html {
  readonly [brand]: 'html'
  toString(): string
}

export type HtmlValue = string | number | Html | null | undefined | false | readonly HtmlValue[]

/** Its instances cannot be made from outside, nor from JSON. */
class Markup {
  readonly #text: string
  constructor(text: string) {
    this.#text = text
  }
  toString(): string {
    return this.#text
  }
}

const escapes: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return trusted(strings.map((text, i) => text + (i < values.length ? textOf(values[i]) : '')).join(''))
}

/** HTML that is written in this repository; never call this with anything that came from outside. */
export function trusted(text: string): Html {
  return new Markup(text) as unknown as Html
}

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] as string)
}

/**
 * A URL that a page may lead to, in its normal form, or null: http, https, a path of our own, or the private scheme of an application
 * on the person's device (RFC 8252 §7.1). Never one that runs or shows what is written in it.
 */
export function safeUrl(url: string): string | null {
  if (/^\/(?![/\\])/.test(url)) {
    // Tabs and line ends vanish in parsing, and a path may begin with two slashes only thereafter.
    const { host, pathname, search, hash } = new URL(url, 'http://own.invalid')
    return host !== 'own.invalid' || pathname.startsWith('//') ? null : pathname + search + hash
  }
  if (!URL.canParse(url)) return null
  const { protocol, href } = new URL(url)
  return unsafeSchemes.has(protocol) ? null : href
}

const unsafeSchemes = new Set([
  'javascript:',
  'data:',
  'vbscript:',
  'blob:',
  'file:',
  'filesystem:',
  'about:',
  'view-source:',
])

function textOf(value: HtmlValue): string {
  if (value === null || value === undefined || value === false) return ''
  if (value instanceof Markup) return value.toString()
  if (Array.isArray(value)) return value.map(textOf).join('')
  return escaped(String(value))
}
