// One HTTP request on a connection of its own, to addresses that the caller has judged, with an answer of bounded size.
import {
  type ClientRequest,
  type IncomingMessage,
  request as plainRequest,
  type RequestOptions,
} from 'node:http'
import { request as tlsRequest } from 'node:https'
import type { LookupFunction } from 'node:net'
import { canonicalAddress } from '../../base/ip.ts'
import type { Fetched } from './fetch.ts'
import { FetchRefused } from './fetch-refused.ts'

export interface Exchange {
  readonly url: URL
  readonly method: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | null
  readonly maxBytes: number
  /** Canonical; a connection to any other is ended before anything is sent. */
  readonly addresses: readonly string[]
  readonly lookup: LookupFunction
  readonly ca: string | undefined
  readonly signal: AbortSignal
}

export async function exchange(of: Exchange): Promise<Fetched> {
  const request = begin(of)
  try {
    const response = await answered(request, of)
    const body = await bodyOf(response, of.maxBytes)
    return { status: response.statusCode ?? 0, headers: headersOf(response), body }
  } finally {
    request.destroy()
  }
}

function begin({ url, method, headers, body, lookup, ca, signal }: Exchange): ClientRequest {
  const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) }
  const options: RequestOptions = {
    method,
    headers: { ...headers, ...length },
    lookup,
    signal,
    agent: false,
    maxHeaderSize: 16 * 1024,
    insecureHTTPParser: false,
  }
  if (url.protocol === 'http:') return plainRequest(url, options)
  // Said aloud, because an environment variable can turn the default off.
  return tlsRequest(url, { ...options, rejectUnauthorized: true, minVersion: 'TLSv1.2', ...(ca && { ca }) })
}

function answered(request: ClientRequest, { url, addresses, body }: Exchange): Promise<IncomingMessage> {
  // Nothing is written before the certificate is verified, too.
  const isReady = url.protocol === 'https:' ? 'secureConnect' : 'connect'
  return new Promise((resolve, reject) => {
    request.on('error', reject)
    request.on('response', resolve)
    request.on('upgrade', () => reject(new FetchRefused('connection', 'the answer changes the protocol')))
    request.on('socket', (socket) => {
      socket.once(isReady, () => {
        const peer = canonicalAddress(socket.remoteAddress ?? '')
        if (peer !== null && addresses.includes(peer)) request.end(body ?? undefined)
        else request.destroy(new FetchRefused('address', 'connected to another address than the one judged'))
      })
    })
  })
}

async function bodyOf(response: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const tooLarge = () => new FetchRefused('too-large', `the answer is longer than ${maxBytes} bytes`)
  const encoding = response.headers['content-encoding'] ?? 'identity'
  if (encoding !== 'identity') throw new FetchRefused('encoding', 'the answer is compressed, unasked')
  if (Number(response.headers['content-length'] ?? 0) > maxBytes) throw tooLarge()
  const parts: Buffer[] = []
  let length = 0
  for await (const part of response as AsyncIterable<Buffer>) {
    length += part.length
    if (length > maxBytes) throw tooLarge()
    parts.push(part)
  }
  return Buffer.concat(parts, length)
}

function headersOf({ headers }: IncomingMessage): Record<string, string> {
  const all = Object.entries(headers).filter(([name]) => name !== 'set-cookie')
  return Object.fromEntries(all.map(([name, value]) => [name, String(value)]))
}
