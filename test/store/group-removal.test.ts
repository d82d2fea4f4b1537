// A group is removed while others join and leave it, and are removed themselves, on several servers at once: whoever has
// joined it has left it, and each join and leave is told once.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { ChangeBody } from '../../src/core/audit/record.ts'
import { createDirectory, type Directory } from '../../src/core/directory/directory.ts'
import { importNewOrganization } from '../../src/core/directory/import.ts'
import type { By } from '../../src/core/directory/writing.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { importPorts } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'
import { storeKinds } from '../support/store.ts'

t.setTimeout(120_000)
const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Who is to join a group that has just gone is told to try again. */
function unlessBusy(error: unknown): void {
  if (!(error instanceof Fault) || error.reason !== 'busy') throw error
}

async function servers(t: Test, kind: (typeof storeKinds)[number]) {
  const dataFolder = t.testdir({})
  const databaseUrl = kind === 'served' ? new Secret(await freshDatabase(t)) : null
  const stores: Store[] = []
  for (let i = 0; i < (kind === 'served' ? 2 : 1); i++) {
    stores.push(
      await openStore({
        ...{ dataFolder, databaseUrl, redisUrl: null, connections: 4, clock: systemClock, log: silentLog },
      }),
    )
  }
  t.teardown(() => Promise.all(stores.map((store) => store.close())))
  const ports = stores.map((store) => importPorts(store))
  const actor = { kind: 'system', name: 'test' } as const
  const file = {
    organization: { slug: 'busy', name: 'Busy', domain: 'busy.example' },
    tokens: [{ name: 'admin', role: 'owner' }],
  }
  const made = await importNewOrganization(actor, file, ports[0] as (typeof ports)[number])
  if (!made.ok) throw new Error(JSON.stringify(made.error))
  const by: By = { organization: made.value.organization, actor, role: 'owner' }
  return { by, store: stores[0] as Store, directories: ports.map(createDirectory) }
}

for (const kind of storeKinds) {
  t.test(kind, async (t) => {
    const { by, store, directories } = await servers(t, kind)
    const one = (): Directory => any(directories)
    for (let round = 0; round < 6; round++) {
      const made = await one().groups.create(by, { name: `round ${round}`, of: 'users' })
      if (!made.ok) return t.fail(JSON.stringify(made.error))
      const { id } = made.value.object
      const users: string[] = []
      for (let i = 0; i < 10; i++) {
        const user = await one().users.create(by, { username: `user-${round}-${i}` })
        if (user.ok) users.push(user.value.object.id)
      }
      for (const user of users.slice(0, 5)) await one().members.add(by, id, user)
      await Promise.all([
        ...users.map(async (user, i) => {
          await sleep(Math.random() * 20)
          if (i % 5 === 0) await one().users.remove(by, user)
          else if (i < 5) await one().members.remove(by, id, user)
          else await one().members.add(by, id, user).catch(unlessBusy)
        }),
        sleep(Math.random() * 20).then(async () => {
          const removed = await one().groups.remove(by, id)
          t.ok(removed.ok, JSON.stringify(removed))
        }),
      ])
      const filter = { kind: 'change', outcome: 'membership.change', group: id } as const
      const records = await store.auditReader.list(by.organization.id, filter, { limit: 500 })
      const moves = records
        .toReversed()
        .map(({ body }) => JSON.parse(body) as ChangeBody)
        .map(({ target, details }) => [target.id, (details.joined as string[]).includes(id)] as const)
      for (const [user, own] of Map.groupBy(moves, ([target]) => target)) {
        const joins = own.map(([, joined]) => joined)
        t.same(
          joins,
          joins.map((_, i) => i % 2 === 0),
          `${user}: a join, a leave, and so on`,
        )
        t.equal(joins.at(-1), false, `${user} has left`)
      }
      t.ok(moves.length >= 10)
    }
  })
}
