// The thread that keeps memberships in shared memory and answers questions about whole sets of subjects. Entry point only: what it
// does is core's, what it reads is store's. It writes nothing.
import { setTimeout as sleep } from 'node:timers/promises'
import { parentPort, workerData } from 'node:worker_threads'
import { systemClock } from './base/clock.ts'
import { silentLog } from './base/log.ts'
import { Fault } from './base/result.ts'
import { Secret } from './base/secrets.ts'
import { createPreviewer } from './core/membership/preview/previewer.ts'
import { Keeper } from './core/membership/replica/keeper.ts'
import type { FromKeeper, ToKeeper } from './core/membership/replica/messages.ts'
import { ColumnSets } from './core/membership/sets/column-sets.ts'
import { answer, type NumberedAnswer, type NumberedQuestion } from './core/membership/sets/set-engine.ts'
import { scanningSets } from './core/membership/sets/set-scan.ts'
import type { Cells } from './core/ports.ts'
import { createCells } from './store/cells.ts'
import { Database } from './store/database.ts'
import { type FromRelay, RelayClient, type ToRelay } from './store/embedded/relay.ts'
import { createMembershipSource } from './store/membership-source.ts'
import { createBindings } from './store/records/kinds.ts'
import { createResources } from './store/records/resources.ts'
import { createRuleSource } from './store/rule-source.ts'

export type MembershipTask =
  | { readonly place: 'served'; readonly url: string }
  | { readonly place: 'embedded'; readonly serverVersion: string }
export type ToThread =
  | { readonly to: 'keeper'; readonly message: ToKeeper }
  | { readonly to: 'sets'; readonly message: NumberedQuestion }
  | { readonly to: 'relay'; readonly message: FromRelay }
export type FromThread =
  | { readonly from: 'keeper'; readonly message: FromKeeper }
  | { readonly from: 'sets'; readonly message: NumberedAnswer }
  | { readonly from: 'figures'; readonly columnBytes: number }
  | { readonly from: 'relay'; readonly message: ToRelay }

/** For questions about sets; organizations that need more are gone through cell by cell. */
const mostColumnBytes = 2 * 1024 ** 3

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

const refused = (): never => {
  throw new Fault('internal', 'nothing is written from this thread')
}
const stored = createCells(database, refused, refused)
/** While a chunk is read, the embedded database answers nobody else. */
const mostAtOnce = task.place === 'embedded' ? 100 : Number.POSITIVE_INFINITY
const cells: Pick<Cells, 'scan' | 'readMany' | 'read' | 'names'> = {
  scan: (organization, after, limit) => stored.scan(organization, after, Math.min(limit, mostAtOnce)),
  readMany: stored.readMany.bind(stored),
  read: stored.read.bind(stored),
  names: stored.names.bind(stored),
}
const rules = createRuleSource(database, stored)
const records = { database, announce: refused, seal: refused }
const grants = { bindings: createBindings(records), resources: createResources(records) }
const previewer = createPreviewer({ cells, rules, ...grants, clock: systemClock })
const sets = new ColumnSets({
  ...{ cells, rules, grants, clock: systemClock, mostBytes: mostColumnBytes },
  otherwise: scanningSets({ cells, rules, previewer, clock: systemClock }),
})
const figures = (): void => tell({ from: 'figures', columnBytes: sets.bytes })
setInterval(() => {
  sets.dropUnused()
  figures()
}, 60_000)

port.on('message', (said: ToThread) => {
  if (said.to === 'relay') relay?.hear(said.message)
  else if (said.to === 'keeper') {
    if (said.message.kind === 'changed') sets.changed(said.message)
    keeper.hear(said.message)
  } else
    void answer(said.message, sets).then((message) => {
      tell({ from: 'sets', message })
      figures()
    })
})
