// One codec per data type: a value that an administrator wrote to bytes, and bytes to what a log shows. Tags, lengths and
// hiding are the business of attributes.ts.
import { utf8 } from '../../base/bytes.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import {
  encodeIpv4,
  encodeIpv6,
  encodeIpv6Prefix,
  formatIpv4,
  formatIpv6,
  formatIpv6Prefix,
} from './addresses.ts'
import type { AttributeDefinition, DataType } from './dictionary/definition.ts'

export type AttributeValue = string | number | boolean | Uint8Array

interface ValueCodec {
  /** Completes "expected …". */
  readonly expected: (definition: AttributeDefinition) => string
  readonly encode: (value: AttributeValue, definition: AttributeDefinition) => Buffer | null
  /** Null where the bytes do not have this type. */
  readonly format: (bytes: Buffer, definition: AttributeDefinition) => string | null
}

const ofText =
  (encode: (text: string) => Buffer | null): ValueCodec['encode'] =>
  (value) =>
    typeof value === 'string' ? encode(value.trim()) : null

const codecs: Readonly<Record<DataType, ValueCodec>> = {
  text: {
    expected: () => 'text without control characters',
    encode: encodeText,
    format: (bytes) => {
      const text = utf8(bytes)
      return text === null ? null : text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, escapeCharacter)
    },
  },
  octets: {
    expected: () => 'text, or bytes as 0x and hexadecimal digits',
    encode: encodeOctets,
    format: formatOctets,
  },
  vendor: {
    expected: () => 'bytes as 0x and hexadecimal digits',
    encode: encodeOctets,
    format: formatOctets,
  },
  integer: { expected: expectInteger, encode: encodeInteger, format: formatInteger },
  ipaddr: { expected: () => 'an IPv4 address', encode: ofText(encodeIpv4), format: formatIpv4 },
  ipv6addr: { expected: () => 'an IPv6 address', encode: ofText(encodeIpv6), format: formatIpv6 },
  ipv6prefix: {
    expected: () => 'an IPv6 prefix such as 2001:db8::/48',
    encode: ofText(encodeIpv6Prefix),
    format: formatIpv6Prefix,
  },
  ifid: {
    expected: () => 'an interface identifier such as 0:0:0:1',
    encode: ofText((text) => {
      if (!/^[0-9a-f]{1,4}(:[0-9a-f]{1,4}){3}$/i.test(text)) return null
      return Buffer.from(
        text.replace(/[0-9a-f]+/gi, (group) => group.padStart(4, '0')).replaceAll(':', ''),
        'hex',
      )
    }),
    format: (bytes) => (bytes.length === 8 ? (bytes.toString('hex').match(/.{4}/g) ?? []).join(':') : null),
  },
  date: {
    expected: () => 'seconds since 1970, or a date such as 2030-01-31T12:00:00Z',
    encode: (value) => {
      const isDate = typeof value === 'string' && /^\d{4}-\d\d-\d\d/.test(value)
      return unsigned(isDate ? Math.floor(Date.parse(value) / 1000) : toNumber(value), 0xffff_ffff)
    },
    format: (bytes) => (bytes.length === 4 ? new Date(bytes.readUInt32BE(0) * 1000).toISOString() : null),
  },
}

/** The bytes of a value, still without tag and unhidden; or a message that says what was expected. */
export function encodeValue(definition: AttributeDefinition, value: AttributeValue): Result<Buffer, string> {
  const codec = codecs[definition.type]
  const bytes = codec.encode(value, definition)
  if (bytes !== null) return ok(bytes)
  const given = definition.secret ? '[secret]' : typeof value === 'object' ? 'bytes' : JSON.stringify(value)
  return fail(`${definition.name}: expected ${codec.expected(definition)}, not ${given.slice(0, 80)}`)
}

/** What a log shows of a value without its tag: readable, on one line, hexadecimal where the bytes do not fit the type. */
export function formatValue(definition: AttributeDefinition, bytes: Buffer): string {
  return codecs[definition.type].format(bytes, definition) ?? toHex(bytes)
}

function toHex(bytes: Buffer): string {
  return `0x${bytes.toString('hex')}`
}

function escapeCharacter(character: string): string {
  return `\\u${(character.codePointAt(0) as number).toString(16).padStart(4, '0')}`
}

function encodeText(value: AttributeValue, definition: AttributeDefinition): Buffer | null {
  if (typeof value === 'object') return utf8(value) === null ? null : Buffer.from(value)
  const text = String(value)
  // Tab and line breaks are for Reply-Message. In a tagged attribute a first byte below 0x20 would be read as the tag.
  const unwelcome = definition.tagged ? /[\x00-\x1f\x7f]/ : /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]/
  return text.isWellFormed() && !unwelcome.test(text) ? Buffer.from(text) : null
}

function encodeOctets(value: AttributeValue): Buffer | null {
  if (typeof value === 'object') return Buffer.from(value)
  if (typeof value !== 'string') return null
  if (!value.startsWith('0x')) return value.isWellFormed() ? Buffer.from(value) : null
  return /^0x(?:[0-9a-f]{2})+$/i.test(value) ? Buffer.from(value.slice(2), 'hex') : null
}

/** Octets are often text (Class): shown as such where they are printable ASCII. */
function formatOctets(bytes: Buffer): string {
  const text = bytes.toString('latin1')
  return /^[\x21-\x7e][\x20-\x7e]*$/.test(text) && !text.startsWith('0x') ? text : toHex(bytes)
}

function integerMaximum(definition: AttributeDefinition): number {
  return definition.tagged ? 0xff_ffff : 0xffff_ffff
}

function expectInteger(definition: AttributeDefinition): string {
  const range = `a whole number from 0 to ${integerMaximum(definition)}`
  return definition.values === null
    ? range
    : `one of ${Object.keys(definition.values).join(', ')}, or ${range}`
}

function encodeInteger(value: AttributeValue, definition: AttributeDefinition): Buffer | null {
  if (typeof value === 'boolean') return unsigned(value ? 1 : 0, 1)
  if (typeof value === 'string' && definition.values !== null) {
    const wanted = value.trim().toLowerCase()
    for (const [name, number] of Object.entries(definition.values)) {
      if (name.toLowerCase() === wanted) return unsigned(number, 0xffff_ffff)
    }
  }
  return unsigned(toNumber(value), integerMaximum(definition))
}

function formatInteger(bytes: Buffer, definition: AttributeDefinition): string | null {
  if (bytes.length !== 4) return null
  const number = bytes.readUInt32BE(0)
  for (const [name, named] of Object.entries(definition.values ?? {})) if (named === number) return name
  return String(number)
}

function toNumber(value: AttributeValue): number {
  if (typeof value === 'string') return /^\d{1,10}$/.test(value.trim()) ? Number(value) : Number.NaN
  return typeof value === 'number' ? value : Number.NaN
}

function unsigned(number: number, maximum: number): Buffer | null {
  if (!Number.isInteger(number) || number < 0 || number > maximum) return null
  const bytes = Buffer.allocUnsafe(4)
  bytes.writeUInt32BE(number)
  return bytes
}
