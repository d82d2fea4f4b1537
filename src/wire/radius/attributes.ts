// Attributes by name: checks what an administrator wants in replies, encodes it, and shows attributes to logs. Which
// attributes a reply gets is decided elsewhere.
import { fail, ok, type Result } from '../../base/result.ts'
import type { SharedSecret } from './authenticator.ts'
import type { AttributeDefinition } from './dictionary/definition.ts'
import { findByName, findByNumber, suggestName, unnamed } from './dictionary/dictionary.ts'
import { encodeTlv, encodeVendorTlv } from './encode.ts'
import { decodeVendorSpecific, type } from './packet.ts'
import { encryptSalted, hidePassword, maximumSaltedLength } from './password.ts'
import { type AttributeValue, encodeValue, formatValue } from './values.ts'

/** What an administrator writes. The name may end in a tag (`Tunnel-Type:1`), unless `tag` gives it. */
export interface ReplyAttributeInput {
  readonly name: string
  readonly value: string | number | boolean
  readonly tag?: number
}

/** Checked: encodeAttribute takes these three without failing. Plain data, fit to be stored. */
export interface ReplyAttribute {
  /** In the dictionary's spelling, without tag. */
  readonly name: string
  readonly value: string | number | boolean
  /** 1 to 31; 0 is none. */
  readonly tag: number
}

/** What hiding a value needs. */
export interface Hiding {
  readonly secret: SharedSecret
  readonly requestAuthenticator: Uint8Array
  /** 2 random bytes, other ones for every attribute of a packet. */
  readonly salt: Uint8Array
}

const refusals = {
  own: 'Muster and the protocol set it themselves',
  request: 'only network devices send it, in requests',
} as const

/** Checks one attribute that an administrator wants in replies. The error says what was expected, for people. */
export function parseReplyAttribute(input: ReplyAttributeInput): Result<ReplyAttribute, string> {
  const [, base = '', suffix] = /^(.*?)(?::(\d{1,3}))?$/s.exec(input.name.trim()) ?? []
  const definition = findByName(base)
  if (definition === null) {
    const suggestion = suggestName(base)
    const hint =
      suggestion === null
        ? 'write Attr-26.<vendor>.<number> for one without a name'
        : `did you mean ${suggestion}?`
    return fail(`unknown RADIUS attribute ${JSON.stringify(base.slice(0, 80))}: ${hint}`)
  }
  if (definition.author !== 'reply')
    return fail(`${definition.name} cannot be set: ${refusals[definition.author]}`)
  const tag = input.tag ?? Number(suffix ?? 0)
  const payload = encodePayload(definition, input.value, tag)
  return payload.ok ? ok({ name: definition.name, value: input.value, tag }) : payload
}

/**
 * One attribute as bytes. `hiding` is needed for attributes that go hidden over the wire, and not looked at for others.
 * @throws RangeError for whatever parseReplyAttribute would have refused about the name, value or tag
 */
export function encodeAttribute(name: string, value: AttributeValue, tag = 0, hiding?: Hiding): Buffer {
  const definition = findByName(name)
  if (definition === null) throw new RangeError(`unknown RADIUS attribute ${name}`)
  const payload = encodePayload(definition, value, tag)
  if (!payload.ok) throw new RangeError(payload.error)
  const bytes = definition.hidden === null ? payload.value : hide(definition, payload.value, hiding)
  return definition.vendor === 0
    ? encodeTlv(definition.number, bytes)
    : encodeVendorTlv(definition.vendor, definition.number, bytes)
}

