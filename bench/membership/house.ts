// The parts of Muster that keep memberships, joined as src/app.ts joins them, over a database of the benchmark.
import { systemClock } from '../../src/base/clock.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import type { Log } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { startMembership } from '../../src/membership-thread.ts'
import { openStore } from '../../src/store/store.ts'

export type House = Awaited<ReturnType<typeof openHouse>>

const print = (fields: object, message: string): void => {
  const error = 'err' in fields ? fields.err : fields
  console.error(`${message}:`, error instanceof Error ? error.message : error)
}
const log: Log = { debug() {}, info() {}, warn: print, error: print }

/** `url`: of a served database; null: the embedded one in the data folder. */
export async function openHouse(dataFolder: string, url: string | null) {
  enableLinearRegex()
  const store = await openStore({
    ...{ dataFolder, databaseUrl: url === null ? null : new Secret(url), redisUrl: null },
    ...{ connections: 10, clock: systemClock, log },
  })
  const thread = startMembership(store, log)
  let wrong = 0
  const { cells, rules, groups } = store
  const engine = new MembershipEngine({
    ...{ cells, rules, groups, sets: thread.sets, clock: systemClock, log },
    observe: { checked: (agrees) => void (wrong += agrees ? 0 : 1) },
  })
  return {
    store,
    thread,
    engine,
    /** Changes whose evaluation in part was not what it is in full. */
    get wrong(): number {
      return wrong
    },
    async close(): Promise<void> {
      await thread.close()
      await store.close()
    },
  }
}

/** Resolves once everything is in memory; gives the milliseconds it took. */
export async function untilReadable(
  { store: { replica, feed } }: Pick<House, 'store'>,
  organization: Parameters<typeof replica.isReady>[0],
): Promise<number> {
  const began = performance.now()
  await feed.settled()
  while (!replica.isReady(organization) || replica.pending > 0) {
    if (performance.now() - began > 1_800_000) throw new Error('the memberships were not read into memory')
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  return performance.now() - began
}
