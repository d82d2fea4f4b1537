// Starting and stopping on the embedded database: the first time, again, where it must not, and without a chance to stop.
import { randomBytes } from 'node:crypto'
import { createSocket } from 'node:dgram'
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'ldapts'
import t from 'tap'
import { ldapBind, ldapSearch, readerDn, readerPassword, suffix } from '../support/ldap-tools.ts'
import { type RunningMuster, startMuster } from '../support/muster.ts'
import { OneTimeCodes } from '../support/one-time-codes.ts'
import { freePort } from '../support/ports.ts'
import { run } from '../support/process.ts'
import { radiusLogin } from '../support/radclient.ts'

const data = await mkdtemp(join(tmpdir(), 'muster-data-'))
t.teardown(() => rm(data, { recursive: true, force: true }))
t.setTimeout(90_000)

interface User {
  readonly id: string
  readonly username: string
}
async function users(muster: RunningMuster, query = ''): Promise<User[]> {
  const { body } = await muster.api('GET', `/users?limit=500${query}`)
  return [...(body as { items: User[] }).items].sort((a, b) => (a.username < b.username ? -1 : 1))
}
const identities = (all: readonly User[]) => all.map(({ id, username }) => `${id} ${username}`)
const idOf = async (muster: RunningMuster, name: string) =>
  (await users(muster)).find(({ username }) => username === name)?.id ?? ''
const modeOf = async (name: string) => ((await stat(join(data, name))).mode & 0o777).toString(8)

/** Starts where no start must come of it. */
async function refused(env: Record<string, string>, folder = data) {
  const muster = await startMuster(t, { data: folder, env, waitUntilReady: false })
  return { code: await muster.exited, said: muster.stderr(), stdout: muster.stdout() }
}

/** What nobody must find afterwards: a name for it, and the text. */
const canaries = new Map<string, string>()
let known: User[] = []

t.test('W18 the first start on an empty folder', async (t) => {
  const muster = await startMuster(t, { data, env: { MUSTER_LOG: 'debug', MUSTER_LISTEN: undefined } })
  const { http, ldap, ldaps, radius } = muster.ports
  const banner = muster.stdout()
  for (const part of [
    `http://localhost:${http}/o/acme/api/v1`,
    `ldap://localhost:${ldap}`,
    `ldaps://localhost:${ldaps}`,
    `localhost:${radius}`,
    'loopback only',
    'muster-<username>',
    'cn=reader,ou=services,dc=acme,dc=example, password muster-reader',
    'muster-radius-secret',
    join(data, 'admin-token'),
    'ldapsearch -x',
    'radclient -x',
    'npx muster explain',
  ])
    t.ok(banner.includes(part), part)
  for (const secret of [
    'admin-token',
    'sealing-key',
    'certificates/server-key.pem',
    'certificates/ca-key.pem',
  ])
    t.equal(await modeOf(secret), '600', secret)
  const ready = await fetch(`${muster.url}/health/ready`)
  t.match(await ready.json(), {
    ready: true,
    parts: { http: 'ok', ldap: 'ok', ldaps: 'ok', radius: 'ok', database: 'ok' },
  })
  t.equal((await fetch(`${muster.url}/health/live`)).status, 200)
  known = await users(muster)
  t.same(
    known.map(({ username }) => username),
    ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'],
  )

  // Not by npx, which would install packages in the middle of the tests where they are older than the lockfile.
  const cli = `${process.execPath} src/main.ts`
  const commands = (banner.split('Try:')[1] ?? '')
    .replace('npx muster', cli)
    .replaceAll('\\\n', '')
    .trim()
    .split(/\n\s*/)
  const root = join(import.meta.dirname, '../..')
  const env = { MUSTER_DATA: data, MUSTER_HTTP_PORT: String(http) }
  const tried = await Promise.all(commands.map((command) => run('sh', ['-c', command], { cwd: root, env })))
  for (const [at, says] of [
    /^memberOf: cn=mac-engineers,/m,
    /Received Access-Accept[\s\S]*Tunnel-Private-Group-Id:0 = "20"/,
    /^PERMIT {2}alice may use directory/,
  ].entries())
    t.match(tried[at], { code: 0, stdout: says }, commands[at] ?? '')

  const second = await refused({})
  t.equal(second.code, 1)
  t.match(second.said, `process ${muster.pid}`, 'a second process on the folder is told who has it')
  t.match(second.said, 'MUSTER_DATA', 'and what to do')

  // W11: secrets of every kind are set and used; the folder is searched for them below.
  const make = (name: string, text = `canary-${randomBytes(12).toString('hex')}`) => {
    canaries.set(name, text)
    return text
  }
  const alice = `/users/${await idOf(muster, 'alice')}`
  const password = make('password')
  t.equal((await muster.api('PATCH', alice, { password, title: 'canary of the test itself' })).status, 200)
  const factor = await muster.api('POST', `${alice}/factors`, { kind: 'totp' })
  const seed = make('TOTP seed', (factor.body as { secret: string }).secret)
  const secret = make('RADIUS secret')
  const resource = {
    name: 'lab',
    kind: 'network',
    network: { nasIdentifier: 'lab', clients: [{ address: '192.0.2.1', secret }] },
  }
  t.equal((await muster.api('POST', '/resources', resource)).status, 201)
  make('API token', await muster.adminToken())
  const token = await muster.api('POST', '/tokens', { name: 'another', role: 'auditor' })
  make('another API token', (token.body as { token: string }).token)
  const codes = new OneTimeCodes(seed)
  t.equal(await ldapBind(muster, 'alice', password), 0)
  t.equal(await ldapBind(muster, 'alice', `${password},${await codes.next()}`), 0)
  t.equal(await ldapBind(muster, 'alice', make('a mistyped password')), 49)
  t.equal((await radiusLogin(muster, 'alice', password)).code, 'Access-Accept')
  t.equal((await radiusLogin(muster, 'alice', `${password},000000`)).code, 'Access-Reject')
  const wrongToken = make('a wrong token')
  const headers = { authorization: `Bearer ${wrongToken}` }
  t.equal((await fetch(`${muster.url}/o/acme/api/v1/users`, { headers })).status, 401)
  const badBody = JSON.stringify({
    username: 'x',
    password: make('a password in a faulty body'),
    nonsense: 1,
  })
  const authorization = `Bearer ${await muster.adminToken()}`
  const bad = await fetch(`${muster.url}/o/acme/api/v1/users`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: badBody,
  })
  t.equal(bad.status, 422)
  t.notMatch(await bad.text(), canaries.get('a password in a faulty body') ?? '')

  t.equal(await muster.stop(), 0, 'SIGTERM')
  const logs = muster.stdout() + muster.stderr()
  for (const [name, text] of canaries) t.notOk(logs.includes(text), `W11 the log does not know: ${name}`)
})

