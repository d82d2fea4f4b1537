// Fetching what others name (metadata, keys, logout addresses) without becoming their hand in our network: the name is looked up
// once, every address is judged, and the connection goes to an address that was judged. No redirects, a bounded answer, little time.
import { lookup as systemLookup } from 'node:dns/promises'
import type { LookupFunction } from 'node:net'
import { type Address, type Cidr, isLoopback, parseAddress } from '../../base/ip.ts'
import { Gate } from '../limits.ts'
import { exchange } from './exchange.ts'
import { FetchRefused } from './fetch-refused.ts'
import { isPublic, within } from './public-address.ts'

export { FetchRefused } from './fetch-refused.ts'

/** What the administrator of the machine permits beyond the public internet. */
export interface FetchGuard {
  /** Networks of their own that may be fetched from, over https. */
  readonly allow: readonly Cidr[]
  /** http and https on this machine, for trying and developing. */
  readonly allowLoopback: boolean
  /** Certificates to trust instead of the system's. */
  readonly ca?: string
  /** All addresses of a name; the system's resolver where absent. */
  readonly resolve?: (name: string) => Promise<readonly string[]>
}

export interface FetchRequest {
  readonly url: string
  readonly method?: 'GET' | 'HEAD' | 'POST'
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  /** Of the answer; 64 KiB by default, 1 MiB at most. */
  readonly maxBytes?: number
  /** In all, from the look-up to the last byte; 3 seconds by default. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Fetched {
  /** A redirect is an answer like any other, and is not followed. */
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const defaultBytes = 64 * 1024
const mostBytes = 1024 * 1024
const defaultTimeoutMs = 3_000
const longestUrl = 2_048

/** What strangers can make us fetch at the same time. */
const gate = new Gate(32, 256)

/** Throws FetchRefused, which says why, and Fault('busy') where too much is being fetched already. */
export function guardedFetch(request: FetchRequest, guard: FetchGuard): Promise<Fetched> {
  return gate.run(() => fetchNow(request, guard))
}

async function fetchNow(request: FetchRequest, guard: FetchGuard): Promise<Fetched> {
  const url = readUrl(request.url, guard)
  const timeoutMs = request.timeoutMs ?? defaultTimeoutMs
  const timeout = AbortSignal.timeout(timeoutMs)
  const signal = request.signal === undefined ? timeout : AbortSignal.any([timeout, request.signal])
  try {
    const addresses = await unlessStopped(judged(url, guard), signal)
    return await exchange({
      url,
      method: request.method ?? 'GET',
      // Identity, so that what is counted is what is read.
      headers: { 'user-agent': 'muster', ...request.headers, 'accept-encoding': 'identity' },
      body: request.body ?? null,
      maxBytes: Math.min(request.maxBytes ?? defaultBytes, mostBytes),
      addresses: addresses.map((address) => address.text),
      lookup: pinned(addresses),
      ca: guard.ca,
      signal,
    })
  } catch (error) {
    if (timeout.aborted) throw new FetchRefused('timeout', `no complete answer within ${timeoutMs} ms`)
    if (error instanceof FetchRefused) throw error
    const { code, message } = error as NodeJS.ErrnoException
    throw new FetchRefused('connection', `${url.host} cannot be fetched from: ${code ?? message}`, {
      cause: error,
    })
  }
}

function readUrl(text: string, { allowLoopback }: FetchGuard): URL {
  if (text.length > longestUrl || !URL.canParse(text)) {
    throw new FetchRefused('url', `an https URL of at most ${longestUrl} characters is needed`)
  }
  const url = new URL(text)
  if (url.protocol !== 'https:' && !(url.protocol === 'http:' && allowLoopback)) {
    throw new FetchRefused('scheme', `the URL must begin with https://, not ${url.protocol}`)
  }
  if (url.username !== '' || url.password !== '') {
    throw new FetchRefused('credentials', 'the URL must not contain a user name or a password')
  }
  return url
}

/**
 * The addresses of a URL's host, all of which may be connected to. One bad address refuses the name: a name that points both
 * outside and inside is not a mistake.
 */
async function judged(url: URL, guard: FetchGuard): Promise<readonly Address[]> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const literal = parseAddress(host)
  const addresses = literal !== null ? [literal] : await resolved(host, guard)
  for (const address of addresses) {
    const refusal = refuseAddress(address, url.protocol === 'http:', guard)
    if (refusal !== null) throw new FetchRefused('address', `${host} is ${address.text}: ${refusal}`)
  }
  return addresses
}

async function resolved(name: string, { resolve = systemResolve }: FetchGuard): Promise<readonly Address[]> {
  const texts = await resolve(name).catch((cause) => {
    throw new FetchRefused('name', `${name} has no address: check the name and the resolver`, { cause })
  })
  const addresses = texts.map(parseAddress)
  if (addresses.length === 0 || !addresses.every((address) => address !== null)) {
    throw new FetchRefused('name', `${name} has no address that can be used`)
  }
  return addresses
}

function refuseAddress(
  address: Address,
  isClear: boolean,
  { allow, allowLoopback }: FetchGuard,
): string | null {
  if (allowLoopback && isLoopback(address)) return null
  if (isClear) return 'plain http is for this machine only, use https'
  if (within(allow, address) || isPublic(address)) return null
  return 'not an address of the public internet, and not among those allowed'
}

const systemResolve = async (name: string): Promise<readonly string[]> =>
  (await systemLookup(name, { all: true, verbatim: true })).map(({ address }) => address)

/** Answers the socket's own look-up with what was judged; a second question to the resolver could be answered differently. */
function pinned(addresses: readonly Address[]): LookupFunction {
  const all = addresses.map(({ text, family }) => ({ address: text, family }))
  return (_name, options, callback) => {
    const [first] = all
    if (options.all === true) callback(null, all)
    else if (first !== undefined) callback(null, first.address, first.family)
  }
}

/** The resolver cannot be interrupted; nobody waits for it longer than the signal allows. */
function unlessStopped<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stopped = () => reject(signal.reason)
    if (signal.aborted) stopped()
    signal.addEventListener('abort', stopped, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stopped))
  })
}

const nullBodies = new Set([204, 205, 304])

/** The same as a `fetch` (WHATWG) for libraries that take one. Throws TypeError with the FetchRefused as its cause, as fetch does. */
export function fetchFor(guard: FetchGuard, maxBytes?: number) {
  return async (input: string | URL | Request, init?: RequestInit): Promise<Response> => {
    const request = new Request(input, init)
    const { method } = request
    if (method !== 'GET' && method !== 'HEAD' && method !== 'POST') {
      throw new TypeError(`fetching with ${method} is not supported`)
    }
    try {
      const { status, headers, body } = await guardedFetch(
        {
          url: request.url,
          method,
          headers: Object.fromEntries(request.headers),
          ...(method === 'POST' && { body: new Uint8Array(await request.arrayBuffer()) }),
          ...(maxBytes !== undefined && { maxBytes }),
          signal: request.signal,
        },
        guard,
      )
      const content = nullBodies.has(status) || method === 'HEAD' ? null : new Uint8Array(body)
      return new Response(content, { status, headers })
    } catch (cause) {
      throw new TypeError('fetch failed', { cause })
    }
  }
}
