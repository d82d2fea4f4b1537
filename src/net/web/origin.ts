// Was this form sent by one of our own pages? Three independent signs have to agree: the browser's Origin, its Sec-Fetch-Site
// where it sends one, and a token that only a page given to this very browser contains.
import { createHmac, timingSafeEqual } from 'node:crypto'

export type FormRefusal = 'media-type' | 'origin' | 'fetch-site' | 'token'

export interface FormHeaders {
  readonly origin?: string | undefined
  readonly host?: string | undefined
  readonly 'content-type'?: string | undefined
  readonly 'sec-fetch-site'?: string | readonly string[] | undefined
}

export interface FormQuestion {
  readonly headers: FormHeaders
  readonly publicUrl: string
  /** Did the request arrive over TLS, as far as we can know? */
  readonly secured: boolean
  /** What the field `csrf` has to hold: `visitor.csrf(purpose)`. */
  readonly expected: string
  /** What it holds. */
  readonly given: string | null
}

/** Why a form may not be acted upon, or null where it came from a page of ours. */
export function refuseForm({
  headers,
  publicUrl,
  secured,
  expected,
  given,
}: FormQuestion): FormRefusal | null {
  if (mediaTypeOf(headers['content-type']) !== 'application/x-www-form-urlencoded') return 'media-type'
  if (!isOwnOrigin(headers, publicUrl, secured)) return 'origin'
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin') return 'fetch-site'
  return given !== null && isSame(given, expected) ? null : 'token'
}

/** The token of one purpose for one browser; nothing is stored, and one purpose's token is no use for another. */
export function csrfToken(key: Uint8Array, browser: string, purpose: string): string {
  return createHmac('sha256', key).update(`csrf\n${browser}\n${purpose}`).digest('base64url')
}

/**
 * Every browser of this decade sends Origin with a POST, so one without it is refused, and so is `null` (a sandboxed frame, or a
 * redirect across origins). Beside the public URL counts the host that the request itself names: the sample is used as
 * localhost and as 127.0.0.1. A name of somebody else's that leads here has none of our cookies, and so no token.
 */
function isOwnOrigin({ origin, host }: FormHeaders, publicUrl: string, secured: boolean): boolean {
  if (origin === undefined || origin === 'null') return false
  if (origin === new URL(publicUrl).origin) return true
  const own = `${secured ? 'https' : 'http'}://${host ?? ''}`
  return URL.canParse(own) && new URL(own).origin === origin
}

const mediaTypeOf = (header: string | undefined) => header?.split(';', 1)[0]?.trim().toLowerCase()

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