t.test('W11 secrets are not in the data folder', async (t) => {
  const texts = new Map(canaries)
  texts.set('the password of bob', 'muster-bob')
  texts.set('the secret of the sample', 'muster-radius-secret')
  texts.set('the TOTP seed of bob', 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  texts.set('its bytes', '12345678901234567890')
  const found = new Set<string>()
  let control = false
  const mayHold = new Set(['admin-token', 'sealing-key', 'ca-key.pem', 'server-key.pem'])
  for (const entry of await readdir(data, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || mayHold.has(entry.name)) continue
    const bytes = await readFile(join(entry.parentPath, entry.name))
    control ||= bytes.includes('canary of the test itself')
    for (const [name, text] of texts) if (bytes.includes(text)) found.add(`${name} in ${entry.name}`)
  }
  t.ok(control, 'what is no secret is found this way')
  t.same([...found], [])
})

t.test('the second start, and kill -9 while users are being written', async (t) => {
  const before = await startMuster(t, { data })
  t.same(identities(await users(before)), identities(known), 'the same users')
  const acknowledged: string[] = []
  const writing = ['a', 'b', 'c'].map(async (writer) => {
    for (let count = 0; ; count++) {
      const username = `${writer}${count}`
      const body = { username, department: 'Engineering' }
      const answer = await before.api('POST', '/users', body).catch(() => null)
      if (answer === null) return
      if (answer.status === 201) acknowledged.push(username)
    }
  })
  while (acknowledged.length < 40) await new Promise((resolve) => setTimeout(resolve, 20))
  await before.stop('SIGKILL')
  await Promise.all(writing)

  const after = await startMuster(t, { data })
  const names = new Set((await users(after)).map(({ username }) => username))
  t.same(
    acknowledged.filter((name) => !names.has(name)),
    [],
    'no acknowledged user is lost',
  )
  t.match((await after.api('GET', '/audit/verify')).body, { intact: true })
  const { entry } = await ldapSearch(after, ['(cn=engineering)', 'memberUid'])
  const members = [...names].filter((name) => /^[abc]\d+$/.test(name)).concat('alice', 'bob')
  t.same(
    [...(entry.memberUid ?? [])].sort(),
    members.sort(),
    'nor half-written: each is a member of its group',
  )

  // SIGTERM with everything at once: idle connections, one that does not read, and logins under way.
  const sockets: Socket[] = []
  for (const port of [after.ports.ldap, after.ports.http, after.ports.ldaps]) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    sockets.push(socket)
    await new Promise((resolve) => socket.once('connect', resolve))
  }
  sockets[1]?.write('GET /health/live HTTP/1.1\r\nhost: localhost\r\n')
  const client = new Client({ url: `ldap://127.0.0.1:${after.ports.ldap}` })
  await client.bind(readerDn, readerPassword)
  const wrongAnswers: unknown[] = []
  const load = Array.from({ length: 8 }, async (_, one) => {
    const own = new Client({ url: `ldap://127.0.0.1:${after.ports.ldap}`, timeout: 10_000 })
    try {
      await own.bind(readerDn, readerPassword)
      for (;;) {
        const { searchEntries } = await own.search(suffix, { filter: `(|(uid=alice)(uid=a${one}))` })
        if (searchEntries.length === 0) wrongAnswers.push('no entry')
      }
    } catch {
      // The end of the connection.
    } finally {
      await own.unbind().catch(() => {})
    }
  })
  const logins = ['alice', 'bob', 'carol', 'nobody'].map((name) =>
    radiusLogin(after, name, 'wrong', { seconds: 2 }),
  )
  await new Promise((resolve) => setTimeout(resolve, 200))
  t.equal(await after.stop('SIGTERM', 10_000), 0, 'clean, within ten seconds')
  await Promise.all([...load, ...logins, client.unbind().catch(() => {})])
  for (const socket of sockets) socket.destroy()
  t.same(wrongAnswers, [], 'no search was answered wrongly on the way down')
})

