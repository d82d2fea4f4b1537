// The RADIUS door: from a datagram to a proven request to the question, and the answer back. It decides nothing itself;
// whatever is not proven to come from a client that knows its secret is met with silence.
import { WireError } from '../../base/bytes.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import { type Access, longestStalenessMs } from '../../core/access/decide.ts'
import type { AccessRequest } from '../../core/access/request.ts'
import type { ChangeFeed, RadiusSites } from '../../core/ports.ts'
import { sparseLog } from '../../net/limits.ts'
import type { Peer } from '../../net/peer.ts'
import { verifyMessageAuthenticator } from '../../wire/radius/authenticator.ts'
import { encodeReply } from '../../wire/radius/encode.ts'
import {
  code,
  decodePacket,
  findValue,
  listValues,
  type RadiusPacket,
  type,
} from '../../wire/radius/packet.ts'
import { type Answer, answer } from './answer.ts'
import { ask } from './ask.ts'
import { type Client, Clients } from './clients.ts'
import { type RadiusFate, type RadiusMetrics, silences } from './metrics.ts'
import { RejectDelay } from './reject-delay.ts'
import { type Exchange, Repeats, type Reply } from './repeats.ts'
import { type RadiusSettings, radiusDefaults } from './settings.ts'

export interface RadiusDoorOptions {
  readonly access: Pick<Access, 'decide'>
  readonly sites: RadiusSites
  readonly feed: Pick<ChangeFeed, 'subscribe' | 'stalenessMs'>
  readonly clock: Clock
  readonly log: Log
  readonly metrics: RadiusMetrics
  /** Whatever is not given is as in radiusDefaults. */
  readonly settings?: Partial<RadiusSettings>
}

export interface RadiusDoor {
  /** Resolves once the clients are known. */
  ready(): Promise<void>
  /** For listenUdp. Never throws; the promise, where there is one, resolves when the reply was sent or will not be. */
  onDatagram(bytes: Buffer, peer: Peer, reply: Reply): Promise<void> | undefined
  /** Sends at once what was held back, and follows no changes any more. To be called before the listener's close waits. */
  close(): void
}

export function createRadiusDoor(options: RadiusDoorOptions): RadiusDoor {
  return new Door(options)
}

class Door implements RadiusDoor {
  readonly #options: RadiusDoorOptions
  readonly #settings: RadiusSettings
  readonly #clients: Clients
  readonly #repeats: Repeats
  readonly #delay: RejectDelay
  /** Two, so that strangers cannot drown what a client's administrator must read. */
  readonly #strangersLog: Log
  readonly #clientsLog: Log
  #deciding = 0

