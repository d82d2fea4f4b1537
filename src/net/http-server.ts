// HTTP on one port of several addresses. What is answered, the handler knows; here are the bounds and the clean end.
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { bindAll } from './bind.ts'
import { limitKey, peerOf } from './peer.ts'

export interface HttpOptions {
  readonly hosts: readonly string[]
  /** 0: any free one, the same on every host. */
  readonly port: number
  readonly handler: RequestListener
  /** On each address; further ones are closed at once. */
  readonly maxConnections?: number
  /** Of one peer (an IPv6 subscriber's /64); further ones are closed at once. */
  readonly maxPerPeer?: number
  /** Peers that carry many people's connections, such as reverse proxies. */
  readonly isProxy?: (address: string | null) => boolean
}

export interface HttpListener {
  readonly port: number
  /** Accepts no more, lets requests under way finish for `graceMs`, then closes the rest. */
  close(graceMs: number): Promise<void>
}

const bounds = {
  headersTimeout: 15_000,
  requestTimeout: 120_000,
  keepAliveTimeout: 65_000,
  maxHeaderSize: 16 * 1024,
  connectionsCheckingInterval: 5_000,
}

/** The doors share one process, and its file descriptors: this one must leave some to the others. */
const mostConnections = 2_048
/** An office behind one address needs some; nobody needs all. */
const mostPerPeer = 256

/** Throws Fault('unavailable') where the port cannot be had. */
export async function listenHttp({
  hosts,
  port,
  handler,
  maxConnections = mostConnections,
  maxPerPeer = mostPerPeer,
  isProxy = () => false,
}: HttpOptions): Promise<HttpListener> {
  const admit = perPeer(maxPerPeer, isProxy)
  const { port: inUse, bound } = await bindAll('HTTP', hosts, port, (host, wanted) =>
    bind(host, wanted, handler, maxConnections, admit),
  )
  return {
    port: inUse,
    async close(graceMs) {
      const timer = setTimeout(() => {
        for (const { server } of bound) server.closeAllConnections()
      }, graceMs)
      await Promise.all(bound.map((one) => one.release()))
      clearTimeout(timer)
    },
  }
}

function bind(
  host: string,
  port: number,
  handler: RequestListener,
  maxConnections: number,
  admit: (socket: Socket) => void,
): Promise<{ server: Server; port: number; release(): Promise<void> }> {
  return new Promise((resolve, reject) => {
    const server = createServer(bounds, handler)
    server.maxConnections = maxConnections
    server.on('connection', admit)
    server.once('error', reject)
    server.listen({ host, port, ipv6Only: host.includes(':') }, () => {
      server.off('error', reject)
      const release = (): Promise<void> =>
        new Promise((done) => {
          server.close(() => done())
          server.closeIdleConnections()
        })
      resolve({ server, port: (server.address() as AddressInfo).port, release })
    })
  })
}

/** Closes connections of a peer that has its share already. */
function perPeer(most: number, isProxy: (address: string | null) => boolean): (socket: Socket) => void {
  const open = new Map<string, number>()
  return (socket) => {
    const peer = peerOf(socket.remoteAddress, socket.remotePort)
    if (isProxy(peer.address)) return
    const key = limitKey(peer)
    const count = (open.get(key) ?? 0) + 1
    if (count > most) {
      socket.destroy()
      return
    }
    open.set(key, count)
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1
      if (left > 0) open.set(key, left)
      else open.delete(key)
    })
  }
}
