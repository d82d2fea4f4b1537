// Filters as text (RFC 4515): for tests, tools and the command line. It reads what the RFC allows, a lone item without
// parentheses, and white space between filters, as ldapsearch does.
import { utf8, WireError } from '../../base/bytes.ts'
import type { ComparisonKind, Filter } from './filter.ts'
import { ldapLimits } from './limits.ts'

/** Longest text filter that is read, in UTF-16 units. */
export const maxFilterText = 64 * 1024

// attributedescription = (descr / numericoid) *(";" option)   RFC 4512 §1.4, §2.5
const attributeDescription = /^(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)*)(?:;[a-z0-9-]+)*$/i
const matchingRuleId = /^(?:[a-z][a-z0-9-]*|\d+(?:\.\d+)*)$/i
const blank = /[ \t\r\n]/

/** Parses a text filter. Throws WireError `filter-syntax`, `filter-too-deep` or `filter-too-large`; offsets in UTF-16 units. */
export function parseFilter(text: string): Filter {
  if (text.length > maxFilterText) throw new WireError('filter-too-large', maxFilterText)
  const parser = new FilterParser(text)
  parser.skipBlanks()
  const filter = parser.peek() === '(' ? parser.filter(1) : parser.item()
  parser.skipBlanks()
  if (!parser.atEnd) parser.fail()
  return filter
}

class FilterParser {
  readonly #text: string
  #at = 0
  #items = 0

  constructor(text: string) {
    this.#text = text
  }

  get atEnd(): boolean {
    return this.#at >= this.#text.length
  }

  peek(): string {
    return this.#text.charAt(this.#at)
  }

  fail(at = this.#at): never {
    throw new WireError('filter-syntax', at)
  }

  skipBlanks(): void {
    while (blank.test(this.peek())) this.#at++
  }

  // filter = "(" ( and / or / not / item ) ")"
  filter(depth: number): Filter {
    if (depth > ldapLimits.filterDepth) throw new WireError('filter-too-deep', this.#at)
    this.#expect('(')
    this.skipBlanks()
    const operator = this.peek()
    let filter: Filter
    if (operator === '&' || operator === '|') {
      this.#at++
      this.#count()
      filter = { kind: operator === '&' ? 'and' : 'or', filters: this.#filters(depth) }
    } else if (operator === '!') {
      this.#at++
      this.#count()
      this.skipBlanks()
      filter = { kind: 'not', filter: this.filter(depth + 1) }
      this.skipBlanks()
    } else {
      filter = this.item()
    }
    this.#expect(')')
    return filter
  }

  // item = simple / present / substring / extensible
  item(): Filter {
    this.#count()
    const start = this.#at
    const equals = this.#text.indexOf('=', start)
    if (equals === -1) this.fail()
    let end = this.#at
    while (end < this.#text.length && this.#text[end] !== ')' && this.#text[end] !== '(') end++
    if (equals > end) this.fail(end)
    const left = this.#text.slice(start, equals)
    this.#at = end
    const operator = left.charAt(left.length - 1)
    if (operator === ':') return this.#extensible(left.slice(0, -1), start, equals + 1, end)
    const kind: ComparisonKind =
      operator === '>'
        ? 'greaterOrEqual'
        : operator === '<'
          ? 'lessOrEqual'
          : operator === '~'
            ? 'approxMatch'
            : 'equalityMatch'
    const attributeDesc = kind === 'equalityMatch' ? left : left.slice(0, -1)
    if (!attributeDescription.test(attributeDesc)) this.fail(start)
    const right = this.#text.slice(equals + 1, end)
    if (kind === 'equalityMatch' && right.includes('*'))
      return this.#substrings(attributeDesc, right, equals + 1)
    return { kind, attributeDesc, assertionValue: this.#value(right, equals + 1) }
  }

  #filters(depth: number): readonly Filter[] {
    const filters: Filter[] = []
    this.skipBlanks()
    while (this.peek() === '(') {
      filters.push(this.filter(depth + 1))
      this.skipBlanks()
    }
    return filters
  }

  // substring = attr "=" [initial] "*" *(any "*") [final]; present = attr "=*"
  #substrings(attributeDesc: string, right: string, at: number): Filter {
    if (right === '*') return { kind: 'present', attributeDesc }
    const pieces: (Buffer | null)[] = []
    let offset = at
    for (const piece of right.split('*')) {
      this.#count()
      pieces.push(piece === '' ? null : this.#value(piece, offset))
      offset += piece.length + 1
    }
    const any = pieces.slice(1, -1)
    if (any.includes(null)) this.fail(at)
    return {
      kind: 'substrings',
      attributeDesc,
      initial: pieces[0] ?? null,
      any: any as Buffer[],
      final: pieces[pieces.length - 1] ?? null,
    }
  }

  // extensible = ( attr [":dn"] [":" rule] ":=" value ) / ( [":dn"] ":" rule ":=" value )
  #extensible(left: string, start: number, at: number, end: number): Filter {
    const parts = left.split(':')
    const type = parts.shift() || null
    const dnAttributes = parts[0]?.toLowerCase() === 'dn'
    if (dnAttributes) parts.shift()
    const matchingRule = parts.shift() ?? null
    if (parts.length > 0 || (type === null && matchingRule === null)) this.fail(start)
    if (type !== null && !attributeDescription.test(type)) this.fail(start)
    if (matchingRule !== null && !matchingRuleId.test(matchingRule)) this.fail(start)
    const matchValue = this.#value(this.#text.slice(at, end), at)
    return { kind: 'extensibleMatch', matchingRule, type, matchValue, dnAttributes }
  }

  // assertionvalue: UTF-8, but for NUL ( ) * \ which are written as \ and two hexadecimal digits
  #value(text: string, at: number): Buffer {
    const bytes: Buffer[] = []
    let plain = 0
    for (let i = 0; i < text.length; i++) {
      const character = text[i]
      if (character === '*' || character === '\0') this.fail(at + i)
      if (character !== '\\') continue
      const digits = text.slice(i + 1, i + 3)
      if (!/^[0-9a-f]{2}$/i.test(digits)) this.fail(at + i)
      bytes.push(Buffer.from(text.slice(plain, i)), Buffer.from(digits, 'hex'))
      i += 2
      plain = i + 1
    }
    if (plain === 0) return Buffer.from(text)
    bytes.push(Buffer.from(text.slice(plain)))
    return Buffer.concat(bytes)
  }

  #expect(character: string): void {
    if (this.peek() !== character) this.fail()
    this.#at++
  }

