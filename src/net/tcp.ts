// Listens for streams, plain or TLS from the first byte, and keeps strangers from taking all connections.
// What is said on a connection is the door's business.
import { createServer, type Server, type Socket } from 'node:net'
import type { SecureContext } from 'node:tls'
import type { Log } from '../base/log.ts'
import { type Bound, bindAll } from './bind.ts'
import { Connection, type ConnectionLimits } from './connection.ts'
import { sparseLog } from './limits.ts'
import { limitKey, peerOf } from './peer.ts'

export interface TcpLimits extends ConnectionLimits {
  readonly maxConnections: number
  /** For one IPv4 address, or one /64 of IPv6. */
  readonly maxPerPeer: number
  readonly backlog: number
}

export const tcpDefaults: TcpLimits = {
  maxConnections: 16_384,
  maxPerPeer: 12_288,
  backlog: 1_024,
  idleMs: 15 * 60_000,
  maxUnsentBytes: 16 * 1024 * 1024,
  handshakeMs: 10_000,
}

export interface TcpOptions {
  /** For log lines and error messages: "LDAP". */
  readonly name: string
  /** Addresses; a machine without IPv6 does without `::`. */
  readonly hosts: readonly string[]
  /** 0: any free one, the same on every host. */
  readonly port: number
  /**
   * Sets the connection up and returns. It is work like any other (see `Connection.run`): a promise that lasts as long
   * as the connection would keep the connection from ever ending.
   */
  readonly onConnection: (connection: Connection) => void | Promise<void>
  /** TLS from the first byte; asked anew for every connection, so that a renewed certificate is shown at once. */
  readonly tls?: { context(): SecureContext }
  readonly limits?: Partial<TcpLimits>
  readonly log: Log
}

export interface TcpListener {
  readonly port: number
  /** Open connections, those in a handshake included. */
  readonly connections: number
  /** Accepts no more, lets work under way finish for `graceMs`, then closes the rest. */
  close(graceMs: number): Promise<void>
}

/** Throws Fault('unavailable') where the port cannot be had. */
export async function listenTcp(options: TcpOptions): Promise<TcpListener> {
  const limits: TcpLimits = { ...tcpDefaults, ...options.limits }
  const crowd = new Crowd(options, limits)
  const { port, bound } = await bindAll(options.name, options.hosts, options.port, (host, wanted) =>
    bindServer(host, wanted, limits.backlog, (socket) => crowd.admit(socket), options.log),
  )
  let closing: Promise<void> | null = null
  return {
    port,
    get connections() {
      return crowd.size
    },
    close(graceMs) {
      closing ??= Promise.all([...bound.map((one) => one.release()), crowd.dismiss(graceMs)]).then(() => {})
      return closing
    },
  }
}

/** The open connections of one listener. */
class Crowd {
  readonly #options: TcpOptions
  readonly #limits: TcpLimits
  readonly #strangersLog: Log
  readonly #connections = new Set<Connection>()
  readonly #perPeer = new Map<string, number>()
  #dismissed: (() => void) | null = null

  constructor(options: TcpOptions, limits: TcpLimits) {
    this.#options = options
    this.#limits = limits
    this.#strangersLog = sparseLog(options.log)
  }

  get size(): number {
    return this.#connections.size
  }

  admit(socket: Socket): void {
    const peer = peerOf(socket.remoteAddress, socket.remotePort)
    const key = limitKey(peer)
    const ofPeer = this.#perPeer.get(key) ?? 0
    const full = this.size >= this.#limits.maxConnections || ofPeer >= this.#limits.maxPerPeer
    if (full || this.#dismissed !== null) {
      socket.on('error', () => {})
      socket.destroy()
      this.#strangersLog.warn(
        { door: this.#options.name, peer: peer.text, ofPeer, all: this.size },
        'connection refused',
      )
      return
    }
    const connection = new Connection(socket, peer, this.#limits, this.#options.log)
    this.#connections.add(connection)
    this.#perPeer.set(key, ofPeer + 1)
    connection.onClose(() => this.#left(connection, key))
    connection.run(() => this.#open(connection))
  }

  async dismiss(graceMs: number): Promise<void> {
    const gone = new Promise<void>((resolve) => {
      this.#dismissed = resolve
    })
    for (const connection of this.#connections) connection.stop()
    if (this.size === 0) return
    const timer = setTimeout(() => {
      for (const connection of this.#connections) connection.destroy()
    }, graceMs)
    await gone
    clearTimeout(timer)
  }

  #open(connection: Connection): void | Promise<void> {
    const { tls, onConnection } = this.#options
    if (tls === undefined) return onConnection(connection)
    return connection
      .startTls({ context: tls.context(), reply: new Uint8Array(), undecoded: 0 })
      .then((secured) => (secured ? onConnection(connection) : undefined))
  }

  #left(connection: Connection, key: string): void {
    this.#connections.delete(connection)
    const rest = (this.#perPeer.get(key) ?? 1) - 1
    if (rest === 0) this.#perPeer.delete(key)
    else this.#perPeer.set(key, rest)
    if (this.size === 0) this.#dismissed?.()
  }
}

function bindServer(
  host: string,
  port: number,
  backlog: number,
  accept: (socket: Socket) => void,
  log: Log,
): Promise<Bound> {
  // A half-closed client still gets its answers: Connection ends the other half when they are written.
  const server: Server = createServer({
    allowHalfOpen: true,
    noDelay: true,
    keepAlive: true,
    keepAliveInitialDelay: 60_000,
  })
  server.on('connection', accept)
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ host, port, backlog, ipv6Only: host.includes(':'), exclusive: true }, () => {
      server.off('error', reject)
      // Out of file descriptors, mostly: the connections that are open go on.
      server.on('error', (err) => log.error({ err }, 'cannot accept a connection'))
      const address = server.address()
      resolve({
        port: typeof address === 'object' && address !== null ? address.port : port,
        release: () => new Promise((released) => void server.close(() => released())),
      })
    })
  })
}
