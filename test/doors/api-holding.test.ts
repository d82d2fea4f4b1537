// Rules that are held back until somebody confirms them: they move many, or rest on what people change themselves.
import t, { type Test } from 'tap'
import { isTooMany } from '../../src/core/directory/holding.ts'
import { type Answer, finder, sampleApi } from '../support/api.ts'

const { acme } = await sampleApi(t)

const findBy = finder(acme)
const find = (path: string, name: string) => findBy(path, `name eq "${name}"`)
const isHeld = (t: Test, { status, body }: Answer, message: RegExp, name: string) => {
  t.equal(status, 409, name)
  t.match(body, { type: 'urn:muster:problem:confirm', errors: [{ code: 'confirm' }] }, name)
  t.match(body.errors[0].message, message, name)
}

t.test('how many are too many', async (t) => {
  const hold = { percent: 10, members: 1_000, least: 10 }
  for (const [moves, members, expected] of [
    [9, 10, false],
    [10, 10, true],
    [10, 100, false],
    [11, 100, true],
    [10, 0, true],
    [1_000, 100_000, false],
    [1_001, 100_000, true],
  ] as const)
    t.equal(isTooMany(moves, members, hold), expected, `${moves} of ${members}`)
})

t.test('a rule that moves many', async (t) => {
  await acme('PATCH', '/organization', { settings: { hold: { percent: 10, members: 1000, least: 3 } } })
  const everyone = await find('/groups', 'everyone')
  const path = `/groups/${everyone.id}`
  const before = (await acme('GET', `${path}/members`)).body
  const rule = 'state eq "active" and department eq "IT"'
  isHeld(t, await acme('PATCH', path, { rule }), /of 6 members 5 would leave, and 0 would join/, 'too many')
  isHeld(t, await acme('PATCH', `${path}?confirm=false`, { rule }), /confirm=true/, 'not confirmed')
  t.match(
    await find('/groups', 'everyone'),
    { version: everyone.version, rule: everyone.rule },
    'not written',
  )
  t.same((await acme('GET', `${path}/members`)).body, before, 'nobody moved')
  t.equal(
    (await acme('PATCH', path, { rule: `${everyone.rule} and title ne "Controller"` })).status,
    200,
    'one',
  )
  t.equal((await acme('PATCH', path, { factors: ['totp'] })).status, 200, 'the rule stays: nothing is held')
  const confirmed = await acme('PATCH', `${path}?confirm=true`, { rule })
  t.equal(confirmed.status, 200)
  t.equal((await acme('GET', `${path}/members`)).body.items.length, 1)
  const made = await acme('POST', '/groups', {
    name: 'all',
    of: 'users',
    mode: 'dynamic',
    rule: 'username pr',
  })
  t.equal(made.status, 201, 'a new group is never held')
})

t.test('what people change themselves, where it gives access', async (t) => {
  const wiki = await find('/resources', 'wiki')
  const costs = { name: 'costs', of: 'users', mode: 'dynamic', rule: 'costCenter eq "7"' }
  const nick = { name: 'nick', of: 'users', type: 'string', selfEditable: true }
  t.equal((await acme('POST', '/groups', costs)).status, 201)
  t.equal((await acme('POST', '/attributes', nick)).status, 201, 'nobody reads it')
  const group = await find('/groups', 'costs')
  const reader = await acme('POST', '/groups', {
    ...{ name: 'readers', of: 'users', mode: 'dynamic', rule: 'memberOf eq "costs"' },
  })
  const selfEditable = { settings: { selfEditable: ['costCenter'] } }
  t.equal((await acme('PATCH', '/organization', selfEditable)).status, 200, 'it grants nothing')

  const binding = { groupId: reader.body.id, resourceId: wiki.id }
  isHeld(t, await acme('POST', '/bindings', binding), /"costCenter".*"costs"/, 'a binding, through a reader')
  t.equal((await acme('PATCH', '/organization', { settings: { selfEditable: [] } })).status, 200)
  t.equal((await acme('POST', '/bindings', binding)).status, 201, 'not by themselves any more')
  isHeld(t, await acme('PATCH', '/organization', selfEditable), /"costCenter"/, 'a setting')
  t.equal((await acme('GET', '/organization')).body.settings.selfEditable.length, 0, 'not written')

  const path = `/groups/${group.id}`
  isHeld(t, await acme('PATCH', path, { rule: 'nick eq "x"' }), /"nick".*"costs"/, 'a rule')
  t.equal((await find('/groups', 'costs')).rule, 'costCenter eq "7"')
  t.equal((await acme('PATCH', `${path}?confirm=true`, { rule: 'nick eq "x"' })).status, 200)
  const attribute = await find('/attributes', 'nick')
  const at = `/attributes/${attribute.id}`
  t.equal((await acme('PATCH', at, { description: 'short' })).status, 200, 'that was so before')
  t.equal((await acme('PATCH', at, { selfEditable: false })).status, 200)
  isHeld(t, await acme('PATCH', at, { selfEditable: true }), /"nick"/, 'an attribute')
  t.equal((await acme('PATCH', `${at}?confirm=true`, { selfEditable: true })).status, 200)
})

