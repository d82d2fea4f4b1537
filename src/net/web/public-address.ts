// Which addresses are places on the public internet. Whatever is anybody's own network, this machine, or a wrapping of such an
// address in another one is not, and neither is what IANA has set aside.
import { type Address, type Cidr, contains, parseAddress, parseCidr } from '../../base/ip.ts'

/** IANA IPv4 Special-Purpose Address Registry, and what RFC 5771 and RFC 1112 §4 set aside. */
const special4 = networks([
  '0.0.0.0/8', // this network
  '10.0.0.0/8', // private
  '100.64.0.0/10', // shared by carrier-grade NAT
  '127.0.0.0/8', // loopback
  '169.254.0.0/16', // link-local; cloud metadata
  '172.16.0.0/12', // private
  '192.0.0.0/24', // protocol assignments
  '192.0.2.0/24', // documentation
  '192.31.196.0/24', // AS112
  '192.52.193.0/24', // AMT
  '192.88.99.0/24', // 6to4 relays
  '192.168.0.0/16', // private
  '192.175.48.0/24', // AS112
  '198.18.0.0/15', // benchmarks
  '198.51.100.0/24', // documentation
  '203.0.113.0/24', // documentation
  '224.0.0.0/4', // multicast
  '240.0.0.0/4', // reserved, broadcast
])

/** Of the global unicast space (RFC 4291 §2.4), what is set aside in it; outside of it nothing is public. */
const global6 = networks(['2000::/3'])
const special6 = networks([
  '2001::/23', // protocol assignments: Teredo, ORCHID, benchmarks
  '2001:db8::/32', // documentation
  '2002::/16', // 6to4, an IPv4 address in disguise
  '2620:4f:8000::/48', // AS112
  '3fff::/20', // documentation
])
/** NAT64 (RFC 6052 §2.1): how an IPv6-only network reaches IPv4; as public as the address in its last 32 bits. */
const nat64 = networks(['64:ff9b::/96'])

/** Is this a place on the public internet? */
export function isPublic(address: Address): boolean {
  if (address.family === 4) return !within(special4, address)
  if (within(nat64, address)) return isPublic(embedded(address))
  return within(global6, address) && !within(special6, address)
}

export const within = (of: readonly Cidr[], address: Address): boolean =>
  of.some((network) => contains(network, address))

function embedded({ bits }: Address): Address {
  const octets = [24n, 16n, 8n, 0n].map((shift) => (bits >> shift) & 255n)
  return parseAddress(octets.join('.')) as Address
}

function networks(texts: readonly string[]): readonly Cidr[] {
  return texts.map((text) => parseCidr(text) as Cidr)
}
