// Values of the syntaxes that are not simply text (RFC 4517): written into entries, and read from assertions.

/** `20260301120000Z`: to the second, as every client can read it. */
export const formatTime = (date: Date): string => date.toISOString().replace(/[-:T]|\.\d+/g, '')

export const formatBoolean = (value: boolean): string => (value ? 'TRUE' : 'FALSE')

const time = /^(\d{4})(\d\d)(\d\d)(\d\d)(?:(\d\d)(?:(\d\d)(?:[.,](\d{1,9}))?)?)?(?:(Z)|([+-])(\d\d)(\d\d)?)$/

/** GeneralizedTime (RFC 4517 §3.3.13); null where it is none, or has a fraction of a minute or an hour. */
export function parseTime(text: string): Date | null {
  const found = time.exec(text)
  if (found === null) return null
  const [
    ,
    year,
    month,
    day,
    hour,
    minute = '00',
    second = '00',
    fraction = '0',
    ,
    sign,
    hours,
    minutes = '00',
  ] = found
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}.${fraction.padEnd(3, '0').slice(0, 3)}Z`
  const ms = Date.parse(written)
  if (Number.isNaN(ms)) return null
  const offset = sign === undefined ? 0 : (Number(hours) * 60 + Number(minutes)) * 60_000
  return new Date(sign === '-' ? ms + offset : ms - offset)
}

export function parseBoolean(text: string): boolean | null {
  const upper = text.trim().toUpperCase()
  return upper === 'TRUE' ? true : upper === 'FALSE' ? false : null
}

export function parseInteger(text: string): number | null {
  return /^-?(?:0|[1-9]\d{0,30})$/.test(text.trim()) ? Number(text) : null
}

export function parseNumber(text: string): number | null {
  return /^-?\d{1,30}(?:\.\d{1,30})?(?:e[+-]?\d{1,3})?$/i.test(text.trim()) ? Number(text) : null
}
