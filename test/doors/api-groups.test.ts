// Groups over the HTTP API where more than one object is concerned: previews of rules, and rules that are held back.
import t from 'tap'
import { caller, finder, sampleApi } from '../support/api.ts'

const { acme, other, app, token } = await sampleApi(t)

const find = finder(acme)
const group = (name: string) => find('/groups', `name eq "${name}"`)
const names = ({ sample }: { sample: { name: string }[] }) => sample.map(({ name }) => name).sort()

t.test('a preview counts, shows whom, and says what they gain and lose', async (t) => {
  const { id } = await group('sales')
  const before = (await acme('GET', `/groups/${id}/members`)).body
  const { status, body } = await acme('POST', '/groups/preview', {
    ...{ of: 'users', rule: 'department in ("Sales", "Finance") and title ne "Sales Manager"', groupId: id },
  })
  t.equal(status, 200)
  t.same(names(body.joins), ['dave'])
  t.same(names(body.leaves), ['grace'])
  t.equal(body.stays.count, before.items.length - 1)
  t.match(body.joins.sample[0].gains, [
    { kind: 'application', resource: 'crm' },
    { kind: 'group', resource: 'sales' },
    { kind: 'network', resource: 'office-wifi', vlan: 30 },
  ])
  t.match(body.loses, [{ count: 1 }, { count: 1 }, { count: 1 }])
  t.same((await acme('GET', `/groups/${id}/members`)).body, before, 'nothing is written')
  t.equal((await group('sales')).version, 1)

  const fresh = await acme('POST', '/groups/preview?limit=2', { of: 'users', rule: 'costCenter ne "1"' })
  t.equal(fresh.body.unknowns.count, fresh.body.joins.count, 'nobody has a cost center')
  t.equal(fresh.body.joins.sample.length, 2)
  const { next } = fresh.body.joins
  const more = await acme('POST', `/groups/preview?limit=500&after=${next}`, {
    ...{ of: 'users', rule: 'costCenter ne "1"' },
  })
  t.equal(more.body.joins.sample.length, fresh.body.joins.count - 2)
  const devices = await acme('POST', '/groups/preview', { of: 'devices', rule: 'os eq "macos"' })
  t.ok(devices.body.joins.count > 0)
})

t.test('what a preview refuses', async (t) => {
  const { id } = await group('sales')
  const refused = async (body: unknown) => {
    const answer = await acme('POST', '/groups/preview', body)
    return [answer.status, answer.body.errors?.[0]?.field]
  }
  t.same(await refused({ of: 'users', rule: 'departmnt eq "x"' }), [422, 'rule'])
  t.same(await refused({ rule: 'department eq "x"' }), [422, 'of'])
  t.same(await refused({ of: 'devices', rule: 'os pr', groupId: id }), [422, 'of'])
  t.same(await refused({ rule: 'memberOf eq "sales"', groupId: id }), [422, 'rule'], 'a circle')
  t.same(await refused({ rule: 'department pr', groupId: '00000000-0000-4000-8000-000000000000' }), [
    ...[422, 'groupId'],
  ])
  t.equal((await acme('POST', '/groups/preview?limit=0', { of: 'users', rule: 'username pr' })).status, 400)
  const elsewhere = await other('POST', '/groups/preview', { rule: 'department pr', groupId: id })
  t.equal(elsewhere.status, 422, 'the group of another organization is none')
  const auditor = await acme('POST', '/tokens', { name: 'reader', role: 'auditor' })
  const asAuditor = caller(app, 'acme', auditor.body.token)
  const body = { of: 'users', rule: 'username pr' }
  t.equal((await asAuditor('POST', '/groups/preview', body)).status, 200, 'who may read may ask')
  t.equal((await asAuditor('POST', '/groups', { name: 'x', of: 'users' })).status, 403)
  t.ok(token)
})
