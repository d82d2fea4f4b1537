// The operations beside bind, search and compare: who am I, and all that would change something, which this door refuses.
// The directory is changed through the API, the console and the command line.
import { WireError } from '../../base/bytes.ts'
import type { Permit } from '../../core/access/decision.ts'
import { BerReader } from '../../wire/ber/reader.ts'
import { tags } from '../../wire/ber/tags.ts'
import { canonicalDn } from '../../wire/ldap/dn.ts'
import type { ExtendedRequest, LdapRequest } from '../../wire/ldap/messages.ts'
import { extendedOids } from '../../wire/ldap/oids.ts'
import { resultCodes } from '../../wire/ldap/result-codes.ts'
import { refusedControl } from './controls.ts'
import type { ContextOf, NamingContext } from './naming-context.ts'
import { type Answer, extendedResult, failureOf, type Session } from './session.ts'

type Writing = Extract<
  LdapRequest,
  { protocolOp: 'modifyRequest' | 'addRequest' | 'delRequest' | 'modifyDNRequest' }
>

const readOnly = 'the directory is changed by its API and its console, not by LDAP'

function ownDn({ principal }: Permit, { tree }: NamingContext): string {
  return principal.kind === 'user'
    ? tree.entryDn('users', principal.username)
    : tree.entryDn('services', principal.name)
}

function isSame(a: string, b: string): boolean {
  try {
    return canonicalDn(a) === canonicalDn(b)
  } catch (error) {
    if (error instanceof WireError) return false
    throw error
  }
}

/** Nobody may change another's entry, and nobody can change their own here. */
export async function refuseWriting(
  message: Writing,
  { permit }: Session,
  contextOf: ContextOf,
): Promise<Answer> {
  const { protocolOp, messageID } = message
  const refused = refusedControl(message.controls, false)
  if (refused !== null) return failureOf(protocolOp, messageID, refused, '')
  if (permit === null) return failureOf(protocolOp, messageID, resultCodes.insufficientAccessRights, '')
  const object = protocolOp === 'modifyRequest' ? message.object : message.entry
  const isOwn = isSame(object, ownDn(permit, await contextOf(permit.organization)))
  const code = isOwn ? resultCodes.unwillingToPerform : resultCodes.insufficientAccessRights
  return failureOf(protocolOp, messageID, code, readOnly)
}

/** Extended operations but for StartTLS, which is the connection's. */
export async function extended(
  message: ExtendedRequest,
  { permit }: Session,
  contextOf: ContextOf,
): Promise<Answer> {
  const { messageID, requestName, requestValue, controls } = message
  const refused = refusedControl(controls, false)
  if (refused !== null) return extendedResult(messageID, refused)
  if (requestName === extendedOids.whoAmI) {
    if (requestValue !== null)
      return extendedResult(messageID, resultCodes.protocolError, 'no value expected')
    const authzId = permit === null ? '' : `dn:${ownDn(permit, await contextOf(permit.organization))}`
    return extendedResult(messageID, resultCodes.success, '', null, Buffer.from(authzId))
  }
  if (requestName !== extendedOids.passwordModify) {
    return extendedResult(messageID, resultCodes.protocolError, 'unknown extended operation')
  }
  if (permit === null) return extendedResult(messageID, resultCodes.insufficientAccessRights)
  const identity = passwordModifyIdentity(requestValue)
  if (identity === undefined) return extendedResult(messageID, resultCodes.protocolError)
  const own = ownDn(permit, await contextOf(permit.organization))
  const isOwn = identity === null || isSame(identity.replace(/^dn:/i, ''), own)
  const code = isOwn ? resultCodes.unwillingToPerform : resultCodes.insufficientAccessRights
  return extendedResult(messageID, code, readOnly)
}

/** PasswdModifyRequestValue ::= SEQUENCE { userIdentity [0] OPTIONAL, … } (RFC 3062 §2). Undefined: malformed. */
function passwordModifyIdentity(value: Buffer | null): string | null | undefined {
  if (value === null) return null
  try {
    const reader = new BerReader(value).enter(tags.sequence)
    return reader.peekTag() === 0x80 ? reader.text(0x80) : null
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw error
  }
}
