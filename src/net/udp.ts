// Listens for datagrams on both families. A handler that throws costs its one datagram; what cannot be sent is logged.
import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import type { Log } from '../base/log.ts'
import { type Bound, bindAll } from './bind.ts'
import { guarded } from './guard.ts'
import { sparseLog } from './limits.ts'
import { type Peer, peerOf } from './peer.ts'

export interface UdpOptions {
  readonly name: string
  readonly hosts: readonly string[]
  /** 0: any free one, the same on every host. */
  readonly port: number
  /** `reply` sends to the peer from the address that was written to; it never throws, and does nothing after the close. */
  readonly onDatagram: (bytes: Buffer, peer: Peer, reply: (bytes: Uint8Array) => void) => void | Promise<void>
  readonly log: Log
}

export interface UdpListener {
  readonly port: number
  /** Reads no more, waits up to `graceMs` for handlers under way (their replies still go out), then closes. */
  close(graceMs: number): Promise<void>
}

/** The system may grant less (net.core.rmem_max); a burst must survive one slow turn of the event loop. */
const receiveBufferBytes = 4 * 1024 * 1024

/** Throws Fault('unavailable') where the port cannot be had. */
export async function listenUdp(options: UdpOptions): Promise<UdpListener> {
  const handling = new Handling(options)
  const { port, bound } = await bindAll(options.name, options.hosts, options.port, (host, wanted) =>
    bindSocket(host, wanted, handling),
  )
  let closing: Promise<void> | null = null
  return {
    port,
    close(graceMs) {
      closing ??= handling.finish(graceMs).then(async () => {
        await Promise.all(bound.map((one) => one.release()))
      })
      return closing
    },
  }
}

/** The handlers under way of one listener. */
class Handling {
  readonly log: Log
  readonly #options: UdpOptions
  #working = 0
  #finished: (() => void) | null = null

  constructor(options: UdpOptions) {
    this.#options = options
    this.log = sparseLog(options.log)
  }

  receive(bytes: Buffer, from: RemoteInfo, socket: Socket): void {
    if (this.#finished !== null) return
    const peer = peerOf(from.address, from.port)
    const failed = (err: unknown) =>
      this.#options.log.error(
        { door: this.#options.name, peer: peer.text, err },
        'a handler failed; no answer',
      )
    this.#working++
    guarded(
      () => this.#options.onDatagram(bytes, peer, (answer) => this.#send(socket, answer, from)),
      failed,
      () => this.#done(),
    )
  }

  async finish(graceMs: number): Promise<void> {
    const finished = new Promise<void>((resolve) => {
      this.#finished = resolve
    })
    if (this.#working === 0) return
    const timer = setTimeout(() => this.#finished?.(), graceMs)
    await finished
    clearTimeout(timer)
  }

  #done(): void {
    this.#working--
    if (this.#working === 0) this.#finished?.()
  }

  #send(socket: Socket, bytes: Uint8Array, to: RemoteInfo): void {
    const failed = (err: Error | null) => {
      if (err !== null) this.log.warn({ door: this.#options.name, peer: to.address, err }, 'answer not sent')
    }
    try {
      socket.send(bytes, to.port, to.address, failed)
    } catch (err) {
      failed(err instanceof Error ? err : new Error(String(err)))
    }
  }
}

function bindSocket(host: string, port: number, handling: Handling): Promise<Bound> {
  const isIpv6 = host.includes(':')
  const socket = createSocket({
    type: isIpv6 ? 'udp6' : 'udp4',
    ipv6Only: isIpv6,
    recvBufferSize: receiveBufferBytes,
  })
  return new Promise((resolve, reject) => {
    const refused = (error: Error) => {
      socket.close()
      reject(error)
    }
    socket.once('error', refused)
    socket.bind({ address: host, port, exclusive: true }, () => {
      socket.off('error', refused)
      socket.on('error', (err) => handling.log.error({ err }, 'socket failed'))
      socket.on('message', (bytes, from) => handling.receive(bytes, from, socket))
      resolve({
        port: socket.address().port,
        release: () => new Promise((released) => void socket.close(() => released())),
      })
    })
  })
}
