// Does a request come by the public URL? Cookies and forms are good under that name alone, so whoever comes by another is told
// before anything is typed, rather than refused afterwards.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Cidr, contains, parseAddress } from '../../base/ip.ts'
import { isPlainLoopback } from './cookies.ts'
import { sendPage } from './headers.ts'
import { slugOf, type WebGround } from './visitor.ts'

/** Why nobody can sign in by the address of a request. */
export interface Astray {
  readonly publicUrl: string
  /** The public URL is one on which browsers keep no cookies. */
  readonly isInClear: boolean
  /** Where the same is at the public URL. */
  readonly url: string
  /** The name in use; null where it is none. */
  readonly host: string | null
}

/** Do browsers keep our cookies there? See `webCookies`. */
export const keepsCookies = (publicUrl: string): boolean =>
  publicUrl.startsWith('https:') || isPlainLoopback(publicUrl)

/** As in `isOwnOrigin`: the public URL, or on the machine where Muster is tried, any of its loopback names. */
export function isAtHome({ headers, raw }: FastifyRequest, ground: Address): boolean {
  const own = new URL(ground.publicUrl())
  // The browser's own word for where a form belongs, whatever a proxy makes of the name.
  if (headers.origin === own.origin) return true
  const host = hostOf({ headers, raw }, ground)
  if (host === null) return false
  if (new URL(`${own.protocol}//${host}`).host === own.host) return true
  if (isPlainLoopback(own.href)) return isPlainLoopback(`http://${host}`)
  return isProxied(raw, ground) && isOfProxy(host, headers, raw.socket.localPort)
}

/**
 * A hook for scopes whose pages are of use at the public URL only: the others get the page of `pageOf` in their place. `pageOf` gives
 * a document; nothing in `Astray` is escaped.
 */
export function homeOnly(
  ground: WebGround,
  pageOf: (request: FastifyRequest, astray: Astray) => Promise<string>,
) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<unknown> => {
    const publicUrl = ground.publicUrl()
    const isInClear = !keepsCookies(publicUrl)
    if (!isInClear && isAtHome(request, ground)) return undefined
    const isForm = request.method === 'POST'
    const { pathname } = new URL(isForm ? `/o/${slugOf(request)}/portal` : request.url, publicUrl)
    const host = hostOf(request, ground)
    const page = await pageOf(request, { publicUrl, isInClear, url: `${publicUrl}${pathname}`, host })
    // RFC 9110 §15.5.20: nothing is answered under this name.
    return sendPage(reply, isInClear ? 403 : 421, page, { nonce: request.visitor.nonce, publicUrl })
  }
}

type Address = Pick<WebGround, 'publicUrl' | 'trustedProxies'>
type Named = Pick<FastifyRequest, 'headers' | 'raw'>

const name = /^(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/

/** The name, and port, that the browser used; null where it is none. */
function hostOf({ headers, raw }: Named, ground: Address): string | null {
  const [told] = [isProxied(raw, ground) ? headers['x-forwarded-host'] : undefined].flat()
  const host = told?.split(',', 1)[0]?.trim() ?? headers.host ?? ''
  return name.test(host) && URL.canParse(`http://${host}`) ? host : null
}

/** A proxy may put its own name for us in the place of the one that people use, and then nothing is known of that. */
function isOfProxy(host: string, headers: Named['headers'], ownPort: number | undefined): boolean {
  if (headers['x-forwarded-host'] !== undefined) return false
  const { hostname, port } = new URL(`http://${host}`)
  return !hostname.includes('.') || hostname === '127.0.0.1' || Number(port || 80) === ownPort
}

function isProxied(
  { socket }: Named['raw'],
  { trustedProxies }: { trustedProxies: readonly Cidr[] },
): boolean {
  const peer = parseAddress(socket.remoteAddress ?? '')
  return peer !== null && trustedProxies.some((network) => contains(network, peer))
}
