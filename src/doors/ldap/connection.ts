// One LDAP connection: messages in, answers out, in the order that RFC 4511 demands. Operations run side by side; a bind
// or StartTLS waits for those before it and holds back those after it (§4.2.1, §4.14.1).
import { randomBytes } from 'node:crypto'
import { WireError } from '../../base/bytes.ts'
import type { Permit } from '../../core/access/decision.ts'
import type { Connection } from '../../net/connection.ts'
import { decodeMessage } from '../../wire/ldap/decode.ts'
import { encodeMessage } from '../../wire/ldap/encode.ts'
import { ldapLimits, RefusedMessage } from '../../wire/ldap/limits.ts'
import type { BindRequest, ExtendedRequest, LdapMessage, ProtocolOp } from '../../wire/ldap/messages.ts'
import { extendedOids } from '../../wire/ldap/oids.ts'
import { type ResultCode, resultCodeName, resultCodes } from '../../wire/ldap/result-codes.ts'
import type { Bound } from './bind.ts'
import { Inbox } from './inbox.ts'
import type { ConnectionPorts } from './operations.ts'
import { Outbox } from './outbox.ts'
import { type Answer, extendedResult, failureOf, type Operation, type Session } from './session.ts'

interface Running extends Operation {
  readonly protocolOp: ProtocolOp
  readonly octets: number
}

/** No bind is larger: who holds less is let be, however much others hold. */
const harmlessOctets = 16 * 1024

/** A message that could be read, or one that could not but can be answered. */
type Incoming = LdapMessage | RefusedMessage

export class LdapConnection implements Session {
  readonly nonce = randomBytes(16).toString('hex')
  readonly #socket: Connection
  readonly #ports: ConnectionPorts
  readonly #inbox = new Inbox()
  readonly #outbox: Outbox
  readonly #running = new Map<number, Running>()
  /** Messages that wait for a bind or StartTLS, not yet decoded. */
  #held: Buffer[] = []
  #exclusive: 'free' | 'waiting' | 'running' = 'free'
  /** The bind or StartTLS that waits for the operations before it. */
  #next: { readonly message: Incoming; readonly running: Running } | null = null
  /** Of all requests that have no answer yet. */
  #octets = 0
  /** What of it, and of the inbox, counts as a stranger's. */
  #asStranger = 0
  #slow = false
  #paused = false
  #permit: Permit | null = null
  #release: () => void = () => {}
  #stopping = false
  /** Nothing more is read or answered. */
  #over = false

