// Search filters (RFC 4511 §4.5.1.7): their tree, and its bytes. It does not know what they match; text filters are
// in filter-text.ts.
import { WireError } from '../../base/bytes.ts'
import type { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import type { BerWriter } from '../ber/writer.ts'
import { ldapLimits } from './limits.ts'

export type ComparisonKind = 'equalityMatch' | 'greaterOrEqual' | 'lessOrEqual' | 'approxMatch'

/** An empty `and` is true and an empty `or` is false (RFC 4526). */
export interface SetFilter {
  readonly kind: 'and' | 'or'
  readonly filters: readonly Filter[]
}

export interface NotFilter {
  readonly kind: 'not'
  readonly filter: Filter
}

export interface ComparisonFilter {
  readonly kind: ComparisonKind
  readonly attributeDesc: string
  readonly assertionValue: Buffer
}

/** At least one piece, and no piece empty. */
export interface SubstringsFilter {
  readonly kind: 'substrings'
  readonly attributeDesc: string
  readonly initial: Buffer | null
  readonly any: readonly Buffer[]
  readonly final: Buffer | null
}

export interface PresentFilter {
  readonly kind: 'present'
  readonly attributeDesc: string
}

export interface ExtensibleFilter {
  readonly kind: 'extensibleMatch'
  readonly matchingRule: string | null
  readonly type: string | null
  readonly matchValue: Buffer
  readonly dnAttributes: boolean
}

export type Filter =
  | SetFilter
  | NotFilter
  | ComparisonFilter
  | SubstringsFilter
  | PresentFilter
  | ExtensibleFilter

const filterTags = {
  and: 0xa0,
  or: 0xa1,
  not: 0xa2,
  equalityMatch: 0xa3,
  substrings: 0xa4,
  greaterOrEqual: 0xa5,
  lessOrEqual: 0xa6,
  present: 0x87,
  approxMatch: 0xa8,
  extensibleMatch: 0xa9,
} as const satisfies Record<Filter['kind'], number>

const kinds = new Map<number, Filter['kind']>(
  Object.entries(filterTags).map(([kind, tag]) => [tag, kind as Filter['kind']]),
)

// Filters and substring pieces still allowed in this message.
interface Budget {
  left: number
}

/**
 * Reads the filter that comes next. Recursion ends at `ldapLimits.filterDepth`.
 * Throws WireError: `filter-too-deep`, `filter-too-large`, `filter-unknown`, `filter-malformed`, or one of BerReader's.
 */
export function decodeFilter(reader: BerReader): Filter {
  return decodeAt(reader, 1, { left: ldapLimits.filterItems })
}

function decodeAt(reader: BerReader, depth: number, budget: Budget): Filter {
  if (depth > ldapLimits.filterDepth) throw new WireError('filter-too-deep', reader.offset)
  spend(budget, reader)
  const tag = reader.peekTag()
  if (tag === -1) throw new WireError('truncated', reader.offset)
  const kind = kinds.get(tag)
  if (kind === undefined) throw new WireError('filter-unknown', reader.offset)
  switch (kind) {
    case 'and':
    case 'or': {
      const inner = reader.enter(tag)
      const filters: Filter[] = []
      while (!inner.atEnd) filters.push(decodeAt(inner, depth + 1, budget))
      return { kind, filters }
    }
    case 'not': {
      const inner = reader.enter(tag)
      const filter = decodeAt(inner, depth + 1, budget)
      inner.finish()
      return { kind, filter }
    }
    case 'present':
      return { kind, attributeDesc: reader.text(tag) }
    case 'substrings':
      return decodeSubstrings(reader.enter(tag), budget)
    case 'extensibleMatch':
      return decodeExtensible(reader.enter(tag))
    default: {
      const inner = reader.enter(tag)
      const attributeDesc = inner.text()
      const assertionValue = inner.octets()
      inner.finish()
      return { kind, attributeDesc, assertionValue }
    }
  }
}

function spend(budget: Budget, reader: BerReader): void {
  if (--budget.left < 0) throw new WireError('filter-too-large', reader.offset)
}

// SEQUENCE { type, substrings SEQUENCE OF CHOICE { initial [0], any [1], final [2] } }
function decodeSubstrings(reader: BerReader, budget: Budget): SubstringsFilter {
  const attributeDesc = reader.text()
  const pieces = reader.enter(tags.sequence)
  reader.finish()
  let initial: Buffer | null = null
  const any: Buffer[] = []
  let final: Buffer | null = null
  const start = pieces.offset
  if (pieces.atEnd) throw new WireError('filter-malformed', start)
  while (!pieces.atEnd) {
    spend(budget, pieces)
    const at = pieces.offset
    const tag = pieces.peekTag()
    // `initial` comes first and `final` last, each at most once (RFC 4511 §4.5.1.7.2).
    if (final !== null || (tag === 0x80 && at !== start)) throw new WireError('filter-malformed', at)
    if (tag !== 0x80 && tag !== 0x81 && tag !== 0x82) throw new WireError('filter-malformed', at)
    const piece = pieces.octets(tag)
    // A piece has at least one character (RFC 4517 §3.3.30).
    if (piece.length === 0) throw new WireError('filter-malformed', at)
    if (tag === 0x80) initial = piece
    else if (tag === 0x81) any.push(piece)
    else final = piece
  }
  return { kind: 'substrings', attributeDesc, initial, any, final }
}

// SEQUENCE { matchingRule [1] OPTIONAL, type [2] OPTIONAL, matchValue [3], dnAttributes [4] DEFAULT FALSE }
function decodeExtensible(reader: BerReader): ExtensibleFilter {
  const at = reader.offset
  const matchingRule = reader.peekTag() === 0x81 ? reader.text(0x81) : null
  const type = reader.peekTag() === 0x82 ? reader.text(0x82) : null
  const matchValue = reader.octets(0x83)
  const dnAttributes = reader.peekTag() === 0x84 ? reader.boolean(0x84) : false
  reader.finish()
  // Without a rule there must be a type (RFC 4511 §4.5.1.7.7).
  if (matchingRule === null && type === null) throw new WireError('filter-malformed', at)
  return { kind: 'extensibleMatch', matchingRule, type, matchValue, dnAttributes }
}

/** Writes a filter. */
export function encodeFilter(writer: BerWriter, filter: Filter): void {
  const tag = filterTags[filter.kind]
  if (filter.kind === 'present') {
    writer.text(filter.attributeDesc, tag)
    return
  }
  const mark = writer.begin(tag)
  switch (filter.kind) {
    case 'and':
    case 'or':
      for (const inner of filter.filters) encodeFilter(writer, inner)
      break
    case 'not':
      encodeFilter(writer, filter.filter)
      break
    case 'substrings': {
      writer.text(filter.attributeDesc)
      const pieces = writer.begin()
      if (filter.initial !== null) writer.octets(filter.initial, 0x80)
      for (const piece of filter.any) writer.octets(piece, 0x81)
      if (filter.final !== null) writer.octets(filter.final, 0x82)
      writer.end(pieces)
      break
    }
    case 'extensibleMatch':
      if (filter.matchingRule !== null) writer.text(filter.matchingRule, 0x81)
      if (filter.type !== null) writer.text(filter.type, 0x82)
      writer.octets(filter.matchValue, 0x83)
      if (filter.dnAttributes) writer.boolean(true, 0x84)
      break
    default:
      writer.text(filter.attributeDesc)
      writer.octets(filter.assertionValue)
  }
  writer.end(mark)
}
