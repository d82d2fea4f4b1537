// Bind (RFC 4511 §4.2): asks, and hands back the answer with the permit where there is one. The connection holds it.
import { setTimeout as wait } from 'node:timers/promises'
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/result.ts'
import type { Access } from '../../core/access/decide.ts'
import type { Permit } from '../../core/access/decision.ts'
import type { AccessRequest } from '../../core/access/request.ts'
import type { BindRequest, LdapResponse } from '../../wire/ldap/messages.ts'
import { resultCodes } from '../../wire/ldap/result-codes.ts'
import { answer } from './answer.ts'
import { ask } from './ask.ts'
import type { NamingContexts } from './naming-contexts.ts'
import { bindResult, type Session } from './session.ts'

export interface BindPorts {
  readonly access: Pick<Access, 'decide'>
  readonly contexts: Pick<NamingContexts, 'organizationAbove'>
  readonly clock: Clock
  readonly refusals: RefusalTime
}

export interface Bound {
  readonly response: LdapResponse
  /** What lets this connection in from now on, and the question without its evidence. */
  readonly held: { readonly permit: Permit; readonly request: AccessRequest } | null
}

export async function bind(message: BindRequest, session: Session, ports: BindPorts): Promise<Bound> {
  const { messageID } = message
  const question = await ask(message, session, ports.contexts, ports.clock.now())
  if (question.kind === 'answer') {
    return { response: bindResult(messageID, question.code, question.text), held: null }
  }
  if (question.kind === 'nobody') {
    await ports.refusals.pass()
    return { response: bindResult(messageID, resultCodes.invalidCredentials), held: null }
  }
  const began = ports.clock.monotonicMs()
  const decision = await ports.access.decide(question.request)
  if (decision.outcome === 'deny' && decision.reason !== 'transport-not-secure') {
    ports.refusals.took(ports.clock.monotonicMs() - began)
  }
  const { code, text } = answer(decision)
  const held =
    decision.outcome === 'permit'
      ? { permit: decision, request: { ...question.request, evidence: [] } }
      : null
  return { response: bindResult(messageID, code, text), held }
}

/**
 * How long refusals take of late. A name under no organization's suffix cannot be asked about, and leaves no audit record
 * with anybody; it waits as long as a refusal would have taken, so that the time does not tell which suffixes exist.
 */
export class RefusalTime {
  #averageMs = 50
  #waiting = 0

  took(elapsedMs: number): void {
    this.#averageMs += (Math.min(elapsedMs, 5_000) - this.#averageMs) / 8
  }

  /** Throws Fault('busy') where too many are waiting. */
  async pass(): Promise<void> {
    if (this.#waiting >= 1_000) throw new Fault('busy', 'too many refusals are waiting')
    this.#waiting++
    try {
      await wait(this.#averageMs * (0.9 + Math.random() * 0.2))
    } finally {
      this.#waiting--
    }
  }
}