  constructor(socket: Connection, ports: ConnectionPorts) {
    this.#socket = socket
    this.#ports = ports
    this.#outbox = new Outbox(socket, () => this.#waitForReader())
    socket.limitIdle(ports.settings.idleAnonymousMs)
    socket.onClose(() => this.#ended())
    socket.onStopping(() => {
      this.#stopping = true
      this.#stopWhenDone()
    })
    socket.onData((bytes) => this.#received(bytes))
  }

  get permit(): Permit | null {
    return this.#permit
  }

  get encrypted(): boolean {
    return this.#socket.encrypted
  }

  get peer(): string | null {
    return this.#socket.peer.address
  }

  #received(bytes: Buffer): void {
    this.#inbox.add(bytes)
    try {
      while (!this.#over) {
        const isBound = this.#permit !== null
        const message = this.#inbox.next(isBound ? ldapLimits.messageAfterBind : ldapLimits.messageBeforeBind)
        if (message === null) break
        this.#admit(message)
      }
      this.#weigh()
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#protocolError(error)
    }
  }

  /** A partial message costs who sends it nothing: of strangers, all together may hold so much and no more. */
  #weigh(): void {
    const { strangers, settings, log } = this.#ports
    const own = this.#over || this.#permit !== null ? 0 : this.#inbox.size + this.#octets
    strangers.octets += own - this.#asStranger
    this.#asStranger = own
    if (strangers.octets <= settings.strangersBytes || own < harmlessOctets) return
    log.warn({ peer: this.#socket.peer.text, octets: strangers.octets }, 'strangers send too much; closed')
    this.#finish()
    this.#socket.destroy()
  }

  #admit(message: Buffer): void {
    const { unansweredAnonymous, unansweredBound } = this.#ports.settings
    const most = this.#permit === null ? unansweredAnonymous : unansweredBound
    if (this.#running.size + this.#held.length >= most) {
      this.#ports.log.warn({ peer: this.#socket.peer.text, most }, 'too many unanswered operations; closed')
      this.#finish()
      this.#socket.destroy()
      return
    }
    this.#octets += message.length
    if (this.#held.length === 0 && this.#mayDispatch()) this.#dispatch(message)
    else this.#held.push(message)
    this.#regulate()
  }

  /** Each operation under way may hold a piece of its answer: only so many are, and no new ones for a client that does not read. */
  #mayDispatch(): boolean {
    return this.#exclusive === 'free' && !this.#slow && this.#running.size < this.#ports.settings.atOnce
  }

  #dispatch(bytes: Buffer): void {
    let message: Incoming
    try {
      message = decodeMessage(bytes)
    } catch (error) {
      if (!(error instanceof RefusedMessage)) throw error
      message = error
    }
    const { messageID, protocolOp } = message
    // 0 is for what the server says unasked (RFC 4511 §4.1.1.1), and one number cannot be in use twice.
    if (messageID === 0 || this.#running.has(messageID)) throw new WireError('bad-message-id', 0)
    if (!protocolOp.endsWith('Request')) throw new WireError('unexpected-operation', 0)
    if (protocolOp === 'unbindRequest') {
      this.#finish()
      this.#ports.metrics.operation('unbind', 'success')
      this.#outbox.flush()
      this.#socket.end()
    } else if (protocolOp === 'abandonRequest') {
      this.#octets -= bytes.length
      this.#ports.metrics.operation('abandon', 'success')
      const abandoned = 'abandonedID' in message ? this.#running.get(message.abandonedID) : undefined
      if (abandoned !== undefined) abandoned.abandoned = true
    } else {
      const running: Running = { messageID, protocolOp, abandoned: false, octets: bytes.length }
      if (isExclusive(message)) this.#runAlone(running, message)
      else this.#run(running, message)
    }
  }

  #run(running: Running, message: Incoming): void {
    this.#running.set(running.messageID, running)
    const answer =
      message instanceof RefusedMessage
        ? failureOf(message.protocolOp, message.messageID, resultCodes.protocolError, message.code)
        : this.#ports.operate(message, this, running, this.#outbox)
    if (answer instanceof Promise) {
      this.#socket.run(() => answer.then((known) => this.#answer(running, known)))
    } else this.#answer(running, answer)
  }

  #answer(running: Running, answer: Answer): void {
    this.#running.delete(running.messageID)
    this.#octets -= running.octets
    if (!running.abandoned && !this.#over && answer !== null) {
      this.#outbox.message(answer)
      const code = 'resultCode' in answer ? resultCodeName(answer.resultCode) : 'success'
      this.#ports.metrics.operation(running.protocolOp.slice(0, -'Request'.length), code)
    }
    if (this.#exclusive === 'waiting' && this.#running.size === 0) this.#begin()
    else if (this.#held.length > 0 && this.#mayDispatch()) this.#releaseHeld()
    this.#regulate()
    this.#weigh()
    this.#stopWhenDone()
  }

  #runAlone(running: Running, message: Incoming): void {
    if (isStartTls(message) && this.#running.size > 0) {
      // RFC 4511 §4.14.2
      this.#running.set(running.messageID, running)
      this.#answer(
        running,
        extendedResult(message.messageID, resultCodes.operationsError, 'operations outstanding'),
      )
      return
    }
    this.#exclusive = 'waiting'
    this.#next = { message, running }
    if (this.#running.size === 0) this.#begin()
  }

