// Distinguished names as text (RFC 4514): parse, format, and the one canonical spelling under which two names of the
// same entry compare equal. It knows no schema: all values are compared as caseIgnoreMatch would.
import { utf8, WireError } from '../../base/bytes.ts'
import { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import { canonicalAttributeType } from './dn-types.ts'

export const dnLimits = {
  /** UTF-16 units of text. */
  length: 8192,
  rdns: 64,
  /** Attributes in one multi-valued RDN. */
  attributes: 16,
} as const

/** `type` as it was written; `value` is text, or the BER of a `#…` value that is not a string type. */
export interface AttributeTypeAndValue {
  readonly type: string
  readonly value: string | Buffer
}

/** At least one attribute. */
export type Rdn = readonly AttributeTypeAndValue[]

/** From the entry up to the root; empty for the root itself. */
export type Dn = readonly Rdn[]

/**
 * Parses a DN. Beyond RFC 4514 it takes what RFC 2253 took and clients still send: spaces around `=`, `,` and `+`, and
 * types such as `OID.2.5.4.3`. Throws WireError `dn-syntax` or `dn-too-long`; offsets in UTF-16 units.
 */
export function parseDn(text: string): Dn {
  if (text.length > dnLimits.length) throw new WireError('dn-too-long', dnLimits.length)
  const cursor: Cursor = { text, at: 0 }
  skipSpaces(cursor)
  if (cursor.at === text.length) return []
  const rdns: Rdn[] = []
  let rdn: AttributeTypeAndValue[] = []
  for (;;) {
    rdn.push(parseAttribute(cursor))
    const separator = text[cursor.at]
    if (separator === '+' && rdn.length === dnLimits.attributes) throw new WireError('dn-too-long', cursor.at)
    if (separator !== '+') {
      rdns.push(rdn)
      rdn = []
    }
    if (separator === undefined) return rdns
    if (rdns.length === dnLimits.rdns) throw new WireError('dn-too-long', cursor.at)
    cursor.at++
  }
}

/** The text of a DN, as RFC 4514 §2 writes it. */
export function formatDn(dn: Dn): string {
  return dn.map((rdn) => rdn.map(({ type, value }) => `${type}=${formatValue(value)}`).join('+')).join(',')
}

/**
 * The canonical spelling of each RDN: types in lower case and by name where they have one, values by `canonicalText`,
 * the attributes of a multi-valued RDN sorted. Two DNs name the same entry if and only if these lists are equal.
 */
export function canonicalRdns(dn: Dn | string): readonly string[] {
  const parsed = typeof dn === 'string' ? parseDn(dn) : dn
  return parsed.map((rdn) =>
    rdn
      .map(({ type, value }) => {
        const canonical = typeof value === 'string' ? canonicalText(value) : value
        return `${canonicalAttributeType(type)}=${formatValue(canonical)}`
      })
      .sort()
      .join('+'),
  )
}

/** `canonicalRdns` as one text. Never test it with `endsWith`: `\,dc=acme` ends a value, not a DN; see `isWithin`. */
export function canonicalDn(dn: Dn | string): string {
  return canonicalRdns(dn).join(',')
}

/** Is the entry `rdns` the entry `base`, or somewhere below it? Both as `canonicalRdns` gave them. */
export function isWithin(rdns: readonly string[], base: readonly string[]): boolean {
  const above = rdns.length - base.length
  return above >= 0 && base.every((rdn, i) => rdns[above + i] === rdn)
}

/**
 * Text as two spellings of one name have it in common: NFKC, lower case, spaces trimmed and squashed (RFC 4518 §2,
 * without its "map to nothing": invisible characters stay, and make a different name).
 */
export function canonicalText(text: string): string {
  const folded = text
    .normalize('NFKC')
    .toLowerCase()
    // toLowerCase writes a sigma differently at the end of a word; case folding does not.
    .replaceAll('ς', 'σ')
    .normalize('NFKC')
  return folded.replace(/\p{White_Space}+/gu, ' ').trim()
}

interface Cursor {
  readonly text: string
  at: number
}

const attributeType = /(?:oid\.)?\d+(?:\.\d+)+|[a-z][a-z0-9-]*/iy
const plainValue = /[^"+,;<>\\\0]+/y
const hexValue = /#((?:[0-9a-f]{2})+)/iy
const stringTags: ReadonlySet<number> = new Set([
  tags.octetString,
  tags.utf8String,
  tags.printableString,
  tags.ia5String,
])
const hexPairs = /(?:\\[0-9a-f]{2})+/iy
const escapable = ' "#+,;<=>\\'

function fail(at: number): never {
  throw new WireError('dn-syntax', at)
}

function skipSpaces(cursor: Cursor): void {
  while (cursor.text[cursor.at] === ' ') cursor.at++
}

function match(cursor: Cursor, pattern: RegExp): RegExpExecArray | null {
  pattern.lastIndex = cursor.at
  const found = pattern.exec(cursor.text)
  if (found !== null) cursor.at += found[0].length
  return found
}

// attributeTypeAndValue = attributeType "=" ( hexstring / string ), and the cursor stops at ",", "+" or the end
function parseAttribute(cursor: Cursor): AttributeTypeAndValue {
  skipSpaces(cursor)
  const type = match(cursor, attributeType)?.[0] ?? fail(cursor.at)
  skipSpaces(cursor)
  if (cursor.text[cursor.at] !== '=') fail(cursor.at)
  cursor.at++
  skipSpaces(cursor)
  const value = cursor.text[cursor.at] === '#' ? parseHexValue(cursor) : parseStringValue(cursor)
  const next = cursor.text[cursor.at]
  if (next !== undefined && next !== ',' && next !== '+') fail(cursor.at)
  return { type, value }
}

// hexstring = "#" 1*hexpair: the BER of the value (RFC 4514 §2.4)
function parseHexValue(cursor: Cursor): string | Buffer {
  const start = cursor.at
  const digits = match(cursor, hexValue)?.[1] ?? fail(start)
  skipSpaces(cursor)
  const ber = Buffer.from(digits, 'hex')
  try {
    const reader = new BerReader(ber)
    const tag = reader.peekTag()
    const contents = reader.octets(tag)
    reader.finish()
    return (stringTags.has(tag) ? utf8(contents) : null) ?? ber
  } catch {
    fail(start)
  }
}

// string = *( stringchar / pair ), pair = "\" ( "\" / special / hexpair ); hexpairs are octets of UTF-8
function parseStringValue(cursor: Cursor): string {
  const { text } = cursor
  let value = ''
  // Up to here spaces at the end were escaped, and belong to the value.
  let kept = 0
  for (;;) {
    value += match(cursor, plainValue)?.[0] ?? ''
    if (text[cursor.at] !== '\\') break
    const next = text.charAt(cursor.at + 1)
    if (next !== '' && escapable.includes(next)) {
      value += next
      cursor.at += 2
    } else {
      const start = cursor.at
      const pairs = match(cursor, hexPairs)?.[0] ?? fail(start)
      value += utf8(Buffer.from(pairs.replaceAll('\\', ''), 'hex')) ?? fail(start)
    }
    kept = value.length
  }
  let end = value.length
  while (end > kept && value[end - 1] === ' ') end--
  return value.slice(0, end)
}

function formatValue(value: string | Buffer): string {
  if (typeof value !== 'string') return `#${value.toString('hex')}`
  return value.replace(/["+,;<>\\\x00-\x1f\x7f]|^[ #]| $/g, (character) => {
    if (character > '\x1f' && character !== '\x7f') return `\\${character}`
    return `\\${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
