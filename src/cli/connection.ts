// Which server the command line speaks to, and with which token: MUSTER_URL and MUSTER_TOKEN, or those of the server on
// this machine as its configuration says.
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isLoopback, parseAddress } from '../base/ip.ts'
import { loadConfig } from '../config/load.ts'
import { formatProblem } from '../config/problems.ts'
import type { Config } from '../config/schema.ts'
import { isPlainAndRemote } from '../config/values.ts'
import { exitCodes, Failure, usage } from './failure.ts'
import type { Terminal } from './terminal.ts'

/** The configuration of the server on this machine; a Failure names everything that is wrong with it. */
export function localConfig({ env, cwd }: Terminal): Config {
  const loaded = loadConfig({ env, cwd })
  if (loaded.ok) return loaded.value
  const errors = loaded.error.map((problem) => ({ field: '', message: formatProblem(problem) }))
  throw new Failure(exitCodes.usage, 'the configuration is faulty', { problem: { errors } })
}

/** An origin, or an address below one, without a slash at its end. */
export function serverUrl(terminal: Terminal): string {
  const given = terminal.env.MUSTER_URL?.trim()
  if (given !== undefined && given !== '') {
    const url = URL.parse(given)
    if (
      url === null ||
      !['http:', 'https:'].includes(url.protocol) ||
      url.username !== '' ||
      url.search !== ''
    ) {
      throw usage('MUSTER_URL is not the address of a server', 'Such as https://id.acme.example')
    }
    return url.href.replace(/\/+$/, '')
  }
  const { ports, listen } = localConfig(terminal)
  if (ports.http === 0) {
    throw usage('the server takes any free HTTP port, so that its address is not known', 'Set MUSTER_URL')
  }
  return `http://${hostOf(listen)}:${ports.http}`
}

/** A host at which the server on this machine answers. */
export function hostOf(listen: Config['listen']): string {
  const isHere = (text: string): boolean => {
    const address = parseAddress(text)
    return address === null || isLoopback(address) || text === '0.0.0.0' || text === '::'
  }
  if (listen === null || listen.some(isHere)) return 'localhost'
  const [first = 'localhost'] = listen
  return first.includes(':') ? `[${first}]` : first
}

const isLocal = (url: string): boolean => {
  const host = new URL(url).hostname.replace(/^\[|\]$/g, '')
  const address = parseAddress(host)
  return address === null ? host === 'localhost' || host.endsWith('.localhost') : isLoopback(address)
}

/** The token, with a word of warning where it would be read by others. */
export function tokenFor(url: string, terminal: Terminal): string {
  const given = terminal.env.MUSTER_TOKEN?.trim()
  const token = given !== undefined && given !== '' ? given : tokenOfFile(url, terminal)
  if (!/^[A-Za-z0-9._~+/=-]+$/.test(token)) throw usage('the API token holds characters that no token has')
  warnOfPlain(url, terminal)
  return token
}

export function warnOfPlain(url: string, terminal: Terminal): void {
  if (!isPlainAndRemote(url)) return
  terminal.err(`warning: ${url} is not https: what is sent, and the token, can be read on the way\n`)
}

function tokenOfFile(url: string, terminal: Terminal): string {
  // The token of this machine's server is nobody else's business.
  if (terminal.env.MUSTER_URL !== undefined && !isLocal(url)) {
    throw usage(`there is no token for ${url}`, 'Set MUSTER_TOKEN to an API token of your organization')
  }
  const { dataFolder } = localConfig(terminal)
  const token = readToken(join(dataFolder, 'admin-token'), terminal)
  if (token !== null) return token
  throw usage(
    `there is no API token: ${join(dataFolder, 'admin-token')} does not exist`,
    'Start the server here first (npm start; an empty one then needs `muster init`), or set MUSTER_TOKEN, or MUSTER_DATA',
  )
}

/** The first line of a token file; null where there is none. */
export function readToken(path: string, terminal: Terminal): string | null {
  try {
    const { mode } = statSync(path)
    if ((mode & 0o077) !== 0 && process.platform !== 'win32') {
      terminal.err(`warning: others may read ${path}: run chmod 600 on it\n`)
    }
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return null
    const advice = 'Run this as the user that runs the server, or set MUSTER_TOKEN'
    throw new Failure(exitCodes.usage, `${path} cannot be read (${code})`, { advice, cause: error })
  }
}
