// Web sessions, what is open at applications, and what counts once: on both databases.
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import {
  type ApplicationSessionId,
  newId,
  type ResourceId,
  type SessionId,
  type UserId,
} from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { ApplicationSession, Session } from '../../src/core/ports.ts'
import { createFactors } from '../../src/store/factors.ts'
import { createCredentials } from '../../src/store/records/credentials.ts'
import { createResources } from '../../src/store/records/resources.ts'
import { createApplicationSessions, createSessions } from '../../src/store/sessions.ts'
import { createPendingFactors, createUsedOnce } from '../../src/store/short-lived.ts'
import { sql } from '../../src/store/sql.ts'
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
const later = (seconds: number): Date => new Date(at.getTime() + seconds * 1000)
const proof = [{ kind: 'password', factorVersion: 'v1', at }] as const
const idle = 600

const sessionOf = (userId: UserId, changes: Partial<Session> = {}): Session => ({
  ...{ id: newId<SessionId>(), userId, proof, peer: '192.0.2.1', userAgent: 'test' },
  ...{ createdAt: at, seenAt: at, expiresAt: later(3600) },
  ...changes,
})

for (const kind of storeKinds) {
  t.test(kind, async (t) => {
    const store = await openStore(t, kind, join(folder, 'data'))
    await t.test('W01 sessions', (t) => testSessions(t, store))
    await t.test('applications', (t) => testApplications(t, store))
    await t.test('once only', (t) => testOnce(t, store))
  })
}

async function testSessions(t: Test, store: StoreUnderTest) {
  const { id: organization } = await plantOrganization(store, 'sessions')
  const { id: other } = await plantOrganization(store, 'sessions-other')
  const sessions = createSessions(store.database)
  const user = newId<UserId>()
  const digest = randomBytes(32)
  const session = sessionOf(user)
  t.same(await sessions.open(organization, session, digest, null), { id: session.id, ended: [] })
  t.same(await sessions.findByDigest(organization, digest, at, idle), session, 'comes back whole')
  t.same(await sessions.find(organization, session.id, at, idle), session)
  t.equal(await sessions.findByDigest(other, digest, at, idle), null, 'O09 of another organization')
  t.equal(await sessions.findByDigest(organization, randomBytes(32), at, idle), null)
  t.equal(await sessions.find(organization, session.id, later(idle), idle), null, 'stood idle')
  await sessions.seen(organization, session.id, later(500))
  t.ok(await sessions.find(organization, session.id, later(idle), idle), 'used meanwhile')
  await sessions.seen(organization, session.id, later(3600))
  t.equal(await sessions.find(organization, session.id, later(3600), idle), null, 'the longest time is over')

  // A step-up: the same session under a new token.
  const second = randomBytes(32)
  const stepped = sessionOf(user, { proof: [...proof, { kind: 'totp', factorVersion: 'v1', at }] })
  t.same(await sessions.open(organization, stepped, second, session.id), { id: session.id, ended: [] })
  t.equal(await sessions.findByDigest(organization, digest, at, idle), null, 'the old token is worth nothing')
  t.equal((await sessions.findByDigest(organization, second, at, idle))?.proof.length, 2)

  // Somebody else at the same browser.
  const third = randomBytes(32)
  const newcomer = sessionOf(newId<UserId>())
  const opened = await sessions.open(organization, newcomer, third, session.id)
  t.equal(opened.id, newcomer.id)
  t.equal(await sessions.findByDigest(organization, second, at, idle), null, 'the one before has ended')

  t.equal(await sessions.end(organization, newcomer.id, user, auditOf('session.end')), null, "not one's own")
  t.same(await sessions.end(organization, newcomer.id, newcomer.userId, auditOf('session.end')), [])
  t.equal(
    await sessions.end(organization, newcomer.id, newcomer.userId, auditOf('session.end')),
    null,
    'once',
  )
  const stored = JSON.stringify(await store.database.house(sql`select * from session`))
  t.notMatch(stored, third.toString('base64url'))
}

