// Duplicate detection (RFC 5080 §2.2.2): a NAS that hears nothing sends the same bytes again, and gets the same bytes
// back, while the question is asked once. Also bounds how many exchanges are remembered.
import type { Clock } from '../../base/clock.ts'
import { Oldest } from '../../base/oldest.ts'
import type { Peer } from '../../net/peer.ts'
import { findValue, type RadiusPacket, type } from '../../wire/radius/packet.ts'

export type Reply = (bytes: Uint8Array) => void

/** One request with everything that was, or will be, sent back for it. */
export class Exchange {
  readonly key: string
  readonly fingerprint: string
  bytes: Uint8Array | null = null
  expiresAtMs = Number.POSITIVE_INFINITY
  /** The identifier was used again: nobody waits for this answer any more. */
  superseded = false
  /** Where to send it: each sending of the request has its own way back. */
  readonly waiting: Reply[]

  constructor(key: string, fingerprint: string, reply: Reply) {
    this.key = key
    this.fingerprint = fingerprint
    this.waiting = [reply]
  }
}

export interface RepeatLimits {
  /** How long a reply is kept after it was sent. */
  readonly keptMs: number
  readonly entries: number
}

/** As often as any NAS sends again while it waits. */
const mostWaiting = 8

export class Repeats {
  readonly #limits: RepeatLimits
  readonly #clock: Clock
  /** In order of arrival. */
  readonly #exchanges = new Map<string, Exchange>()
  readonly #oldest = new Oldest<Exchange>(this.#exchanges, (one) => this.#exchanges.get(one.key) === one)

  constructor(limits: RepeatLimits, clock: Clock) {
    this.#limits = limits
    this.#clock = clock
  }

  get size(): number {
    return this.#exchanges.size
  }

  /**
   * Answers a request that was seen before, now or together with the first; false where it is new. Only for requests
   * that are proven: the key can be had by spoofing, the fingerprint cannot.
   */
  repeat(packet: RadiusPacket, peer: Peer, reply: Reply): boolean {
    const exchange = this.#exchanges.get(keyOf(packet, peer))
    if (exchange === undefined || exchange.fingerprint !== fingerprintOf(packet)) return false
    if (exchange.expiresAtMs <= this.#clock.monotonicMs()) return false
    if (exchange.bytes !== null) reply(exchange.bytes)
    else if (exchange.waiting.length < mostWaiting) exchange.waiting.push(reply)
    return true
  }

  /** Begins the exchange of a new request, which ends an older one with the same identifier. */
  begin(packet: RadiusPacket, peer: Peer, reply: Reply): Exchange {
    const key = keyOf(packet, peer)
    const older = this.#exchanges.get(key)
    if (older !== undefined) {
      older.superseded = true
      // Deleted, so that the new one takes its place at the end of the order.
      this.#exchanges.delete(key)
    }
    this.#expire()
    const exchange = new Exchange(key, fingerprintOf(packet), reply)
    this.#exchanges.set(key, exchange)
    return exchange
  }

  /** Sends the reply wherever it is waited for, and keeps it. */
  finish(exchange: Exchange, bytes: Uint8Array): void {
    if (exchange.superseded) return
    exchange.bytes = bytes
    exchange.expiresAtMs = this.#clock.monotonicMs() + this.#limits.keptMs
    for (const reply of exchange.waiting) reply(bytes)
    exchange.waiting.length = 0
  }

  /** There is no answer: sent again, the request is a new one. */
  abandon(exchange: Exchange): void {
    if (this.#exchanges.get(exchange.key) === exchange) this.#exchanges.delete(exchange.key)
  }

  #expire(): void {
    const nowMs = this.#clock.monotonicMs()
    for (let one = this.#oldest.peek(); one !== undefined; one = this.#oldest.peek()) {
      if (one.expiresAtMs > nowMs && this.#exchanges.size < this.#limits.entries) return
      this.#exchanges.delete(one.key)
    }
  }
}

function keyOf(packet: RadiusPacket, peer: Peer): string {
  return `${peer.address} ${peer.port} ${packet.identifier}`
}

/**
 * The Request Authenticator, and the Message-Authenticator with it: so a NAS whose authenticators are not random gets
 * nobody else's reply.
 */
function fingerprintOf(packet: RadiusPacket): string {
  const signature = findValue(packet, type.messageAuthenticator)?.toString('latin1')
  return `${packet.authenticator.toString('latin1')}${signature}`
}
