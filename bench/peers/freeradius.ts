// Debian's freeradius with nothing but what PAP needs: users from its `files` module (a hash table in memory), clear-text
// passwords, Message-Authenticator demanded. If wanted, with a row in PostgreSQL for every decision, written before the
// answer. Temporary folder, loopback, free port.
import { createWriteStream } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Client } from 'pg'
import { programPath } from '../../test/support/debian.ts'
import { freePort } from '../../test/support/ports.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { run, startProcess, untilReady } from '../../test/support/process.ts'
import { databaseSettings } from '../muster.ts'
import { type Population, password, radiusSecret, vlan } from '../population.ts'
import type { Peer } from './peer.ts'

/** As many as its threads: what Debian's configuration of rlm_sql says, too. */
const threads = 32

/** Debian's mods-available/sql for the one query that is needed. */
const sqlModule = (database: URL): string => `
  sql {
    dialect = "postgresql"
    driver = "rlm_sql_postgresql"
    server = "${database.hostname}"
    port = ${database.port}
    login = "${database.username}"
    password = "${database.password}"
    radius_db = "${database.pathname.slice(1)}"
    read_clients = no
    sql_user_name = "%{User-Name}"
    pool {
      start = ${threads}
      min = ${threads}
      max = ${threads}
      spare = 0
      uses = 0
      lifetime = 0
      idle_timeout = 0
    }
    post-auth {
      query = "insert into radpostauth (username, reply, client, authdate) values ('%{SQL-User-Name}', '%{reply:Packet-Type}', '%{Packet-Src-IP-Address}', now())"
    }
  }`

const postAuthTable = `create table radpostauth (
  id bigserial primary key,
  username text not null,
  reply text not null,
  client text not null,
  authdate timestamptz not null)`

const configuration = (folder: string, port: number, database: URL | null): string => `
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
  max_servers = ${threads}
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
  }${database === null ? '' : sqlModule(database)}
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
  post-auth {
    ${database === null ? '' : 'sql'}
  }
}
`

function* entries(population: Population): Generator<string> {
  for (const { username } of population.users()) {
    yield `${username} Cleartext-Password := "${password}"\n` +
      `\tTunnel-Type = VLAN,\n\tTunnel-Medium-Type = IEEE-802,\n\tTunnel-Private-Group-Id = "${vlan}"\n\n`
  }
}

/** The same with a PostgreSQL of its own, of the settings that Muster's has. */
export async function startFreeradiusWithLog(
  population: Population,
): Promise<Peer & { databasePid: number }> {
  const postgres = await startPostgres(databaseSettings)
  try {
    const client = new Client({ connectionString: postgres.url })
    await client.connect()
    await client.query(postAuthTable)
    await client.end()
    const peer = await startFreeradius(population, new URL(postgres.url))
    const stop = async () => {
      await peer.stop()
      await postgres.stop()
    }
    return { ...peer, name: `${peer.name} with SQL log`, databasePid: postgres.pid, stop }
  } catch (error) {
    await postgres.stop()
    throw error
  }
}

/** Writes a configuration for the population and starts freeradius as the current user. */
export async function startFreeradius(population: Population, database: URL | null = null): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-freeradius-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const freeradius = programPath('freeradius')
    const port = await freePort()
    await writeFile(join(folder, 'radiusd.conf'), configuration(folder, port, database), { mode: 0o600 })
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
