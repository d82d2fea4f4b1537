// A user's sessions by the API, over the real house: who is signed in where, and the end of all of it.
import t from 'tap'
import { type ApplicationSessionId, newId, type SessionId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secrets.ts'
import type { ApplicationSession } from '../../src/core/ports.ts'
import { openWebDoors, resourceId, sessionTokenOf } from '../support/web-doors.ts'

const doors = await openWebDoors(t, t.testdir({}))
const { house, api, apiAs, signedIn } = doors
const { store, organization, webSessions, clock } = house

const path = async (username: string) => {
  const found = await api('GET', `/users?filter=${encodeURIComponent(`username eq "${username}"`)}`)
  return `/users/${found.body.items[0].id}`
}
const resumed = (token: string | null) =>
  token === null ? null : webSessions.resume(organization, new Secret(token))
const opened = async (username: string, resource: string, sessionId: SessionId | null) => {
  const at = clock.now()
  const one: ApplicationSession = {
    ...{
      id: newId<ApplicationSessionId>(),
      userId: (await path(username)).split('/')[2] as never,
      sessionId,
    },
    ...{ resourceId: await resourceId(house, resource), door: 'oidc', proof: [], details: { sid: 'a-sid' } },
    ...{ openedAt: at, expiresAt: new Date(at.getTime() + 86_400_000) },
  }
  await store.applicationSessions.save(organization.id, one)
  return one
}
const isOpen = async ({ id }: ApplicationSession) =>
  (await store.applicationSessions.find(organization.id, id, clock.now())) !== null
const ends = async () => {
  const { items } = (await api('GET', '/audit?kind=change&limit=200')).body
  return items.map(({ body }: { body: { action: string } }) => body).filter(isEnd)
}
const isEnd = ({ action }: { action: string }) => action.endsWith('session.end')

t.test('A15 sessions are listed, without a token, and ended', async (t) => {
  const [one, other] = [
    sessionTokenOf(await signedIn('alice')),
    sessionTokenOf(await signedIn('alice', '127.0.0.7')),
  ]
  const carols = sessionTokenOf(await signedIn('carol'))
  const [first, second] = [await resumed(one), await resumed(other)]
  const through = await opened('alice', 'crm', first?.id ?? null)
  const kept = await opened('alice', 'wiki', null)
  const carolKept = await opened('carol', 'wiki', null)
  const sessions = `${await path('alice')}/sessions`

  const { status, body, headers } = await api('GET', sessions)
  t.equal(status, 200)
  t.equal(headers['cache-control'], 'no-store')
  const item = (id: string | undefined) => body.items.find((each: { id: string }) => each.id === id)
  t.equal(body.items.length, 4)
  t.match(item(first?.id), {
    ...{ kind: 'session', application: null, sessionId: null, address: '127.0.0.1', browser: /Firefox/ },
    ...{ since: first?.createdAt.toISOString(), lastUsedAt: first?.seenAt.toISOString() },
    expiresAt: first?.expiresAt.toISOString(),
  })
  t.match(item(second?.id), { address: '127.0.0.7' })
  t.match(item(through.id), {
    ...{ kind: 'application-session', application: { id: through.resourceId, name: 'crm' } },
    ...{ sessionId: first?.id, since: through.openedAt.toISOString(), lastUsedAt: null },
    ...{ address: null, browser: null },
  })
  t.match(item(kept.id), { application: { name: 'wiki' }, sessionId: null })
  const text = JSON.stringify(body)
  for (const secret of [one, other, 'a-sid', 'proof', 'digest'])
    t.notOk(text.includes(String(secret)), 'no token')
  const shown = (await api('GET', '/openapi.json')).body.paths['/o/{slug}/api/v1/users/{id}/sessions']
  const described = shown.get.responses['200'].content['application/json'].schema.properties.items.items
  t.same(
    Object.keys(described.properties).sort(),
    Object.keys(body.items[0]).sort(),
    'answers are what the document says',
  )

  const pages: string[] = []
  for (let next = ''; ; ) {
    const page = (await api('GET', `${sessions}?limit=1${next}`)).body
    pages.push(...page.items.map(({ id }: { id: string }) => id))
    if (page.next === null) break
    next = `&after=${page.next}`
  }
  t.same(pages, [first?.id, second?.id, through.id, kept.id].sort(), 'page by page, nothing twice')
  t.equal((await api('GET', `${sessions}?limit=0`)).status, 400)

  // An auditor reads, and ends nothing.
  const auditor = await api('POST', '/tokens', { name: 'auditor', role: 'auditor' })
  const reader = apiAs(auditor.body.token)
  t.equal((await reader('GET', sessions)).body.items.length, 4)
  t.equal((await reader('DELETE', sessions)).status, 403)
  t.equal((await apiAs(null)('DELETE', sessions)).status, 401)
  t.ok(await resumed(one))
  t.ok(await isOpen(kept))

  const told: string[] = []
  webSessions.onEnded((_organization, ended) => void told.push(...ended.map(({ id }) => id)))
  const before = (await ends()).length
  t.equal((await api('DELETE', sessions)).status, 204)
  t.same([await resumed(one), await resumed(other)], [null, null])
  t.same([await isOpen(through), await isOpen(kept)], [false, false])
  t.same(told.toSorted(), [through.id, kept.id].sort(), 'applications are told')
  const records = (await ends()).slice(0, -before || undefined)
  t.same(
    records
      .map(({ action, target }: { action: string; target: { id: string } }) => `${action} ${target.id}`)
      .sort(),
    [`application-session.end ${kept.id}`, `session.end ${first?.id}`, `session.end ${second?.id}`].sort(),
    'a record for each; what ended through a session is in its',
  )
  t.match(records[0], {
    actor: { kind: 'token' },
    target: { name: 'alice' },
    details: { reason: 'ended by an administrator' },
  })
  t.same((await api('GET', sessions)).body, { items: [], next: null })
  t.ok(await resumed(carols), 'nobody else is out')
  t.ok(await isOpen(carolKept))
})

t.test('what stands idle is not shown as signed in, and what it opened ends all the same', async (t) => {
  const token = sessionTokenOf(await signedIn('erin'))
  const session = await resumed(token)
  const through = await opened('erin', 'wiki', session?.id ?? null)
  clock.pass(organization.settings.session.idleSeconds + 60)
  t.equal(await resumed(token), null)
  const sessions = `${await path('erin')}/sessions`
  const { items } = (await api('GET', sessions)).body
  t.same(
    items.map(({ id }: { id: string }) => id),
    [through.id],
  )
  t.equal((await api('DELETE', sessions)).status, 204)
  t.notOk(await isOpen(through))
  t.equal((await api('DELETE', sessions)).status, 204, 'again: nothing to end')
})