  #count(): void {
    if (++this.#items > ldapLimits.filterItems) throw new WireError('filter-too-large', this.#at)
  }
}

const symbols = { equalityMatch: '=', greaterOrEqual: '>=', lessOrEqual: '<=', approxMatch: '~=' } as const

/** The text of a filter. What `parseFilter` would not take back in an attribute's place is escaped, for safe logging. */
export function formatFilter(filter: Filter): string {
  switch (filter.kind) {
    case 'and':
    case 'or':
      return `(${filter.kind === 'and' ? '&' : '|'}${filter.filters.map(formatFilter).join('')})`
    case 'not':
      return `(!${formatFilter(filter.filter)})`
    case 'present':
      return `(${formatName(filter.attributeDesc)}=*)`
    case 'substrings': {
      const pieces = [filter.initial, ...filter.any, filter.final]
      return `(${formatName(filter.attributeDesc)}=${pieces.map((piece) => (piece ? formatValue(piece) : '')).join('*')})`
    }
    case 'extensibleMatch': {
      const type = filter.type === null ? '' : formatName(filter.type)
      const rule = filter.matchingRule === null ? '' : `:${formatName(filter.matchingRule)}`
      return `(${type}${filter.dnAttributes ? ':dn' : ''}${rule}:=${formatValue(filter.matchValue)})`
    }
    default:
      return `(${formatName(filter.attributeDesc)}${symbols[filter.kind]}${formatValue(filter.assertionValue)})`
  }
}

const hex = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => `\\${byte.toString(16).padStart(2, '0')}`).join('')

const formatName = (name: string): string =>
  name.replace(/[^a-z0-9.;-]/gi, (character) => hex(Buffer.from(character)))

function formatValue(value: Buffer): string {
  const text = utf8(value)
  if (text === null) return hex(value)
  return text.replace(/[()*\\\x00-\x1f\x7f]/g, (character) => hex(Buffer.from(character)))
}