t.test('W11 another sealing key, a damaged one', async (t) => {
  const path = join(data, 'sealing-key')
  const key = await readFile(path, 'utf8')
  await writeFile(path, `${'ab'.repeat(32)}\n`)
  const wrong = await refused({})
  t.equal(wrong.code, 1)
  t.match(wrong.said, /cannot start: the sealing key is not the one this database was sealed with/)
  await writeFile(path, 'not a key\n')
  t.match(await refused({}), { code: 1, said: /sealing-key is not a sealing key/ })
  await writeFile(path, key)
  await chmod(path, 0o600)
})

t.test('a faulty configuration is named whole', async (t) => {
  const { code, said, stdout } = await refused({
    MUSTER_HTTP_PORT: 'abc',
    MUSTER_LDAP_PORT: '70000',
    MUSTER_LISTEN: 'everywhere',
    MUSTER_LOG: 'loud',
    MUSTER_SAMPEL: 'off',
    MUSTER_DATABASE_URL: 'mysql://localhost/muster',
  })
  t.equal(code, 1)
  t.equal(stdout, '')
  for (const word of [
    ...['MUSTER_HTTP_PORT', 'abc', 'MUSTER_LDAP_PORT', 'MUSTER_LISTEN', 'MUSTER_LOG', 'MUSTER_SAMPEL'],
    ...['MUSTER_SAMPLE?', 'MUSTER_DATABASE_URL'],
  ])
    t.ok(said.includes(word), `${word}\n${said}`)
  t.notMatch(said, /\n\s+at /, 'no stack trace')
})

t.test('a port that is taken, a database that is not there', async (t) => {
  const taken = createSocket('udp4')
  await new Promise<void>((resolve) => taken.bind(0, '127.0.0.1', resolve))
  const inUse = String(taken.address().port)
  const occupied = await refused({ MUSTER_RADIUS_PORT: inUse })
  taken.close()
  t.equal(occupied.code, 1)
  t.match(
    occupied.said,
    `RADIUS cannot listen on 127.0.0.1 port ${inUse}: something else listens there already`,
  )

  const folder = await mkdtemp(join(tmpdir(), 'muster-data-'))
  t.teardown(() => rm(folder, { recursive: true, force: true }))
  const port = await freePort()
  const away = await refused(
    { MUSTER_DATABASE_URL: `postgres://muster:a-canary-password@127.0.0.1:${port}/muster` },
    folder,
  )
  t.equal(away.code, 1)
  t.match(away.said, /cannot start: the database does not answer: .*ECONNREFUSED/)
  t.notMatch(away.said, /canary|\n\s+at /)
})
