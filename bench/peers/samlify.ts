// samlify as an identity provider, in a process of its own.
import { join } from 'node:path'
import { accepts, freePort } from '../../test/support/ports.ts'
import { startProcess, untilReady } from '../../test/support/process.ts'
import { readVersion } from '../web-population.ts'
import type { Peer } from './peer.ts'

/** What its assertions say: the same as Muster's, so that both sign as much. */
export interface SamlTask {
  readonly entityId: string
  readonly assertionConsumerService: string
  readonly nameId: string
  readonly attributes: Readonly<Record<string, readonly string[]>>
}

const program = join(import.meta.dirname, 'servers/samlify.ts')

export async function startSamlify(task: SamlTask): Promise<Peer> {
  const port = await freePort()
  const server = startProcess(process.execPath, [program, String(port), JSON.stringify(task)])
  await untilReady('samlify', server, () => accepts(port))
  const name = `samlify ${await readVersion('samlify')}`
  return { name, pid: server.pid, port, stop: async () => void (await server.stop()) }
}
