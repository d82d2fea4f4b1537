// Builds whole packets and signs them: replies for the door, requests for CoA senders, clients and tests. Attributes come
// in as finished bytes (see attributes.ts); nothing here is random, authenticators are handed in.
import { WireError } from '../../base/bytes.ts'
import { hasDigestAuthenticator, messageDigest, packetDigest, type SharedSecret } from './authenticator.ts'
import { code, headerLength, maximumLength, maximumValueLength, type } from './packet.ts'

/** One attribute: type 1, length 1, value. Throws RangeError over 253 bytes of value. */
export function encodeTlv(number: number, value: Uint8Array): Buffer {
  if (value.length > maximumValueLength)
    throw new RangeError(`attribute ${number}: ${value.length} bytes, at most 253`)
  const bytes = Buffer.allocUnsafe(value.length + 2)
  bytes[0] = number
  bytes[1] = value.length + 2
  bytes.set(value, 2)
  return bytes
}

/** One Vendor-Specific attribute with one attribute of the vendor inside (RFC 2865 §5.26). At most 247 bytes of value. */
export function encodeVendorTlv(vendor: number, number: number, value: Uint8Array): Buffer {
  const inner = encodeTlv(number, value)
  const payload = Buffer.allocUnsafe(inner.length + 4)
  payload.writeUInt32BE(vendor, 0)
  payload.set(inner, 4)
  return encodeTlv(type.vendorSpecific, payload)
}

/** A long value as attributes of 253 bytes each, to stand next to each other: EAP-Message (RFC 3579 §3.1). */
export function encodeSplit(number: number, value: Uint8Array): Buffer[] {
  const parts: Buffer[] = []
  for (let at = 0; at < value.length; at += maximumValueLength) {
    parts.push(encodeTlv(number, value.subarray(at, at + maximumValueLength)))
  }
  return parts
}

export interface ReplyFields {
  readonly code: number
  /** Of the request. */
  readonly identifier: number
  /** Of the request, 16 bytes. */
  readonly requestAuthenticator: Uint8Array
  /** Finished attributes, in the order to send. Neither Message-Authenticator nor Proxy-State. */
  readonly attributes: readonly Uint8Array[]
  /** The values of the request's Proxy-State attributes, in its order: they go back unchanged (RFC 2865 §5.33). */
  readonly proxyStates: readonly Uint8Array[]
  readonly secret: SharedSecret
}

/**
 * A signed reply. Message-Authenticator comes first, whether the request had one or not: so a prefix that an attacker
 * controls can never stand before it (CVE-2024-3596). Only Accounting-Response carries none: RFC 2869 §5.19 leaves no room
 * for it there, and its request was authenticated as a whole.
 *
 * @throws WireError `too-long` over 4096 bytes, with the length that it would have had as offset
 */
export function encodeReply(reply: ReplyFields): Buffer {
  const place = reply.code === code.accountingResponse ? 'none' : 'first'
  const proxied = reply.proxyStates.map((value) => encodeTlv(type.proxyState, value))
  const attributes = proxied.length > 0 ? [...reply.attributes, ...proxied] : reply.attributes
  const bytes = assemble({ ...reply, authenticator: reply.requestAuthenticator, attributes }, place)
  packetDigest(bytes, reply.secret).copy(bytes, 4)
  return bytes
}

export interface RequestFields {
  readonly code: number
  readonly identifier: number
  /** 16 random bytes for Access-Request and Status-Server; not looked at for accounting and CoA, which compute theirs. */
  readonly authenticator: Uint8Array
  readonly attributes: readonly Uint8Array[]
  readonly secret: SharedSecret
  /** Default `first`, except for Accounting-Request: `none`. */
  readonly messageAuthenticator?: 'first' | 'last' | 'none'
}

/**
 * A signed request.
 * @throws WireError `too-long` over 4096 bytes
 */
export function encodeRequest(request: RequestFields): Buffer {
  const place = request.messageAuthenticator ?? (request.code === code.accountingRequest ? 'none' : 'first')
  if (!hasDigestAuthenticator(request.code)) return assemble(request, place)
  // RFC 5176 §3.3, RFC 2866 §3: both digests are taken with zeros for an authenticator, Message-Authenticator before the other.
  const bytes = assemble({ ...request, authenticator: Buffer.alloc(16) }, place)
  packetDigest(bytes, request.secret).copy(bytes, 4)
  return bytes
}

type Signed = Pick<RequestFields, 'code' | 'identifier' | 'authenticator' | 'attributes' | 'secret'>

/** Lays the packet out with `authenticator` in its header and fills in Message-Authenticator over exactly that. */
function assemble(packet: Signed, place: 'first' | 'last' | 'none'): Buffer {
  if (packet.authenticator.length !== 16) throw new RangeError('an authenticator has 16 bytes')
  let length = headerLength + (place === 'none' ? 0 : 18)
  for (const attribute of packet.attributes) length += attribute.length
  if (length > maximumLength) throw new WireError('too-long', length)
  const bytes = Buffer.allocUnsafe(length)
  bytes[0] = packet.code
  bytes[1] = packet.identifier
  bytes.writeUInt16BE(length, 2)
  bytes.set(packet.authenticator, 4)
  let offset = place === 'first' ? headerLength + 18 : headerLength
  for (const attribute of packet.attributes) {
    if (attribute[1] !== attribute.length)
      throw new RangeError(`not one whole attribute: type ${attribute[0]}`)
    bytes.set(attribute, offset)
    offset += attribute.length
  }
  if (place === 'none') return bytes
  const at = place === 'first' ? headerLength : offset
  bytes[at] = type.messageAuthenticator
  bytes[at + 1] = 18
  bytes.fill(0, at + 2, at + 18)
  messageDigest(bytes, packet.secret).copy(bytes, at + 2)
  return bytes
}