  #begin(): void {
    if (this.#next === null || this.#over) return
    const { message, running } = this.#next
    this.#exclusive = 'running'
    this.#next = null
    this.#running.set(running.messageID, running)
    this.#socket.run(async () => {
      if (isStartTls(message)) await this.#startTls(message, running)
      else this.#answer(running, await this.#bind(message as BindRequest | RefusedMessage))
      this.#exclusive = 'free'
      this.#releaseHeld()
    })
  }

  /** What was held back, until something holds back the rest again. */
  #releaseHeld(): void {
    const held = this.#held
    this.#held = []
    try {
      while (held.length > 0 && this.#mayDispatch() && !this.#over) this.#dispatch(held.shift() as Buffer)
      if (!this.#over) this.#held = [...held, ...this.#held]
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      this.#protocolError(error)
    }
    this.#regulate()
    this.#stopWhenDone()
  }

  async #bind(message: BindRequest | RefusedMessage): Promise<Answer> {
    // RFC 4513 §4: whoever binds is anonymous from here on, until this bind has succeeded.
    this.#drop()
    if (message instanceof RefusedMessage) {
      return failureOf('bindRequest', message.messageID, resultCodes.protocolError, message.code)
    }
    const { response, held }: Bound = await this.#ports.bind(message, this)
    if (held === null || this.#over || this.#socket.closed) return response
    this.#permit = held.permit
    this.#weigh()
    this.#socket.limitIdle(this.#ports.settings.idleBoundMs)
    this.#release = this.#ports.standing.hold(held.permit, held.request, (renewed) => this.#renewed(renewed))
    return response
  }

  /** The permit that this connection holds has changed, or is no more: then so is the connection. */
  #renewed(permit: Permit | null): void {
    const before = this.#permit
    this.#permit = permit
    if (permit === null) this.#disconnect(resultCodes.strongerAuthRequired, 'access has ended')
    // What is under way was planned with the rights that it had.
    else if (this.#running.size > 0 && readsLess(before, permit))
      this.#disconnect(resultCodes.strongerAuthRequired, 'access has changed')
  }

  #drop(): void {
    this.#release()
    this.#release = () => {}
    this.#permit = null
    this.#socket.limitIdle(this.#ports.settings.idleAnonymousMs)
  }

  async #startTls({ messageID, requestValue }: ExtendedRequest, running: Running): Promise<void> {
    const refuse = (code: ResultCode, text: string) =>
      this.#answer(running, extendedResult(messageID, code, text, extendedOids.startTls))
    if (this.#socket.encrypted) return refuse(resultCodes.operationsError, 'TLS is established already')
    if (requestValue !== null) return refuse(resultCodes.protocolError, 'no value expected')
    this.#outbox.flush()
    const heldOctets = this.#held.reduce((sum, held) => sum + held.length, 0)
    const goAhead = extendedResult(messageID, resultCodes.success, '', extendedOids.startTls)
    this.#running.delete(messageID)
    this.#octets = 0
    const secured = await this.#socket.startTls({
      context: this.#ports.tls.context(),
      reply: encodeMessage(goAhead),
      undecoded: this.#inbox.size + heldOctets,
    })
    this.#ports.metrics.operation('extended', secured ? 'success' : 'other')
    this.#held = []
    this.#paused = false
    this.#inbox.clear()
    if (secured) this.#socket.onData((bytes) => this.#received(bytes))
    else this.#finish()
  }

  /** Reading stops while too much is unanswered, or while the client does not read its answers. */
  #regulate(): void {
    if (this.#over) return
    const isTooMuch = this.#slow || this.#octets > this.#ports.settings.unansweredBytes
    if (isTooMuch === this.#paused) return
    this.#paused = isTooMuch
    if (isTooMuch) this.#socket.pause()
    else this.#socket.resume()
  }

  #waitForReader(): void {
    if (this.#slow) return
    this.#slow = true
    this.#regulate()
    void this.#socket.drained().then(() => {
      this.#slow = false
      this.#releaseHeld()
    })
  }

  #protocolError(error: WireError): void {
    this.#ports.log.debug({ peer: this.#socket.peer.text, code: error.code }, 'no LDAP; closed')
    this.#disconnect(resultCodes.protocolError, error.code)
  }

  /** Says why, and closes (RFC 4511 §4.4.1). Operations under way are not answered any more. */
  #disconnect(code: ResultCode, text: string): void {
    if (this.#over) return
    this.#finish()
    this.#ports.metrics.operation('disconnect', resultCodeName(code))
    this.#outbox.message(extendedResult(0, code, text, extendedOids.noticeOfDisconnection))
    this.#outbox.flush()
    this.#socket.end()
  }

  /** The server is stopping, and what was under way has been answered. */
  #stopWhenDone(): void {
    const isDone = this.#running.size === 0 && this.#held.length === 0 && this.#exclusive === 'free'
    if (this.#stopping && isDone) this.#disconnect(resultCodes.unavailable, 'the server is stopping')
  }

  #finish(): void {
    this.#over = true
    for (const running of this.#running.values()) running.abandoned = true
    this.#held = []
    this.#inbox.clear()
    this.#weigh()
  }

  #ended(): void {
    this.#finish()
    this.#drop()
    this.#ports.closed(this)
  }
}

function readsLess(before: Permit | null, now: Permit): boolean {
  if (before?.principal.kind !== 'service' || now.principal.kind !== 'service') return false
  const { reads } = now.principal
  return before.principal.reads.some((branch) => !reads.includes(branch))
}

const isStartTls = (message: Incoming): message is ExtendedRequest =>
  'requestName' in message && message.requestName === extendedOids.startTls

const isExclusive = (message: Incoming): boolean =>
  message.protocolOp === 'bindRequest' || isStartTls(message)
