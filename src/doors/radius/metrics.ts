// What the RADIUS door counts, and what it says in the log of what it does not answer. Every datagram ends in exactly one
// fate; troubles with attributes come on top.

export const radiusFates = [
  'accept',
  'challenge',
  'reject',
  /** Status-Server was answered. */
  'status',
  /** A request that had been seen: answered from memory, or together with the first. */
  'repeated',
  /** The rest is silence. */
  'unknown-client',
  'malformed',
  'unexpected-code',
  'unsigned',
  /** Unsigned although proxied: what the BlastRADIUS attack looks like (CVE-2024-3596). */
  'unsigned-proxied',
  'forged',
  'busy',
  'undecided',
  /** The NAS used the identifier again before the answer was there. */
  'superseded',
  'failed',
] as const
export type RadiusFate = (typeof radiusFates)[number]

/** What the log says of a datagram that gets no answer. */
export const silences = {
  'unknown-client': 'a datagram from an address that is no RADIUS client',
  malformed: 'a datagram that is no RADIUS packet',
  'unexpected-code': 'a RADIUS packet that is neither Access-Request nor Status-Server',
  unsigned: 'a request without Message-Authenticator: the client must be set to send it',
  'unsigned-proxied': 'a proxied request without Message-Authenticator: the proxy must be set to send it',
  forged: 'a Message-Authenticator that does not fit: another secret, or a forgery',
  busy: 'too many requests at once',
  undecided: 'a request could not be decided',
  failed: 'a request failed',
} as const satisfies Partial<Record<RadiusFate, string>>

/** `left-out`: a reply attribute could not be sent. `refused`: it steered the VLAN, so nobody was let in. */
export type AttributeTrouble = 'left-out' | 'refused'

export interface RadiusMetrics {
  datagram(fate: RadiusFate): void
  attribute(trouble: AttributeTrouble): void
}
