// The value of the password policy response control (draft-behera-ldap-password-policy-11 §6.2). The request has none.
import { BerReader } from '../ber/reader.ts'
import { tags } from '../ber/tags.ts'
import { BerWriter } from '../ber/writer.ts'
import { decodeEnumerated } from './decode-parts.ts'

/** In the order of their numbers on the wire. */
export const passwordPolicyErrors = [
  'passwordExpired',
  'accountLocked',
  'changeAfterReset',
  'passwordModNotAllowed',
  'mustSupplyOldPassword',
  'insufficientPasswordQuality',
  'passwordTooShort',
  'passwordTooYoung',
  'passwordInHistory',
  'passwordTooLong',
] as const
export type PasswordPolicyError = (typeof passwordPolicyErrors)[number]

export interface PasswordPolicyResponse {
  /** Seconds until the password expires, or binds left after it has; at most one of them is told. */
  readonly warning: {
    readonly choice: 'timeBeforeExpiration' | 'graceAuthNsRemaining'
    readonly value: number
  } | null
  readonly error: PasswordPolicyError | null
}

/** SEQUENCE { warning [0] CHOICE { [0] INTEGER, [1] INTEGER } OPTIONAL, error [1] ENUMERATED OPTIONAL } */
export function encodePasswordPolicy({ warning, error }: PasswordPolicyResponse): Buffer {
  const writer = new BerWriter(32)
  const mark = writer.begin()
  if (warning !== null) {
    const choice = writer.begin(0xa0)
    writer.integer(warning.value, warning.choice === 'timeBeforeExpiration' ? 0x80 : 0x81)
    writer.end(choice)
  }
  if (error !== null) writer.integer(passwordPolicyErrors.indexOf(error), 0x81)
  writer.end(mark)
  return writer.take()
}

/** The reverse of `encodePasswordPolicy`. Throws WireError. */
export function decodePasswordPolicy(value: Buffer): PasswordPolicyResponse {
  const outer = new BerReader(value)
  const reader = outer.enter(tags.sequence)
  outer.finish()
  let warning: PasswordPolicyResponse['warning'] = null
  if (reader.peekTag() === 0xa0) {
    const inner = reader.enter(0xa0)
    const choice = inner.peekTag() === 0x80 ? 'timeBeforeExpiration' : 'graceAuthNsRemaining'
    warning = { choice, value: inner.integer(choice === 'timeBeforeExpiration' ? 0x80 : 0x81, 0) }
    inner.finish()
  }
  const error = reader.atEnd ? null : decodeEnumerated(reader, passwordPolicyErrors, 0x81)
  reader.finish()
  return { warning, error }
}
