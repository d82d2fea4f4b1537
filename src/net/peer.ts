// Who is at the other end of a socket, in the one spelling that limits, policies and records share.
import { canonicalAddress, parseAddress } from '../base/ip.ts'

export interface Peer {
  /** Canonical; null where the socket's address is not one that can be compared (link-local with a zone). */
  readonly address: string | null
  readonly port: number
  /** For log lines: the address as the system gave it. */
  readonly text: string
}

export function peerOf(address: string | undefined, port: number | undefined): Peer {
  return {
    address: address === undefined ? null : canonicalAddress(address),
    port: port ?? 0,
    text: address ?? 'unknown',
  }
}

/** What limits per peer count by: an IPv4 address, or the /64 that one IPv6 subscriber has to itself. */
export function limitKey(peer: Peer): string {
  const address = peer.address === null ? null : parseAddress(peer.address)
  if (address === null) return peer.text
  return address.family === 6 ? `${address.bits >> 64n}/64` : address.text
}
