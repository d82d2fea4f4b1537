// Did the client's own leg of the way have TLS? The socket knows, or a trusted proxy says so; whatever is doubtful is a no.
import type { IncomingMessage } from 'node:http'
import type { TLSSocket } from 'node:tls'
import { type Cidr, contains, parseAddress } from '../../base/ip.ts'

const longestHeader = 4096

/** True for a TLS socket, and where a trusted proxy names https and nothing else in X-Forwarded-Proto or Forwarded. */
export function isSecured({ socket, headers }: IncomingMessage, trusted: readonly Cidr[]): boolean {
  if ((socket as TLSSocket).encrypted === true) return true
  const peer = parseAddress(socket.remoteAddress ?? '')
  if (peer === null || !trusted.some((network) => contains(network, peer))) return false
  const said = [
    ...(headers.forwarded === undefined ? [] : forwardedProtocols(headers.forwarded)),
    ...textOf(headers['x-forwarded-proto'])
      .split(',')
      .map((one) => one.trim()),
  ].filter((one) => one !== '')
  // A leg in clear anywhere, or a client that writes one, makes it a no.
  return said.length > 0 && said.every((one) => one.toLowerCase() === 'https')
}

/** The values of `proto` in all elements (RFC 7239 §5.4); a header that cannot be read is no https. */
function forwardedProtocols(header: string): string[] {
  if (header.length > longestHeader) return ['unreadable']
  const withoutQuotes = header.replace(/"(?:[^"\\]|\\.)*"/g, (quoted) => quoted.replace(/[^A-Za-z]/g, ''))
  if (withoutQuotes.includes('"')) return ['unreadable']
  return withoutQuotes
    .split(/[,;]/)
    .map((pair) => /^\s*proto\s*=\s*(.*?)\s*$/i.exec(pair)?.[1])
    .filter((value) => value !== undefined)
}

const textOf = (header: string | readonly string[] | undefined): string =>
  header === undefined ? '' : typeof header === 'string' ? header : header.join(',')
