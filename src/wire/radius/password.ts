// The two ways in which RADIUS hides values with the shared secret: User-Password, and the salted form of Tunnel-Password
// and the MS-MPPE keys. Both are XOR with a chain of MD5 digests; they hide, they do not authenticate.
import { utf8 } from '../../base/bytes.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { SharedSecret } from './authenticator.ts'
import { encodeVendorTlv } from './encode.ts'
import { md5 } from './md5.ts'

/** Why a User-Password is no password: its length is not 16 to 128 in steps of 16, a NUL stands inside, or it is not UTF-8. */
export type PasswordRefusal = 'length' | 'nul' | 'utf-8'

/** Hides a password (RFC 2865 §5.2) of at most 128 bytes; null where it is longer. */
export function hidePassword(
  password: string | Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: SharedSecret,
): Buffer | null {
  const plain = typeof password === 'string' ? Buffer.from(password) : password
  if (plain.length > 128) return null
  const padded = Buffer.alloc(Math.max(16, Math.ceil(plain.length / 16) * 16))
  padded.set(plain)
  return chain(padded, requestAuthenticator, secret, 'hide')
}

/**
 * Reveals a hidden password (RFC 2865 §5.2) without its padding. A wrong secret cannot be told from a wrong password: it
 * mostly shows as `utf-8` or `nul`.
 */
export function revealPassword(
  hidden: Buffer,
  requestAuthenticator: Uint8Array,
  secret: SharedSecret,
): Result<string, PasswordRefusal> {
  if (hidden.length === 0 || hidden.length > 128 || hidden.length % 16 !== 0) return fail('length')
  const plain = chain(hidden, requestAuthenticator, secret, 'reveal')
  let end = plain.length
  while (end > 0 && plain[end - 1] === 0) end--
  const password = plain.subarray(0, end)
  if (password.includes(0)) return fail('nul')
  const text = utf8(password)
  return text === null ? fail('utf-8') : ok(text)
}

/** The longest value that the salted form can carry in one attribute, with its length byte and padding. */
export const maximumSaltedLength = 239

/**
 * The salted form (RFC 2868 §3.5, RFC 2548 §2.4.2): salt 2 || hidden(length 1 || value || zeros to a multiple of 16).
 * `salt` is 2 random bytes, other ones for every attribute of a packet; its top bit is set here. Throws RangeError over 239
 * bytes.
 */
export function encryptSalted(
  value: Uint8Array,
  salt: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: SharedSecret,
): Buffer {
  if (value.length > maximumSaltedLength)
    throw new RangeError(`${value.length} bytes, at most ${maximumSaltedLength}`)
  const plain = Buffer.alloc(Math.ceil((value.length + 1) / 16) * 16)
  plain[0] = value.length
  plain.set(value, 1)
  const marked = Buffer.from([(salt[0] as number) | 0x80, salt[1] as number])
  const first = Buffer.concat([requestAuthenticator, marked])
  return Buffer.concat([marked, chain(plain, first, secret, 'hide')])
}

/** RFC 2548: the enterprise number of Microsoft, and its two key attributes. */
const microsoft = { vendor: 311, sendKey: 16, recvKey: 17 }

/**
 * MS-MPPE-Recv-Key and MS-MPPE-Send-Key from the keying material of an EAP method: its first and second 32 bytes (RFC 2548
 * §2.4.2, RFC 5216 §2.3). `random` is 4 bytes for the salts, which are made to differ.
 */
export function encodeMppeKeys(
  keyingMaterial: Uint8Array,
  random: Uint8Array,
  requestAuthenticator: Uint8Array,
  secret: SharedSecret,
): Buffer[] {
  if (keyingMaterial.length < 64) throw new RangeError('keying material of at least 64 bytes is needed')
  const recvSalt = [random[0] as number, (random[1] as number) & 0xfe]
  const sendSalt = [random[2] as number, (random[3] as number) | 0x01]
  const hide = (from: number, salt: number[]): Buffer =>
    encryptSalted(keyingMaterial.subarray(from, from + 32), Buffer.from(salt), requestAuthenticator, secret)
  return [
    encodeVendorTlv(microsoft.vendor, microsoft.recvKey, hide(0, recvSalt)),
    encodeVendorTlv(microsoft.vendor, microsoft.sendKey, hide(32, sendSalt)),
  ]
}

/** c(i) = p(i) xor MD5(secret || c(i-1)), with `first` for c(0); the chain always runs over the hidden side. */
function chain(input: Buffer, first: Uint8Array, secret: SharedSecret, direction: 'hide' | 'reveal'): Buffer {
  const output = Buffer.allocUnsafe(input.length)
  const hiddenSide = direction === 'hide' ? output : input
  let previous = first
  for (let at = 0; at < input.length; at += 16) {
    const pad = md5(secret.reveal(), previous)
    for (let i = 0; i < 16; i++) output[at + i] = (input[at + i] as number) ^ (pad[i] as number)
    previous = hiddenSide.subarray(at, at + 16)
  }
  return output
}