/** The value's bytes with its tag byte, unhidden: the tag of hidden attributes is always there (RFC 2868 §3.5). */
function encodePayload(
  definition: AttributeDefinition,
  value: AttributeValue,
  tag: number,
): Result<Buffer, string> {
  const { name, tagged } = definition
  if (tag !== 0 && !tagged) return fail(`${name} takes no tag`)
  if (!Number.isInteger(tag) || tag < 0 || tag > 31)
    return fail(`${name}: a tag is a whole number from 1 to 31, or 0 for none`)
  const encoded = encodeValue(definition, value)
  if (!encoded.ok) return encoded
  const bytes = encoded.value
  const text = definition.type === 'text' || definition.type === 'octets'
  if (text && bytes.length === 0) return fail(`${name}: an empty value cannot be sent (RFC 2865 §5)`)
  const room = roomFor(definition, tag)
  if (bytes.length > room) return fail(`${name}: ${bytes.length} bytes, at most ${room} can be sent`)
  if (name === 'Tunnel-Private-Group-Id' && /^\s*\d+\s*$/.test(String(value)) && !isVlan(Number(value))) {
    return fail(`${name}: a VLAN is a number from 1 to 4094, or a name`)
  }
  if (!tagged) return ok(bytes)
  // Tagged integers give their first byte to the tag; text has a tag byte before it only where there is a tag.
  if (definition.type === 'integer') bytes[0] = tag
  else if (tag > 0 || definition.hidden !== null) return ok(Buffer.concat([Buffer.from([tag]), bytes]))
  return ok(bytes)
}

function roomFor(definition: AttributeDefinition, tag: number): number {
  if (definition.hidden === 'user-password') return 128
  if (definition.hidden === 'salted') return maximumSaltedLength
  return (definition.vendor === 0 ? 253 : 247) - (tag > 0 ? 1 : 0)
}

function hide(definition: AttributeDefinition, payload: Buffer, hiding: Hiding | undefined): Buffer {
  if (hiding === undefined) throw new RangeError(`${definition.name} needs a secret to be hidden with`)
  const { secret, requestAuthenticator, salt } = hiding
  if (definition.hidden === 'user-password')
    return hidePassword(payload, requestAuthenticator, secret) as Buffer
  if (!definition.tagged) return encryptSalted(payload, salt, requestAuthenticator, secret)
  const hidden = encryptSalted(payload.subarray(1), salt, requestAuthenticator, secret)
  return Buffer.concat([payload.subarray(0, 1), hidden])
}

/** IEEE 802.1Q: 0 and 4095 are no VLANs. */
export function isVlan(vlan: number): boolean {
  return Number.isInteger(vlan) && vlan >= 1 && vlan <= 4094
}

const tunnelTypeVlan = Buffer.from([64, 6, 0, 0, 0, 13])
const tunnelMediumIeee802 = Buffer.from([65, 6, 0, 0, 0, 6])

/**
 * The three attributes that put a session into a VLAN (RFC 3580 §3.31): Tunnel-Type VLAN, Tunnel-Medium-Type IEEE-802,
 * Tunnel-Private-Group-Id with the number as text, all without a tag. Throws RangeError outside 1 to 4094.
 */
export function vlanAttributes(vlan: number): Buffer[] {
  if (!isVlan(vlan)) throw new RangeError(`no VLAN: ${vlan}`)
  return [tunnelTypeVlan, tunnelMediumIeee802, encodeTlv(81, Buffer.from(String(vlan)))]
}

export interface Described {
  readonly name: string
  readonly value: string
}

/** One attribute for a log: several lines where a Vendor-Specific holds several. Secrets are shown as `[secret]`. */
export function describe(attribute: { readonly type: number; readonly value: Buffer }): Described[] {
  if (attribute.type !== type.vendorSpecific) return [describeOne(0, attribute.type, attribute.value)]
  const specific = decodeVendorSpecific(attribute.value)
  if (specific === null) return [describeOne(0, type.vendorSpecific, attribute.value)]
  const { vendor, fields, payload } = specific
  // The form is unknown, so it is unknown as well whether a key stands inside: only its length is shown.
  if (fields === null) return [{ name: `Attr-26.${vendor}`, value: `[${payload.length} bytes]` }]
  return fields.map((field) => describeOne(vendor, field.type, field.value))
}

function describeOne(vendor: number, number: number, value: Buffer): Described {
  const definition = findByNumber(vendor, number) ?? unnamed(vendor, number)
  const { name } = definition
  if (definition.secret) return { name, value: '[secret]' }
  const first = value[0] ?? 0x20
  if (!definition.tagged || first > 0x1f) return { name, value: formatValue(definition, value) }
  const bare =
    definition.type === 'integer' ? Buffer.concat([Buffer.from([0]), value.subarray(1)]) : value.subarray(1)
  return { name: first === 0 ? name : `${name}:${first}`, value: formatValue(definition, bare) }
}
