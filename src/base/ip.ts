// IP addresses and networks in one canonical form, so that two spellings never count as two peers. Pure: no sockets,
// no names, and whatever is not exactly an address (zone id, port, brackets, leading zeros) is null.
import { isIPv4, isIPv6 } from 'node:net'

export interface Address {
  readonly family: 4 | 6
  /** 32 or 128 bits, by family. */
  readonly bits: bigint
  /** Dotted decimal, or RFC 5952; an IPv4-mapped IPv6 address is the IPv4 address. */
  readonly text: string
}

export interface Cidr {
  readonly family: 4 | 6
  /** The network's address; the bits beyond the prefix are zero. */
  readonly bits: bigint
  /** Length of the prefix, 0..32 or 0..128. */
  readonly prefix: number
  /** Canonical address, a slash and the prefix length. */
  readonly text: string
}

const width = { 4: 32, 6: 128 } as const
/** ::ffff:0:0/96, RFC 4291 §2.5.5.2 */
const mappedPrefix = 0xffffn
/** The longest spelling there is: eight groups of which the last two are dotted decimal. */
const longestText = 45

/** The address that `text` spells, or null. `::ffff:1.2.3.4` is 1.2.3.4. */
export function parseAddress(text: string): Address | null {
  if (text.length > longestText) return null
  if (isIPv4(text)) return address(4, bitsOfIpv4(text))
  if (!isIPv6(text) || text.includes('%')) return null
  const bits = bitsOfIpv6(text)
  return bits >> 32n === mappedPrefix ? address(4, bits & 0xffffffffn) : address(6, bits)
}

/** The one spelling of an address, or null where `text` is not one. */
export function canonicalAddress(text: string): string | null {
  return parseAddress(text)?.text ?? null
}

/**
 * The network that `text` spells, or null. A bare address is the network of that one address.
 * Bits set beyond the prefix (`10.0.0.1/8`) are refused: what was meant is either the address or the network.
 */
export function parseCidr(text: string): Cidr | null {
  const slash = text.indexOf('/')
  const base = parseAddress(slash < 0 ? text : text.slice(0, slash))
  if (base === null) return null
  if (slash < 0) return cidr(base, width[base.family])
  const digits = text.slice(slash + 1)
  if (!/^(0|[1-9][0-9]{0,2})$/.test(digits)) return null
  const mapped = base.family === 4 && text.includes(':')
  const prefix = Number(digits) - (mapped ? 96 : 0)
  return cidr(base, prefix)
}

/** Is the address in the network? Families never mix: `::/0` holds no IPv4 address, mapped or not. */
export function contains(network: Cidr, candidate: Address): boolean {
  return network.family === candidate.family && maskOf(candidate, network.prefix) === network.bits
}

/** Is this an address of the machine itself (127.0.0.0/8, ::1)? */
export function isLoopback(candidate: Address): boolean {
  return candidate.family === 4 ? candidate.bits >> 24n === 127n : candidate.bits === 1n
}

/** Values by network; the longest prefix that holds an address wins. At most 33 + 129 map look-ups a question. */
export class PrefixTable<T> {
  readonly #levels = { 4: new Map<number, Map<bigint, T>>(), 6: new Map<number, Map<bigint, T>>() }
  /** Prefix lengths in use, longest first. */
  readonly #lengths: { 4: number[]; 6: number[] } = { 4: [], 6: [] }
  #size = 0

  get size(): number {
    return this.#size
  }

  /** False, and nothing changes, where the same network has a value already. */
  add(network: Cidr, value: T): boolean {
    const levels = this.#levels[network.family]
    let level = levels.get(network.prefix)
    if (level === undefined) {
      level = new Map()
      levels.set(network.prefix, level)
      this.#lengths[network.family].push(network.prefix)
      this.#lengths[network.family].sort((a, b) => b - a)
    }
    if (level.has(network.bits)) return false
    level.set(network.bits, value)
    this.#size++
    return true
  }

  find(candidate: Address): T | undefined {
    const levels = this.#levels[candidate.family]
    for (const prefix of this.#lengths[candidate.family]) {
      const level = levels.get(prefix) as Map<bigint, T>
      const bits = maskOf(candidate, prefix)
      if (level.has(bits)) return level.get(bits)
    }
    return undefined
  }
}

function address(family: 4 | 6, bits: bigint): Address {
  return { family, bits, text: family === 4 ? formatIpv4(bits) : formatIpv6(bits) }
}

function cidr(base: Address, prefix: number): Cidr | null {
  if (prefix < 0 || prefix > width[base.family] || maskOf(base, prefix) !== base.bits) return null
  return { family: base.family, bits: base.bits, prefix, text: `${base.text}/${prefix}` }
}

function maskOf(of: Address, prefix: number): bigint {
  const rest = BigInt(width[of.family] - prefix)
  return (of.bits >> rest) << rest
}

function bitsOfIpv4(text: string): bigint {
  return BigInt(text.split('.').reduce((bits, part) => bits * 256 + Number(part), 0))
}

/** `text` has passed isIPv6 and has no zone. */
function bitsOfIpv6(text: string): bigint {
  const [left = '', right] = text.split('::')
  const head = groupsOf(left)
  const tail = right === undefined ? [] : groupsOf(right)
  const groups = [...head, ...new Array<bigint>(8 - head.length - tail.length).fill(0n), ...tail]
  return groups.reduce((bits, group) => (bits << 16n) | group, 0n)
}

function groupsOf(half: string): bigint[] {
  if (half === '') return []
  return half.split(':').flatMap((group) => {
    if (!group.includes('.')) return [BigInt(`0x${group}`)]
    const bits = bitsOfIpv4(group)
    return [bits >> 16n, bits & 0xffffn]
  })
}

function formatIpv4(bits: bigint): string {
  const number = Number(bits)
  return `${number >>> 24}.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`
}

/** RFC 5952 §4: lower case, no leading zeros, the first of the longest runs of two or more zero groups shortened. */
function formatIpv6(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((bits >> BigInt(112 - 16 * i)) & 0xffffn))
  let best = { start: -1, length: 1 }
  for (let start = 0; start < 8; start++) {
    let length = 0
    while (groups[start + length] === 0) length++
    if (length > best.length) best = { start, length }
  }
  const hex = groups.map((group) => group.toString(16))
  if (best.start < 0) return hex.join(':')
  return `${hex.slice(0, best.start).join(':')}::${hex.slice(best.start + best.length).join(':')}`
}
