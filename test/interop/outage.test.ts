// The served database goes away under the running program and comes back: nobody gets in meanwhile, everybody
// afterwards. And the way from an empty database to the first organization.
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'ldapts'
import t from 'tap'
import { freshDatabase } from '../support/database.ts'
import { ensurePackages, testPackages } from '../support/debian.ts'
import { ldapBind, ldapTool, readerDn, readerPassword, suffix } from '../support/ldap-tools.ts'
import { type RunningMuster, startMuster } from '../support/muster.ts'
import { startPostgres } from '../support/postgres.ts'
import { run } from '../support/process.ts'
import { radclient, radiusLogin } from '../support/radclient.ts'

t.setTimeout(90_000)
t.jobs = 2

t.test('M15 the database is away', async (t) => {
  await ensurePackages(testPackages)
  const database = await startPostgres()
  t.teardown(() => database.stop())
  const muster = await startMuster(t, { env: { MUSTER_DATABASE_URL: database.url, MUSTER_SAMPLE: 'on' } })
  const ready = async () => (await fetch(`${muster.url}/health/ready`)).status
  const reader = new Client({ url: `ldap://127.0.0.1:${muster.ports.ldap}`, timeout: 20_000 })
  t.teardown(() => reader.unbind().catch(() => {}))
  await reader.bind(readerDn, readerPassword)
  const find = () => reader.search(suffix, { filter: '(uid=alice)' })
  t.equal((await find()).searchEntries.length, 1)
  // Remembered, so that no answer would need the database.
  for (let twice = 0; twice < 2; twice++) t.equal(await ldapBind(muster, 'alice'), 0)
  t.equal((await radiusLogin(muster, 'alice')).code, 'Access-Accept')

  await database.crash()
  const [bind, unknown, radius, wrong, status, api, readiness] = await Promise.all([
    ldapBind(muster, 'alice'),
    ldapBind(muster, 'nobody'),
    radiusLogin(muster, 'alice', undefined, { seconds: 4 }),
    radiusLogin(muster, 'alice', 'wrong', { seconds: 4 }),
    radclient(muster, { command: 'status' }),
    muster.api('GET', '/users'),
    ready(),
  ])
  t.ok(bind === 51 || bind === 52, `not as if the password were wrong: ${bind}`)
  t.ok(unknown === 51 || unknown === 52, `${unknown}`)
  t.equal(radius.code, null, 'silence, so that the device turns to another server')
  t.equal(wrong.code, null)
  t.equal(status.code, 'Access-Accept', 'the process itself answers')
  t.match(api, { status: 503, body: { title: String } })
  t.equal(readiness, 503)
  const told = (await (await fetch(`${muster.url}/health/ready`)).json()) as { parts: object }
  t.match(told.parts, { database: /^does not answer$/ }, 'strangers are not told where it is')
  t.equal((await fetch(`${muster.url}/health/live`)).status, 200)
  // By now, what is kept in memory is too old to be shown.
  const search = await find().then(
    ({ searchEntries }) => `${searchEntries.length} entries`,
    (error: { code?: number }) => error.code,
  )
  t.ok(search === 51 || search === 52, `a search fails, and is not empty: ${search}`)
  t.notOk(muster.ended())

  await database.restart()
  const deadline = performance.now() + 15_000
  while ((await ready()) !== 200 && performance.now() < deadline) await sleep(50)
  t.equal(await ready(), 200, 'it recovers by itself')
  t.equal(await ldapBind(muster, 'alice'), 0)
  t.match(await radiusLogin(muster, 'alice'), { code: 'Access-Accept', vlan: '20' })
  t.match((await muster.api('GET', '/audit/verify')).body, { intact: true })
  t.equal(await muster.stop(), 0)

  const away = await startMuster(t, { env: { MUSTER_DATABASE_URL: database.url }, data: muster.data })
  await database.crash()
  t.equal(await away.stop(), 0, 'SIGTERM while it is away')
})

t.test('W18 from an empty database to the first organization', async (t) => {
  const env = { MUSTER_DATABASE_URL: await freshDatabase(t), MUSTER_SAMPLE: 'off' }
  // Two processes that start together on it, as two containers would.
  const folders = await Promise.all(
    ['one', 'two'].map(async () => {
      const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
      t.teardown(() => rm(data, { recursive: true, force: true }))
      await writeFile(join(data, 'sealing-key'), `${'5e'.repeat(32)}\n`, { mode: 0o600 })
      return data
    }),
  )
  const both = await Promise.all(folders.map((data) => startMuster(t, { env, data })))
  const [muster, other] = both as [RunningMuster, RunningMuster]
  t.match(muster.stdout(), /no organization yet.*muster init/)
  t.notMatch(muster.stdout(), /muster-radius-secret/)
  const tokenFile = join(muster.data, 'setup-token')
  t.equal((await stat(tokenFile)).mode & 0o777, 0o600)
  t.notOk(existsSync(join(muster.data, 'admin-token')), 'no default credential')
  t.not(await ldapBind(muster, 'alice'), 0, 'nobody is there')

  const setup = (token: string, body: unknown, at = muster) =>
    fetch(`${at.url}/api/v1/setup`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const token = (await readFile(tokenFile, 'utf8')).trim()
  const otherToken = (await readFile(join(other.data, 'setup-token'), 'utf8')).trim()
  const good = {
    organization: { slug: 'example', name: 'Example Ltd', domain: 'example.com' },
    owner: { username: 'olga', password: 'a good long password' },
  }
  t.equal((await setup('not the token', good)).status, 401)
  const bad = await setup(token, { ...good, owner: { ...good.owner, email: 'nonsense' } })
  t.equal(bad.status, 422)
  t.match(await bad.json(), { errors: [{ field: 'owner.email' }] })

  const init = [
    ...['src/main.ts', 'init', '--name', 'Example Ltd', '--domain', 'example.com', '--owner', 'olga'],
    '--password-stdin',
  ]
  const here = {
    cwd: join(import.meta.dirname, '../..'),
    env: { MUSTER_DATA: muster.data, MUSTER_URL: muster.url },
    input: 'a good long password\n',
  }
  const made = await run(process.execPath, init, here)
  t.equal(made.code, 0, made.stderr)
  t.match(made.stdout, /Example Ltd.*olga is its owner/)
  t.notOk(existsSync(tokenFile), 'used up')
  t.equal((await stat(join(muster.data, 'admin-token'))).mode & 0o777, 0o600)
  t.equal((await setup(token, good)).status, 404)
  t.not((await run(process.execPath, init, here)).code, 0)

  const olga = 'uid=olga,ou=users,dc=example,dc=com'
  const password = 'a good long password'
  const me = await ldapTool(muster, 'ldapwhoami', [], { as: olga, password })
  t.equal(me.stdout.trim(), `dn:${olga}`, me.stderr)
  t.equal(await ldapBind(other, olga, password), 0, 'the other process knows of it')
  const second = { ...good, organization: { slug: 'second', name: 'Second', domain: 'second.example' } }
  t.equal((await setup(otherToken, second, other)).status, 404, 'and its setup token is worth nothing')
  const authorization = `Bearer ${await muster.adminToken()}`
  const mine = await fetch(`${muster.url}/o/example/api/v1/users`, { headers: { authorization } })
  t.match(await mine.json(), { items: [{ username: 'olga' }] })
  t.equal(await muster.stop(), 0)

  const again = await startMuster(t, { env, data: muster.data })
  t.notOk(existsSync(tokenFile), 'no second setup')
  t.equal(await ldapBind(again, olga, password), 0)
})
