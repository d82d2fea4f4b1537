// How much one LDAP message may ask of us, and the error for one that asks too much or that we cannot read but can
// still answer.
import { WireError } from '../../base/bytes.ts'
import type { ProtocolOp } from './messages.ts'

export const ldapLimits = {
  /** Octets of one message on a connection that has not bound (slapd: 262,143). */
  messageBeforeBind: 256 * 1024,
  /** Octets of one message after a bind (slapd: 4,194,303). */
  messageAfterBind: 4 * 1024 * 1024,
  /** Filters within filters: the outermost is depth 1 (slapd: 1,000). */
  filterDepth: 200,
  /** Filters, and pieces of substring filters, in one search. */
  filterItems: 10_000,
  /** Attributes asked for in one search. */
  requestedAttributes: 1_000,
  controls: 100,
  /** Attributes, changes, values and URIs in one message: a Buffer costs some fifty times its two octets on the wire. */
  listItems: 100_000,
} as const

/**
 * What may be wrong with a message whose envelope and operation are known: it deserves an answer (protocolError, or
 * invalidDNSyntax for `not-utf8` in a DN), where any other WireError ends the connection (RFC 4511 §4.1.1, §5.3).
 */
export const refusals = [
  'filter-too-deep',
  'filter-too-large',
  'filter-unknown',
  'filter-malformed',
  'too-many-attributes',
  'too-many-controls',
  'too-many-items',
  'unknown-enumeration',
  'out-of-range',
  'not-utf8',
] as const
export type Refusal = (typeof refusals)[number]

const answerable: ReadonlySet<string> = new Set(refusals)

/** A message that we refuse but can answer, because we know which operation of which message it was. */
export class RefusedMessage extends WireError {
  readonly messageID: number
  readonly protocolOp: ProtocolOp
  constructor(code: Refusal, offset: number, messageID: number, protocolOp: ProtocolOp) {
    super(code, offset)
    this.name = 'RefusedMessage'
    this.messageID = messageID
    this.protocolOp = protocolOp
  }
}

/** The same error, told with the message it belongs to where it can be answered. */
export function asRefusal(error: unknown, messageID: number, protocolOp: ProtocolOp): unknown {
  if (!(error instanceof WireError) || !answerable.has(error.code)) return error
  return new RefusedMessage(error.code as Refusal, error.offset, messageID, protocolOp)
}
