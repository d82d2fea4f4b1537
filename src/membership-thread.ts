// Starts the thread that keeps memberships in shared memory, joins it to the store, and starts it again when it dies. Without it
// everything is asked of the database: slower, and just as right.
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import type { Log } from './base/log.ts'
import { Fault } from './base/result.ts'
import type { MembershipReplica } from './core/membership/replica/replica.ts'
import { AskedSets, type SetEngine } from './core/membership/sets/set-engine.ts'
import type { FromThread, MembershipTask, ToThread } from './membership-worker.ts'
import { relayTo } from './store/embedded/relay.ts'
import type { Store } from './store/store.ts'

const firstRestMs = 1_000
const longestRestMs = 60_000
/** Behind by more than this, nobody waits for answers about sets. */
const longestSettlingMs = 5_000

export interface MembershipThread {
  /** Answers for sets of subjects while the thread is there. */
  readonly sets: SetEngine
  /** Memory that facts are kept in for questions about sets. */
  readonly columnBytes: number
  /** Ends the thread. */
  close(): Promise<void>
  /** How often it has been started. */
  readonly starts: number
}

/** `startThread`: how the thread is started, where it is to be something else. */
export function startMembership(
  store: Pick<Store, 'feed' | 'readers' | 'replica'>,
  log: Log,
  startThread: (task: MembershipTask) => Worker = startWorker,
): MembershipThread {
  const { feed, readers, replica } = store
  let worker: Worker | null = null
  let timer: NodeJS.Timeout | null = null
  let restMs = firstRestMs
  let isClosed = false
  let starts = 0
  const sets = new AskedSets({
    settled: () => Promise.race([feed.settled(), tooLate()]),
    isFollowed: (organization) => replica.isFollowed(organization),
  })
  let columnBytes = 0

  const start = (): void => {
    starts++
    const began = performance.now()
    const own = startThread(
      readers.kind === 'served'
        ? { place: 'served', url: readers.url.reveal() }
        : { place: 'embedded', serverVersion: readers.serverVersion },
    )
    worker = own
    const post = (message: ToThread, transfer: readonly ArrayBuffer[] = []): void =>
      own.postMessage(message, [...transfer])
    const relay =
      readers.kind === 'embedded'
        ? relayTo(readers.relay, (message, transfer) => post({ to: 'relay', message }, transfer))
        : null
    own.on('message', (said: FromThread) => {
      if (worker !== own) return
      if (said.from === 'relay') relay?.(said.message)
      else if (said.from === 'sets') sets.hear(said.message)
      else if (said.from === 'figures') columnBytes = said.columnBytes
      else hear(said.message, replica, log)
    })
    own.on('error', (error) => log.error({ err: error }, 'the thread that keeps memberships has failed'))
    own.on('exit', (code) => {
      if (worker !== own) return
      worker = null
      replica.detach()
      sets.detach()
      columnBytes = 0
      if (isClosed) return
      if (performance.now() - began > longestRestMs) restMs = firstRestMs
      log.warn(
        { code, againInMs: restMs },
        'memberships are read from the database until their thread is back',
      )
      timer = setTimeout(start, restMs)
      timer.unref()
      restMs = Math.min(restMs * 2, longestRestMs)
    })
    replica.attach((message) => post({ to: 'keeper', message }))
    sets.attach((message) => post({ to: 'sets', message }))
  }

  start()
  return {
    sets,
    get columnBytes() {
      return columnBytes
    },
    get starts() {
      return starts
    },
    async close() {
      isClosed = true
      if (timer !== null) clearTimeout(timer)
      replica.close()
      sets.detach()
      await worker?.terminate()
    },
  }
}

function hear(
  message: Extract<FromThread, { from: 'keeper' }>['message'],
  replica: MembershipReplica,
  log: Log,
): void {
  if (message.kind === 'trouble')
    log.warn(
      { organization: message.organization, why: message.message },
      'memberships could not be read into memory: the database is asked meanwhile',
    )
  else replica.hear(message)
}

export function startWorker(task: MembershipTask): Worker {
  // No inherited flags: loaders and inspectors of the main thread are none of its business. It does not keep the process alive.
  const worker = new Worker(new URL('./membership-worker.ts', import.meta.url), {
    workerData: task,
    execArgv: [],
  })
  worker.unref()
  return worker
}

async function tooLate(): Promise<never> {
  await sleep(longestSettlingMs, undefined, { ref: false })
  throw new Fault('unavailable', 'changes are not told in time')
}
