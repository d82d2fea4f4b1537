// Comparisons of stored fields with texts from the wire, by syntax; and of two fields joined by a space, which is how the
// common name of a user without a display name reads.
import { isId } from '../../base/ids.ts'
import type { Condition, Field } from '../../core/directory/condition.ts'
import { allOf, anyOf, no, unknown } from './fold.ts'
import type { Source } from './layout.ts'
import { parseBoolean, parseInteger, parseNumber, parseTime } from './values.ts'

/** First the initial piece and last the final one, either of which may be empty. */
export type Pieces = readonly string[]

/** Beyond it a text is tried at no further place where two fields may meet. */
const mostMeetings = 32
const mostPieces = 16
/** Fields hold 256 characters each. */
const longestJoined = 520

export function compareField(
  { field, syntax }: Extract<Source, { kind: 'field' }>,
  op: 'eq' | 'ge' | 'le',
  text: string,
): Condition {
  switch (syntax) {
    case 'text':
      return { op, field, value: text.trim() }
    case 'integer':
    case 'number': {
      const value = syntax === 'integer' ? parseInteger(text) : parseNumber(text)
      return value === null ? unknown : { op, field, value }
    }
    case 'boolean': {
      const value = parseBoolean(text)
      return value === null || op !== 'eq' ? unknown : { op, field, value }
    }
    case 'uuid': {
      const id = text.toLowerCase()
      return isId(id) ? { op, field, value: id } : unknown
    }
    case 'time': {
      const value = parseTime(text)
      return value === null ? unknown : compareTime(field, op, value)
    }
    default:
      return syntax satisfies never
  }
}

/** Entries show times to the second, so a stored time counts as the second that it is in. */
function compareTime(field: Field, op: 'eq' | 'ge' | 'le', value: Date): Condition {
  const second = Math.floor(value.getTime() / 1000) * 1000
  const from: Condition = { op: 'ge', field, value: new Date(second) }
  const before: Condition = { op: 'lt', field, value: new Date(second + 1000) }
  const isWhole = second === value.getTime()
  if (op === 'le') return before
  if (op === 'eq') return isWhole ? { op: 'and', of: [from, before] } : no
  return isWhole ? from : { op: 'ge', field, value: new Date(second + 1000) }
}

/** The fields' texts, joined by a space, are this text. */
export function joinedEquals(fields: readonly Field[], text: string): Condition {
  const [first, second] = fields
  if (first === undefined) return no
  if (second === undefined) return { op: 'eq', field: first, value: text.trim() }
  const trimmed = text.trim()
  if (trimmed.length > longestJoined) return no
  return anyOf(
    meetings(trimmed).map((at) =>
      allOf([
        { op: 'eq', field: first, value: trimmed.slice(0, at) },
        { op: 'eq', field: second, value: trimmed.slice(at + 1) },
      ]),
    ),
  )
}

/** The fields' texts, joined by a space, hold these pieces in this order. */
export function joinedSubstring(fields: readonly Field[], pieces: Pieces): Condition {
  const [first, second] = fields
  if (first === undefined) return no
  if (second === undefined) return substring(first, pieces)
  if (pieces.length > mostPieces) return unknown
  if (pieces.reduce((sum, piece) => sum + piece.length, 0) > longestJoined) return no
  const ways: Condition[] = []
  pieces.forEach((piece, index) => {
    // The fields meet between this piece and the next …
    if (index < pieces.length - 1) {
      ways.push(
        allOf([
          substring(first, [...pieces.slice(0, index + 1), '']),
          substring(second, ['', ...pieces.slice(index + 1)]),
        ]),
      )
    }
    // … or at a space within it.
    for (const at of meetings(piece)) {
      ways.push(
        allOf([
          substring(first, [...pieces.slice(0, index), piece.slice(0, at)]),
          substring(second, [piece.slice(at + 1), ...pieces.slice(index + 1)]),
        ]),
      )
    }
  })
  return anyOf(ways)
}

function meetings(text: string): readonly number[] {
  const places: number[] = []
  for (let at = text.indexOf(' '); at >= 0 && places.length < mostMeetings; at = text.indexOf(' ', at + 1)) {
    places.push(at)
  }
  return places
}

/** A single piece is the whole text; empty pieces in the middle say nothing. */
function substring(field: Field, pieces: Pieces): Condition {
  const [initial = '', ...rest] = pieces
  const final = rest.pop()
  if (final === undefined) return { op: 'eq', field, value: initial }
  const any = rest.filter((piece) => piece !== '')
  if (initial === '' && final === '' && any.length === 0) return { op: 'present', field }
  return { op: 'substring', field, initial, any, final }
}