  constructor(options: RadiusDoorOptions) {
    const settings = { ...radiusDefaults, ...options.settings }
    this.#options = options
    this.#settings = settings
    this.#clients = new Clients(options)
    this.#repeats = new Repeats(
      { keptMs: settings.repliesKeptMs, entries: settings.repliesKept },
      options.clock,
    )
    this.#delay = new RejectDelay(settings.rejectDelayMs, settings.delayedRejects)
    this.#strangersLog = sparseLog(options.log, undefined, options.clock)
    this.#clientsLog = sparseLog(options.log, undefined, options.clock)
  }

  ready(): Promise<void> {
    return this.#clients.ready()
  }

  close(): void {
    this.#clients.close()
    this.#delay.close()
  }

  onDatagram(bytes: Buffer, peer: Peer, reply: Reply): Promise<void> | undefined {
    try {
      return this.#receive(bytes, peer, reply)
    } catch (error) {
      this.#drop(error instanceof WireError ? 'malformed' : 'failed', peer, error)
    }
  }

  #receive(bytes: Buffer, peer: Peer, reply: Reply): Promise<void> | undefined {
    const client = this.#clients.find(peer.address)
    if (client === null) return this.#drop('unknown-client', peer)
    const packet = decodePacket(bytes)
    if (packet.code !== code.accessRequest && packet.code !== code.statusServer)
      return this.#drop('unexpected-code', peer)
    // Demanded of everybody: without it, replies can be forged by whoever stands between (CVE-2024-3596).
    const authenticity = verifyMessageAuthenticator(packet, client.secret)
    if (authenticity === 'invalid') return this.#drop('forged', peer)
    if (authenticity === 'absent') {
      const proxied = findValue(packet, type.proxyState) !== null
      return this.#drop(proxied ? 'unsigned-proxied' : 'unsigned', peer)
    }
    if (packet.code === code.statusServer) return this.#status(packet, client, peer, reply)
    if (this.#repeats.repeat(packet, peer, reply)) {
      this.#options.metrics.datagram('repeated')
      return undefined
    }
    if (this.#deciding >= this.#settings.undecided) return this.#drop('busy', peer)
    return this.#decide(this.#repeats.begin(packet, peer, reply), packet, client, peer)
  }

  /**
   * RFC 5997 §4.2: an Access-Accept is what says that the server is alive. One that cannot hear of changes says yes to
   * nobody, and is none to send people to.
   */
  #status(packet: RadiusPacket, client: Client, peer: Peer, reply: Reply): undefined {
    if (this.#options.feed.stalenessMs() > longestStalenessMs) return this.#drop('undecided', peer)
    reply(
      replyTo(
        packet,
        client,
        { code: code.accessAccept, attributes: [] },
        listValues(packet, type.proxyState),
      ),
    )
    this.#options.metrics.datagram('status')
  }

  async #decide(exchange: Exchange, packet: RadiusPacket, client: Client, peer: Peer): Promise<void> {
    try {
      const bytes = await this.#replyFor(packet, client, peer.address as string)
      if (bytes === null) {
        this.#repeats.abandon(exchange)
        return this.#drop('undecided', peer)
      }
      if (bytes[0] === code.accessReject) await this.#delay.wait()
      this.#repeats.finish(exchange, bytes)
      this.#options.metrics.datagram(exchange.superseded ? 'superseded' : fateOf(bytes))
    } catch (error) {
      this.#repeats.abandon(exchange)
      this.#drop('failed', peer, error)
    }
  }

  /** Asks, and puts the answer into bytes; null where there is none. */
  async #replyFor(packet: RadiusPacket, client: Client, address: string): Promise<Buffer | null> {
    const { access, clock } = this.#options
    this.#deciding++
    try {
      const question = ask(packet, client, address, clock.now())
      const decision = await access.decide(question)
      const proxyStates = listValues(packet, type.proxyState)
      const outcome = answer(decision, packet, client.secret, proxyStates)
      if (outcome === null) return null
      this.#reportTrouble(outcome, question)
      return replyTo(packet, client, outcome, proxyStates)
    } finally {
      this.#deciding--
    }
  }

  #reportTrouble({ leftOut, refused }: Answer, { organization, resource }: AccessRequest): void {
    if (refused !== null) {
      this.#options.metrics.attribute('refused')
      this.#clientsLog.error(
        { organization, resource, problem: refused },
        'permitted, but refused: no VLAN to send',
      )
    }
    for (const problem of leftOut) {
      this.#options.metrics.attribute('left-out')
      this.#clientsLog.error({ organization, resource, problem }, 'a reply attribute was left out')
    }
  }

  #drop(fate: keyof typeof silences, peer: Peer, err?: unknown): undefined {
    this.#options.metrics.datagram(fate)
    const log = fate === 'unknown-client' ? this.#strangersLog : this.#clientsLog
    const fields = { door: 'radius', peer: peer.text, fate }
    if (fate === 'failed') log.error({ ...fields, err }, silences[fate])
    else log.warn(fields, silences[fate])
  }
}

function fateOf(reply: Buffer): RadiusFate {
  if (reply[0] === code.accessAccept) return 'accept'
  return reply[0] === code.accessChallenge ? 'challenge' : 'reject'
}

function replyTo(
  request: RadiusPacket,
  client: Client,
  { code, attributes }: Pick<Answer, 'code' | 'attributes'>,
  proxyStates: readonly Uint8Array[],
): Buffer {
  return encodeReply({
    code,
    identifier: request.identifier,
    requestAuthenticator: request.authenticator,
    attributes,
    proxyStates,
    secret: client.secret,
  })
}
