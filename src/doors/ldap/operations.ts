// Which operation is carried out by whom, and what becomes of one that fails for no fault of its own.
import type { Log } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import type { StandingPermits } from '../../core/access/standing.ts'
import type { BindRequest, LdapMessage } from '../../wire/ldap/messages.ts'
import { resultCodes } from '../../wire/ldap/result-codes.ts'
import type { Bound } from './bind.ts'
import { compare } from './compare.ts'
import type { LdapMetrics } from './metrics.ts'
import { extended, refuseWriting } from './other-operations.ts'
import { type SearchPorts, search } from './search.ts'
import { type Answer, failureOf, type Operation, type Outlet, type Session } from './session.ts'
import type { LdapSettings } from './settings.ts'

/** What a connection needs of the door. */
export interface ConnectionPorts {
  readonly settings: LdapSettings
  readonly metrics: LdapMetrics
  readonly log: Log
  readonly standing: Pick<StandingPermits, 'hold'>
  readonly tls: { context(): import('node:tls').SecureContext }
  /** What connections that nobody has bound hold together, in octets. */
  readonly strangers: { octets: number }
  bind(message: BindRequest, session: Session): Promise<Bound>
  operate(
    message: LdapMessage,
    session: Session,
    operation: Operation,
    outlet: Outlet,
  ): Answer | Promise<Answer>
  closed(session: Session): void
}

/** Carries out one operation. A Fault becomes busy or unavailable; whatever else is thrown is for the connection. */
export function operate(
  message: LdapMessage,
  session: Session,
  operation: Operation,
  outlet: Outlet,
  ports: SearchPorts & { readonly log: Log },
): Answer | Promise<Answer> {
  const failed = (error: unknown): Answer => {
    if (!(error instanceof Fault)) throw error
    ports.log.error({ err: error, operation: message.protocolOp }, 'an operation could not be carried out')
    const code = error.reason === 'busy' ? resultCodes.busy : resultCodes.unavailable
    return failureOf(message.protocolOp, message.messageID, code, '')
  }
  try {
    const answer = begin(message, session, operation, outlet, ports)
    return answer instanceof Promise ? answer.catch(failed) : answer
  } catch (error) {
    return failed(error)
  }
}

function begin(
  message: LdapMessage,
  session: Session,
  operation: Operation,
  outlet: Outlet,
  ports: SearchPorts,
): Answer | Promise<Answer> {
  switch (message.protocolOp) {
    case 'searchRequest':
      return search({ request: message, session, operation, outlet }, ports)
    case 'compareRequest':
      return compare(message, session, ports)
    case 'extendedRequest':
      return extended(message, session, ports.contextOf)
    case 'modifyRequest':
    case 'addRequest':
    case 'delRequest':
    case 'modifyDNRequest':
      return refuseWriting(message, session, ports.contextOf)
    default:
      throw new TypeError(`no operation: ${message.protocolOp}`)
  }
}
