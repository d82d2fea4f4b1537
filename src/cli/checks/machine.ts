// What the doctor looks at on this machine: Node, configuration, data folder, certificate and ports.
import { X509Certificate } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { existsSync, readdirSync, readFileSync, type Stats, statfsSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { lacksSecurityFixes, safeNodeReleases } from '../../base/node-release.ts'
import { loadConfig } from '../../config/load.ts'
import { formatProblem } from '../../config/problems.ts'
import type { Config } from '../../config/schema.ts'
import type { Terminal } from '../terminal.ts'
import { type Check, fault, good, warning } from './check.ts'

export function checkNode(version: string): Check {
  if (Number.parseInt(version, 10) < 24)
    return fault('Node', `${version} is too old`, 'Muster needs Node 24 or later')
  if (!lacksSecurityFixes(version)) return good('Node', version)
  const advice = `In production use the official image, or Node ${safeNodeReleases}`
  return warning('Node', `${version} lacks the security fixes of 2026-10-21`, advice)
}

export function checkConfig(terminal: Terminal): { config: Config | null; check: Check } {
  const loaded = loadConfig({ env: terminal.env, cwd: terminal.cwd })
  if (!loaded.ok) {
    return { config: null, check: fault('Configuration', loaded.error.map(formatProblem).join('; ')) }
  }
  const config = loaded.value
  const [first] = config.warnings
  return {
    config,
    check:
      first === undefined
        ? good('Configuration', 'no fault')
        : warning('Configuration', config.warnings.join('; ')),
  }
}

const leastFreeBytes = 1024 ** 3

export function checkDataFolder(folder: string, uid: number | null): Check[] {
  const name = 'Data folder'
  const stats = statOf(folder)
  if (stats === null) return [warning(name, `${folder} does not exist`, 'The server makes it when it starts')]
  if (!stats.isDirectory()) return [fault(name, `${folder} is not a folder`, 'Set MUSTER_DATA to a folder')]
  const checks: Check[] = []
  if ((stats.mode & 0o022) !== 0) {
    checks.push(fault(name, `others may write to ${folder}`, `chmod 700 ${folder}`))
  }
  if (uid !== null && uid !== 0 && stats.uid !== uid) {
    checks.push(
      warning(name, `${folder} belongs to another user`, 'Run this as the user that runs the server'),
    )
  }
  const open = secretsIn(folder).filter((path) => ((statOf(path)?.mode ?? 0) & 0o077) !== 0)
  if (open.length > 0) {
    checks.push(fault('Secrets', `others may read ${open.join(', ')}`, `chmod 600 ${open.join(' ')}`))
  }
  const free = freeBytes(folder)
  if (free !== null && free < leastFreeBytes) {
    checks.push(warning('Disk', `${Math.round(free / 1024 ** 2)} MiB are left where ${folder} lies`))
  }
  return checks.length > 0 ? checks : [good(name, folder)]
}

/** Tokens and keys, by their names. */
function secretsIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .flatMap((entry) => {
        const path = join(folder, entry.name)
        return entry.isDirectory() && entry.name === 'certificates'
          ? readdirSync(path).map((name) => join(path, name))
          : [path]
      })
      .filter(
        (path) => /(?:-token|[.-]key(?:\.pem)?|sealing[^/]*)$/.test(path) && statOf(path)?.isFile() === true,
      )
  } catch {
    return []
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path)
  } catch {
    return null
  }
}

function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = statfsSync(folder)
    return bavail * bsize
  } catch {
    return null
  }
}

const dayMs = 86_400_000
const soonDays = 14

export function checkCertificate(dataFolder: string, now: Date): Check[] {
  const name = 'Certificate'
  const path = join(dataFolder, 'certificates', 'server.pem')
  if (!existsSync(path))
    return [warning(name, `${path} does not exist`, 'The server makes one when it starts')]
  let certificate: X509Certificate
  try {
    certificate = new X509Certificate(readFileSync(path))
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EACCES') return [warning(name, `${path} cannot be read by this user`)]
    return [fault(name, `${path} is no certificate (${message})`, 'Remove it: the server makes a new one')]
  }
  const days = Math.floor((certificate.validToDate.getTime() - now.getTime()) / dayMs)
  const until = certificate.validToDate.toISOString().slice(0, 10)
  const advice = 'One that the server made is renewed by itself; put a new one of your own in its place'
  if (days < 0) return [fault(name, `expired on ${until}`, advice)]
  if (days < soonDays) return [warning(name, `expires in ${days} days, on ${until}`, advice)]
  return [good(name, `valid until ${until}`)]
}

/** Without a server, are its ports free? With one, its own /health/ready tells of its doors. */
export async function checkPorts({ ports, listen }: Config, running: boolean): Promise<Check[]> {
  if (running) return []
  const host = listen?.[0] ?? '127.0.0.1'
  const tcp = { HTTP: ports.http, LDAP: ports.ldap, LDAPS: ports.ldaps }
  const udp = { RADIUS: ports.radius }
  const faults = await Promise.all([
    ...Object.entries(tcp).map(([name, port]) => tryTcp(name, host, port)),
    ...Object.entries(udp).map(([name, port]) => tryUdp(name, host, port)),
  ])
  const found = faults.filter((each) => each !== null)
  return found.length > 0 ? found : [good('Ports', 'free, for the server to take')]
}

function taken(name: string, port: number, error: NodeJS.ErrnoException): Check {
  const why: Readonly<Record<string, string>> = {
    EADDRINUSE: 'another program has it',
    EACCES: 'this user may not take it: ports below 1024 need the right to',
    EADDRNOTAVAIL: 'this machine does not have that address',
  }
  const setting = `MUSTER_${name}_PORT`
  return fault(
    'Ports',
    `${name} port ${port}: ${why[error.code ?? ''] ?? error.message}`,
    `Choose another one: ${setting}`,
  )
}

function tryTcp(name: string, host: string, port: number): Promise<Check | null> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(taken(name, port, error)))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(null)))
  })
}

function tryUdp(name: string, address: string, port: number): Promise<Check | null> {
  return new Promise((resolve) => {
    const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4')
    socket.once('error', (error) => resolve(taken(name, port, error)))
    socket.bind({ address, port, exclusive: true }, () => socket.close(() => resolve(null)))
  })
}
