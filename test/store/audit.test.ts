// The audit log: whole, in order, or not at all; and secrets at rest, which nobody finds without the key.
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { newId, type OrganizationId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { type ChainVerdict, verifyChain } from '../../src/core/audit/chain.ts'
import type { AuditBody, ChangeBody } from '../../src/core/audit/record.ts'
import { createAuditLog } from '../../src/store/audit-log.ts'
import { AuditRows } from '../../src/store/audit-reader.ts'
import type { Database } from '../../src/store/database.ts'
import { createFactors } from '../../src/store/factors.ts'
import { StoredFacts } from '../../src/store/facts.ts'
import { createRadiusSites } from '../../src/store/radius-sites.ts'
import { createCredentials } from '../../src/store/records/credentials.ts'
import { createResources } from '../../src/store/records/resources.ts'
import { checkSealingKey, loadSealingKey, Sealer } from '../../src/store/sealing.ts'
import { name, sql } from '../../src/store/sql.ts'
import { programPath } from '../support/debian.ts'
import {
  at,
  auditOf,
  makeUser,
  openStore,
  plant,
  plantOrganization,
  type StoreUnderTest,
  storeKinds,
} from '../support/store.ts'

const folder = t.testdir({})
const canary = 'canary0123456789'

for (const kind of storeKinds) {
  t.test(`audit and sealing: ${kind}`, async (t) => {
    const store = await openStore(t, kind, join(folder, 'data'))
    await t.test('append', (t) => testAppend(t, store))
    await t.test('W13: what was tampered with is noticed', (t) => testTampering(t, store))
    await t.test('hostile text', (t) => testHostileText(t, store))
    await t.test('W11: secrets at rest', (t) => testSecrets(t, store))
  })
}

const decision = (n: number, claimed = `user ${n}`): AuditBody => ({
  ...{ kind: 'decision', at: at.toISOString(), outcome: 'deny', reason: 'unknown-subject' },
  circumstance: { peer: '192.0.2.1', door: 'ldap', secured: true },
  trace: {
    ...{
      subject: { claimed, id: null, name: null, state: null },
      resource: { claimed: 'directory', id: null, name: null },
    },
    ...{ memberships: [], bindings: [], demands: [], proofs: [], steps: [] },
  },
})

/** An organization with `n` records beside that of its creation. */
async function withRecords(store: StoreUnderTest, slug: string, n: number): Promise<OrganizationId> {
  const { id } = await plantOrganization(store, slug)
  const log = createAuditLog(store.database)
  await Promise.all(Array.from({ length: n }, (_, i) => log.append(id, decision(i))))
  return id
}

async function testAppend(t: Test, store: StoreUnderTest) {
  const reader = new AuditRows(store.database)
  const organization = await withRecords(store, 'append', 0)
  let statements = 0
  const counting = {
    query: (statement: never) => {
      statements++
      return store.database.query(statement)
    },
  } as unknown as Database
  const log = createAuditLog(counting)
  const other = await withRecords(store, 'append-other', 3)
  await Promise.all(Array.from({ length: 1200 }, (_, i) => log.append(organization, decision(i))))
  t.ok(statements <= 4, `1200 at once are written together: ${statements} statements`)
  t.match(await verifyChain(reader, organization), { intact: true, records: '1201' })
  t.match(await verifyChain(reader, other), { intact: true, records: '4' })
  const names = (await reader.scan(organization, 1n, 2000)).map(
    ({ body }) => (JSON.parse(body) as { trace: { subject: { claimed: string } } }).trace.subject.claimed,
  )
  t.same(
    names,
    Array.from({ length: 1200 }, (_, i) => `user ${i}`),
    'in the order in which they came',
  )
  await log.flushed()

  const logs = Array.from({ length: 4 }, () => createAuditLog(store.database))
  await Promise.all(Array.from({ length: 200 }, (_, i) => logs[i % 4]?.append(organization, decision(i))))
  t.match(
    await verifyChain(reader, organization),
    { intact: true, records: '1401' },
    'four processes, one chain',
  )

  const broken = createAuditLog({
    query: () => Promise.reject(new Fault('unavailable', 'away')),
  } as unknown as Database)
  const told = await Promise.allSettled(
    Array.from({ length: 3 }, (_, i) => broken.append(organization, decision(i))),
  )
  t.same(
    told.map((one) => one.status),
    ['rejected', 'rejected', 'rejected'],
    'who waits is told that it failed',
  )
  await t.rejects(broken.append(organization, decision(9)), Fault, 'and the next one, too')
  await t.rejects(log.append(newId<OrganizationId>(), decision(1)), 'an organization without a chain')

  const stuck = createAuditLog({ query: () => new Promise(() => {}) } as unknown as Database)
  for (let i = 0; i < 20_000; i++) stuck.append(organization, decision(0)).catch(() => {})
  t.match(
    await stuck.append(organization, decision(0)).catch((error: unknown) => error),
    { reason: 'busy' },
    'what waits is bounded',
  )
}

async function testTampering(t: Test, store: StoreUnderTest) {
  const reader = new AuditRows(store.database)
  const run = (organization: OrganizationId, text: string) =>
    store.database.transaction((tx) => tx.script(text.replaceAll('$org', `'${organization}'`)))
  const where = (n: number) => `where org = $org and sequence = ${n}`
  const cases: readonly (readonly [string, string, object])[] = [
    ['nothing', 'select 1', { intact: true, records: '11' }],
    [
      'a body edited',
      `update audit set body = replace(body, 'user 3', 'user 4') ${where(5)}`,
      { intact: false, sequence: '5' },
    ],
    [
      'a body edited, with a hash to match',
      `update audit set body = body || ' ', hash = sha256(previous || convert_to(body || ' ', 'UTF8')) ${where(5)}`,
      { intact: false, sequence: '6' },
    ],
    ['a record deleted', `delete from audit ${where(5)}`, { intact: false, sequence: '5' }],
    [
      'a record deleted, the rest moved up',
      `delete from audit ${where(5)}; update audit set sequence = sequence - 1 where org = $org and sequence > 5`,
      { intact: false, sequence: '5' },
    ],
    [
      'two bodies exchanged',
      `update audit a set body = b.body from audit b where a.org = $org and b.org = $org and a.sequence in (5, 6) and b.sequence = 11 - a.sequence`,
      { intact: false, sequence: '5' },
    ],
    [
      'two records exchanged',
      `update audit set sequence = -5 ${where(5)}; update audit set sequence = 5 ${where(6)}; update audit set sequence = 6 ${where(-5)}`,
      { intact: false, sequence: '5' },
    ],
    [
      'the end cut off',
      'delete from audit where org = $org and sequence > 8',
      { intact: false, sequence: '8' },
    ],
    ['all of it gone', 'delete from audit where org = $org', { intact: false, sequence: '0' }],
    [
      'the last one replaced',
      `update audit set body = body || ' ', hash = sha256(previous || convert_to(body || ' ', 'UTF8')) ${where(11)}`,
      { intact: false, sequence: '11' },
    ],
    ['the beginning cut off', `delete from audit ${where(1)}`, { intact: false, sequence: '1' }],
  ]
  for (const [i, [name, text, verdict]] of cases.entries()) {
    const organization = await withRecords(store, `tampered-${i}`, 10)
    await run(organization, text)
    const found: ChainVerdict = await verifyChain(reader, organization)
    t.match(found, verdict, name)
  }
}

/** What strangers type reaches the log. No text of theirs may keep a record from being written. */
async function testHostileText(t: Test, store: StoreUnderTest) {
  const reader = new AuditRows(store.database)
  const organization = await withRecords(store, 'hostile', 0)
  const log = createAuditLog(store.database)
  const texts = [
    '\0',
    'a\0b',
    '\ud800',
    'x\udc00y',
    '\\u0000',
    '\\\\u0000',
    '\r\nforged: line',
    '\u001b[2J',
    '"},{"kind":"change"',
    "'; drop table audit; --",
    'ä\u2028€😀',
    '\\ud800',
    'x'.repeat(100_000),
  ]
  const told = await Promise.allSettled(
    [...texts, 'honest'].map((text, i) => log.append(organization, decision(i, text))),
  )
  t.same(
    told.map(({ status }) => status),
    Array(texts.length + 1).fill('fulfilled'),
  )
  t.match(await verifyChain(reader, organization), { intact: true, records: String(texts.length + 2) })
  const stored = (await reader.scan(organization, 1n, 100)).map(
    ({ body }) => (JSON.parse(body) as { trace: { subject: { claimed: string } } }).trace.subject.claimed,
  )
  const kept = texts.map((text) => text.toWellFormed().replaceAll('\0', '\ufffd'))
  t.same(stored, [...kept, 'honest'], 'what PostgreSQL cannot hold is replaced, all else is kept')
  const change: ChangeBody = {
    ...(auditOf('user.update') as ChangeBody),
    details: { 'a\0b': ['\0', { deep: '\ud800' }] },
  }
  await log.append(organization, change)

  // a record that cannot be stored all the same takes no other with it
  const bad = { ...decision(0), at: 'not a time' }
  const mixed = await Promise.allSettled(
    [decision(1), bad, decision(2)].map((body) => log.append(organization, body)),
  )
  t.same(
    mixed.map(({ status }) => status),
    ['fulfilled', 'rejected', 'fulfilled'],
  )
  t.match(await verifyChain(reader, organization), { intact: true })
}

async function testSecrets(t: Test, store: StoreUnderTest) {
  const { database, sealer } = store
  const { id: organization } = await plantOrganization(store, 'secrets')
  const { id: other } = await plantOrganization(store, 'secrets-other')
  const user = makeUser('alice')
  await plant(store, organization, { users: [user] })
  const credentials = createCredentials(store)
  for (const kind of ['password', 'totp'] as const)
    await credentials.save(
      organization,
      user.id,
      kind,
      new Secret(`${canary}-${kind}`),
      auditOf('factor.save'),
    )
  const site = {
    ...makeUser('x'),
    id: newId(),
    name: 'wifi',
    kind: 'network',
    enabled: true,
    network: { clients: [{ id: newId(), network: '192.0.2.0/24' }], nasIdentifier: null, ssid: null },
    application: null,
  }
  const saved = await createResources(store).save(
    organization,
    site as never,
    true,
    { radius: new Map([['192.0.2.0/24', new Secret(`${canary}-radius`)]]) },
    auditOf('resource.create'),
  )
  t.equal(saved.outcome, 'written')
  const [found] = await createRadiusSites(database, sealer, silentLog).list()
  t.equal(found?.secret.reveal(), `${canary}-radius`)

  const facts = await new StoredFacts(database).findSubject(organization, { by: 'user-id', id: user.id })
  const factors = createFactors(database, sealer)
  const [password, totp] = ['password', 'totp'].map((kind) =>
    facts?.factors.find((factor) => factor.kind === kind),
  )
  if (password === undefined || totp === undefined) throw new Error('a factor is missing')
  t.equal(factors.open(organization, totp).reveal(), `${canary}-totp`)
  t.throws(() => factors.open(organization, { ...totp, id: password.id }), Fault, 'moved to another row')
  t.throws(() => factors.open(other, totp), Fault, 'moved to another organization')
  const place = { organization, table: 'factor', row: totp.id, column: 'secret' }
  t.throws(() => sealer.open({ ...place, column: 'last_step' }, totp.sealed), Fault, 'another column')
  t.throws(() => sealer.open({ ...place, table: 'radius_client' }, totp.sealed), Fault, 'another table')
  for (const byte of [0, 1, 13, 29, totp.sealed.length - 1]) {
    const changed = Buffer.from(totp.sealed)
    changed[byte] = (changed[byte] ?? 0) ^ 1
    t.throws(() => sealer.open(place, changed), Fault, `byte ${byte} changed`)
  }
  for (const length of [0, 1, 28])
    t.throws(() => sealer.open(place, totp.sealed.subarray(0, length)), Fault, `cut to ${length}`)
  t.not(
    sealer.seal(place, Buffer.from('x')).toString('hex'),
    sealer.seal(place, Buffer.from('x')).toString('hex'),
  )

  await checkSealingKey(database, sealer)
  await checkSealingKey(database, new Sealer(Buffer.alloc(32, 7)))
  await t.rejects(
    checkSealingKey(database, new Sealer(Buffer.alloc(32, 8))),
    /sealing key/,
    'another key: no start',
  )

  const tables = await database.house<{ name: string }>(
    sql`select table_name::text as name from information_schema.tables where table_schema = 'public'`,
  )
  t.ok(tables.length > 15)
  // bytea is written as hexadecimal digits there
  const rows = await Promise.all(
    tables.map((table) =>
      database.house<{ text: string }>(sql`select t::text as text from ${name(table.name)} t`),
    ),
  )
  const text = rows
    .flat()
    .map((row) => row.text)
    .join('\n')
  t.ok(text.includes('secrets-other'), 'the text is that of all tables')
  t.notOk(text.includes(canary))
  t.notOk(text.includes(Buffer.from(canary).toString('hex')), 'nor as bytes')

  if (database.place.kind === 'served') {
    const { stdout } = await promisify(execFile)(programPath('pg_dump'), [database.place.url.reveal()], {
      maxBuffer: 1 << 28,
    })
    t.ok(stdout.includes('secrets-other'))
    t.notOk(stdout.includes(canary) || stdout.includes(Buffer.from(canary).toString('hex')), 'nor in a dump')
  }
}

t.test('the sealing key file', async (t) => {
  const place = t.testdir({ bad: { 'sealing-key': 'not hex' }, cut: { 'sealing-key': '' } })
  const key = await loadSealingKey(join(place, 'new'))
  t.equal(key.length, 32)
  t.same(await loadSealingKey(join(place, 'new')), key)
  await t.rejects(loadSealingKey(join(place, 'bad')), /sealing-key/)
  await t.rejects(
    loadSealingKey(join(place, 'cut')),
    /sealing-key/,
    'half written: never replaced by another',
  )
  t.throws(() => new Sealer(Buffer.alloc(16)))
  const both = await Promise.allSettled([
    loadSealingKey(join(place, 'two')),
    loadSealingKey(join(place, 'two')),
  ])
  const keys = both.flatMap((one) => (one.status === 'fulfilled' ? [one.value.toString('hex')] : []))
  t.equal(new Set(keys).size, 1, 'two that start together never have two keys')
})
