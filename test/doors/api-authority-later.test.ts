// A11, what takes effect later or from the side: no one brings about, by a date, a plan, a group of any name or the console
// itself, what they may not do at once.
import t, { type Test } from 'tap'
import { caller, finder, sampleApi } from '../support/api.ts'

const { acme, app } = await sampleApi(t)

const find = finder(acme)
const user = (name: string) => find('/users', `username eq "${name}"`)
const make = async (path: string, body: unknown) => {
  const { status, body: answer } = await acme('POST', `${path}?confirm=true`, body)
  if (status !== 201) throw new Error(JSON.stringify(answer))
  return answer
}
const made = await acme('POST', '/tokens', { name: 'administrator', role: 'administrator' })
const admin = caller(app, 'acme', made.body.token)
const consoleId = (await find('/resources', 'kind eq "console"')).id
const owners = async (name: string, rule: string) => {
  const group = await make('/groups', { name, of: 'users', mode: 'dynamic', rule })
  await make('/bindings', { groupId: group.id, resourceId: consoleId, attributes: { role: 'owner' } })
  return group.id as string
}
const members = async (id: string) =>
  (await acme('GET', `/groups/${id}/members`)).body.items.map((one: { name: string }) => one.name)
const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString()

async function refused(t: Test, writes: readonly (readonly [string, string, unknown?])[]) {
  for (const [method, path, body] of writes) {
    const { status, body: said } = await admin(method, `${path}?confirm=true`, body)
    t.equal(status, 403, `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(said)}`)
  }
}

t.test('A11: dates that put somebody into a role above the one who sets them', async (t) => {
  const alice = await user('alice')
  await make('/attributes', { name: 'from', of: 'users', type: 'date' })
  await make('/attributes', { name: 'until', of: 'users', type: 'date' })
  const group = await owners('by-date', 'from lt now')
  const staying = await owners('until-then', 'until gt now')
  const heard = await owners('heard-of', 'devices[name sw "chief" and lastContact gt now-30d]')
  await refused(t, [
    ['PATCH', `/users/${alice.id}`, { attributes: { from: days(1) } }],
    ['POST', '/users', { username: 'mallory', attributes: { from: days(1) } }],
  ])
  const dave = await user('dave')
  t.equal((await acme('PATCH', `/users/${dave.id}`, { attributes: { from: days(1) } })).status, 200)
  t.equal((await acme('PATCH', `/users/${alice.id}`, { attributes: { until: days(9) } })).status, 200)
  await refused(t, [
    ['PATCH', `/users/${dave.id}`, { attributes: { from: null } }],
    ['PATCH', `/users/${dave.id}`, { password: 'a long enough one' }],
    ['POST', `/users/${dave.id}/factors`, { kind: 'totp' }],
    ['DELETE', `/users/${dave.id}`],
    ['PATCH', `/users/${alice.id}`, { attributes: { until: days(8) } }],
    ['PATCH', `/users/${alice.id}`, { attributes: { until: days(10) } }],
    ['PATCH', `/users/${alice.id}`, { attributes: { until: days(3650) } }],
  ])
  const known = (await user('alice')).attributes.until
  t.equal(
    (await admin('PATCH', `/users/${alice.id}`, { title: 'x', attributes: { until: known } })).status,
    200,
    'what stays the same moves nobody',
  )
  t.same([await members(group), await members(staying)], [[], ['alice']])

  const device = await make('/devices', { name: 'chief-1', ownerId: alice.id, lastContact: days(-1) })
  t.same(await members(heard), ['alice'])
  const beat = await admin('PATCH', `/devices/${device.id}`, { lastContact: days(0) })
  t.equal(beat.status, 200, 'a device of somebody who is in may report')
  const more = await admin('PATCH', `/devices/${device.id}`, { lastContact: days(0), osVersion: '15.1' })
  t.equal(more.status, 200, 'and what else it tells, where no such rule reads it')
  await refused(t, [
    ['PATCH', `/devices/${device.id}`, { lastContact: days(-29) }],
    ['PATCH', `/devices/${device.id}`, { lastContact: days(3650) }],
    ['POST', '/devices', { name: 'chief-2', ownerId: alice.id, lastContact: days(0) }],
  ])
})

t.test('A11: who ranks no higher is changed, however many dates a rule of owners looks at', async (t) => {
  const { id } = await make('/users', { username: 'many' })
  for (let i = 0; i < 45; i++)
    await make('/devices', { name: `many-${i}`, ownerId: id, lastContact: days(-0.01 * i) })
  const distances = Array.from({ length: 20 }, (_, i) => `lastContact gt now-${i + 1}d`)
  const group = await owners('often', `devices[${distances.join(' and ')}] and title eq "Boss"`)
  for (const change of [{ givenName: 'x' }, { title: 'Clerk' }, { password: 'a long enough one' }]) {
    const { status, body } = await admin('PATCH', `/users/${id}`, change)
    t.equal(status, 200, `${Object.keys(change)}: ${JSON.stringify(body)}`)
  }
  await refused(t, [['PATCH', `/users/${id}`, { title: 'Boss' }]])
  t.same(await members(group), [])
})

