// A group is removed while others join and leave it, and are removed themselves, on several servers at once: whoever has
// joined it has left it, and each join and leave is told once.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { GroupId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Fault, ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { verifyChain } from '../../src/core/audit/chain.ts'
import type { ChangeBody } from '../../src/core/audit/record.ts'
import { createDirectory, type Directory } from '../../src/core/directory/directory.ts'
import { importNewOrganization } from '../../src/core/directory/import.ts'
import type { By } from '../../src/core/directory/writing.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
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

async function servers(t: Test, kind: (typeof storeKinds)[number], usernames: readonly string[] = []) {
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
    users: usernames.map((username) => ({ username })),
  }
  const made = await importNewOrganization(actor, file, ports[0] as (typeof ports)[number])
  if (!made.ok) throw new Error(JSON.stringify(made.error))
  const by: By = { organization: made.value.organization, actor, role: 'owner' }
  return {
    ...{ by, store: stores[0] as Store, directories: ports.map(createDirectory) },
    engine: new MembershipEngine({ ...(stores[0] as Store), clock: systemClock, log: silentLog }),
  }
}

/** What was told of the group, oldest first: who joined or left it, and why. */
async function moves(store: Store, by: By, group: string) {
  const filter = { kind: 'change', outcome: 'membership.change', group } as const
  const records = await store.auditReader.list(by.organization.id, filter, { limit: 5_000 })
  return records
    .toReversed()
    .map(({ body }) => JSON.parse(body) as ChangeBody)
    .map(({ target, details }) => ({
      ...{ id: target.id, name: target.name, cause: details.cause },
      joined: (details.joined as string[]).includes(group),
    }))
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
      const told = await moves(store, by, id)
      for (const [user, own] of Map.groupBy(told, (one) => one.id)) {
        const joins = own.map(({ joined }) => joined)
        t.same(
          joins,
          joins.map((_, i) => i % 2 === 0),
          `${user}: a join, a leave, and so on`,
        )
        t.equal(joins.at(-1), false, `${user} has left`)
      }
      t.ok(told.length >= 10)
    }
  })
}

for (const kind of storeKinds) {
  t.test(`a large group goes at once, and its members leave page by page: ${kind}`, async (t) => {
    const usernames = Array.from({ length: 600 }, (_, i) => `user-${i}`)
    const { by, store, directories, engine } = await servers(t, kind, usernames)
    const [directory] = directories as [Directory, ...Directory[]]
    const org = by.organization.id
    const everybody = { of: 'users', mode: 'dynamic', rule: 'username sw "user-"' }
    const made = await directory.groups.create(by, { name: 'large', ...everybody })
    const asked = await directory.groups.create(by, { ...everybody, name: 'asked', mode: 'review' })
    const any = await directory.groups.create(by, { ...everybody, name: 'any', rule: 'memberOf eq "large"' })
    if (!made.ok || !asked.ok || !any.ok) return t.fail('not made')
    const { id } = made.value.object
    t.match(await directory.groups.remove(by, id), { ok: false }, 'while a rule asks for it')
    t.equal((await directory.groups.remove(by, any.value.object.id)).ok, true)

    const people = await store.reader.users(org, { op: 'true' }, { limit: 1_000 }, false)
    const [first, second, third] = people.map(({ user }) => user).sort((a, b) => (a.id < b.id ? 1 : -1))
    if (!first || !second || !third) return t.fail('nobody')
    const groupsOf = async (user: string) => {
      const facts = await store.facts.findSubject(org, { by: 'user-id', id: user as never })
      return facts?.kind === 'user' ? facts.memberships.map(({ groupId }) => groupId as string) : []
    }
    const stored = async (group: string) =>
      (await store.reader.members(org, group as never, { limit: 1_000 })).length
    t.equal(await stored(id), 600)
    t.ok((await groupsOf(first.id)).includes(id))

    const { version } = (await directory.groups.find(org, id)) ?? { version: 0 }
    const target = { kind: 'group', id, name: 'large' }
    const removal = { kind: 'change', at: '2026-11-29T12:00:00.000Z', actor: by.actor } as const
    const audit = { ...removal, action: 'group.remove', target, details: {} }
    t.same(await store.groups.remove(org, id, version, audit), { outcome: 'written' })
    t.same(await store.groups.removed(org), [id])
    t.equal(await directory.groups.find(org, id), null)
    t.equal(await stored(id), 600, 'nobody has left yet')
    t.notOk((await groupsOf(first.id)).includes(id), 'at the doors it is gone')
    t.equal((await directory.groups.create(by, { name: 'large', of: 'users' })).ok, true, 'its name is free')

    t.equal(await store.groups.takeOut(org, id), true)
    const afterOne = await stored(id)
    t.ok(afterOne > 0 && afterOne < 600, 'a page has left')
    // Whoever is written meanwhile has not left with that, and whoever goes has.
    t.ok((await directory.users.update(by, first.id, { title: 'Chief' })).ok)
    t.ok((await directory.users.remove(by, second.id)).ok)
    t.equal(await stored(id), afterOne - 1)
    const add = directory.members.add(by, id, third.id)
    t.match(await add, { ok: false, error: { kind: 'not-found' } }, 'nobody joins')
    const cells = [{ kind: 'user', id: third.id }] as const
    const joining = engine.change(org, cells, () =>
      ok({
        manual: { add: [{ subjectId: third.id, groupId: id as GroupId }], remove: [] },
        audit: [{ ...audit, action: 'membership.add' }],
      }),
    )
    t.same(await joining, { outcome: 'missing', field: 'groupId' }, 'also who has found it before it went')

    // Whoever removed it has died: another one goes on.
    await engine.resume(org)
    t.same(await store.groups.removed(org), [])
    t.equal(await stored(id), 0)
    const told = await moves(store, by, id)
    t.equal(told.length, 1_200)
    const leaves = told.filter(({ joined }) => !joined)
    t.equal(new Set(leaves.map((one) => one.id)).size, 600, 'everybody has left once')
    t.same(
      leaves.filter(({ cause }) => cause !== 'group.remove').map((one) => [one.id, one.cause]),
      [[second.id, 'user.remove']],
    )
    t.match(await verifyChain(store.auditReader, org), { intact: true })
    t.equal(await engine.reconcile(org), 0, 'what is stored is what the rules say')

    const where = { group: asked.value.object.id, rejected: false }
    t.equal((await store.suggestions.count(org, where)).joins, 599)
    t.ok((await directory.groups.remove(by, asked.value.object.id)).ok)
    t.equal((await store.suggestions.count(org, where)).joins, 0, 'what it suggested goes with it')
    t.same(await store.groups.removed(org), [])
  })
}