async function testApplications(t: Test, store: StoreUnderTest) {
  const { id: organization } = await plantOrganization(store, 'applications')
  const resource = newId<ResourceId>()
  const stamps = { version: 1, createdAt: at, updatedAt: at }
  const row = {
    id: resource,
    name: 'wiki',
    kind: 'application',
    enabled: true,
    network: null,
    application: null,
  } as const
  await createResources(store).insert(organization, { ...row, ...stamps }, auditOf('resource.create'))
  const sessions = createSessions(store.database)
  const applications = createApplicationSessions(store.database)
  const user = newId<UserId>()
  const session = sessionOf(user)
  await sessions.open(organization, session, randomBytes(32), null)
  const open = (changes: Partial<ApplicationSession> = {}): ApplicationSession => ({
    ...{ id: newId<ApplicationSessionId>(), userId: user, resourceId: resource, sessionId: session.id },
    ...{ door: 'saml', proof, details: { nameId: 'x' }, openedAt: at, expiresAt: later(3600) },
    ...changes,
  })
  const [through, outlives] = [open(), open({ sessionId: null })]
  for (const one of [through, outlives]) await applications.save(organization, one)
  t.same(await applications.find(organization, through.id, at), through)
  t.equal(await applications.find(organization, through.id, later(3600)), null, 'over')
  const ids = async (of: Parameters<typeof applications.list>[1]) =>
    (await applications.list(organization, of, at, { limit: 10 })).map(({ id }) => id)
  t.same(await ids({ session: session.id }), [through.id])
  t.same(await ids({ user }), [through.id, outlives.id].sort())
  t.same(await ids({ keptBy: user }), [outlives.id])
  t.same(await ids({ keptBy: newId<UserId>() }), [])
  t.same(await ids({ resource }), [through.id, outlives.id].sort())
  const stranger = newId<UserId>()
  t.same(await applications.usersWithSessions(organization, [user, stranger]), [user])
  t.same(
    await sessions.end(organization, session.id, user, auditOf('session.end')),
    [through],
    'goes with its session',
  )
  t.same(await ids({ user }), [outlives.id], 'what outlives it stays')
  const ends = await Promise.all(
    Array.from({ length: 20 }, () =>
      applications.end(organization, outlives.id, auditOf('application-session.end')),
    ),
  )
  t.equal(ends.filter(Boolean).length, 1, 'of many that end it, one does')
}

async function testOnce(t: Test, store: StoreUnderTest) {
  const { id: organization } = await plantOrganization(store, 'once')
  const used = createUsedOnce(store.database)
  const tries = await Promise.all(
    Array.from({ length: 50 }, () => used.use(organization, 'saml', '_1', later(60))),
  )
  t.equal(tries.filter(Boolean).length, 1)
  t.equal(await used.use(organization, 'other', '_1', later(60)), true)

  const user = makeUser('alice')
  await plant(store, organization, { users: [user] })
  const credentials = createCredentials(store)
  const factors = createFactors(store.database, store.sealer)
  const digests = [randomBytes(32), randomBytes(32)]
  const renew = (some: Buffer[]) =>
    credentials.saveRecoveryCodes(organization, user.id, some, auditOf('codes'))
  const factor = async () => (await credentials.list(organization, user.id))[0]?.id as never
  t.same(await renew(digests), { outcome: 'written' })
  const [first, last] = digests as [Buffer, Buffer]
  const id = await factor()
  const guesses = await Promise.all(
    Array.from({ length: 50 }, () => factors.useRecoveryCode(organization, id, first)),
  )
  t.equal(guesses.filter(Boolean).length, 1, 'M20 a recovery code is good once')
  t.same(await renew([randomBytes(32)]), { outcome: 'written' })
  t.equal(await factors.useRecoveryCode(organization, await factor(), last), false, 'M20 the old set is dead')
  t.match(await renew([]), { outcome: 'written' })
  t.match(
    await credentials.saveRecoveryCodes(organization, newId<UserId>(), digests, auditOf('codes')),
    { outcome: 'missing' },
    'of nobody',
  )

  const seed = new Secret('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ')
  await credentials.save(organization, user.id, 'totp', seed, auditOf('totp'))
  t.ok(await credentials.remove(organization, user.id, 'totp', auditOf('totp')))
  t.same(await credentials.list(organization, user.id), [], 'the recovery codes go with the authenticator')

  const pending = createPendingFactors(store.database, store.sealer)
  const sessions = createSessions(store.database)
  const session = sessionOf(user.id)
  await sessions.open(organization, session, randomBytes(32), null)
  t.ok(await pending.save(organization, session.id, 'totp', new Secret('SEED-CANARY'), later(60)))
  t.equal((await pending.find(organization, session.id, 'totp', at))?.reveal(), 'SEED-CANARY')
  t.equal(await pending.find(organization, session.id, 'totp', later(60)), null, 'for a while')
  t.equal(await pending.find(organization, newId<SessionId>(), 'totp', at), null, 'of another session')
  const rows = await store.database.house<{ secret: Buffer }>(sql`select secret from pending_factor`)
  t.notOk(
    rows.some(({ secret }) => secret.includes('CANARY')),
    'W11 sealed',
  )
  await pending.remove(organization, session.id, 'totp')
  t.equal(await pending.find(organization, session.id, 'totp', at), null)
  await pending.save(organization, session.id, 'totp', new Secret('SEED'), later(60))
  await sessions.end(organization, session.id, user.id, auditOf('session.end'))
  t.equal(await pending.find(organization, session.id, 'totp', at), null, 'goes with its session')
  t.notOk(
    await pending.save(organization, session.id, 'totp', new Secret('SEED'), later(60)),
    'nor comes back',
  )
}
