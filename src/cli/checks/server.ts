// What the doctor asks of the running server: is it ready, with all its parts, does the token work, does its clock agree.
import { existsSync } from 'node:fs'
import { unreachable } from '../api.ts'
import type { Session } from '../command.ts'
import { serverUrl } from '../connection.ts'
import { Failure } from '../failure.ts'
import type { Terminal } from '../terminal.ts'
import { type Check, fault, good, warning } from './check.ts'

export interface ServerChecks {
  readonly checks: readonly Check[]
  readonly answers: boolean
  /** Its clock, from the answer; null without one. */
  readonly date: Date | null
}

const timeoutMs = 10_000

export async function checkServer(terminal: Terminal): Promise<ServerChecks> {
  let url: string
  try {
    url = serverUrl(terminal)
  } catch (error) {
    return { checks: [faultOf('Server', error)], answers: false, date: null }
  }
  try {
    const response = await fetch(`${url}/health/ready`, {
      signal: AbortSignal.timeout(timeoutMs),
      redirect: 'error',
    })
    const text = await response.text()
    const sent = response.headers.get('date')
    const date = sent === null ? null : new Date(sent)
    return { checks: readiness(url, response.status, text), answers: true, date }
  } catch (error) {
    return { checks: [faultOf('Server', unreachable(url, error))], answers: false, date: null }
  }
}

function faultOf(name: string, error: unknown): Check {
  if (!(error instanceof Failure)) throw error
  return fault(name, error.message, error.advice ?? undefined)
}

function readiness(url: string, status: number, text: string): Check[] {
  const parts = partsOf(text)
  if (parts === null)
    return [fault('Server', `${url} answers ${status}, but not like Muster`, 'Check MUSTER_URL')]
  const faults = Object.entries(parts)
    .filter(([, state]) => state !== 'ok')
    .map(([part, state]) => fault(part === 'database' ? 'Database' : `Door ${part}`, state))
  const names = Object.keys(parts).join(', ')
  return faults.length > 0 ? faults : [good('Server', `${url} is ready (${names})`)]
}

function partsOf(text: string): Record<string, string> | null {
  try {
    const { parts } = JSON.parse(text) as { parts?: unknown }
    if (typeof parts !== 'object' || parts === null) return null
    return Object.fromEntries(Object.entries(parts).map(([name, state]) => [name, String(state)]))
  } catch {
    return null
  }
}

export async function checkToken(session: Session): Promise<Check> {
  try {
    const api = await session.api()
    const { name, slug } = await api.request('GET', '/organization')
    return good('API token', `accepted for ${String(name)} (${String(slug)})`)
  } catch (error) {
    return faultOf('API token', error)
  }
}

const mostSkewMs = 5_000
const synchronized = [
  '/run/systemd/timesync/synchronized',
  '/run/chrony/chronyd.pid',
  '/run/ntpd.pid',
  '/run/openntpd.pid',
]

/** One-time codes fail where clocks differ by more than half a minute. */
export function checkClock(server: Date | null, now: Date): Check[] {
  const name = 'Clock'
  const skewMs = server === null ? 0 : Math.abs(server.getTime() - now.getTime())
  // The header has whole seconds.
  if (skewMs > mostSkewMs) {
    const message = `the server's clock and this one differ by ${Math.round(skewMs / 1000)} s`
    return [fault(name, message, 'Synchronize both (systemd-timesyncd, chrony): one-time codes depend on it')]
  }
  if (process.platform === 'linux' && !synchronized.some((path) => existsSync(path))) {
    return [
      warning(
        name,
        'no sign of a time service on this machine',
        'One-time codes need a clock that is right: see timedatectl',
      ),
    ]
  }
  return [good(name, server === null ? 'a time service is at work' : "agrees with the server's")]
}
