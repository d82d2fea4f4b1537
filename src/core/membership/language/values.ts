// How values compare: folding, code-point order, versions and instants. Every evaluator of rules uses these.

/** The one way to take case out of a text. Folding twice changes nothing. */
export function fold(text: string): string {
  if (isAscii(text)) return text.toLowerCase()
  // Lower case can leave composed form, and writes a sigma at the end of a word differently.
  return text.normalize('NFC').toLowerCase().replaceAll('ς', 'σ').normalize('NFC')
}

const isAscii = (text: string): boolean => !/[^\x00-\x7f]/.test(text)

/** Code-point order, which is also the byte order of UTF-8: negative, zero or positive. JavaScript's `<` differs. */
export function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a.charCodeAt(index)
    const right = b.charCodeAt(index)
    if (left !== right) return rank(left) - rank(right)
  }
  return a.length - b.length
}

/** Surrogates stand for the highest code points, but their units lie below U+E000. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}

/** A version as its runs of digits (without leading zeros) and of letters (folded). */
export type Version = readonly string[]

export function parseVersion(text: string): Version {
  const runs = fold(text).match(/[0-9]+|\p{L}+/gu) ?? []
  return runs.map((run) => run.replace(/^0+(?=[0-9])/, ''))
}

const startsWithDigit = (run: string): boolean => run >= '0' && run < ':'

/**
 * Part by part: numbers as numbers, letters by code point, letters before numbers (2.0-beta before 2.0). Parts that are
 * missing count as 0, so that 14 and 14.0 are equal.
 */
export function compareVersions(a: Version, b: Version): number {
  const length = Math.max(a.length, b.length)
  for (let index = 0; index < length; index++) {
    const left = a[index] ?? '0'
    const right = b[index] ?? '0'
    if (left === right) continue
    const leftIsNumber = startsWithDigit(left)
    if (leftIsNumber !== startsWithDigit(right)) return leftIsNumber ? 1 : -1
    if (leftIsNumber && left.length !== right.length) return left.length - right.length
    return compareTexts(left, right)
  }
  return 0
}

const instant =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})(?:T([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,9}))?)?(Z|[+-][0-9]{2}:[0-9]{2}))?$/i

/**
 * Epoch milliseconds of an RFC 3339 date-time (seconds may be left out) or of a date, which begins at midnight UTC.
 * Undefined where it is neither: a date-time without its zone is no instant.
 */
export function parseInstant(text: string): number | undefined {
  const found = instant.exec(text)
  if (!found) return undefined
  const [year, month, day, hour, minute, second] = found.slice(1, 7).map((part) => Number(part ?? 0)) as Parts
  const fraction = Number(`0.${found[7] ?? '0'}`)
  const zone = found[8] === undefined || /z/i.test(found[8]) ? 0 : zoneMinutes(found[8])
  if (hour > 23 || minute > 59 || second > 59 || zone === undefined) return undefined
  const start = new Date(0)
  start.setUTCFullYear(year, month - 1, day)
  // A day that its month does not have has rolled over into the next one.
  if (start.getUTCMonth() !== month - 1 || start.getUTCDate() !== day) return undefined
  start.setUTCHours(hour, minute - zone, second, Math.floor(fraction * 1000))
  return start.getTime()
}

type Parts = [number, number, number, number, number, number]

function zoneMinutes(zone: string): number | undefined {
  const hours = Number(zone.slice(1, 3))
  const minutes = Number(zone.slice(4, 6))
  if (hours > 23 || minutes > 59) return undefined
  return (zone.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
}
