// Debian's freeradius with nothing but what PAP needs: users from its `files` module (a hash table in memory), clear-text
// passwords, Message-Authenticator demanded. Temporary folder, loopback, free port.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { programPath } from '../../test/support/debian.ts'
import { freePort } from '../../test/support/ports.ts'
import { run, startProcess, untilReady } from '../../test/support/process.ts'
import { type Population, password, radiusSecret, vlan } from '../population.ts'
import type { Peer } from './peer.ts'

const configuration = (folder: string, port: number): string => `
prefix = /usr
libdir = /usr/lib/freeradius
confdir = ${folder}
logdir = ${folder}
run_dir = ${folder}
max_request_time = 30
cleanup_delay = 5
max_requests = 65536
hostname_lookups = no
proxy_requests = no
log {
  destination = stdout
  auth = no
}
security {
  max_attributes = 200
  reject_delay = 1
  status_server = no
}
thread pool {
  start_servers = 5
  max_servers = 32
  min_spare_servers = 3
  max_spare_servers = 10
  max_requests_per_server = 0
}
client loopback {
  ipaddr = 127.0.0.1
  secret = ${radiusSecret}
  require_message_authenticator = yes
}
modules {
  pap {
    normalise = no
  }
  files {
    usersfile = ${folder}/users
  }
}
server default {
  listen {
    type = auth
    ipaddr = 127.0.0.1
    port = ${port}
  }
  authorize {
    files
    pap
  }
  authenticate {
    pap
  }
}
`

function* entries(population: Population): Generator<string> {
  for (const { username } of population.users()) {
    yield `${username} Cleartext-Password := "${password}"\n` +
      `\tTunnel-Type = VLAN,\n\tTunnel-Medium-Type = IEEE-802,\n\tTunnel-Private-Group-Id = "${vlan}"\n\n`
  }
}

/** Writes a configuration for the population and starts freeradius as the current user. */
export async function startFreeradius(population: Population): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-freeradius-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const freeradius = programPath('freeradius')
    const port = await freePort()
    await writeFile(join(folder, 'radiusd.conf'), configuration(folder, port), { mode: 0o600 })
    await pipeline(Readable.from(entries(population)), createWriteStream(join(folder, 'users')))
    const version = /Version (\d+\.\d+\.\d+)/.exec((await run(freeradius, ['-v'])).stdout)?.[1] ?? ''
    const server = startProcess(freeradius, ['-f', '-l', 'stdout', '-n', 'radiusd', '-d', folder])
    const ready = async () => server.stdout().includes('Ready to process requests')
    await untilReady('freeradius', server, ready)
    const stop = async () => {
      await server.stop()
      await remove()
    }
    return { name: `freeradius ${version}`, pid: server.pid, port, stop }
  } catch (error) {
    await remove()
    throw error
  }
}
