// Scheduled states by the API, over the embedded store: made, listed and cancelled, and in force at their moment.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { Schedule } from '../../src/core/membership/schedule.ts'
import { changeRecords, faults, finder, sampleApi } from '../support/api.ts'

const { acme, other, organization, store } = await sampleApi(t)

const day = 86_400_000
const soon = (days: number) => new Date(Date.now() + days * day).toISOString()
const find = finder(acme)
const user = (username: string) => find('/users', `username eq "${username}"`)
const schedule = (body: object) => acme('POST', '/state-changes', body)
const waiting = async (query = '') => (await acme('GET', `/state-changes${query}`)).body.items
const records = changeRecords(acme)

t.test('made, replaced, listed and cancelled', async (t) => {
  const [alice, bob] = [await user('alice'), await user('bob')]
  const at = soon(30)
  const sent = { userIds: [alice.id, bob.id], state: 'suspended', at, reason: 'parental leave' }
  const made = await schedule(sent)
  t.equal(made.status, 201)
  t.match(made.body.items, [
    { userId: alice.id, username: 'alice', state: 'suspended', at, reason: 'parental leave' },
    { userId: bob.id, username: 'bob', state: 'suspended' },
  ])
  t.match(await records('user.schedule'), [
    { target: { kind: 'user', name: 'bob' } },
    {
      target: { kind: 'user', name: 'alice' },
      details: { state: { to: 'suspended' }, at: { to: at }, reason: { to: 'parental leave' } },
    },
  ])
  const again = await schedule({ ...sent, userIds: [alice.id], state: 'staged' })
  t.equal(again.body.items[0].id, made.body.items[0].id, 'one state for each instant')
  t.match(await waiting(`?userId=${alice.id}`), [{ state: 'staged', at }])
  t.equal((await waiting()).length, 2)
  t.match((await acme('GET', '/state-changes?limit=1')).body.next, /-/)
  t.same(await other('GET', '/state-changes').then(({ body }) => body.items), [])

  const path = `/state-changes/${made.body.items[0].id}`
  t.equal((await other('DELETE', path)).status, 404)
  t.equal((await acme('DELETE', path)).status, 204)
  t.equal((await acme('DELETE', path)).status, 404)
  t.equal((await acme('DELETE', '/state-changes/one')).status, 404)
  t.match(await records('user.schedule.cancel'), [
    { target: { name: 'alice' }, details: { state: { from: 'staged' } } },
  ])
  t.same(await waiting(`?userId=${alice.id}`), [])
  t.match(await waiting(`?userId=${bob.id}`), [{ state: 'suspended' }])
})

t.test('what is refused', async (t) => {
  const { id } = await user('carol')
  const good = { userIds: [id], state: 'suspended', at: soon(1), reason: 'leaves' }
  t.same(faults(await schedule({ ...good, at: soon(-1) })), ['at: past'])
  t.same(faults(await schedule({ ...good, userIds: [] })), ['userIds: empty'])
  t.same(faults(await schedule({ state: 'gone', at: 'soon' })), [
    'userIds: required',
    'state: unknown-value',
    'at: bad-date',
    'reason: required',
  ])
  const nobody = '00000000-0000-4000-8000-000000000000'
  t.same(faults(await schedule({ ...good, userIds: [id, nobody] })), ['userIds[1]: missing'])
  t.same(faults(await schedule({ ...good, userIds: Array.from({ length: 1_001 }, () => id) })), [
    'userIds: too-many',
  ])
  t.same(await waiting(`?userId=${id}`), [], 'nothing of that was written')
  for (let days = 1; days <= 20; days++) await schedule({ ...good, at: soon(days) })
  t.same(faults(await schedule({ ...good, at: soon(21) })), ['userIds: too-many'])
})

t.test('in force at its moment, once, whoever is there', async (t) => {
  const dave = await user('dave')
  const groupsOf = async () => {
    const cell = await store.cells.read(organization.id, { kind: 'user', id: dave.id })
    return (
      cell?.memberships.filter(({ subjectId }) => subjectId === dave.id).map(({ groupId }) => groupId) ?? []
    )
  }
  const group = (
    await acme('POST', '/groups', {
      name: 'by name',
      of: 'users',
      mode: 'dynamic',
      rule: 'username eq "dave"',
    })
  ).body
  t.ok((await groupsOf()).includes(group.id))
  const at = soon(40)
  const sent = { userIds: [dave.id], state: 'suspended', at, reason: 'the contract ends' }
  t.equal((await schedule(sent)).status, 201)
  const moment = new Date(at).getTime()
  await runTwo(moment - 1)
  t.equal((await user('dave')).state, dave.state, 'not before')
  await runTwo(moment)
  t.equal((await user('dave')).state, 'suspended')
  t.ok((await groupsOf()).includes(group.id), 'memberships stay')
  t.same(await waiting(`?userId=${dave.id}`), [])
  const own = (await records('user.state')).filter(
    (one: { target: { id: string } }) => one.target.id === dave.id,
  )
  t.match(own, [
    { actor: { kind: 'system' }, details: { state: { to: 'suspended' }, reason: 'the contract ends' } },
  ])
  t.equal(own.length, 1)
})

/** Two processes start at this moment (epoch milliseconds), and do what is due. */
async function runTwo(moment: number): Promise<void> {
  const clock = { ...systemClock, now: () => new Date(moment) }
  const schedules = [1, 2].map(
    () =>
      new Schedule({
        ...store,
        engine: new MembershipEngine({ ...store, clock, log: silentLog }),
        clock,
        log: silentLog,
      }),
  )
  await Promise.all(schedules.map((one) => one.start()))
  await Promise.all(schedules.map((one) => one.close()))
}
