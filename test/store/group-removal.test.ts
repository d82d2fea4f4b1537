// A group is removed while others join and leave it, and are removed themselves, on several servers at once: whoever has
// joined it has left it, and each join and leave is told once.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { type GroupId, newId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Fault, ok } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { verifyChain } from '../../src/core/audit/chain.ts'
import type { ChangeBody } from '../../src/core/audit/record.ts'
import { createDirectory, type Directory } from '../../src/core/directory/directory.ts'
import { importNewOrganization } from '../../src/core/directory/import.ts'
import type { By } from '../../src/core/directory/writing.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { createPreviewer } from '../../src/core/membership/preview/previewer.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import { importPorts } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'
import { makeGroup, storeKinds } from '../support/store.ts'

t.setTimeout(120_000)
const any = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T

/** Who is written again and again by others is told to try again. */
function unlessBusy(error: unknown): void {
  if (!(error instanceof Fault) || error.reason !== 'busy') throw error
}

async function servers(t: Test, kind: (typeof storeKinds)[number], usernames: readonly string[] = []) {
  const dataFolder = t.testdir({})
  const url = kind === 'served' ? await freshDatabase(t) : null
  const databaseUrl = url === null ? null : new Secret(url)
  const client = url === null ? null : new Client({ connectionString: url })
  await client?.connect()
  t.teardown(() => client?.end())
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
    ...{ by, client, store: stores[0] as Store, directories: ports.map(createDirectory) },
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

    t.match(await store.groups.takeOut(org, id, null), { last: String })
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

    await engine.settle(org)
    t.equal(await stored(id), afterOne - 1, 'who waits for rules does not wait for them')

    // Whoever removed it has died: others go on, also where a rule cannot be carried through.
    const unfinished = async () => Promise.reject(new Error('no rules today'))
    const groups = { ...store.groups, unfinished }
    const others = new MembershipEngine({ ...store, groups, clock: systemClock, log: silentLog })
    const gone = await Promise.allSettled([engine.resume(org), others.resume(org)])
    t.match(gone, [{ status: 'fulfilled' }, { status: 'rejected', reason: /no rules today/ }])
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

t.test('whoever joins under the rules of before is waited for', async (t) => {
  const { by, store, directories, client } = await servers(t, 'served', ['slow'])
  const [directory] = directories as [Directory, ...Directory[]]
  const org = by.organization.id
  const made = await directory.groups.create(by, { name: 'last', of: 'users' })
  const user = await store.reader.findUserByUsername(org, 'slow')
  if (!made.ok || user === null || client === null) return t.fail('not made')
  const { id } = made.value.object
  // Whoever writes the user has read the rules, and waits for the row.
  await client.query('begin')
  await client.query('select from users where id = $1 for update', [user.id])
  const adding = directory.members.add(by, id, user.id)
  await sleep(300)
  const removing = directory.groups.remove(by, id)
  t.equal(await Promise.race([removing, sleep(300, 'pending')]), 'pending')
  t.equal(await directory.groups.find(org, id), null, 'it is gone all the same')
  await client.query('commit')
  t.ok((await removing).ok)
  t.ok((await adding).ok)
  const { rows } = await client.query('select from membership where group_id = $1', [id])
  t.same(rows, [], 'who has joined has left')
  t.same(
    (await moves(store, by, id)).map(({ joined }) => joined),
    [true, false],
  )
})

t.test('rows of a group that is gone count for nothing, and go', async (t) => {
  const { by, store, directories, engine, client } = await servers(t, 'served', ['lone'])
  const [directory] = directories as [Directory, ...Directory[]]
  const org = by.organization.id
  if (client === null) return t.fail('no client')
  const page = { limit: 100 }
  for (const group of await store.groups.list(org, { op: 'true' }, page))
    await directory.groups.remove(by, group.id)
  const user = await store.reader.findUserByUsername(org, 'lone')
  if (user === null) return t.fail('nobody')
  const stray = newId<GroupId>()
  const rows = async () =>
    (await client.query('select from membership where group_id = $1', [stray])).rowCount
  await client.query(
    'insert into membership (org, subject_id, group_id, reasons, since) values ($1, $2, $3, 4, now())',
    [org, user.id, stray],
  )
  await client.query('insert into manual_member (org, subject_id, group_id) values ($1, $2, $3)', [
    ...[org, user.id, stray],
  ])
  t.same(await store.reader.users(org, { op: 'member-of-any' }, page, false), [], 'no filter finds it')
  const found = await store.insight.findings(org, new Date(), 10)
  t.match(
    found.find(({ code }) => code === 'user-without-group'),
    { count: 1, items: [{ subject: { name: 'lone' } }] },
  )
  const draft = makeGroup('draft', { mode: 'dynamic', rule: 'memberOf pr' })
  const previewer = createPreviewer({ ...store, clock: systemClock })
  t.match(await previewer.preview(org, draft, { limit: 10 }), { joins: { count: 0 } }, 'no rule sees it')
  t.ok((await directory.users.update(by, user.id, { title: 'Chief' })).ok)
  t.equal(await engine.reconcile(org), 0)
  t.equal(await rows(), 1, 'nobody tells of it in passing')

  const removal = { kind: 'change', actor: by.actor, action: 'group.remove', details: {} } as const
  const noted = () => store.groups.noteStrays(org, { ...removal, at: new Date().toISOString() })
  t.equal(await noted(), 1)
  t.equal(await noted(), 0)
  await engine.resume(org)
  t.equal(await rows(), 0)
  t.match(await moves(store, by, stray), [{ name: 'lone', joined: false, cause: 'group.remove' }])
  t.same(await store.groups.removed(org), [])
})
