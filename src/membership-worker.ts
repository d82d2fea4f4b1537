// The thread that keeps memberships in shared memory and answers questions about whole sets of subjects. Entry point only: what it
// does is core's, what it reads is store's. It writes nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { silentLog } from './base/log.ts'
import { Secret } from './base/secrets.ts'
import { Keeper } from './core/membership/replica/keeper.ts'
import type { FromKeeper, ToKeeper } from './core/membership/replica/messages.ts'
import { Database } from './store/database.ts'
import { type FromRelay, RelayClient, type ToRelay } from './store/embedded/relay.ts'
import { createMembershipSource } from './store/membership-source.ts'

export type MembershipTask =
  | { readonly place: 'served'; readonly url: string }
  | { readonly place: 'embedded'; readonly serverVersion: string }
export type ToThread =
  | { readonly to: 'keeper'; readonly message: ToKeeper }
  | { readonly to: 'relay'; readonly message: FromRelay }
export type FromThread =
  | { readonly from: 'keeper'; readonly message: FromKeeper }
  | { readonly from: 'relay'; readonly message: ToRelay }

const task = workerData as MembershipTask
const port = parentPort
if (port === null) throw new Error('membership-worker.ts runs in a worker thread only')

const tell = (message: FromThread, transfer: readonly ArrayBuffer[] = []): void =>
  port.postMessage(message, [...transfer])
const relay =
  task.place === 'embedded'
    ? new RelayClient((message, transfer) => tell({ from: 'relay', message }, transfer), task.serverVersion)
    : null
const database = new Database(
  task.place === 'served'
    ? { kind: 'served', url: new Secret(task.url), connections: 3, name: 'muster-membership' }
    : { kind: 'embedded', connect: () => (relay as RelayClient).connect(), isShared: true },
  // Whatever fails is told to the main thread, which keeps the log.
  silentLog,
)
const keeper = new Keeper(
  createMembershipSource(database),
  (message) => tell({ from: 'keeper', message }),
  (ms) => sleep(ms),
)
port.on('message', (said: ToThread) => {
  if (said.to === 'relay') relay?.hear(said.message)
  else keeper.hear(said.message)
})
