// Was this form sent by one of our own pages? Three independent signs have to agree: the browser's Origin, its Sec-Fetch-Site
// where it sends one, and a token that only a page given to this very browser contains.
import { createHmac, timingSafeEqual } from 'node:crypto'
import { isPlainLoopback } from './cookies.ts'

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
  /** What the field `csrf` has to hold: `visitor.csrf(purpose)`. */
  readonly expected: string
  /** What it holds. */
  readonly given: string | null
}

/** Why a form may not be acted upon, or null where it came from a page of ours. */
export function refuseForm({ headers, publicUrl, expected, given }: FormQuestion): FormRefusal | null {
  if (mediaTypeOf(headers['content-type']) !== 'application/x-www-form-urlencoded') return 'media-type'
  if (!isOwnOrigin(headers, publicUrl)) return 'origin'
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
 * redirect across origins). On the machine where Muster is tried, it is used as localhost and as 127.0.0.1: there the host that
 * the request names counts beside the public URL. Anywhere else only the public URL does, because the cookies are made for it.
 */
function isOwnOrigin({ origin, host }: FormHeaders, publicUrl: string): boolean {
  if (origin === undefined || origin === 'null') return false
  if (origin === new URL(publicUrl).origin) return true
  const own = `http://${host ?? ''}`
  return (
    isPlainLoopback(publicUrl) && URL.canParse(own) && isPlainLoopback(own) && new URL(own).origin === origin
  )
}

const mediaTypeOf = (header: string | undefined) => header?.split(';', 1)[0]?.trim().toLowerCase()

function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)]
  return a.length === b.length && timingSafeEqual(a, b)
}