t.test('A11: planned states, and passwords of those who will be above, or would be if active', async (t) => {
  const group = await owners('bosses', 'state eq "active" and title eq "Boss"')
  const staged = { title: 'Boss', state: 'staged' }
  const [hugo, ines] = [
    await make('/users', { username: 'hugo', ...staged }),
    await make('/users', { username: 'ines', ...staged }),
  ]
  const plan = { state: 'active', at: days(1), reason: 'x' }
  const [planned] = (await make('/state-changes', { userIds: [ines.id], ...plan })).items
  await refused(t, [
    ['POST', '/state-changes', { userIds: [hugo.id], ...plan }],
    ['DELETE', `/state-changes/${planned.id}`],
    ['PATCH', `/users/${hugo.id}`, { state: 'active' }],
    ['PATCH', `/users/${hugo.id}`, { password: 'a long enough one' }],
    ['PATCH', `/users/${ines.id}`, { password: 'a long enough one' }],
    ['PATCH', `/users/${ines.id}`, { title: 'Nobody' }],
  ])
  t.same(await members(group), [])
  const judy = await make('/users', { username: 'judy', state: 'staged' })
  const karl = await make('/users', { username: 'karl', state: 'suspended', password: 'a long enough one' })
  await refused(t, [
    ['POST', '/users', { username: 'kate', ...staged, password: 'a long enough one' }],
    ['PATCH', `/users/${karl.id}`, { title: 'Boss' }],
    ['DELETE', `/users/${hugo.id}`],
  ])
  t.equal((await admin('PATCH', `/users/${karl.id}`, { state: 'active', title: 'Clerk' })).status, 200)
  t.equal((await admin('POST', '/state-changes', { userIds: [judy.id], ...plan })).status, 201)
  await refused(t, [['PATCH', `/users/${judy.id}`, { title: 'Boss' }]])
  t.equal((await admin('PATCH', `/users/${judy.id}`, { password: 'a long enough one' })).status, 200)
})

t.test('A11: what owners are called, and the console', async (t) => {
  const erin = await user('erin')
  await refused(t, [
    ['PATCH', `/users/${erin.id}`, { username: 'erin2' }],
    ['PATCH', `/users/${erin.id}`, { email: 'mallory@acme.example' }],
    ['PATCH', `/resources/${consoleId}`, { enabled: false }],
    ['PATCH', `/resources/${consoleId}`, { name: 'other' }],
    ['DELETE', `/resources/${consoleId}`],
    ['POST', '/resources', { name: 'second', kind: 'console' }],
  ])
  const carol = await user('carol')
  t.equal((await admin('PATCH', `/users/${carol.id}`, { email: 'carol2@acme.example' })).status, 200)
  for (const [method, path, body, status] of [
    ['POST', '/users', { username: 'erin@acme.example' }, 422],
    ['POST', '/users', { username: 'mallory2', email: 'Erin@acme.example' }, 409],
    ['PATCH', `/users/${carol.id}`, { username: 'erin@acme.example' }, 422],
    ['PATCH', `/users/${carol.id}`, { email: 'erin@acme.example' }, 409],
  ] as const)
    t.equal((await admin(method, path, body)).status, status, `an owner's address: ${method}`)
  t.equal((await admin('POST', '/resources', { name: 'another', kind: 'portal' })).status, 201)
})

t.test('A11: where being in any group gives a role', async (t) => {
  const carol = await user('carol')
  const device = await make('/devices', { name: 'any-device', ownerId: carol.id, os: 'ios' })
  const few = await make('/groups', { name: 'few', of: 'devices' })
  const people = await make('/groups', { name: 'people', of: 'users' })
  await acme('PATCH', `/groups/${(await find('/groups', 'name eq "all-devices"')).id}?confirm=true`, {
    rule: 'os eq "macos"',
  })
  const group = await owners('somebody', 'username eq "carol" and devices[memberOf pr]')
  t.same(await members(group), ['carol'], 'by another device of hers')
  await acme('PATCH', `/groups/${group}?confirm=true`, {
    rule: 'username eq "carol" and devices[name eq "any-device" and memberOf pr]',
  })
  t.same(await members(group), [])
  await refused(t, [
    ['PUT', `/groups/${few.id}/members/${device.id}`],
    ['DELETE', `/groups/${few.id}`],
    ['POST', '/groups', { name: 'x', of: 'devices', mode: 'dynamic', rule: 'name eq "any-device"' }],
  ])
  t.same(await members(group), [])
  t.equal((await admin('DELETE', `/groups/${people.id}`)).status, 204, 'not of that kind')

  t.equal((await acme('PUT', `/groups/${few.id}/members/${device.id}`)).status, 204)
  t.same(await members(group), ['carol'])
  t.equal((await acme('DELETE', `/groups/${few.id}`)).status, 204)
  t.same(await members(group), [], 'rules that ask for any group are carried through when one is gone')
})
