// What makes a RADIUS packet believable: Message-Authenticator, Request Authenticator and Response Authenticator, proven
// here and produced here (by encode.ts). Whether an unsigned packet is acceptable is the door's decision, not this file's.
import { timingSafeEqual } from 'node:crypto'
import { inspect } from 'node:util'
import { md5 } from './md5.ts'
import { code, headerLength, type RadiusPacket, type } from './packet.ts'

/** MD5 works on blocks of so many bytes. */
const hmacBlock = 64

/** The secret shared with one client, with what HMAC makes of its key (RFC 2104 §2) prepared once. */
export class SharedSecret {
  readonly #bytes: Buffer
  /** The key XOR ipad and XOR opad, one block each. */
  readonly #inner: Buffer
  readonly #outer: Buffer
  constructor(secret: string | Uint8Array) {
    this.#bytes = typeof secret === 'string' ? Buffer.from(secret) : Buffer.from(secret)
    const key = this.#bytes.length > hmacBlock ? md5(this.#bytes) : this.#bytes
    const padded = Buffer.concat([key], hmacBlock)
    this.#inner = padded.map((byte) => byte ^ 0x36) as Buffer
    this.#outer = padded.map((byte) => byte ^ 0x5c) as Buffer
  }
  /** The secret itself; only this folder needs it. Not to be written to. */
  reveal(): Buffer {
    return this.#bytes
  }
  /** HMAC-MD5 (RFC 2104): H(key XOR opad, H(key XOR ipad, text)). */
  hmac(text: Uint8Array): Buffer {
    return md5(this.#outer, md5(this.#inner, text))
  }
  toString(): string {
    return '[secret]'
  }
  toJSON(): string {
    return '[secret]'
  }
  [inspect.custom](): string {
    return '[secret]'
  }
}

export type MessageAuthenticity =
  /** Exactly one Message-Authenticator, and it is right. */
  | 'valid'
  /** None is there. */
  | 'absent'
  /** Wrong, of another length than 18, or more than one. */
  | 'invalid'

const zeros = Buffer.alloc(16)

/** Requests whose authenticator is a digest over the packet and not random (RFC 2866 §3, RFC 5176 §2.3). */
export function hasDigestAuthenticator(requestCode: number): boolean {
  return (
    requestCode === code.accountingRequest ||
    requestCode === code.disconnectRequest ||
    requestCode === code.coaRequest
  )
}

/** HMAC-MD5 over a whole packet whose Message-Authenticator value is zero (RFC 3579 §3.2). */
export function messageDigest(bytes: Uint8Array, secret: SharedSecret): Buffer {
  return secret.hmac(bytes)
}

/** MD5(packet || secret): Response Authenticator, and Request Authenticator of accounting and CoA. */
export function packetDigest(bytes: Uint8Array, secret: SharedSecret): Buffer {
  return md5(bytes, secret.reveal())
}

/**
 * Is the Message-Authenticator of this *request* right? It may stand anywhere. Access-Request and Status-Server are
 * signed with their random authenticator in place (RFC 3579 §3.2, RFC 5997 §4), accounting and CoA with zeros there (RFC
 * 5176 §3.3).
 */
export function verifyMessageAuthenticator(packet: RadiusPacket, secret: SharedSecret): MessageAuthenticity {
  return verifyWith(packet, hasDigestAuthenticator(packet.code) ? zeros : packet.authenticator, secret)
}

/** Is the Request Authenticator of an Accounting-, Disconnect- or CoA-Request right? False for any other code. */
export function verifyRequestAuthenticator(packet: RadiusPacket, secret: SharedSecret): boolean {
  return hasDigestAuthenticator(packet.code) && verifyDigest(packet, zeros, secret)
}

export interface ReplyAuthenticity {
  /** Response Authenticator: MD5(code, identifier, length, request's authenticator, attributes, secret). */
  readonly authenticator: boolean
  readonly messageAuthenticator: MessageAuthenticity
}

/** For whoever sent a request: was this reply made by someone who knows the secret? (RFC 2865 §3, RFC 3579 §3.2) */
export function verifyReply(
  packet: RadiusPacket,
  requestAuthenticator: Buffer,
  secret: SharedSecret,
): ReplyAuthenticity {
  return {
    authenticator: verifyDigest(packet, requestAuthenticator, secret),
    messageAuthenticator: verifyWith(packet, requestAuthenticator, secret),
  }
}

function verifyDigest(packet: RadiusPacket, authenticator: Buffer, secret: SharedSecret): boolean {
  const copy = Buffer.from(packet.bytes)
  authenticator.copy(copy, 4, 0, 16)
  return timingSafeEqual(packetDigest(copy, secret), packet.authenticator)
}

function verifyWith(packet: RadiusPacket, authenticator: Buffer, secret: SharedSecret): MessageAuthenticity {
  let found: Buffer | null = null
  let offset = 0
  for (const attribute of packet.attributes) {
    if (attribute.type !== type.messageAuthenticator) continue
    if (found !== null || attribute.value.length !== 16) return 'invalid'
    found = attribute.value
    offset = attribute.offset + 2
  }
  if (found === null) return 'absent'
  const copy = Buffer.from(packet.bytes)
  if (authenticator !== packet.authenticator) authenticator.copy(copy, 4, 0, headerLength - 4)
  copy.fill(0, offset, offset + 16)
  // On bytes: compared as UTF-8 text, unequal digests can be equal, because every invalid byte becomes U+FFFD.
  return timingSafeEqual(messageDigest(copy, secret), found) ? 'valid' : 'invalid'
}
