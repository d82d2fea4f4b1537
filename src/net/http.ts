// The client's address behind trusted reverse proxies. A header is believed only as far as a chain of trusted peers
// vouches for it; whatever is doubtful is null, which conditional access must treat as an unknown place, and refuse.
import { type Address, type Cidr, contains, parseAddress } from '../base/ip.ts'

export interface ProxyHeaders {
  readonly forwarded?: string | readonly string[] | undefined
  readonly 'x-forwarded-for'?: string | readonly string[] | undefined
}

/** More proxies in a row than anybody has; what is longer is not a chain but an attack. */
const maxHops = 32
const maxHeaderLength = 65_536

/**
 * The canonical address of the client, or null where it cannot be established. Never throws.
 * A peer that is not a trusted proxy is the client, whatever its headers say. A trusted one must name its client: without
 * a header the answer is null, because clients can make some proxies drop it (CVE-2022-31813). Where both headers are
 * there they must agree, because a proxy that writes the one passes the other on as the client sent it.
 */
export function clientAddress(
  socketAddress: string | undefined,
  headers: ProxyHeaders,
  trusted: readonly Cidr[],
): string | null {
  const peer = socketAddress === undefined ? null : parseAddress(socketAddress)
  if (peer === null) return null
  if (!isTrusted(peer, trusted)) return peer.text
  const forwarded = textOf(headers.forwarded)
  const forwardedFor = textOf(headers['x-forwarded-for'])
  const answers = new Set<string | null>()
  if (forwarded !== null) answers.add(nearestUntrusted(lastForwarded(forwarded), trusted))
  if (forwardedFor !== null) answers.add(nearestUntrusted(lastForwardedFor(forwardedFor), trusted))
  const [answer = null] = answers
  return answers.size === 1 ? answer : null
}

/** From the right, the first address that no trusted proxy has; the leftmost one if all of them are proxies. */
function nearestUntrusted(hops: Iterable<Address | null>, trusted: readonly Cidr[]): string | null {
  let nearest: Address | null = null
  let count = 0
  for (const hop of hops) {
    if (hop === null || ++count > maxHops) return null
    nearest = hop
    if (!isTrusted(hop, trusted)) break
  }
  return nearest?.text ?? null
}

/** X-Forwarded-For from right to left; the left, which a client can write, is not even looked at without need. */
function* lastForwardedFor(header: string): Generator<Address | null> {
  let end = header.length
  while (end >= 0) {
    const comma = end === 0 ? -1 : header.lastIndexOf(',', end - 1)
    yield parseAddress(header.slice(comma + 1, end).trim())
    end = comma
  }
}

/** Forwarded (RFC 7239 §4), from right to left. It has quoted strings, so it is read from the left first. */
function* lastForwarded(header: string): Generator<Address | null> {
  if (header.length > maxHeaderLength) {
    yield null
    return
  }
  const elements = splitOutsideQuotes(header, ',')
  if (elements === null) {
    yield null
    return
  }
  for (const element of elements.reverse()) yield forOf(element)
}

/** The address in one element's `for`; a port, an obfuscated name and `unknown` (RFC 7239 §6) are no address. */
function forOf(element: string): Address | null {
  const values = (splitOutsideQuotes(element, ';') ?? [])
    .map((pair) => /^\s*for=(.*?)\s*$/is.exec(pair)?.[1])
    .filter((value) => value !== undefined)
  const [value] = values
  if (value === undefined || values.length !== 1) return null
  const bracketed = /^"\[([^"[\]]*:[^"[\]]*)\]"$/.exec(value)?.[1]
  if (bracketed !== undefined) return parseAddress(bracketed)
  const plain = /^"([^"]*)"$/.exec(value)?.[1] ?? value
  return plain.includes(':') ? null : parseAddress(plain)
}

/** null: a quote that never ends. */
function splitOutsideQuotes(text: string, separator: string): string[] | null {
  const parts: string[] = []
  let start = 0
  let quoted = false
  for (let i = 0; i < text.length; i++) {
    const character = text[i]
    if (quoted && character === '\\') i++
    else if (character === '"') quoted = !quoted
    else if (character === separator && !quoted) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return quoted ? null : parts
}

const isTrusted = (address: Address, trusted: readonly Cidr[]) =>
  trusted.some((network) => contains(network, address))

/** Several header lines are one list, in order (RFC 9110 §5.3). */
function textOf(header: string | readonly string[] | undefined): string | null {
  if (header === undefined) return null
  return typeof header === 'string' ? header : header.join(',')
}
