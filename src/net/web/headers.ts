// What every page says to the browser beside its text: run and load nothing that the page did not name by its nonce, be
// framed by nobody, be kept by no cache.
import { randomBytes } from 'node:crypto'
import type { FastifyReply } from 'fastify'

export interface PageHeaders {
  readonly nonce: string
  readonly publicUrl: string
  /** URLs of others to which the one form of this page goes by itself. */
  readonly formTargets?: readonly string[]
}

const nonceBytes = 18

/** 144 random bits for one answer. */
export const newNonce = (): string => randomBytes(nonceBytes).toString('base64')

const fixed = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'permissions-policy':
    'camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-get=(self)',
} as const

/** The headers of a page. Throws TypeError where a form target is no URL. */
export function pageHeaders({ nonce, publicUrl, formTargets = [] }: PageHeaders): Record<string, string> {
  const targets = formTargets.flatMap(sourcesOf)
  return {
    ...fixed,
    'content-security-policy': [
      `default-src 'none'`,
      `style-src 'nonce-${nonce}'`,
      `script-src 'nonce-${nonce}'`,
      `img-src 'self' data:`,
      `connect-src 'self'`,
      ['form-action', `'self'`, ...new Set(targets)].join(' '),
      `base-uri 'none'`,
      `frame-ancestors 'none'`,
    ].join('; '),
    // With no-referrer, browsers send `Origin: null` with our own forms; with same-origin, with the forms that go to others, and
    // some of those refuse it (Fetch §3.2, "append a request Origin header").
    'referrer-policy': targets.length > 0 ? 'strict-origin' : 'same-origin',
    ...(publicUrl.startsWith('https:') && { 'strict-transport-security': 'max-age=31536000' }),
  }
}

/** Sends a page with its headers. */
export function sendPage(
  reply: FastifyReply,
  status: number,
  page: string,
  options: PageHeaders,
): FastifyReply {
  return reply.code(status).headers(pageHeaders(options)).send(page)
}

/**
 * Chromium applies form-action to every redirect that follows the form, and the application at the other end goes on to hosts of
 * its own that nobody has registered. So what is allowed is the scheme; over http, this machine. (A host-source has no room for an
 * IPv6 address, CSP3 §2.3.1: there, the scheme has to do.)
 */
function sourcesOf(target: string): readonly string[] {
  const { protocol, hostname } = new URL(target)
  if (protocol === 'https:') return ['https:']
  if (protocol !== 'http:') throw new TypeError(`no page sends a form to ${protocol}`)
  return hostname.startsWith('[') ? ['http:'] : ['http://127.0.0.1:*', 'http://localhost:*']
}
