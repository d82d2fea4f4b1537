// Comparisons of texts as bytes: each gives the answer that its closure gives for the text, without making a string of it.
import type { AttributeValue } from '../../directory/types.ts'
import type { CompareOp } from '../language/syntax.ts'
import type { TermTest } from './column.ts'

/** Stands after every text, and in none: no byte of UTF-8 has this value. */
export const terminator = 0xff

/** Does the comparison hold for the text in the bytes from `from` to before `to`? */
export type BytesTest = (bytes: Buffer, from: number, to: number) => boolean

/**
 * The positive test of one text (for `ne`: that of `eq`). What there is no quicker way for is decoded and asked of the
 * closure; `wrap` makes of a text the value of a subject that has no other.
 */
export function bytesTest(test: TermTest, wrap: (text: string) => AttributeValue): BytesTest {
  const { term, negated } = test
  const isVersion = term.attribute.type === 'version'
  if (term.kind === 'in' && !isVersion) return isOneOf(term.values as readonly string[])
  const sought = soughtBytes(test)
  if (sought !== null && term.kind === 'compare') {
    if (term.op === 'co') return contains(sought)
    if (term.op === 'sw') return startsWith(sought)
    if (term.op === 'ew') return endsWith(sought)
    if (!isVersion) return term.op === 'eq' || negated ? equals(sought) : isOrdered(term.op, sought)
  }
  return (bytes, from, to) => test.holds(wrap(bytes.toString('utf8', from, to))) !== negated
}

/** What a text is compared with; null where that is no well-formed text. */
export function soughtBytes({ term }: TermTest): Buffer | null {
  if (term.kind !== 'compare' || typeof term.value !== 'string') return null
  return term.value.isWellFormed() ? Buffer.from(term.value) : null
}

function equals(sought: Uint8Array): BytesTest {
  const { length } = sought
  return (bytes, from, to) => to - from === length && isAt(bytes, from, sought)
}

function startsWith(sought: Uint8Array): BytesTest {
  const { length } = sought
  return (bytes, from, to) => to - from >= length && isAt(bytes, from, sought)
}

function endsWith(sought: Uint8Array): BytesTest {
  const { length } = sought
  return (bytes, from, to) => to - from >= length && isAt(bytes, to - length, sought)
}

function isAt(bytes: Uint8Array, at: number, sought: Uint8Array): boolean {
  for (let i = 0; i < sought.length; i++) if (bytes[at + i] !== sought[i]) return false
  return true
}

function contains(sought: Uint8Array): BytesTest {
  const first = sought[0]
  const { length } = sought
  return (bytes, from, to) => {
    for (let at = from; at <= to - length; at++) {
      if (bytes[at] === first && isAt(bytes, at, sought)) return true
    }
    return false
  }
}

/** The order of code points is that of their bytes in UTF-8. */
function isOrdered(op: CompareOp, sought: Uint8Array): BytesTest {
  const before = op === 'lt' || op === 'le'
  const equal = op === 'le' || op === 'ge'
  const after = !before
  return (bytes, from, to) => {
    const length = Math.min(to - from, sought.length)
    for (let i = 0; i < length; i++) {
      const difference = (bytes[from + i] as number) - (sought[i] as number)
      if (difference !== 0) return difference > 0 ? after : before
    }
    const difference = to - from - sought.length
    return difference === 0 ? equal : difference > 0 ? after : before
  }
}

/** Open addressing over hashes of the texts; those that are not well-formed are in no bytes. */
function isOneOf(texts: readonly string[]): BytesTest {
  const known = texts.filter((text) => text.isWellFormed()).map((text) => Buffer.from(text))
  const longest = known.reduce((most, { length }) => Math.max(most, length), 0)
  const lengths = new Uint8Array(longest + 1)
  const slots = new Uint32Array(2 ** Math.ceil(Math.log2(known.length * 2 + 2)))
  const last = slots.length - 1
  for (const [i, text] of known.entries()) {
    lengths[text.length] = 1
    let slot = hash(text, 0, text.length) & last
    while (slots[slot] !== 0) slot = (slot + 1) & last
    slots[slot] = i + 1
  }
  return (bytes, from, to) => {
    if (lengths[to - from] !== 1) return false
    for (let slot = hash(bytes, from, to) & last; slots[slot] !== 0; slot = (slot + 1) & last) {
      const text = known[(slots[slot] as number) - 1] as Buffer
      if (text.length === to - from && isAt(bytes, from, text)) return true
    }
    return false
  }
}

/** FNV-1a, its bits mixed once more because only the lowest are used. */
function hash(bytes: Uint8Array, from: number, to: number): number {
  let hash = 0x811c9dc5
  for (let at = from; at < to; at++) hash = Math.imul(hash ^ (bytes[at] as number), 0x01000193)
  return hash ^ (hash >>> 15)
}
