// What an operation knows of the connection that it came on, and how it answers.
import type { Permit } from '../../core/access/decision.ts'
import {
  type Control,
  type LdapResponse,
  type LdapResult,
  ldapResult,
  type ProtocolOp,
} from '../../wire/ldap/messages.ts'
import type { ResultCode } from '../../wire/ldap/result-codes.ts'

export interface Session {
  /** Null: anonymous. */
  readonly permit: Permit | null
  readonly encrypted: boolean
  /** Canonical address of the peer. */
  readonly peer: string | null
  /** Tells this connection from all others, past and future. */
  readonly nonce: string
}

/** One request that has no answer yet. */
export interface Operation {
  readonly messageID: number
  /** Nobody waits for the answer any more: given up by the client, or the connection is over. */
  abandoned: boolean
}

/** Where search entries go. */
export interface Outlet {
  entry(messageID: number, dn: string, attributes: readonly Uint8Array[]): void
  /** Resolves when there is room for more entries, or nobody to take them. */
  drained(): Promise<void>
}

/** Null: there is nothing to answer. */
export type Answer = LdapResponse | null

type ResultOp = Extract<
  ProtocolOp,
  | 'searchResultDone'
  | 'modifyResponse'
  | 'addResponse'
  | 'delResponse'
  | 'modifyDNResponse'
  | 'compareResponse'
>

const noControls: readonly Control[] = []

export function resultOf(
  protocolOp: ResultOp,
  messageID: number,
  result: LdapResult,
  controls = noControls,
): LdapResponse {
  return { messageID, controls, protocolOp, ...result }
}

export const searchDone = (
  { messageID }: { readonly messageID: number },
  code: ResultCode,
  diagnostic = '',
  matched = '',
  controls = noControls,
): LdapResponse => resultOf('searchResultDone', messageID, ldapResult(code, diagnostic, matched), controls)

export function bindResult(messageID: number, code: ResultCode, diagnostic = ''): LdapResponse {
  return {
    messageID,
    controls: noControls,
    protocolOp: 'bindResponse',
    ...ldapResult(code, diagnostic),
    serverSaslCreds: null,
  }
}

export function extendedResult(
  messageID: number,
  code: ResultCode,
  diagnostic = '',
  responseName: string | null = null,
  responseValue: Buffer | null = null,
): LdapResponse {
  return {
    messageID,
    controls: noControls,
    protocolOp: 'extendedResponse',
    ...ldapResult(code, diagnostic),
    responseName,
    responseValue,
  }
}

/** The response that goes with a request; null for those that have none (RFC 4511 §4.3, §4.11). */
export function failureOf(
  protocolOp: ProtocolOp,
  messageID: number,
  code: ResultCode,
  diagnostic: string,
): LdapResponse | null {
  switch (protocolOp) {
    case 'bindRequest':
      return bindResult(messageID, code, diagnostic)
    case 'extendedRequest':
      return extendedResult(messageID, code, diagnostic)
    case 'searchRequest':
      return searchDone({ messageID }, code, diagnostic)
    case 'modifyRequest':
      return resultOf('modifyResponse', messageID, ldapResult(code, diagnostic))
    case 'addRequest':
      return resultOf('addResponse', messageID, ldapResult(code, diagnostic))
    case 'delRequest':
      return resultOf('delResponse', messageID, ldapResult(code, diagnostic))
    case 'modifyDNRequest':
      return resultOf('modifyDNResponse', messageID, ldapResult(code, diagnostic))
    case 'compareRequest':
      return resultOf('compareResponse', messageID, ldapResult(code, diagnostic))
    default:
      return null
  }
}
