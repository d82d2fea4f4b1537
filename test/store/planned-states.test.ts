// A state that a user is to have comes into force whatever else happens to the user at that moment: a rule that is carried
// through, the daily comparison, a change. On both databases.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { newId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { exactFacts } from '../../src/core/access/exact-facts.ts'
import type { StateChange, User } from '../../src/core/directory/types.ts'
import type { Cell } from '../../src/core/membership/cell.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { Schedule } from '../../src/core/membership/schedule.ts'
import { openStore } from '../../src/store/store.ts'
import { freshDatabase } from '../support/database.ts'
import { auditOf, makeGroup, makeOrganization, makeUser, storeKinds } from '../support/store.ts'

const folder = t.testdir({})
const audit = [auditOf('test')]

for (const kind of storeKinds)
  t.test(`planned states: ${kind}`, async (t) => {
    const store = await openStore({
      dataFolder: join(folder, kind),
      databaseUrl: kind === 'served' ? new Secret(await freshDatabase(t)) : null,
      ...{ redisUrl: null, connections: 6, clock: systemClock, log: silentLog },
    })
    t.teardown(() => store.close())
    const organization = makeOrganization('acme')
    const { id } = organization
    await store.organizations.insert(organization, auditOf('organization.create'))
    const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
    const save = async (name: string, rule: string): Promise<void> => {
      const group = makeGroup(name, { mode: 'dynamic', rule, status: 'activating' })
      await store.groups.insert(id, group, auditOf('group.create'))
      await engine.activateGroup(id, group.id)
    }
    await save('vpn', 'state eq "active"')
    /** Somebody who is to be suspended in a moment. */
    const plan = async (name: string, inMs: number): Promise<User> => {
      const user = makeUser(name)
      const row: StateChange = {
        ...{ id: newId(), userId: user.id, state: 'suspended', reason: 'x', createdAt: new Date() },
        at: new Date(Date.now() + inMs),
      }
      await engine.change(id, [], () =>
        ok({ user: { do: 'insert', row: user }, stateChanges: [{ do: 'insert', row }], audit }),
      )
      return user
    }
    const read = async (user: User): Promise<Cell> =>
      (await store.cells.read(id, { kind: 'user', id: user.id })) as Cell
    const isSuspended = async (user: User): Promise<boolean> => {
      const { user: stored, memberships, stateChanges } = await read(user)
      return stored?.state === 'suspended' && memberships.length === 0 && stateChanges.length === 0
    }

    await t.test(
      'a rule is carried through, and the organization compared, before the timer comes to it',
      async (t) => {
        const users = await Promise.all(['a', 'b', 'c'].map((name) => plan(name, 50)))
        await sleep(60)
        await save('other', 'title eq "nobody"')
        await engine.reconcile(id)
        for (const user of users) {
          const { due, stateChanges } = await read(user)
          t.equal(stateChanges.length, 1, 'not in force yet')
          t.ok(due !== null && due <= new Date(), 'and still due')
        }
        const [first, ...others] = users as [User, ...User[]]
        const facts = exactFacts(store.facts, engine, systemClock)
        const found = await facts.findSubject(id, { by: 'user-id', id: first.id })
        t.equal(
          found?.kind === 'user' ? found.user.state : null,
          'suspended',
          'whoever is let in is looked at first',
        )
        const schedule = new Schedule({ engine, ...store, clock: systemClock, log: silentLog })
        await schedule.start()
        await schedule.close()
        for (const user of others) t.ok(await isSuspended(user))
      },
    )

    await t.test('with the timer, while rules are saved', async (t) => {
      const schedule = new Schedule({ engine, ...store, clock: systemClock, log: silentLog })
      await schedule.start()
      const users: User[] = []
      for (let i = 0; i < 30; i++) users.push(await plan(`many-${i}`, 700))
      for (let i = 0; i < 8; i++) {
        await sleep(100)
        await save(`saved-${i}`, `title eq "nobody ${i}"`)
      }
      const deadline = performance.now() + 20_000
      const active = async (): Promise<number> => {
        const suspended = await Promise.all(users.map(isSuspended))
        return suspended.filter((one) => !one).length
      }
      while ((await active()) > 0 && performance.now() < deadline) await sleep(50)
      t.equal(await active(), 0)
      await schedule.close()
    })
  })
