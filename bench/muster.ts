// Muster itself as a contender: the whole program on a PostgreSQL of its own, with the population in organization `acme`.
// Filling it is the only part that knows how users get in; everything else sees ports and a pid.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RunningMuster, startMuster } from '../test/support/muster.ts'
import { startPostgres } from '../test/support/postgres.ts'
import type { Population } from './population.ts'

export interface BenchMuster {
  readonly name: string
  readonly pid: number
  readonly ldapPort: number
  readonly radiusPort: number
  /** Event-loop lag and the like since the last call, for the table. */
  remarks(): Promise<string>
  stop(): Promise<void>
}

/** PostgreSQL as an administrator would size it for this machine; durability untouched. */
const databaseSettings = { shared_buffers: '512MB', max_wal_size: '2GB' }

/** The figure of a Prometheus metric without labels, or undefined. */
export function metric(text: string, name: string): number | undefined {
  const found = new RegExp(`^${name}(?:\\{[^}]*\\})? ([0-9.eE+-]+)$`, 'm').exec(text)?.[1]
  return found === undefined ? undefined : Number(found)
}

/**
 * Puts the population into organization `acme` by its import, as an administrator would: users `active`, in department
 * Engineering (so that the sample's groups and bindings apply), all with `population.passwordHash`.
 */
async function fill(muster: RunningMuster, population: Population): Promise<number> {
  const began = performance.now()
  const users = [...population.users()].map((user) => ({ ...user, passwordHash: population.passwordHash }))
  const answer = await muster.api('POST', '/import', { users })
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
    const first = await startMuster({ teardown: () => {} }, { data, env })
    const filledMs = await fill(first, population)
    console.error(`${population.count} users imported in ${(filledMs / 1000).toFixed(1)} s`)
    // Started anew, so that nothing of the import is in its memory.
    await first.stop()
    const muster = await startMuster(owner, { data, env, timeoutMs: 300_000 })
    const remarks = async () => {
      const text = await (await fetch(`${muster.url}/metrics`)).text()
      const lag = metric(text, 'nodejs_eventloop_lag_p99_seconds')
      return lag === undefined ? '' : `event-loop lag p99 ${(lag * 1000).toFixed(1)} ms`
    }
    const { ldap, radius } = muster.ports
    return { name: 'muster', pid: muster.pid, ldapPort: ldap, radiusPort: radius, remarks, stop }
  } catch (error) {
    await stop()
    throw error
  }
}
