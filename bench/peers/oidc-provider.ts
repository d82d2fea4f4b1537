// oidc-provider by itself, in a process of its own.
import { join } from 'node:path'
import { accepts, freePort } from '../../test/support/ports.ts'
import { startProcess, untilReady } from '../../test/support/process.ts'
import { benchClient, readVersion } from '../web-population.ts'
import type { Peer } from './peer.ts'

const program = join(import.meta.dirname, 'servers/oidc-provider.ts')

export async function startOidcProvider(): Promise<Peer> {
  const port = await freePort()
  const server = startProcess(process.execPath, [program, String(port), JSON.stringify(benchClient)])
  await untilReady('oidc-provider', server, () => accepts(port))
  const name = `oidc-provider ${await readVersion('oidc-provider')}, in memory`
  return { name, pid: server.pid, port, stop: async () => void (await server.stop()) }
}
