// Cuts the text of a rule into tokens, one at a time. It throws only RuleSyntaxError, which parse.ts turns into a value.
import { problem, type RuleProblem, type RuleProblemCode, type Span } from './syntax.ts'

/** How the parser leaves its recursion; never seen outside this folder. */
export class RuleSyntaxError extends Error {
  readonly problem: RuleProblem
  constructor(found: RuleProblem) {
    super(found.message)
    this.problem = found
  }
}

export type Token =
  | { readonly kind: 'word'; readonly text: string; readonly at: Span }
  | { readonly kind: 'string'; readonly value: string; readonly at: Span }
  | { readonly kind: 'number'; readonly value: number; readonly at: Span }
  | { readonly kind: 'mark'; readonly text: '(' | ')' | '[' | ']' | ','; readonly at: Span }
  /** Anything that no rule contains, such as `==` or `'`; the parser says what belongs there. */
  | { readonly kind: 'strange'; readonly text: string; readonly at: Span }
  | { readonly kind: 'end'; readonly at: Span }

const space = /[ \t\r\n]*/y
// RFC 7644 figure 1: ATTRNAME with its sub-attribute and optional URI; keywords and operators look the same.
const word = /[A-Za-z_][A-Za-z0-9_$.:-]*/y
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y
const gluedToNumber = /[A-Za-z0-9_.]+/y
const strange = /[=!<>&|~*]{1,3}|./suy

/** The words that join comparisons, which no attribute can be called. */
export const keywords: ReadonlySet<string> = new Set(['and', 'or', 'not'])

/** Can a comparison begin with this word? */
export function isAttributeName(text: string): boolean {
  return matchAt(word, text, 0) === text && text !== '' && !keywords.has(text.toLowerCase())
}

/** The token at or after `from`. Costs time in proportion to its length. */
export function nextToken(text: string, from: number): Token {
  const start = from + matchAt(space, text, from).length
  if (start >= text.length) return { kind: 'end', at: { start: text.length, end: text.length } }
  const first = text[start]!
  if (first === '(' || first === ')' || first === '[' || first === ']' || first === ',') {
    return { kind: 'mark', text: first, at: { start, end: start + 1 } }
  }
  if (first === '"') return stringToken(text, start)
  const name = matchAt(word, text, start)
  if (name !== '') return { kind: 'word', text: name, at: { start, end: start + name.length } }
  const digits = matchAt(number, text, start)
  if (digits !== '') return numberToken(text, start, digits)
  const other = matchAt(strange, text, start)
  return { kind: 'strange', text: other, at: { start, end: start + other.length } }
}

function matchAt(pattern: RegExp, text: string, from: number): string {
  pattern.lastIndex = from
  return pattern.exec(text)?.[0] ?? ''
}

function stop(code: RuleProblemCode, at: Span, what: string): never {
  throw new RuleSyntaxError(problem(code, at, what))
}

function numberToken(text: string, start: number, digits: string): Token {
  const end = start + digits.length
  const glued = matchAt(gluedToNumber, text, end)
  if (glued !== '') {
    stop(
      'bad-number',
      { start, end: end + glued.length },
      'not a number; texts and dates stand in double quotes',
    )
  }
  const value = Number(digits)
  if (!Number.isFinite(value)) stop('bad-number', { start, end }, 'this number is too large')
  return { kind: 'number', value: value === 0 ? 0 : value, at: { start, end } }
}

/** A string with the escapes of JSON (RFC 8259 §7). */
function stringToken(text: string, start: number): Token {
  let end = start + 1
  for (; end < text.length && text[end] !== '"'; end++) {
    if (text.charCodeAt(end) < 0x20) {
      stop(
        'bad-text',
        { start: end, end: end + 1 },
        'a control character in a text: write it as an escape such as \\n or \\u0009',
      )
    }
    if (text[end] !== '\\') continue
    const length = text[end + 1] === 'u' ? 6 : 2
    const written = text.slice(end, end + length)
    if (!/^\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})$/.test(written)) {
      stop(
        'bad-text',
        { start: end, end: Math.min(end + length, text.length) },
        'an unknown escape: write a backslash itself as \\\\',
      )
    }
    end += length - 1
  }
  if (end >= text.length)
    stop('bad-text', { start, end: text.length }, 'this text has no closing double quote')
  return {
    kind: 'string',
    value: JSON.parse(text.slice(start, end + 1)) as string,
    at: { start, end: end + 1 },
  }
}