t.test('what has been confirmed is one access by one rule, and no other', async (t) => {
  const console = await find('/resources', 'console')
  const wiki = await find('/resources', 'wiki')
  const payroll = await find('/resources', 'payroll')
  const shirt = { name: 'shirt', of: 'users', type: 'string', selfEditable: true }
  t.equal((await acme('POST', '/attributes', shirt)).status, 201)
  const make = async (name: string, rule: string) =>
    (await acme('POST', '/groups', { name, of: 'users', mode: 'dynamic', rule })).body
  const reds = await make('reds', 'shirt eq "red"')
  const bind = (groupId: string, resourceId: string, attributes = {}, confirm = '') =>
    acme('POST', `/bindings${confirm}`, { groupId, resourceId, attributes })
  const held = /"shirt".*"reds".*give themselves access/
  isHeld(t, await bind(reds.id, wiki.id), held, 'the first')
  const bound = await bind(reds.id, wiki.id, {}, '?confirm=true')
  t.equal(bound.status, 201)
  const same = await acme('PATCH', `/bindings/${bound.body.id}`, { order: 7 })
  t.equal(same.status, 200, 'the same access')

  isHeld(t, await bind(reds.id, console.id, { role: 'auditor' }), held, 'another resource')
  const role = await bind(reds.id, console.id, { role: 'auditor' }, '?confirm=true')
  t.equal(role.status, 201)
  const more = await acme('PATCH', `/bindings/${role.body.id}`, { attributes: { role: 'owner' } })
  isHeld(t, more, held, 'a higher role')

  const via = await make('via-reds', 'memberOf eq "reds"')
  isHeld(t, await bind(via.id, payroll.id), held, 'a group that reads it')
  const plain = await make('plain', 'title eq "Nobody has this"')
  t.equal((await bind(plain.id, payroll.id)).status, 201)
  const read = await acme('PATCH', `/groups/${plain.id}`, { rule: 'memberOf eq "via-reds"' })
  isHeld(t, read, held, 'a group that comes to read it')
})

t.test('what people change themselves, where it takes them out of a demand for factors', async (t) => {
  const settings = { settings: { selfEditable: ['location'] } }
  t.equal((await acme('PATCH', '/organization?confirm=true', settings)).status, 200)
  const held = /"location".*"code-needed".*take themselves out of a demand for factors/
  const group = { name: 'code-needed', of: 'users', mode: 'dynamic', rule: 'location eq "HQ"' }
  isHeld(t, await acme('POST', '/groups', { ...group, factors: ['totp'] }), held, 'a group that demands')
  const made = await acme('POST', '/groups', group)
  t.equal(made.status, 201, 'it demands nothing')
  const path = `/groups/${made.body.id}`
  isHeld(t, await acme('PATCH', path, { factors: ['totp'] }), held, 'a demand')
  t.equal((await acme('PATCH', `${path}?confirm=true`, { factors: ['totp'] })).status, 200)
  t.equal((await acme('PATCH', path, { factors: ['totp', 'webauthn'] })).status, 200, 'that was so before')

  t.equal((await acme('PATCH', '/organization', { settings: { selfEditable: [] } })).status, 200)
  isHeld(t, await acme('PATCH', '/organization', settings), held, 'a setting')
  const reader = { name: 'code-through', of: 'users', mode: 'dynamic', rule: 'memberOf eq "near"' }
  t.equal((await acme('POST', '/groups', { ...group, name: 'near', rule: 'badge eq "x"' })).status, 422)
  const badge = { name: 'badge', of: 'users', type: 'string' }
  const declared = await acme('POST', '/attributes', badge)
  t.equal((await acme('POST', '/groups', { ...group, name: 'near', rule: 'badge eq "x"' })).status, 201)
  t.equal((await acme('POST', '/groups', { ...reader, factors: ['totp'] })).status, 201)
  const own = await acme('PATCH', `/attributes/${declared.body.id}`, { selfEditable: true })
  isHeld(t, own, /"badge".*"near".*demand/, 'an attribute, through a reader')
})
