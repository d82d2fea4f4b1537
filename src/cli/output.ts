// What people read: aligned tables and lists of fields. Whatever comes from outside is printed without control
// characters, because a terminal obeys them.
import { styleText } from 'node:util'

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow'
export type Paint = (style: Style, text: string) => string

export const painter = (colour: boolean): Paint =>
  colour ? (style, text) => styleText(style, text, { validateStream: false }) : (_style, text) => text

/** One line: control characters and what turns the direction of text around become visible escapes. */
export function printable(text: string): string {
  return text
    .replace(/\s*[\r\n]\s*/g, ' ')
    .replace(/[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu, (character) => {
      const code = character.codePointAt(0) ?? 0
      return `\\u${code.toString(16).padStart(4, '0')}`
    })
}

/** Any value of the API in one line; nothing is an empty text. */
export function formatValue(value: unknown): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.map(formatValue).join(', ')
  if (typeof value === 'object') return printable(JSON.stringify(value))
  if (typeof value === 'boolean') return value ? 'yes' : 'no'
  return printable(String(value))
}

export const orList = (words: readonly string[]): string =>
  words.length < 2 ? words.join('') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`

/** A time of the API as tables show it: to the second, in UTC. */
export const formatTime = (iso: string): string => iso.replace('T', ' ').replace(/\.[0-9]+Z$/, 'Z')

const wide =
  /[\u1100-\u115f\u2e80-\u303e\u3041-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u
const graphemes = new Intl.Segmenter()

/** Columns that a terminal gives to a text. */
export function displayWidth(text: string): number {
  if (/^[\x20-\x7e]*$/.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}

const pad = (text: string, width: number): string =>
  text + ' '.repeat(Math.max(0, width - displayWidth(text)))

/** Cut to so many columns, with an ellipsis where something is missing. */
export function shorten(text: string, width: number): string {
  if (displayWidth(text) <= width) return text
  let kept = ''
  for (const { segment } of graphemes.segment(text)) {
    if (displayWidth(kept + segment) > width - 1) break
    kept += segment
  }
  return `${kept}…`
}

export interface Column<T> {
  readonly title: string
  readonly value: (row: T) => unknown
  readonly style?: (row: T) => Style | null
}

const gap = 2
const narrowest = 8

/** A table with its header; columns without any value are left out. `width` shortens the widest columns to fit. */
export function table<T>(
  columns: readonly Column<T>[],
  rows: readonly T[],
  paint: Paint,
  width: number | null,
): string {
  const used = columns
    .map((column) => ({ ...column, texts: rows.map((row) => formatValue(column.value(row))) }))
    .filter(({ texts }) => texts.some((text) => text !== ''))
  const widths = used.map(({ title, texts }) =>
    texts.reduce((most, text) => Math.max(most, displayWidth(text)), title.length),
  )
  if (width !== null) fit(widths, width)
  const line = (cells: readonly string[]): string => cells.join(' '.repeat(gap)).trimEnd()
  const cell = (text: string, index: number): string => {
    const most = widths[index] ?? 0
    return index === used.length - 1 ? shorten(text, most) : pad(shorten(text, most), most)
  }
  const header = line(used.map(({ title }, index) => paint('bold', cell(title, index))))
  const body = rows.map((row, at) =>
    line(
      used.map(({ texts, style }, index) => {
        const text = cell(texts[at] ?? '', index)
        const chosen = style?.(row) ?? null
        return chosen === null ? text : paint(chosen, text)
      }),
    ),
  )
  return `${[header, ...body].join('\n')}\n`
}

/** Takes from the widest columns first until the line fits, or every column is narrow. */
function fit(widths: number[], width: number): void {
  const total = () => widths.reduce((sum, each) => sum + each, 0) + gap * (widths.length - 1)
  while (total() > width) {
    const most = Math.max(...widths)
    if (most <= narrowest) return
    widths[widths.indexOf(most)] = most - 1
  }
}

/** Fields one under another; nested objects become `network.ssid`, and what has no value is left out. */
export function fields(object: Readonly<Record<string, unknown>>, paint: Paint): string {
  const lines = flatten(object, '')
  const width = lines.reduce((most, [name]) => Math.max(most, displayWidth(name)), 0)
  return lines.map(([name, text]) => `${paint('dim', pad(name, width + gap))}${text}\n`).join('')
}

function flatten(object: Readonly<Record<string, unknown>>, before: string): [string, string][] {
  return Object.entries(object).flatMap(([name, value]): [string, string][] => {
    const path = `${before}${printable(name)}`
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return flatten(value as Record<string, unknown>, `${path}.`)
    }
    const text = formatValue(value)
    return text === '' ? [] : [[path, text]]
  })
}
