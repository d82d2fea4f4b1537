// The frame of every page: the document, the organization's name and colour, one heading, one style sheet. Works without scripts.
import { defaultColour, parseColour } from './colour.ts'
import { type Html, html, trusted } from './html.ts'
import { styleSheet } from './style.ts'

export interface Brand {
  readonly name: string
  /** #rgb or #rrggbb; anything else, and null, is the colour of the house. */
  readonly colour?: string | null
}

/** How an organization's pages look; Muster's own where it is not known whose they are. */
export function brandOf(
  organization: { readonly name: string; readonly settings: { readonly color: string } } | null,
): Brand {
  return organization === null
    ? { name: 'Muster' }
    : { name: organization.name, colour: organization.settings.color }
}

export interface Frame {
  readonly brand: Brand
  /** Of this answer's Content-Security-Policy. */
  readonly nonce: string
}

export interface Page extends Frame {
  /** Of the document; with the organization's name behind it. */
  readonly title: string
  /** Has the page's one h1. */
  readonly body: Html
  /** `narrow`: one card in the middle, the organization above it. `wide`: a bar with the organization, and who is signed in. */
  readonly layout?: 'narrow' | 'wide'
  /** Of `wide`: at the end of the bar. */
  readonly bar?: Html
  /** Further elements of the head. */
  readonly head?: Html
  /** Runs after the page is there. Written in this repository; what comes from outside reaches it by data attributes only. */
  readonly script?: string
}

/** The document as text, ready to be sent as text/html. */
export function page({ brand, nonce, title, body, layout = 'narrow', bar, head, script }: Page): string {
  const colour = parseColour(brand.colour ?? '') ?? defaultColour
  const wide = layout === 'wide'
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · ${brand.name}</title>
<link rel="icon" href="data:,">
${head}<style nonce="${nonce}">${trusted(styleSheet(colour))}</style>
</head>
<body>
${wide && html`<header class="bar"><div>${brandMark(brand)}${bar && html`<div class="who">${bar}</div>`}</div></header>\n`}<main class="${layout}">
${!wide && brandMark(brand)}
${body}
</main>
${script !== undefined && html`<script nonce="${nonce}">${trusted(script)}</script>\n`}</body>
</html>
`.toString()
}

function brandMark({ name }: Brand): Html {
  const [first] = new Intl.Segmenter().segment(name.trim())
  return html`<div class="brand"><div class="mark" aria-hidden="true">${first?.segment.toUpperCase() ?? '·'}</div><span>${name}</span></div>`
}
