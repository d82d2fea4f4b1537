// Muster itself as a contender: the whole program on a PostgreSQL of its own, with the population in organization `acme`.
// Filling it is the only part that knows how users get in; everything else sees ports and a pid.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { type RunningMuster, startMuster } from '../test/support/muster.ts'
import { startPostgres } from '../test/support/postgres.ts'
import { inquire } from './inquire.ts'
import type { Inquiry } from './inside.ts'
import type { Contender } from './measure.ts'
import type { Population } from './population.ts'
import type { CpuProfile } from './profile.ts'

export interface BenchMuster extends Omit<Contender, 'load'> {
  readonly ldapPort: number
  readonly radiusPort: number
  /** The running program: its address and its API. */
  readonly server: RunningMuster
  /** A figure from /metrics: the sum of all series of this name whose labels hold `label`. */
  metric(name: string, label?: string): Promise<number>
  /** How long a password is remembered from now on, 0 to 3600 s. Whatever was remembered is forgotten. */
  rememberPasswords(seconds: number): Promise<void>
  /** Checks `password` in Muster's process, past everything of Muster: how long that took, in milliseconds. */
  verifyMs(hash: string, password: string): Promise<number>
  /** Has PostgreSQL write out what it has in memory, so that what was done before is not paid while measuring. */
  checkpoint(): Promise<void>
  stop(): Promise<void>
}

/** PostgreSQL as an administrator would size it for this machine; durability untouched. */
export const databaseSettings = { shared_buffers: '512MB', max_wal_size: '2GB' }

/** The interval of the timer that measures the lag: an idle loop shows as this much (see perf_hooks). */
const lagTimerMs = 10

/** The sum of the series of a Prometheus metric. */
function sumOf(text: string, name: string, label: string): number {
  const lines = text.matchAll(new RegExp(`^${name}(\\{[^}]*\\})? (\\S+)$`, 'gm'))
  return [...lines]
    .filter(([, labels = '']) => labels.includes(label))
    .reduce((sum, [, , value]) => sum + Number(value), 0)
}

/**
 * Puts the population into organization `acme` by its import, as an administrator would: users `active`, in department
 * Engineering (so that the sample's groups and bindings apply).
 */
async function fill(muster: RunningMuster, population: Population): Promise<number> {
  const began = performance.now()
  const answer = await muster.api('POST', '/import', { users: [...population.users()] })
  if (answer.status !== 200) {
    throw new Error(
      `the import of the population was refused (${answer.status}): ${JSON.stringify(answer.body)}`,
    )
  }
  return performance.now() - began
}

/** Starts PostgreSQL and Muster with the sample organization and the population. */
export async function startBenchMuster(population: Population): Promise<BenchMuster> {
  const cleanups: (() => Promise<unknown>)[] = []
  const stop = async () => {
    for (const action of cleanups.splice(0).reverse()) await action()
  }
  const owner = { teardown: (action: () => unknown) => cleanups.push(async () => action()) }
  try {
    const data = await mkdtemp(join(tmpdir(), 'muster-bench-'))
    owner.teardown(() => rm(data, { recursive: true, force: true }))
    const postgres = await startPostgres(databaseSettings)
    owner.teardown(postgres.stop)
    const env = { MUSTER_DATABASE_URL: postgres.url, MUSTER_SAMPLE: 'on', MUSTER_LOG: 'warn' }
    const first = await startMuster(owner, { data, env })
    const filledMs = await fill(first, population)
    console.error(`${population.count} users imported in ${(filledMs / 1000).toFixed(1)} s`)
    // Started anew, so that nothing of the import is in its memory.
    await first.stop()
    const socket = join(data, 'bench.sock')
    const inside = {
      NODE_OPTIONS: `--import=${join(import.meta.dirname, 'inside.ts')}`,
      BENCH_SOCKET: socket,
    }
    const muster = await startMuster(owner, { data, env: { ...env, ...inside }, timeoutMs: 300_000 })
    const checkpoint = async () => {
      const client = new Client({ connectionString: postgres.url })
      await client.connect()
      await client.query('checkpoint')
      await client.end()
    }
    return { ...describe(muster, socket), databasePid: postgres.pid, checkpoint, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

function describe(
  muster: RunningMuster,
  socket: string,
): Omit<BenchMuster, 'databasePid' | 'checkpoint' | 'stop'> {
  const metric = async (name: string, label = '') =>
    sumOf(await (await fetch(`${muster.url}/metrics`)).text(), name, label)
  const ask = (inquiry: Inquiry) => inquire(socket, inquiry)
  return {
    name: 'muster',
    pid: muster.pid,
    ldapPort: muster.ports.ldap,
    radiusPort: muster.ports.radius,
    server: muster,
    metric,
    // Reading it begins a new period: that is how prom-client does it.
    lagMs: async () => Math.max(0, (await metric('nodejs_eventloop_lag_p99_seconds')) * 1000 - lagTimerMs),
    profiler: {
      start: async () => void (await ask({ ask: 'profile-start' })),
      stop: async () => (await ask({ ask: 'profile-stop' })) as CpuProfile,
    },
    verifyMs: async (hash, password) => (await ask({ ask: 'verify', hash, password })) as number,
    async rememberPasswords(seconds) {
      const patch = { settings: { rememberPasswordSeconds: seconds } }
      const answer = await muster.api('PATCH', '/organization', patch)
      if (answer.status !== 200) throw new Error(`PATCH /organization: ${JSON.stringify(answer)}`)
      // Whatever depends on it has read it again by then.
      await wait(500)
    },
  }
}
