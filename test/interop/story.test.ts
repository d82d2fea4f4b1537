// The story that the product is for, told twice: what an administrator changes shows at every door at once. First with
// one process on the embedded database, then with two on PostgreSQL, changing at one and asking at the other.
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'ldapts'
import t, { type Test } from 'tap'
import { freshDatabase, redisUrl } from '../support/database.ts'
import {
  groupDn,
  ldapBind,
  ldapSearch,
  ldapTool,
  readerDn,
  readerPassword,
  suffix,
  userDn,
} from '../support/ldap-tools.ts'
import { type RunningMuster, startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'
import { type Places, seen } from '../support/places.ts'
import { radiusLogin } from '../support/radclient.ts'

/** An open LDAP connection. */
async function connection(t: Test, muster: RunningMuster, dn: string, password: string): Promise<Client> {
  const client = new Client({ url: `ldap://127.0.0.1:${muster.ports.ldap}`, timeout: 10_000 })
  await client.bind(dn, password)
  t.teardown(() => client.unbind().catch(() => {}))
  return client
}

async function memberOf(client: Client): Promise<string[] | undefined> {
  const { searchEntries } = await client.search(suffix, { filter: '(uid=alice)', attributes: ['memberOf'] })
  return (searchEntries[0]?.memberOf as string[] | undefined)?.sort()
}

/** Was it closed by the server? The limit is that of the promise itself. */
const isClosed = (client: Client) => seen(1000, async () => !client.isConnected, Boolean)

async function idOf(muster: RunningMuster, kind: string, filter: string): Promise<string> {
  const { body } = await muster.api('GET', `/${kind}?filter=${encodeURIComponent(filter)}`)
  const [found] = (body as { items: { id: string }[] }).items
  if (!found) throw new Error(`no ${kind} with ${filter}`)
  return found.id
}

async function patch(muster: RunningMuster, path: string, body: unknown): Promise<void> {
  const answer = await muster.api('PATCH', path, body)
  if (answer.status !== 200) throw new Error(`PATCH ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
}

async function explain(muster: RunningMuster, resource: string) {
  const body = { user: 'alice', resource, from: '10.0.0.7' }
  return (await muster.api('POST', '/access/explain', body)).body
}

async function auditRecords(t: Test, muster: RunningMuster): Promise<number> {
  const { body } = await muster.api('GET', '/audit/verify')
  t.match(body, { intact: true })
  return Number((body as { records: string }).records)
}

async function tell(t: Test, { here, there, withinMs }: Places): Promise<void> {
  const alice = `/users/${await idOf(here, 'users', 'username eq "alice"')}`
  const reader = await connection(t, there, readerDn, readerPassword)
  let password = 'muster-alice'
  const bind = (with_ = password) => ldapBind(there, 'alice', with_)
  const login = (with_ = password) => radiusLogin(there, 'alice', with_)
  // Not merely "no longer let in": a bind that was still good may lose its connection before the next question (exit code 1).
  const refusedByNow = () => seen(withinMs, bind, (code) => code === 49)

  await t.test('a new department', async (t) => {
    const engineer = ['engineering', 'everyone', 'mac-engineers'].map(groupDn)
    const seller = ['everyone', 'sales'].map(groupDn)
    t.same(await memberOf(reader), engineer)
    t.match(await login(), { code: 'Access-Accept', vlan: '20' })
    await patch(here, alice, { department: 'Sales' })
    const isSeller = (groups: readonly string[] = []) => groups.includes(groupDn('sales'))
    t.same(await seen(withinMs, () => memberOf(reader), isSeller), seller, 'on the open connection')
    t.same([...((await ldapSearch(there, ['(uid=alice)', 'memberOf'])).entry.memberOf ?? [])].sort(), seller)
    t.notOk((await ldapSearch(there, ['(cn=mac-engineers)'])).entry.member, 'from the side of the group, too')
    const answer = await seen(withinMs, login, ({ vlan }) => vlan === '30')
    t.match(answer, { code: 'Access-Accept', vlan: '30' }, answer.said)
    t.match(await explain(there, 'office-wifi'), {
      outcome: 'permit',
      attributes: { radius: { vlan: 30 } },
    })
  })

  await t.test('L24 suspended', async (t) => {
    const own = await connection(t, there, userDn('alice'), password)
    t.ok(await memberOf(own))
    await patch(here, alice, { state: 'suspended' })
    t.ok(await isClosed(own), 'her open connection is closed')
    t.equal(await bind(), 49)
    t.match(await login(), { code: 'Access-Reject' })
    t.same(await memberOf(reader), undefined, 'she does not appear')
    for (const resource of ['directory', 'office-wifi'])
      t.match(await explain(there, resource), { outcome: 'deny', reason: 'subject-suspended' })
    await patch(here, alice, { state: 'active' })
    t.equal(await seen(withinMs, bind, (code) => code === 0), 0, 'and back')
    t.match(await login(), { code: 'Access-Accept', vlan: '30' })
  })

  await t.test('a new password', async (t) => {
    for (let twice = 0; twice < 2; twice++) {
      t.equal(await bind(), 0)
      t.equal((await login()).code, 'Access-Accept')
    }
    const own = await connection(t, there, userDn('alice'), password)
    const old = password
    password = 'quite another password'
    await patch(here, alice, { password })
    const [overLdap, overRadius] = [
      await seen(
        withinMs,
        () => bind(old),
        (code) => code !== 0,
      ),
      await login(old),
    ]
    t.equal(overLdap, 49, 'the old one is not remembered')
    t.match(overRadius, { code: 'Access-Reject' })
    t.ok(await isClosed(own), 'what was opened with it is closed')
    t.equal(await bind(), 0)
    t.match(await login(), { code: 'Access-Accept' })
  })

  await t.test('a binding that goes away', async (t) => {
    const resource = async (name: string) => idOf(here, 'resources', `name eq "${name}"`)
    const take = async (group: string, name: string) => {
      const [groupId, resourceId] = [await idOf(here, 'groups', `name eq "${group}"`), await resource(name)]
      const path = await idOf(here, 'bindings', `groupId eq "${groupId}" and resourceId eq "${resourceId}"`)
      const { body } = await here.api('GET', `/bindings/${path}`)
      t.equal((await here.api('DELETE', `/bindings/${path}`)).status, 204)
      const { attributes, order } = body as Record<string, unknown>
      return { groupId, resourceId, order, attributes }
    }
    const sales = await take('sales', 'office-wifi')
    t.match(await seen(withinMs, login, ({ code }) => code !== 'Access-Accept'), { code: 'Access-Reject' })
    t.match(await explain(there, 'office-wifi'), { outcome: 'deny', reason: 'no-binding' })
    t.equal(await bind(), 0, 'the directory is another matter')
    t.equal((await here.api('POST', '/bindings', sales)).status, 201)
    t.match(await seen(withinMs, login, ({ code }) => code === 'Access-Accept'), { vlan: '30' })

    const own = await connection(t, there, userDn('alice'), password)
    const everyone = await take('everyone', 'directory')
    t.equal(await refusedByNow(), 49)
    t.ok(await isClosed(own))
    t.equal((await here.api('POST', '/bindings', everyone)).status, 201)
    t.equal(await seen(withinMs, bind, (code) => code === 0), 0)
  })

  await t.test('X06 failures at any door are counted together', async (t) => {
    await patch(here, '/organization', { settings: { lockout: { limit: 5 } } })
    if (withinMs > 0) await sleep(withinMs)
    const refused = await ldapTool(there, 'ldapwhoami', [], { as: 'nobody', password })
    const rejected = await radiusLogin(there, 'nobody', password)
    t.equal(await bind(), 0, 'counted from nothing')
    t.match(await login(), { code: 'Access-Accept' })
    const before = await auditRecords(t, there)
    t.equal(await ldapBind(here, 'alice', 'wrong 1'), 49)
    t.equal(await bind('wrong 2'), 49)
    const wrong = await Promise.all(
      [here, there, there].map((at) => radiusLogin(at, 'Alice@ACME.example', 'wrong')),
    )
    for (const answer of wrong) t.match(answer, { code: 'Access-Reject' })
    for (const at of [here, there]) {
      const bound = await ldapTool(at, 'ldapwhoami', [], { as: 'alice', password })
      t.equal(bound.code, 49, 'locked')
      t.equal(bound.stderr, refused.stderr, 'as if she did not exist')
    }
    for (const answer of await Promise.all([here, there].map((at) => radiusLogin(at, 'alice', password)))) {
      t.equal(answer.code, 'Access-Reject')
      t.same(Object.keys(answer.attributes), Object.keys(rejected.attributes))
    }
    t.equal((await auditRecords(t, here)) - before, 9, 'one record for each decision')
    const { body } = await here.api('GET', '/audit?kind=decision&limit=9')
    const { items } = body as { items: { body: { reason: string; circumstance: { door: string } } }[] }
    t.same(items.map((item) => `${item.body.circumstance.door} ${item.body.reason}`).reverse(), [
      ...['ldap wrong-proof', 'ldap wrong-proof', ...Array(3).fill('radius wrong-proof')],
      ...['ldap locked', 'ldap locked', 'radius locked', 'radius locked'],
    ])
  })
}

// Most of the time is spent waiting for refusals, which RADIUS holds back for a second.
t.jobs = 2
t.setTimeout(90_000)

t.test('one process, embedded database: at the very next question', async (t) => {
  const muster = await startMuster(t)
  await tell(t, { here: muster, there: muster, withinMs: 0 })
})

t.test('two processes on PostgreSQL: within a second', async (t) => {
  const env = {
    MUSTER_DATABASE_URL: await freshDatabase(t),
    MUSTER_REDIS_URL: await redisUrl(t),
    MUSTER_SAMPLE: 'on',
  }
  const here = await startMuster(t, { env })
  const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
  t.teardown(() => rm(data, { recursive: true, force: true }))
  for (const file of ['sealing-key', 'admin-token']) await copyFile(join(here.data, file), join(data, file))
  const there = await startMuster(t, { env, data })
  await tell(t, { here, there, withinMs: 1000 })

  await t.test('M02 codes and challenges', async (t) => {
    const codes = new OneTimeCodes('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
    const vpn = ['NAS-Identifier = vpn']
    const ask = async (at: RunningMuster, password: string, attributes = vpn) =>
      radiusLogin(at, 'bob', password, { attributes })
    const code = await codes.next()
    t.equal((await ask(here, `muster-bob,${code}`)).code, 'Access-Accept')
    t.equal((await ask(there, `muster-bob,${code}`)).code, 'Access-Reject', 'used at the other process')
    t.equal(await ldapBind(there, 'bob', `muster-bob,${code}`), 49)

    const asked = await ask(here, 'muster-bob')
    t.equal(asked.code, 'Access-Challenge')
    const state = `State = ${asked.attributes.State}`
    const answered = await ask(there, await codes.next(), [...vpn, state])
    t.equal(answered.code, 'Access-Accept', 'asked here, answered there')
  })
})
