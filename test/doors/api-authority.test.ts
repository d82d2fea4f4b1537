// A11: no one grants, resets or rule-binds above their own role. Every path that writes is walked by an administrator.
import t from 'tap'
import { caller, finder, sampleApi } from '../support/api.ts'

const { acme, app } = await sampleApi(t)

const find = finder(acme)
const group = (name: string) => find('/groups', `name eq "${name}"`)
const user = (name: string) => find('/users', `username eq "${name}"`)
const make = async (path: string, body: unknown) => {
  const made = await acme('POST', `${path}?confirm=true`, body)
  t.equal(made.status, 201, JSON.stringify(made.body))
  return made.body
}

t.test('A11: an administrator decides nothing about owners, whatever the path', async (t) => {
  const admins = await group('it-admins')
  const [erin, alice, carol] = [await user('erin'), await user('alice'), await user('carol')]
  const consoleId = (await find('/resources', 'kind eq "console"')).id
  const [owners] = (await acme('GET', '/bindings?limit=500')).body.items.filter(
    (one: { resourceId: string }) => one.resourceId === consoleId,
  )
  await make('/attributes', { name: 'chief', of: 'users', type: 'string' })
  // Owners by rule, and a group that this rule reads.
  const source = await make('/groups', { name: 'source', of: 'users' })
  const chiefs = await make('/groups', {
    ...{ name: 'chiefs', of: 'users', mode: 'dynamic' },
    rule: 'memberOf eq "source" or chief eq "yes" or devices[name eq "crown"]',
  })
  await make('/bindings', { groupId: chiefs.id, resourceId: consoleId, attributes: { role: 'owner' } })
  const exemption = await make('/exemptions', {
    ...{ groupId: chiefs.id, subjectId: carol.id, kind: 'never', reason: 'not she' },
  })
  const staff = await make('/groups', { name: 'staff', of: 'users' })
  const token = await make('/tokens', { name: 'administrator', role: 'administrator' })
  const admin = caller(app, 'acme', token.token)
  const chief = await find('/attributes', 'name eq "chief"')
  const binding = { groupId: staff.id, resourceId: consoleId }

  const writes: [string, string, unknown?][] = [
    ['POST', '/bindings', { ...binding, attributes: { role: 'owner' } }],
    ['POST', '/bindings', binding],
    ['PATCH', `/bindings/${owners.id}`, { attributes: { role: 'auditor' } }],
    ['DELETE', `/bindings/${owners.id}`],
    ['POST', '/tokens', { name: 'x', role: 'owner' }],
    ['POST', '/import', { bindings: [] }],
    ['PUT', `/groups/${admins.id}/members/${alice.id}`],
    ['DELETE', `/groups/${admins.id}/members/${erin.id}`],
    ['PUT', `/groups/${source.id}/members/${alice.id}`],
    ['PATCH', `/groups/${admins.id}`, { mode: 'dynamic', rule: 'username eq "alice"' }],
    ['PATCH', `/groups/${chiefs.id}`, { rule: 'username pr' }],
    ['PATCH', `/groups/${source.id}`, { mode: 'dynamic', rule: 'username pr' }],
    ['DELETE', `/groups/${admins.id}`],
    ['DELETE', `/groups/${source.id}`],
    ['POST', '/exemptions', { groupId: admins.id, subjectId: alice.id, kind: 'always', reason: 'x' }],
    ['POST', '/exemptions', { groupId: source.id, subjectId: alice.id, kind: 'always', reason: 'x' }],
    ['PATCH', `/exemptions/${exemption.id}`, { kind: 'always' }],
    ['DELETE', `/exemptions/${exemption.id}`],
    ['PATCH', `/users/${erin.id}`, { password: 'a long enough one' }],
    ['PATCH', `/users/${erin.id}`, { state: 'suspended' }],
    ['POST', `/users/${erin.id}/factors`, { kind: 'totp' }],
    ['DELETE', `/users/${erin.id}/factors/password`],
    ['DELETE', `/users/${erin.id}/sessions`],
    ['DELETE', `/users/${erin.id}`],
    ['POST', '/state-changes', { userIds: [erin.id], state: 'suspended', at: '2999-01-01', reason: 'x' }],
    ['PATCH', `/users/${alice.id}`, { attributes: { chief: 'yes' } }],
    ['POST', '/users', { username: 'mallory', attributes: { chief: 'yes' } }],
    ['POST', '/devices', { name: 'crown', ownerId: alice.id }],
    ['POST', '/suggestions/approve', { groupId: chiefs.id }],
    ['POST', '/suggestions/reject', { groupId: admins.id }],
    ['PATCH', `/attributes/${chief.id}`, { selfEditable: true }],
  ]
  for (const [method, path, body] of writes) {
    const answer = await admin(method, `${path}?confirm=true`, body)
    t.equal(answer.status, 403, `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(answer.body)}`)
  }
  const names = async (id: string) =>
    (await acme('GET', `/groups/${id}/members`)).body.items.map((one: { name: string }) => one.name)
  t.same(await names(admins.id), ['erin'])
  t.same(await names(chiefs.id), [], 'nothing was written')

  for (const [method, path, body, status] of [
    ['POST', '/bindings', { ...binding, attributes: { role: 'administrator' } }, 201],
    ['PUT', `/groups/${staff.id}/members/${alice.id}`, undefined, 204],
    ['PATCH', `/users/${alice.id}`, { title: 'Chief', state: 'active', password: 'a long enough one' }, 200],
    ['PATCH', `/users/${erin.id}`, { title: 'Owner' }, 200],
    ['POST', '/devices', { name: 'plain', ownerId: alice.id }, 201],
    ['DELETE', `/users/${carol.id}`, undefined, 204],
  ] as const) {
    const answer = await admin(method, path, body)
    t.equal(answer.status, status, `${method} ${path}: what is theirs to do (${JSON.stringify(answer.body)})`)
  }
  t.equal((await acme('PATCH', `/users/${alice.id}`, { attributes: { chief: 'yes' } })).status, 200)
  t.same(await names(chiefs.id), ['alice'], 'an owner may')
})
