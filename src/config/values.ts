// The text of one setting to its value. Says what was expected; never sees where the text came from.
import { resolve } from 'node:path'
import { type Cidr, isLoopback, parseAddress, parseCidr } from '../base/ip.ts'
import { nearest } from '../base/nearest.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { Secret } from '../base/secrets.ts'
import { type LogLevel, logLevels, type Refusal } from './schema.ts'

type Parsed<T> = Result<T, Refusal>
const refuse = (expected: string, suggestion: string | null = null) => fail({ expected, suggestion })

export function parseFolder(text: string, cwd: string): Parsed<string> {
  return text.includes('\0') ? refuse('the path of a folder') : ok(resolve(cwd, text))
}

export function parsePort(text: string): Parsed<number> {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : Number.NaN
  return port <= 65535 ? ok(port) : refuse('a port, 0 to 65535 (0: any free one)')
}

export function parseListen(text: string): Parsed<readonly string[]> {
  const addresses: string[] = []
  for (const part of listOf(text)) {
    const address = parseAddress(part)
    if (address === null) {
      return refuse(
        'IP addresses of this machine, separated by commas, such as 127.0.0.1 or 0.0.0.0,::',
        { localhost: '127.0.0.1,::1', '*': '0.0.0.0,::' }[part] ?? null,
      )
    }
    addresses.push(address.text)
  }
  return ok([...new Set(addresses)])
}

export function parseNetworks(text: string): Parsed<readonly Cidr[]> {
  const networks: Cidr[] = []
  for (const part of listOf(text)) {
    const network = parseCidr(part)
    if (network === null) {
      return refuse(
        'networks, separated by commas, such as 10.0.0.0/8 or 2001:db8::1 (no bits set beyond the prefix)',
      )
    }
    networks.push(network)
  }
  return ok(networks)
}

export function parseSample(text: string): Parsed<boolean | 'auto'> {
  const values = { on: true, true: true, off: false, false: false, auto: 'auto' } as const
  return Object.hasOwn(values, text)
    ? ok(values[text as keyof typeof values])
    : refuse('on, off or auto', nearest(text, ['on', 'off', 'auto']) ?? null)
}

export function parseLogLevel(text: string): Parsed<LogLevel> {
  const level = logLevels.find((name) => name === text)
  return level === undefined
    ? refuse(`one of ${logLevels.join(', ')}`, nearest(text, logLevels) ?? null)
    : ok(level)
}

/** A URL that may carry a password. The first scheme is the one to suggest. */
export function parseSecretUrl(...schemes: readonly string[]): (text: string) => Parsed<Secret> {
  const expected = `a URL such as ${schemes[0]}://user:password@host/name`
  return (text) => {
    const url = URL.parse(text)
    if (url === null) return refuse(expected)
    const scheme = url.protocol.slice(0, -1)
    if (!schemes.includes(scheme)) {
      const near = nearest(scheme, schemes)
      return refuse(expected, near === null ? null : `${near}://…`)
    }
    // A Unix socket is named by the query: postgres:///muster?host=/run/postgresql
    return url.hostname === '' && !url.searchParams.has('host')
      ? refuse(`${expected}, with a host`)
      : ok(new Secret(text))
  }
}

export function parseMailAddress(text: string): Parsed<string> {
  return /^[^\s@<>()",;:\\[\]]{1,64}@[a-z0-9.-]{1,253}$/i.test(text)
    ? ok(text)
    : refuse('an e-mail address such as muster@acme.example')
}

export function parsePublicUrl(text: string): Parsed<string> {
  const expected =
    'the origin that browsers use, such as https://id.acme.example (no path, query or password)'
  const url = URL.parse(text)
  if (url === null || url.hostname === '' || !['http:', 'https:'].includes(url.protocol)) {
    const bare = /^[a-z0-9.-]+(:[0-9]+)?$/i.test(text)
    return refuse(expected, bare ? `https://${text}` : null)
  }
  const isOrigin = text === url.origin || text === `${url.origin}/` || url.href === `${url.origin}/`
  return isOrigin && !/[?#]/.test(text) ? ok(url.origin) : refuse(expected, url.origin)
}

/** Only browsers on the machine itself may be sent to plain HTTP without a word. */
export function isPlainAndRemote(origin: string): boolean {
  const url = new URL(origin)
  if (url.protocol === 'https:') return false
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const address = parseAddress(host)
  return address === null ? host !== 'localhost' && !host.endsWith('.localhost') : !isLoopback(address)
}

const listOf = (text: string): string[] => text.split(',').map((part) => part.trim())
