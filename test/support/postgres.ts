// A PostgreSQL server of our own: temporary folder, loopback, free port, random password. Not the system's server.
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { Client } from 'pg'
import { programPath } from './debian.ts'
import { freePort } from './ports.ts'
import { runOrThrow, startProcess, untilReady } from './process.ts'

export interface ServerUnderTest {
  readonly url: string
  readonly pid: number
  stop(): Promise<void>
}

export interface PostgresUnderTest extends ServerUnderTest {
  /** Ends the server as a crash would (SIGQUIT: immediate shutdown); its data stay. */
  crash(): Promise<void>
  /** Starts it again, at the same address. */
  restart(): Promise<void>
}

async function answers(url: string): Promise<boolean> {
  const client = new Client({ connectionString: url })
  // A connection refused while the server starts also emits 'error'.
  client.on('error', () => {})
  try {
    await client.connect()
    await client.query('select 1')
    return true
  } catch {
    return false
  } finally {
    await client.end().catch(() => {})
  }
}

/** Creates and starts a server; fsync stays on. `settings` are parameters of postgresql.conf. */
export async function startPostgres(
  settings: Readonly<Record<string, string>> = {},
): Promise<PostgresUnderTest> {
  const programs = dirname(programPath('postgres'))
  // PostgreSQL refuses to run as root; Debian's package brings a user for it.
  const as = process.getuid?.() === 0 ? { user: 'postgres' } : {}
  const folder = await mkdtemp(join(tmpdir(), 'muster-postgres-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const password = randomBytes(16).toString('hex')
    const passwordFile = join(folder, 'password')
    await writeFile(passwordFile, password, { mode: 0o600 })
    if (as.user) await runOrThrow('chown', ['-R', `${as.user}:`, folder])
    const data = join(folder, 'data')
    const initdb = [
      ...['-D', data, '--username=muster', `--pwfile=${passwordFile}`, '--auth=scram-sha-256'],
      ...['--encoding=UTF8', '--locale=C.UTF-8', '--no-sync', '--no-instructions'],
    ]
    await runOrThrow(join(programs, 'initdb'), initdb, { ...as, cwd: folder })

    const port = await freePort()
    const all = {
      listen_addresses: '127.0.0.1',
      unix_socket_directories: '',
      shared_buffers: '64MB',
      ...settings,
    }
    const parameters = Object.entries({ ...all, port: String(port) }).flatMap(([key, value]) => [
      '-c',
      `${key}=${value}`,
    ])
    const url = `postgres://muster:${password}@127.0.0.1:${port}/postgres`
    const start = async () => {
      const server = startProcess(join(programs, 'postgres'), ['-D', data, ...parameters], {
        ...as,
        cwd: folder,
      })
      await untilReady('PostgreSQL', server, () => answers(url))
      return server
    }
    let server = await start()
    return {
      url,
      pid: server.pid,
      async crash() {
        await server.stop('SIGQUIT')
      },
      async restart() {
        server = await start()
      },
      async stop() {
        // SIGINT is PostgreSQL's fast shutdown: open connections are ended, not waited for.
        await server.stop('SIGINT')
        await remove()
      },
    }
  } catch (error) {
    await remove()
    throw error
  }
}
