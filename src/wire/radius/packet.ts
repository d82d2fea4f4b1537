// The RADIUS packet as it lies on the wire: checks the lengths, finds the attributes, opens Vendor-Specific. It proves
// nothing (see authenticator.ts) and gives attribute values no meaning (see attributes.ts).
import { WireError } from '../../base/bytes.ts'

/** Packet codes (RFC 2865 §4, RFC 2866 §4, RFC 5997 §3, RFC 5176 §2). */
export const code = {
  accessRequest: 1,
  accessAccept: 2,
  accessReject: 3,
  accountingRequest: 4,
  accountingResponse: 5,
  accessChallenge: 11,
  statusServer: 12,
  disconnectRequest: 40,
  disconnectAck: 41,
  disconnectNak: 42,
  coaRequest: 43,
  coaAck: 44,
  coaNak: 45,
} as const

/** The numbers of attributes that the protocol itself is made of. */
export const type = {
  userName: 1,
  userPassword: 2,
  chapPassword: 3,
  nasIpAddress: 4,
  nasPort: 5,
  framedMtu: 12,
  replyMessage: 18,
  state: 24,
  class: 25,
  vendorSpecific: 26,
  sessionTimeout: 27,
  calledStationId: 30,
  callingStationId: 31,
  nasIdentifier: 32,
  proxyState: 33,
  acctStatusType: 40,
  acctSessionId: 44,
  eventTimestamp: 55,
  chapChallenge: 60,
  nasPortType: 61,
  eapMessage: 79,
  messageAuthenticator: 80,
  nasIpv6Address: 95,
  errorCause: 101,
  eapKeyName: 102,
} as const

export const headerLength = 20
/** RFC 2865 §3: nothing longer may be sent or accepted. */
export const maximumLength = 4096
/** No honest packet comes near; a packet full of 2-byte attributes would have 2,038. */
export const maximumAttributes = 200
/** An attribute's value: its length byte counts two bytes of header. */
export const maximumValueLength = 253

export interface RadiusAttribute {
  readonly type: number
  /** A view into the datagram, without the two bytes of header. */
  readonly value: Buffer
  /** Where its type byte stands in the datagram. */
  readonly offset: number
}

export interface RadiusPacket {
  readonly code: number
  readonly identifier: number
  /** The Length field; what the datagram holds behind it is padding and not looked at (RFC 2865 §3). */
  readonly length: number
  /** 16 bytes, a view. */
  readonly authenticator: Buffer
  readonly attributes: readonly RadiusAttribute[]
  /** The datagram cut to `length`, a view. */
  readonly bytes: Buffer
}

/**
 * Decodes a datagram, or one message cut from a RADIUS/TLS stream.
 *
 *     | code 1 | identifier 1 | length 2 | authenticator 16 | attributes: type 1, length 1, value … |
 *
 * @throws WireError `truncated`, `length-short`, `length-long`, `attribute-length`, `attribute-count`
 */
export function decodePacket(datagram: Buffer): RadiusPacket {
  if (datagram.length < headerLength) throw new WireError('truncated', datagram.length)
  const length = datagram.readUInt16BE(2)
  if (length < headerLength) throw new WireError('length-short', 2)
  if (length > maximumLength) throw new WireError('length-long', 2)
  if (length > datagram.length) throw new WireError('truncated', datagram.length)
  const attributes: RadiusAttribute[] = []
  for (let offset = headerLength; offset < length; ) {
    // A lone last byte has no length byte: reading past `length` would be reading padding.
    const size = offset + 1 < length ? (datagram[offset + 1] as number) : 0
    if (size < 2 || offset + size > length) throw new WireError('attribute-length', offset)
    if (attributes.length === maximumAttributes) throw new WireError('attribute-count', offset)
    const value = datagram.subarray(offset + 2, offset + size)
    attributes.push({ type: datagram[offset] as number, value, offset })
    offset += size
  }
  return {
    code: datagram[0] as number,
    identifier: datagram[1] as number,
    length,
    authenticator: datagram.subarray(4, headerLength),
    attributes,
    bytes: datagram.subarray(0, length),
  }
}

/** The value of the first attribute of this type, or null. */
export function findValue(packet: RadiusPacket, wanted: number): Buffer | null {
  for (const attribute of packet.attributes) if (attribute.type === wanted) return attribute.value
  return null
}

/** The values of all attributes of this type, in the order of the packet. */
export function listValues(packet: RadiusPacket, wanted: number): Buffer[] {
  const values: Buffer[] = []
  for (const attribute of packet.attributes) if (attribute.type === wanted) values.push(attribute.value)
  return values
}

/** The values of all attributes of this type as one: how EAP-Message is carried (RFC 3579 §3.1). Null where there is none. */
export function joinValues(packet: RadiusPacket, wanted: number): Buffer | null {
  const values = listValues(packet, wanted)
  return values.length > 1 ? Buffer.concat(values) : (values[0] ?? null)
}

export interface VendorField {
  readonly type: number
  readonly value: Buffer
}

export interface VendorSpecific {
  /** SMI enterprise number. */
  readonly vendor: number
  /** The vendor's own attributes, or null where the payload does not have the usual form. */
  readonly fields: readonly VendorField[] | null
  readonly payload: Buffer
}

/**
 * Opens a Vendor-Specific value (RFC 2865 §5.26): vendor 4, then vendor type 1, vendor length 1, value, repeated. The form
 * behind the vendor is only a recommendation, so whatever does not follow it stays opaque and harms nothing else. Null
 * where not even the vendor is there.
 */
export function decodeVendorSpecific(value: Buffer): VendorSpecific | null {
  if (value.length < 4) return null
  const vendor = value.readUInt32BE(0)
  const payload = value.subarray(4)
  const fields: VendorField[] = []
  for (let offset = 0; offset < payload.length; ) {
    const size = payload[offset + 1] ?? 0
    if (size < 2 || offset + size > payload.length) return { vendor, fields: null, payload }
    fields.push({ type: payload[offset] as number, value: payload.subarray(offset + 2, offset + size) })
    offset += size
  }
  return { vendor, fields: fields.length > 0 ? fields : null, payload }
}

/** The value of the first attribute of this vendor and type, wherever it stands, or null. */
export function findVendorValue(packet: RadiusPacket, vendor: number, wanted: number): Buffer | null {
  for (const value of listValues(packet, type.vendorSpecific)) {
    const specific = decodeVendorSpecific(value)
    if (specific?.vendor !== vendor || specific.fields === null) continue
    for (const field of specific.fields) if (field.type === wanted) return field.value
  }
  return null
}
