// IPv4 and IPv6 addresses and IPv6 prefixes as RADIUS carries them (RFC 8044 §3.8 to §3.10).
import { parseAddress } from '../../base/ip.ts'

export function encodeIpv4(text: string): Buffer | null {
  const address = parseAddress(text)
  return address?.family === 4 && !text.includes(':') ? toBytes(address.bits, 4) : null
}

export function formatIpv4(bytes: Uint8Array): string | null {
  return bytes.length === 4 ? bytes.join('.') : null
}

/** 16 bytes, or null. An IPv4-mapped address keeps its IPv6 form here. */
export function encodeIpv6(text: string): Buffer | null {
  const address = parseAddress(text)
  if (address === null || !text.includes(':')) return null
  return toBytes(address.family === 4 ? (0xffffn << 32n) | address.bits : address.bits, 16)
}

export function formatIpv6(bytes: Uint8Array): string | null {
  if (bytes.length !== 16) return null
  const hex = Buffer.from(bytes).toString('hex')
  return parseAddress(hex.replace(/(.{4})(?=.)/g, '$1:'))?.text ?? null
}

/** RFC 3162 §2.3: reserved 1, prefix length 1, and as many bytes of prefix as that needs; bits behind it are zero. */
export function encodeIpv6Prefix(text: string): Buffer | null {
  const [address = '', size = '', more] = text.split('/')
  const bytes = encodeIpv6(address)
  if (bytes === null || more !== undefined || !/^\d{1,3}$/.test(size) || Number(size) > 128) return null
  const bits = Number(size)
  const used = Math.ceil(bits / 8)
  const prefix = Buffer.from(bytes.subarray(0, used))
  if (bits % 8 !== 0) prefix[used - 1] = (prefix[used - 1] as number) & (0xff << (8 - (bits % 8)))
  return Buffer.concat([Buffer.from([0, bits]), prefix])
}

export function formatIpv6Prefix(bytes: Uint8Array): string | null {
  if (bytes.length < 2 || bytes.length > 18) return null
  const whole = new Uint8Array(16)
  whole.set(bytes.subarray(2))
  return `${formatIpv6(whole)}/${bytes[1]}`
}

function toBytes(bits: bigint, length: number): Buffer {
  return Buffer.from(bits.toString(16).padStart(length * 2, '0'), 'hex')
}
