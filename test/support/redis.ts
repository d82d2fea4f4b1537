// A Redis server of our own: temporary folder, loopback, free port, nothing kept.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { programPath } from './debian.ts'
import { accepts, freePort } from './ports.ts'
import type { ServerUnderTest } from './postgres.ts'
import { startProcess, untilReady } from './process.ts'

/** Starts a server without persistence. */
export async function startRedis(): Promise<ServerUnderTest> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-redis-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const port = await freePort()
    const server = startProcess(programPath('redis-server'), [
      '--port',
      String(port),
      '--bind',
      '127.0.0.1',
      '--save',
      '',
      '--appendonly',
      'no',
      '--dir',
      folder,
    ])
    await untilReady('Redis', server, () => accepts(port))
    const stop = async () => {
      await server.stop()
      await remove()
    }
    return { url: `redis://127.0.0.1:${port}`, pid: server.pid, stop }
  } catch (error) {
    await remove()
    throw error
  }
}
