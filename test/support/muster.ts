// The whole program as a process of its own, for tests that meet it from outside only.
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { WithTeardown } from './database.ts'
import { freePort } from './ports.ts'
import { type Running, startProcess, untilReady } from './process.ts'

const root = join(import.meta.dirname, '../..')

export interface MusterPorts {
  readonly http: number
  readonly ldap: number
  readonly ldaps: number
  readonly radius: number
  readonly radiusAccounting: number
  readonly radsec: number
}

export interface RunningMuster extends Running {
  /** The web address, without a slash at its end. */
  readonly url: string
  readonly ports: MusterPorts
  /** The data folder ($MUSTER_DATA). */
  readonly data: string
  /** The first API token, from the data folder. */
  adminToken(): Promise<string>
  /** A request to the API of organization `acme`: `api('PATCH', '/users/…', {…})`. */
  api(method: string, path: string, body?: unknown): Promise<{ status: number; body: unknown }>
}

export interface MusterOptions {
  /** Added to the environment: wins over what is set here. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** A data folder to use, and to leave alone afterwards; by default an empty temporary one, removed at the end. */
  readonly data?: string
  /** The ports of an earlier run, to start the same server again. */
  readonly ports?: MusterPorts
  /** Wait until /health/ready answers 200; default true. */
  readonly waitUntilReady?: boolean
  readonly timeoutMs?: number
}

async function isReady(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health/ready`, { signal: AbortSignal.timeout(2000) })
    await response.body?.cancel()
    return response.status === 200
  } catch {
    return false
  }
}

export async function choosePorts(): Promise<MusterPorts> {
  return {
    http: await freePort(),
    ldap: await freePort(),
    ldaps: await freePort(),
    radius: await freePort(),
    radiusAccounting: await freePort(),
    radsec: await freePort(),
  }
}

/** Starts `node src/main.ts serve` on free loopback ports and stops it (SIGTERM, after 10 s SIGKILL) when `t` ends. */
export async function startMuster(t: WithTeardown, options: MusterOptions = {}): Promise<RunningMuster> {
  const ports = options.ports ?? (await choosePorts())
  const data = options.data ?? (await mkdtemp(join(tmpdir(), 'muster-data-')))
  const env = {
    MUSTER_DATA: data,
    MUSTER_LISTEN: '127.0.0.1',
    MUSTER_HTTP_PORT: String(ports.http),
    MUSTER_LDAP_PORT: String(ports.ldap),
    MUSTER_LDAPS_PORT: String(ports.ldaps),
    MUSTER_RADIUS_PORT: String(ports.radius),
    MUSTER_RADIUS_ACCT_PORT: String(ports.radiusAccounting),
    MUSTER_RADSEC_PORT: String(ports.radsec),
    ...options.env,
  }
  const running = startProcess(process.execPath, [join(root, 'src/main.ts'), 'serve'], { cwd: root, env })
  t.teardown(async () => {
    await running.stop()
    if (options.data === undefined) await rm(data, { recursive: true, force: true })
  })
  const url = `http://127.0.0.1:${ports.http}`
  if (options.waitUntilReady ?? true) {
    // Not some other server that has taken the port meanwhile.
    const isItself = async () => running.stdout().includes(' is ready') && (await isReady(url))
    await untilReady('muster serve', running, isItself, options.timeoutMs)
  }
  const adminToken = async () => (await readFile(join(data, 'admin-token'), 'utf8')).trim()
  const api: RunningMuster['api'] = async (method, path, body) => {
    const headers = { authorization: `Bearer ${await adminToken()}`, 'content-type': 'application/json' }
    const init =
      body === undefined
        ? { headers: { authorization: headers.authorization } }
        : { headers, body: JSON.stringify(body) }
    const response = await fetch(`${url}/o/acme/api/v1${path}`, { method, ...init })
    const text = await response.text()
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  }
  return { ...running, url, ports, data, adminToken, api }
}
