// Tells the administrator, once for each, of a reverse proxy that Muster has not been told of: everybody would seem to come from it, or
// nobody could sign in, and neither says why by itself.
import type { FastifyInstance } from 'fastify'
import { type Cidr, contains, parseAddress } from '../../base/ip.ts'
import type { Log } from '../../base/log.ts'
import { isPlainLoopback } from './cookies.ts'

/** Strangers can cause these. */
const mostSaid = 20
const forwarding = ['forwarded', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'] as const

export function hintAtProxies(
  app: FastifyInstance,
  {
    publicUrl,
    trustedProxies,
    log,
  }: { readonly publicUrl: () => string; readonly trustedProxies: readonly Cidr[]; readonly log: Log },
): void {
  const said = new Set<string>()
  const say = (what: string, fields: object, message: string): void => {
    if (said.has(what) || said.size >= mostSaid) return
    said.add(what)
    log.warn(fields, message)
  }
  app.addHook('onRequest', async ({ headers, raw }) => {
    const address = parseAddress(raw.socket.remoteAddress ?? '')
    const isTrusted = address !== null && trustedProxies.some((network) => contains(network, address))
    if (!isTrusted && forwarding.some((name) => headers[name] !== undefined)) {
      const message =
        'a request that claims to be forwarded came from an address that is not trusted, and counts as coming from there: if it is a proxy of your own, name it in MUSTER_TRUSTED_PROXIES (a stranger can send such a header as well)'
      say(`proxy ${address?.text}`, { proxy: address?.text ?? null }, message)
    }
    const { host = '' } = headers
    if (!isPlainLoopback(publicUrl()) || !URL.canParse(`http://${host}`) || isPlainLoopback(`http://${host}`))
      return
    const message =
      'people come by another name than the public URL: nobody can sign in that way; set MUSTER_PUBLIC_URL'
    say(`host ${host.slice(0, 253)}`, { host: host.slice(0, 253), publicUrl: publicUrl() }, message)
  })
}
