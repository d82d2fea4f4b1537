// The two cookies of the web doors: the session's token and the id that binds what is under way to its browser. Both are
// random, opaque and per organization; what they mean, the server alone knows.
import { randomBytes } from 'node:crypto'
import type { FastifyReply } from 'fastify'

export interface WebCookies {
  /** Values that are not exactly a token are treated as absent. */
  read(cookies: Readonly<Record<string, string | undefined>>, slug: string): ReadCookies
  setSession(reply: FastifyReply, slug: string, token: string): void
  clearSession(reply: FastifyReply, slug: string): void
  setBrowser(reply: FastifyReply, slug: string, id: string): void
}

export interface ReadCookies {
  readonly session: string | null
  readonly browser: string | null
}

const tokenBytes = 32
const token = /^[A-Za-z0-9_-]{43}$/
const loopbackHosts = new Set(['localhost', '127.0.0.1', '[::1]'])

/** 256 random bits, base64url. */
export const newToken = (): string => randomBytes(tokenBytes).toString('base64url')

/** Has this text the shape of what `newToken` gives? */
export const isToken = (text: string): boolean => token.test(text)

/** A public URL on which browsers accept no Secure cookie: plain HTTP on this very machine, for trying. */
export function isPlainLoopback(publicUrl: string): boolean {
  const { protocol, hostname } = new URL(publicUrl)
  return protocol === 'http:' && loopbackHosts.has(hostname)
}

/**
 * Cookies for pages below `publicUrl`. The prefix `__Host-` keeps neighbours and subdomains from writing them
 * (RFC 6265bis §4.1.3.2); it demands Secure and Path=/, so the organization is told apart by the name. Any other plain HTTP gets
 * the same names: browsers refuse them there, and nobody is signed in over a network in clear.
 */
export function webCookies(publicUrl: string): WebCookies {
  const isPlain = isPlainLoopback(publicUrl)
  const prefix = isPlain ? '' : '__Host-'
  const attributes = { path: '/', httpOnly: true, sameSite: 'lax', secure: !isPlain } as const
  const nameOf = (what: 'session' | 'browser', slug: string) => `${prefix}muster-${what}-${slug}`
  const value = (text: string | undefined) => (text !== undefined && isToken(text) ? text : null)
  return {
    read: (cookies, slug) => ({
      session: value(cookies[nameOf('session', slug)]),
      browser: value(cookies[nameOf('browser', slug)]),
    }),
    setSession: (reply, slug, given) => void reply.setCookie(nameOf('session', slug), given, attributes),
    clearSession: (reply, slug) => void reply.clearCookie(nameOf('session', slug), attributes),
    setBrowser: (reply, slug, id) => void reply.setCookie(nameOf('browser', slug), id, attributes),
  }
}
