// Who is at a page, as far as the wire tells: address, transport, browser, the session's token. A web scope of Fastify gets it
// on each request, together with forms as the only bodies; whether the session is worth anything, core decides.
import { createHash } from 'node:crypto'
import cookie from '@fastify/cookie'
import formbody from '@fastify/formbody'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Cidr } from '../../base/ip.ts'
import { clientAddress } from '../http.ts'
import { newToken, type WebCookies, webCookies } from './cookies.ts'
import { newNonce } from './headers.ts'
import { csrfToken, type FormRefusal, refuseForm } from './origin.ts'
import { isSecured } from './secured.ts'

export interface Visitor {
  /** Canonical; null where it cannot be established. */
  readonly peer: string | null
  /** Did the client's own leg of the way have TLS? */
  readonly secured: boolean
  /** What is under way is bound to this: a digest of the browser's cookie, which is therefore nowhere in what is kept. */
  readonly browser: string
  /** Did the browser bring the id itself? False on its first request, and on a POST from another site. */
  readonly isBrowserKnown: boolean
  /** The value of the cookie that Fastify gives a new browser with its answer, for whoever answers past Fastify; otherwise null. */
  readonly newBrowser: string | null
  readonly sessionToken: string | null
  /** At most 200 printable characters. */
  readonly userAgent: string
  /** For the Content-Security-Policy of this answer. */
  readonly nonce: string
  /** The value of the hidden field `csrf` of a form for this purpose. */
  csrf(purpose: string): string
}

/** What the web doors share, made once in app.ts. */
export interface WebGround {
  /** A function, because the port of the default is known only once it is bound. */
  publicUrl(): string
  readonly trustedProxies: readonly Cidr[]
  /** 32 random bytes, the same in all processes. */
  readonly csrfKey: Uint8Array
}

declare module 'fastify' {
  interface FastifyRequest {
    visitor: Visitor
  }
}

const formLimit = 64 * 1024
const longestUserAgent = 200
const slug = /^[a-z0-9-]{1,63}$/

/**
 * Makes `scope` a web scope: `request.visitor` on each request, application/x-www-form-urlencoded as the only body (64 KiB where the
 * route names no `bodyLimit`; anything else is 415), read by `formOf`. The organization is the route's `:slug`.
 */
export async function webScope(scope: FastifyInstance, ground: WebGround): Promise<void> {
  scope.addHook('onRoute', (route) => {
    route.bodyLimit ??= formLimit
  })
  scope.removeAllContentTypeParsers()
  // Registered as values of this scope: both plugins break out of their own.
  await scope.register(formbody, { parser: (text) => new URLSearchParams(text) as never })
  await scope.register(cookie)
  scope.decorateRequest('visitor', null as unknown as Visitor)
  scope.addHook('onRequest', async (request, reply) => {
    request.visitor = visit(request, reply, ground)
    // What names a person, or sets a cookie, is nobody else's, and no cache's; an answer may say otherwise.
    reply.header('cache-control', 'no-store')
  })
}

/** The form of a POST; empty where there is none. */
export function formOf(request: FastifyRequest): URLSearchParams {
  return request.body instanceof URLSearchParams ? request.body : new URLSearchParams()
}

/** Why a POST may not be acted upon, or null where one of our own pages sent it for this purpose. */
export function refusePost(request: FastifyRequest, ground: WebGround, purpose: string): FormRefusal | null {
  const { headers, visitor } = request
  const [given = null, ...more] = formOf(request).getAll('csrf')
  return refuseForm({
    headers,
    publicUrl: ground.publicUrl(),
    expected: visitor.csrf(purpose),
    given: more.length === 0 ? given : null,
  })
}

/** The cookies of a ground. */
export const cookiesOf = (ground: WebGround): WebCookies => webCookies(ground.publicUrl())

/** The route's `:slug`, or '' where it cannot be that of an organization. */
export function slugOf(request: FastifyRequest): string {
  const { slug: given } = request.params as { readonly slug?: string }
  return given !== undefined && slug.test(given) ? given : ''
}

function visit(request: FastifyRequest, reply: FastifyReply, ground: WebGround): Visitor {
  const { raw, headers, cookies } = request
  const organization = slugOf(request)
  const jar = cookiesOf(ground)
  const known = organization === '' ? { session: null, browser: null } : jar.read(cookies, organization)
  const token = known.browser ?? newToken()
  // SameSite=Lax withholds the cookies from another site's POST: a new one there would replace the one that the browser has, and
  // with it all that is under way in its other tabs.
  const isSafe = request.method === 'GET' || request.method === 'HEAD'
  const newBrowser = known.browser === null && isSafe && organization !== '' ? token : null
  if (newBrowser !== null) jar.setBrowser(reply, organization, newBrowser)
  const browser = createHash('sha256').update(token).digest('base64url')
  const peer = clientAddress(raw.socket.remoteAddress, headers, ground.trustedProxies)
  return {
    peer,
    secured: peer !== null && isSecured(raw, ground.trustedProxies),
    browser,
    isBrowserKnown: known.browser !== null,
    newBrowser,
    sessionToken: known.session,
    userAgent: printable(headers['user-agent'] ?? ''),
    nonce: newNonce(),
    csrf: (purpose) => csrfToken(ground.csrfKey, browser, purpose),
  }
}

const printable = (text: string): string =>
  text
    .slice(0, 4 * longestUserAgent)
    .replace(/[^\x20-\x7e]/g, '')
    .trim()
    .slice(0, longestUserAgent)
