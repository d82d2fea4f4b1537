// The HTTP API over the embedded store: every route by injection, with the sample organization and another one.

import { Registry } from 'prom-client'
import t from 'tap'
import { type Log, silentLog } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import type { AccessRequest } from '../../src/core/access/request.ts'
import { buildApi } from '../../src/doors/console/api.ts'
import { apiServices, caller, faults, finder, sampleApi } from '../support/api.ts'

const randomId = '00000000-0000-4000-8000-000000000000'
const logged: unknown[] = []
const note = (fields: object, message: string) => void logged.push({ ...fields, message })
const log: Log = { debug: note, info: note, warn: note, error: note }
const asked: { request: AccessRequest; assumed: readonly string[] }[] = []
const trace = { steps: ['asked'] } as unknown as Decision['trace']

const api = await sampleApi(t, log, async (request, assumed) => {
  asked.push({ request, assumed })
  return { outcome: 'deny', reason: 'no-binding', trace }
})
const { acme, other, app, store } = api

const find = finder(acme)
const user = (username: string) => find('/users', `username eq "${username}"`)
const group = (name: string) => find('/groups', `name eq "${name}"`)
const resource = (name: string) => find('/resources', `name eq "${name}"`)
/** Names of a group's members, with their reasons. */
const membersOf = async (name: string): Promise<Record<string, string[]>> => {
  const { id } = await group(name)
  const { items } = (await acme('GET', `/groups/${id}/members`)).body
  return Object.fromEntries(items.map((one: { name: string; reasons: string[] }) => [one.name, one.reasons]))
}

t.test('who asks', async (t) => {
  const cases: [string, string | undefined][] = [
    ['no header', undefined],
    ['an empty bearer', 'Bearer '],
    ['another scheme', 'Basic YWxpY2U6eA=='],
    ['a token of nobody', `Bearer muster_${'A'.repeat(43)}`],
    ["another organization's token", `Bearer ${api.otherToken}`],
  ]
  for (const [name, authorization] of cases) {
    const headers: Record<string, string> = authorization === undefined ? {} : { authorization }
    const answer = await app.inject({ url: '/o/acme/api/v1/users', headers })
    t.equal(answer.statusCode, 401, `${name} → 401`)
    t.match(answer.headers['www-authenticate'], /^Bearer realm="muster"/)
    t.match(answer.headers['content-type'], /^application\/problem\+json/)
  }
  const unknown = await app.inject({
    url: '/o/nobody/api/v1/users',
    headers: { authorization: `Bearer ${api.token}` },
  })
  const wrong = await app.inject({
    url: '/o/other/api/v1/users',
    headers: { authorization: `Bearer ${api.token}` },
  })
  t.equal(unknown.statusCode, 401)
  t.equal(unknown.body, wrong.body, 'an unknown organization looks like a wrong token')
})

t.test('tokens: shown once, roles, and never in the log', async (t) => {
  const made = await acme('POST', '/tokens', { name: 'reader', role: 'auditor' })
  t.equal(made.status, 201)
  t.match(made.body.token, /^muster_[A-Za-z0-9_-]{43}$/)
  t.notOk((await acme('GET', `/tokens/${made.body.id}`)).body.token, 'never shown again')
  const auditor = caller(app, 'acme', made.body.token)
  t.equal((await auditor('GET', '/users')).status, 200)
  t.equal((await auditor('POST', '/users', { username: 'x' })).status, 403, 'an auditor changes nothing')
  const administrator = await acme('POST', '/tokens', { name: 'helper', role: 'administrator' })
  const helper = caller(app, 'acme', administrator.body.token)
  const risen = await helper('POST', '/tokens', { name: 'me', role: 'owner' })
  t.equal(risen.status, 403, 'A03: an administrator cannot make itself an owner')
  const [admins, console] = [await group('everyone'), await resource('console')]
  const role = { groupId: admins.id, resourceId: console.id, attributes: { role: 'owner' } }
  t.equal((await helper('POST', '/bindings', role)).status, 403, 'nor by a binding of the console')
  t.equal((await acme('DELETE', `/tokens/${made.body.id}`)).status, 204)
  t.equal((await auditor('GET', '/users')).status, 401, 'a removed token is dead at once')
  const expired = await acme('POST', '/tokens', { name: 'old', role: 'auditor', expiresAt: '2020-01-01' })
  t.same(faults(expired), ['expiresAt: past'])
  const text = JSON.stringify(logged)
  t.ok(logged.length > 5 && text.includes('/o/:slug/api/v1/users'))
  for (const secret of [api.token, made.body.token]) t.notOk(text.includes(secret), 'no token in the log')
})

t.test('users: create, read, patch, remove', async (t) => {
  const sent = { username: 'ivan', email: 'ivan@acme.example', department: 'Sales', password: 'muster-ivan' }
  const made = await acme('POST', '/users', sent)
  t.equal(made.status, 201)
  t.equal(made.headers.location, `/o/acme/api/v1/users/${made.body.id}`)
  t.equal(made.headers.etag, '"1"')
  t.match(made.body, { username: 'ivan', state: 'active', title: null, attributes: {}, version: 1 })
  t.ok(made.body.posixId >= 10_000, 'the store gave a number')
  t.notOk('password' in made.body)
  const path = `/users/${made.body.id}`
  t.match((await acme('GET', `${path}/factors`)).body.items, [{ kind: 'password' }])

  const patched = await acme('PATCH', path, { title: 'Rep', email: null }, { 'if-match': '"1"' })
  t.equal(patched.status, 200)
  t.match(patched.body, { title: 'Rep', email: null, department: 'Sales', version: 2 })
  t.equal(patched.headers.etag, '"2"')
  t.equal((await acme('PATCH', path, { title: 'x' }, { 'if-match': '"1"' })).status, 412)
  t.equal((await acme('PATCH', path, { title: 'x' }, { 'if-match': 'nonsense' })).status, 412)
  t.equal((await acme('DELETE', path, undefined, { 'if-match': '"1"' })).status, 412)

  const twice = await acme('POST', '/users', { username: 'IVAN' })
  t.equal(twice.status, 409)
  t.same(faults(twice), ['username: taken'])
  t.same(faults(await acme('PATCH', path, { managerId: made.body.id })), ['managerId: own-manager'])
  t.same(faults(await acme('PATCH', path, { managerId: randomId })), ['managerId: missing'])
  t.same(faults(await acme('PATCH', path, { password: 'ivan' })), ['password: bad-format'])
  const squat = await acme('POST', '/users', { username: 'alice@acme.example' })
  t.same(faults(squat), ['username: not-own-email'], "nobody is called by another's e-mail address")

  t.equal((await acme('DELETE', path)).status, 204)
  t.equal((await acme('GET', path)).status, 404)
  t.equal((await acme('DELETE', path)).status, 404)
})

t.test('A06 mass assignment and prototypes', async (t) => {
  const id = (await user('frank')).id
  for (const name of [
    'id',
    'organization',
    'organizationId',
    'orgId',
    'version',
    'roles',
    'passwordHash',
    'mfa',
    'lockedUntil',
    'posixId',
  ]) {
    const body = { [name]: randomId }
    t.equal((await acme('PATCH', `/users/${id}`, body)).status, 422, `PATCH ${name}`)
    t.equal((await acme('POST', '/users', { username: 'mallory', ...body })).status, 422, `POST ${name}`)
  }
  for (const body of [
    '{"username":"mallory","__proto__":{"state":"active"}}',
    '{"username":"mallory","attributes":{"__proto__":{"canary":1}}}',
    '{"username":"mallory","constructor":{"prototype":{"canary":1}}}',
    '{"username":"mallory","attributes":{"constructor":"x"}}',
    '{"username":"mallory","hasOwnProperty":1}',
  ]) {
    const { status } = await acme('POST', '/users', body)
    t.ok(status === 400 || status === 422, `${body} → ${status}`)
    const patched = await acme('PATCH', `/users/${id}`, body.replace('"username":"mallory",', ''))
    t.ok(patched.status === 400 || patched.status === 422, `PATCH ${body} → ${patched.status}`)
  }
  t.notOk('canary' in {}, 'prototype canary clean')
  t.notOk(await user('mallory'))
  const misspelt = await acme('PATCH', `/users/${id}`, { departmnt: null })
  t.match(misspelt.body.errors, [
    { field: 'departmnt', code: 'unknown-field', message: /did you mean "department"/ },
  ])
})

t.test('A01 objects of another organization are like none at all', async (t) => {
  const document = (await acme('GET', '/openapi.json')).body
  const theirs: Record<string, string> = {}
  for (const path of [
    'users',
    'devices',
    'groups',
    'resources',
    'bindings',
    'attributes',
    'service-accounts',
    'tokens',
    'exemptions',
  ]) {
    theirs[path] = (await acme('GET', `/${path}`)).body.items[0]?.id ?? randomId
  }
  const routes = Object.entries(document.paths as Record<string, Record<string, unknown>>).filter(([path]) =>
    path.includes('{id}'),
  )
  t.ok(routes.length >= 13, `${routes.length} routes with an id`)
  for (const [template, methods] of routes) {
    const kind = template.split('/')[5] ?? ''
    for (const method of Object.keys(methods).filter((name) => name !== 'head')) {
      const fill = (id: string) =>
        template
          .replace('/o/{slug}/api/v1', '')
          .replace('{id}', id)
          .replace('{subjectId}', theirs.users ?? '')
          .replace('{kind}', 'totp')
      const body = ['patch', 'post'].includes(method) ? {} : undefined
      const seen = await other(method.toUpperCase(), fill(theirs[kind] ?? ''), body)
      const nothing = await other(method.toUpperCase(), fill(randomId), body)
      t.equal(seen.status, 404, `${method} ${template}`)
      t.same(seen.body, nothing.body, 'the same words as for a random id')
    }
  }
  for (const id of ['1', '../users', 'x'.repeat(90), randomId.toUpperCase().replace('0000', 'ABCD')]) {
    t.equal((await acme('GET', `/users/${encodeURIComponent(id)}`)).status, 404)
  }
  // What is referred to must be one's own, too.
  const device = await other('POST', '/devices', { name: 'd', ownerId: theirs.users })
  t.same(faults(device), ['ownerId: missing'])
  const binding = await other('POST', '/bindings', {
    groupId: theirs.groups,
    resourceId: theirs.resources,
  })
  t.same(faults(binding).sort(), ['groupId: missing', 'resourceId: missing'])
  const exemption = { groupId: theirs.groups, subjectId: theirs.users, kind: 'always', reason: 'x' }
  t.same(faults(await other('POST', '/exemptions', exemption)), ['groupId: missing'])
})

t.test('memberships follow what is written', async (t) => {
  t.same(await membersOf('mac-engineers'), { alice: ['rule'] })
  t.same(await membersOf('it-admins'), { erin: ['manual'] })
  const alice = await user('alice')
  await acme('PATCH', `/users/${alice.id}`, { department: 'Sales' })
  t.same(Object.keys(await membersOf('engineering')).sort(), ['bob', 'heidi'])
  t.same(await membersOf('mac-engineers'), {})
  t.ok('alice' in (await membersOf('sales')))
  await acme('PATCH', `/users/${alice.id}`, { department: 'Engineering' })

  const device = await find('/devices', 'name eq "mac-alice"')
  const bob = await user('bob')
  const moved = await acme('PATCH', `/devices/${device.id}`, { ownerId: bob.id })
  t.match(moved.body, { ownerId: bob.id, name: 'mac-alice' })
  t.same(await membersOf('mac-engineers'), { bob: ['rule'] }, 're-owning evaluates both owners')
  t.equal((await acme('PATCH', `/devices/${device.id}`, { ownerId: null })).status, 200)
  t.same(await membersOf('mac-engineers'), {})
  t.ok('mac-alice' in (await membersOf('macs')), 'a device without owner is a cell of its own')
  await acme('PATCH', `/devices/${device.id}`, { ownerId: alice.id })
  t.same(await membersOf('mac-engineers'), { alice: ['rule'] })
})

t.test('membership by hand and exemptions', async (t) => {
  const [everyone, engineering, admins] = [
    await group('everyone'),
    await group('engineering'),
    await group('it-admins'),
  ]
  const [carol, alice] = [await user('carol'), await user('alice')]
  const put = (id: string, subject: string) => acme('PUT', `/groups/${id}/members/${subject}`)
  const take = (id: string, subject: string) => acme('DELETE', `/groups/${id}/members/${subject}`)
  t.equal((await put(admins.id, carol.id)).status, 204)
  t.equal((await put(admins.id, carol.id)).status, 204, 'once more is the same')
  t.same(await membersOf('it-admins'), { erin: ['manual'], carol: ['manual'] })
  t.equal((await take(admins.id, carol.id)).status, 204)
  t.equal((await take(admins.id, carol.id)).status, 404)
  t.equal((await put(engineering.id, carol.id)).status, 204)
  t.same((await membersOf('engineering')).carol, ['manual'], 'a dynamic group shows who was added by hand')
  await take(engineering.id, carol.id)
  const byRule = await take(everyone.id, alice.id)
  t.equal(byRule.status, 409)
  t.match(byRule.body.detail, /exemption of kind "never".*change the rule/)
  const device = await find('/devices', 'name eq "lin-bob"')
  t.equal((await put(admins.id, device.id)).status, 404, 'a device is no member of a group of users')

  const sent = { groupId: everyone.id, subjectId: alice.id, kind: 'never', reason: 'on leave' }
  const made = await acme('POST', '/exemptions', sent)
  t.equal(made.status, 201)
  t.notOk('alice' in (await membersOf('everyone')))
  t.equal((await acme('POST', '/exemptions', sent)).status, 409)
  const turned = await acme('PATCH', `/exemptions/${made.body.id}`, { kind: 'always' })
  t.match(turned.body, { kind: 'always', reason: 'on leave' })
  t.ok((await membersOf('everyone')).alice?.includes('exemption'))
  t.same(faults(await acme('PATCH', `/exemptions/${made.body.id}`, { groupId: admins.id })), [
    'groupId: fixed',
  ])
  t.same(faults(await acme('PATCH', `/exemptions/${made.body.id}`, { expiresAt: '2020-01-01' })), [
    'expiresAt: past',
  ])
  const listed = await acme('GET', `/exemptions?groupId=${everyone.id}`)
  t.equal(listed.body.items.length, 1)
  t.equal((await acme('DELETE', `/exemptions/${made.body.id}`)).status, 204)
  t.same((await membersOf('everyone')).alice, ['rule'])
})

t.test('groups: rules, circles, renaming, removing', async (t) => {
  const create = (body: object) => acme('POST', '/groups', { of: 'users', mode: 'dynamic', ...body })
  const bad = await create({ name: 'bad', rule: 'departmnt eq "Sales"' })
  t.equal(bad.status, 422)
  t.match(bad.body.errors, [
    { field: 'rule', code: 'unknown-attribute', at: { start: 0, end: 9 }, suggestion: 'department' },
  ])
  t.same(faults(await create({ name: 'bad' })), ['rule: required'])
  t.same(faults(await create({ name: 'bad', mode: 'static', rule: 'title pr' })), ['rule: rule-of-static'])
  const made = await create({ name: 'salespeople', rule: 'memberOf eq "sales"' })
  t.equal(made.status, 201)
  t.equal(made.body.status, 'active', 'the rule was carried through')
  t.ok('carol' in (await membersOf('salespeople')))
  const sales = await group('sales')
  const circle = await acme('PATCH', `/groups/${sales.id}`, { rule: 'memberOf eq "salespeople"' })
  t.same(faults(circle), ['rule: circle'])
  t.match(circle.body.detail, /sales → salespeople → sales|salespeople → sales → salespeople/)
  const renamed = await acme('PATCH', `/groups/${sales.id}`, { name: 'sellers' })
  t.match(renamed.body.errors, [{ field: 'name', code: 'in-use', message: /"salespeople"/ }])
  const read = await acme('DELETE', `/groups/${sales.id}`)
  t.equal(read.status, 409)
  t.match(read.body.detail, /"salespeople"/)
  const changed = await acme('PATCH', `/groups/${made.body.id}`, {
    rule: 'title co "Manager"',
    name: 'managers',
  })
  t.match(changed.body, { name: 'managers', status: 'active' })
  t.same(Object.keys(await membersOf('managers')), ['grace'])
  t.equal((await acme('DELETE', `/groups/${made.body.id}`)).status, 204)
  const bound = await acme('DELETE', `/groups/${sales.id}`)
  t.match(bound.body.detail, /bound to .*"office-wifi"/)
  t.same(faults(await acme('PATCH', `/groups/${sales.id}`, { of: 'devices' })), ['of: fixed'])
})

t.test('custom attributes', async (t) => {
  const declare = (body: object) => acme('POST', '/attributes', { of: 'users', type: 'string', ...body })
  for (const name of ['memberOf', 'department', 'userPassword', 'objectclass', 'constructor', 'toString']) {
    t.same(faults(await declare({ name })), ['name: reserved'], name)
  }
  t.same(faults(await declare({ name: '__proto__' })), ['name: bad-format'])
  for (const [name, type] of [
    ['badge', 'string'],
    ['floor', 'number'],
    ['hired', 'date'],
    ['sshPublicKey', 'list'],
  ]) {
    t.equal((await declare({ name, type })).status, 201)
  }
  t.equal((await declare({ name: 'BADGE' })).status, 409)
  const { id } = await user('dave')
  const set = (attributes: object) => acme('PATCH', `/users/${id}`, { attributes })
  const good = await set({ badge: 'B7', floor: 3, hired: '2024-02-29', sshPublicKey: ['ssh-ed25519 AAAA'] })
  t.same(good.body.attributes, {
    ...{ badge: 'B7', floor: 3, hired: '2024-02-29T00:00:00.000Z', sshPublicKey: ['ssh-ed25519 AAAA'] },
  })
  t.same((await set({ badge: null })).body.attributes.floor, 3, 'null clears one and leaves the others')
  const wrong = await set({ floor: '3', hired: '2023-02-29', sshPublicKey: 'x', badg: 'y' })
  t.same(faults(wrong).sort(), [
    'attributes.badg: unknown-attribute',
    'attributes.floor: wrong-type',
    'attributes.hired: bad-date',
    'attributes.sshPublicKey: wrong-type',
  ])
  t.match(JSON.stringify(wrong.body), /did you mean \\"badge\\"/)
  t.equal((await find('/users', 'floor ge 3')).username, 'dave')
  const ruled = { name: 'upstairs', of: 'users', mode: 'dynamic', rule: 'attributes.floor gt 2' }
  t.equal((await acme('POST', '/groups', ruled)).status, 201)
  t.same(Object.keys(await membersOf('upstairs')), ['dave'])
  const floor = await find('/attributes', 'name eq "floor"')
  t.match((await acme('DELETE', `/attributes/${floor.id}`)).body.detail, /"upstairs"/)
  await acme('DELETE', `/groups/${(await group('upstairs')).id}`)
  t.equal((await acme('DELETE', `/attributes/${floor.id}`)).status, 204)
  const after = await acme('PATCH', `/users/${id}`, { title: 'CFO' })
  t.equal(after.status, 200, 'a value whose declaration is gone stands in nobody’s way')
  t.notOk('floor' in after.body.attributes)
})

t.test('R13 secrets of RADIUS clients', async (t) => {
  const network = (clients: unknown, name = 'lab') =>
    acme('POST', '/resources', { name, kind: 'network', network: { clients } })
  for (const secret of [
    'short',
    'testing123testing123',
    'radius-secret-radius',
    'aaaaaaaaaaaaaaaa',
    '0123456789012345',
  ]) {
    t.same(
      faults(await network([{ address: '10.1.0.0/16', secret }])),
      ['network.clients[0].secret: bad-format'],
      secret,
    )
  }
  for (const address of [
    '10.1.0.1/16',
    '10.1.0.0/33',
    'fe80::1%eth0',
    'localhost',
    '0.0.0.0/0',
    '010.1.0.0',
  ]) {
    t.equal((await network([{ address }])).status, 422, address)
  }
  t.same(faults(await network([{ address: '10.1.0.0/16' }, { address: '10.1.0.0/16' }])), [
    'network.clients[1].address: twice',
  ])
  const made = await network([
    { address: '10.1.0.0/16' },
    { address: '10.2.0.1', secret: 'correct horse battery' },
  ])
  t.equal(made.status, 201)
  t.equal(made.body.clientSecrets.length, 1, 'one was made, one was sent')
  t.ok(Buffer.from(made.body.clientSecrets[0].secret, 'base64url').length >= 16, 'at least 128 bits')
  const path = `/resources/${made.body.id}`
  const read = await acme('GET', path)
  t.notOk(JSON.stringify(read.body).includes('secret'), 'never readable again')
  const grown = await acme('PATCH', path, {
    network: { clients: [{ address: '10.1.0.0/16' }, { address: '10.3.0.0/24' }] },
  })
  t.same(
    grown.body.clientSecrets.map((one: { address: string }) => one.address),
    ['10.3.0.0/24'],
    'known clients keep theirs',
  )
  const theirs = await other('POST', '/resources', {
    name: 'x',
    kind: 'network',
    network: { clients: [{ address: '10.3.0.0/24' }] },
  })
  t.equal(theirs.status, 409, 'one network, one organization')
  const wrongKind = await acme('POST', '/resources', { name: 'p2', kind: 'portal', network: { clients: [] } })
  t.same(faults(wrongKind), ['network: wrong-kind'])
  const text = JSON.stringify((await acme('GET', '/audit?limit=100')).body)
  t.notOk(text.includes('correct horse battery'), 'no secret in the audit log')
  t.notOk(text.includes(made.body.clientSecrets[0].secret))
})

t.test('bindings', async (t) => {
  const [finance, vpn, directory] = [
    await group('finance'),
    await resource('office-wifi'),
    await resource('directory'),
  ]
  const bind = (body: object) =>
    acme('POST', '/bindings', { groupId: finance.id, resourceId: vpn.id, ...body })
  const bad = await bind({ attributes: { radius: { reply: [{ name: 'No-Such-Attribute', value: 1 }] } } })
  t.match(faults(bad), [/^attributes\.radius\.reply\[0\]/], 'refused when saved, never at login')
  t.same(faults(await bind({ attributes: { radius: { vlan: 4095 } } })), [
    'attributes.radius.vlan: out-of-range',
  ])
  t.same(faults(await bind({ attributes: { claims: { a: 1 } } })), ['attributes.claims: wrong-kind'])
  t.match((await bind({ factors: ['topt'] })).body.errors, [
    { field: 'factors[0]', message: /did you mean "totp"/ },
  ])
  const made = await bind({
    attributes: { radius: { vlan: 40, reply: [{ name: 'Session-Timeout', value: 3600 }] } },
    factors: ['totp'],
  })
  t.equal(made.status, 201)
  t.match(made.body, { order: 100, factors: ['totp'], attributes: { radius: { vlan: 40 } } })
  t.equal((await bind({})).status, 409, 'one binding of a group and a resource')
  const path = `/bindings/${made.body.id}`
  t.match((await acme('PATCH', path, { order: 5, factors: null })).body, { order: 5, factors: [] })
  t.same(faults(await acme('PATCH', path, { groupId: directory.id })), ['groupId: fixed'])
  const devices = await group('macs')
  t.same(faults(await acme('POST', '/bindings', { groupId: devices.id, resourceId: vpn.id })), [
    'groupId: wrong-kind',
  ])
  t.equal((await acme('DELETE', path)).status, 204)
})

t.test('factors and service accounts', async (t) => {
  const { id } = await user('carol')
  const path = `/users/${id}/factors`
  const enrolled = await acme('POST', path, { kind: 'totp' })
  t.equal(enrolled.status, 201)
  t.match(enrolled.body.secret, /^[A-Z2-7]{32}$/)
  t.match(enrolled.body.uri, /^otpauth:\/\/totp\/Acme(:|%3A)carol\?/)
  const brought = await acme('POST', path, { kind: 'totp', secret: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' })
  t.notOk('secret' in brought.body, 'what was sent is not sent back')
  t.same(faults(await acme('POST', path, { kind: 'totp', secret: 'GEZDGNBV' })), ['secret: bad-format'])
  t.same(faults(await acme('POST', path, { kind: 'password' })), ['password: required'])
  t.same(faults(await acme('POST', path, { kind: 'webauthn' })), ['kind: unknown-value'])
  t.equal((await acme('POST', path, { kind: 'password', password: 'muster-carol' })).status, 201)
  const listed = await acme('GET', path)
  t.same(listed.body.items.map((one: { kind: string }) => one.kind).sort(), ['password', 'totp'])
  t.same(Object.keys(listed.body.items[0]), ['id', 'kind', 'createdAt'])
  t.equal((await acme('DELETE', `${path}/totp`)).status, 204)
  t.equal((await acme('DELETE', `${path}/totp`)).status, 404)
  t.same(
    faults(await acme('PATCH', `/users/${id}`, { password: 'x'.repeat(513) })),
    ['password: too-long'],
    'L27',
  )
  t.same(
    faults(await acme('PATCH', `/users/${id}`, { password: 'é'.repeat(300) })),
    ['password: bad-format'],
    'L27 in bytes',
  )
  t.same(faults(await acme('POST', '/users', { username: 'longname', password: 'LONGname' })), [
    'password: same-as-username',
  ])

  const made = await acme('POST', '/service-accounts', {
    name: 'crm',
    reads: ['users'],
    password: 'a good password',
  })
  t.equal(made.status, 201)
  t.match(made.body, { name: 'crm', enabled: true, reads: ['users'] })
  const own = `/service-accounts/${made.body.id}`
  t.match((await acme('GET', `${own}/factors`)).body.items, [{ kind: 'password' }])
  t.same(faults(await acme('POST', `${own}/factors`, { kind: 'totp' })), ['kind: wrong-kind'])
  t.match((await acme('PATCH', own, { enabled: false })).body, { enabled: false, version: 2 })
  t.equal((await acme('DELETE', own)).status, 204)
})

t.test('lists: pages and filters', async (t) => {
  const seen: string[] = []
  for (let next = ''; ; ) {
    const page = (await acme('GET', `/users?limit=3${next}`)).body
    seen.push(...page.items.map((one: { username: string }) => one.username))
    t.ok(page.items.length <= 3)
    if (page.next === null) break
    next = `&after=${page.next}`
  }
  t.equal(new Set(seen).size, seen.length)
  t.same([...seen].sort(), ['alice', 'bob', 'carol', 'dave', 'erin', 'frank', 'grace', 'heidi'])
  const names = async (filter: string) =>
    (await acme('GET', `/users?filter=${encodeURIComponent(filter)}`)).body.items
      .map((one: { username: string }) => one.username)
      .sort()
  t.same(await names('department eq "sales" and not (state eq "staged")'), ['carol'])
  t.same(await names('username in ("bob", "EVE")'), ['bob'])
  t.same(await names('memberOf eq "finance"'), ['dave'])
  t.same(await names('title co "engin" or location sw "new"'), [
    'alice',
    'bob',
    'carol',
    'frank',
    'grace',
    'heidi',
  ])
  t.same(await names('managerId eq "not an id"'), [])
  t.same(await names('createdAt gt now-1h and username eq "alice"'), ['alice'])
  t.same(await names(`username eq "' or 1=1 --"`), [])
  const bad = async (path: string) => {
    const answer = await acme('GET', path)
    t.equal(answer.status, 400, path)
    return answer.body.errors?.[0]
  }
  const filter = (text: string) => `/users?filter=${encodeURIComponent(text)}`
  t.match(await bad(filter('departmnt eq "x"')), { field: 'filter', suggestion: 'department' })
  t.match(await bad(filter('devices[os eq "macos"]')), { code: 'not-in-lists' })
  t.match(await bad(filter('username matches "a+"')), { code: 'not-in-lists' })
  t.match(await bad(filter('memberOf eq "nobody"')), { code: 'unknown-group' })
  t.match(await bad(filter('password eq "x"')), { code: 'unknown-attribute' }, 'A07')
  t.match(await bad(filter(`${'('.repeat(200)}title pr${')'.repeat(200)}`)), { code: 'too-deep' }, 'A07')
  t.match(await bad(`/users?filter=${'x'.repeat(9000)}`), { code: 'too-long' })
  t.match(await bad('/users?fliter=x'), { code: 'unknown-field', message: /did you mean "filter"/ })
  for (const query of ['limit=0', 'limit=501', 'limit=x', 'after=x']) await bad(`/users?${query}`)
})

t.test('requests that cannot be understood', async (t) => {
  const send = (payload: string, headers: Record<string, string> = {}) =>
    acme('POST', '/users', payload, { 'content-type': 'application/json', ...headers })
  t.equal((await send('{"username":')).status, 400)
  t.equal((await send('')).status, 422, 'nothing at all is not an object')
  t.equal((await send('[]')).status, 422)
  t.equal((await send('"text"')).status, 422)
  t.equal((await send(`{"username":"${'x'.repeat(1024 * 1024)}"}`)).status, 413)
  const { id } = await user('frank')
  for (const depth of [1_000, 50_000]) {
    const deep = (name: string) => `${`{"${name}":`.repeat(depth)}1${'}'.repeat(depth)}`
    const list = `${'['.repeat(depth)}${']'.repeat(depth)}`
    const cases = [
      ['PATCH', `/users/${id}`, `{"attributes":${deep('a')}}`],
      ['PATCH', `/users/${id}`, `{"username":${list}}`],
      ['PATCH', `/bindings/${(await find('/bindings', 'id pr')).id}`, `{"attributes":${deep('claims')}}`],
      ['PATCH', `/resources/${(await resource('vpn')).id}`, `{"network":${deep('x')}}`],
      ['PATCH', '/organization', `{"settings":${deep('lockout')}}`],
      ['POST', '/users', `{"attributes":${deep('a')}}`],
      ['POST', '/import', deep('users')],
    ] as const
    for (const [method, path, body] of cases) {
      const { status } = await acme(method, path, body, { 'content-type': 'application/json' })
      t.equal(status, 422, `A07 ${method} ${path}, ${depth} deep`)
    }
  }
  const form = await send('username=x', { 'content-type': 'application/x-www-form-urlencoded' })
  t.equal(form.status, 415)
  t.match(JSON.stringify(form), 'application/json', 'says what to send')
  const bytes = await app.inject({
    method: 'POST',
    url: '/o/acme/api/v1/users',
    headers: { authorization: `Bearer ${api.token}`, 'content-type': 'application/json' },
    payload: Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  })
  t.equal(bytes.statusCode, 400, 'what is not UTF-8 is not guessed at')
  for (const username of ['', 'a b', 'a\u0000b', '\ud800', 'x'.repeat(65), 7, null, ['a']]) {
    const answer = await acme('POST', '/users', { username })
    t.equal(answer.status, 422, JSON.stringify(username))
    t.match(answer.body.errors[0], { field: 'username', message: /./ })
  }
  t.same(faults(await acme('POST', '/users', { username: 'zed', title: 'a\nb' })), [
    'title: control-character',
  ])
  t.equal((await acme('GET', '/nothing')).status, 404)
  t.match((await acme('GET', '/users/x/y/z')).headers['content-type'], /^application\/problem\+json/)
})

t.test('the organization, its audit log and its chain', async (t) => {
  const before = (await acme('GET', '/organization')).body
  const patch = { settings: { lockout: { limit: 7 } } }
  const changed = await acme('PATCH', '/organization', patch, { 'if-match': `"${before.version}"` })
  t.match(changed.body.settings, { lockout: { limit: 7, firstSeconds: 60 }, clearTextPasswords: 'loopback' })
  t.equal((await acme('PATCH', '/organization', patch, { 'if-match': `"${before.version}"` })).status, 412)
  t.same(faults(await acme('PATCH', '/organization', { slug: 'x' })), ['slug: fixed'])
  t.same(faults(await acme('PATCH', '/organization', { settings: { lockout: { limit: 0 } } })), [
    'settings.lockout.limit: out-of-range',
  ])

  const { id } = await user('erin')
  await acme('PATCH', `/users/${id}`, { location: 'Paris', password: 'muster-erin' })
  const log = (await acme('GET', `/audit?target=${id}&limit=2`)).body
  t.match(log.items, [
    { body: { action: 'user.password', details: { password: 'set' } } },
    {
      body: {
        action: 'user.update',
        actor: { kind: 'token', name: 'admin' },
        details: { location: { from: 'Berlin', to: 'Paris' } },
      },
    },
  ])
  t.same(Object.keys(log.items[1].body.details), ['location'], 'only what changed')
  const first = (await acme('GET', '/audit?limit=2')).body
  const second = (await acme('GET', `/audit?limit=2&after=${first.next}`)).body
  t.equal(BigInt(first.items[1].sequence) - 1n, BigInt(second.items[0].sequence), 'pages follow one another')
  t.equal((await acme('GET', '/audit?outcome=group.remove&kind=change')).body.items.length, 2)
  t.equal((await acme('GET', '/audit?after=-1')).status, 400)
  t.match((await acme('GET', '/audit/verify')).body, { intact: true })
})

t.test('W15 one audit record for each write, and none for what was refused', async (t) => {
  /** Joins and leaves that follow from a write are events of their own: one for each subject. */
  const head = async () => {
    const rows = await store.auditReader.scan(api.organization.id, 0n, 100_000)
    return BigInt(rows.filter(({ body }) => JSON.parse(body).action !== 'membership.change').length)
  }
  const made: Record<string, string> = {}
  const writes: [string, string, () => string, unknown, number][] = [
    ['one user', 'POST', () => '/users', { username: 'w15' }, 1],
    ['a patch', 'PATCH', () => `/users/${made.users}`, { title: 'x' }, 1],
    ['a password', 'PATCH', () => `/users/${made.users}`, { password: 'correct horse' }, 1],
    ['a device', 'POST', () => '/devices', { name: 'w15' }, 1],
    ['a group', 'POST', () => '/groups', { name: 'w15', of: 'users' }, 1],
    ['a member', 'PUT', () => `/groups/${made.groups}/members/${made.users}`, undefined, 1],
    ['a factor', 'POST', () => `/users/${made.users}/factors`, { kind: 'totp' }, 1],
    ['a declaration', 'POST', () => '/attributes', { name: 'w15', of: 'users', type: 'date' }, 1],
    ['a resource', 'POST', () => '/resources', { name: 'w15', kind: 'application' }, 1],
    ['a refused user', 'POST', () => '/users', { username: 'w15' }, 0],
    ['a refused patch', 'PATCH', () => `/users/${made.users}`, { title: 7 }, 0],
    ['a removed user', 'DELETE', () => `/users/${made.users}`, undefined, 1],
  ]
  for (const [name, method, path, body, records] of writes) {
    const before = await head()
    const answer = await acme(method, path(), body)
    if (answer.status === 201) made[path().slice(1)] = answer.body.id
    t.equal((await head()) - before, BigInt(records), `${name}: ${answer.status}`)
  }
  await acme('DELETE', `/groups/${made.groups}`)
})

t.test('writes at the same time', async (t) => {
  const { id, version } = await user('bob')
  const fields = ['title', 'company', 'costCenter', 'location', 'givenName']
  const each = await Promise.all(
    fields.map((field) => acme('PATCH', `/users/${id}`, { [field]: `new ${field}` })),
  )
  t.same(
    each.map(({ status }) => status),
    [200, 200, 200, 200, 200],
    'each means the same on what the others left',
  )
  const after = (await acme('GET', `/users/${id}`)).body
  t.match(after, Object.fromEntries(fields.map((field) => [field, `new ${field}`])))
  t.equal(after.version, version + 5)
  const match = { 'if-match': `"${after.version}"` }
  const one = await Promise.all(fields.map((field) => acme('PATCH', `/users/${id}`, { [field]: 'x' }, match)))
  t.same(one.map(({ status }) => status).sort(), [200, 412, 412, 412, 412], 'of those with If-Match only one')
  for (const name of ['left', 'right']) await acme('POST', '/groups', { name, of: 'users' })
  const [left, right] = [await group('left'), await group('right')]
  const ask = (id: string, name: string) =>
    acme('PATCH', `/groups/${id}`, { mode: 'dynamic', rule: `memberOf eq "${name}"` })
  const both = await Promise.all([ask(left.id, 'right'), ask(right.id, 'left')])
  t.same(both.map(({ status }) => status).sort(), [200, 422], 'no circle is saved past another')
  for (const { id } of both[0]?.status === 200 ? [left, right] : [right, left])
    await acme('DELETE', `/groups/${id}`)
})

t.test('explain asks what the doors ask', async (t) => {
  const body = { user: 'alice', resource: 'vpn', from: '::ffff:10.0.0.7', evidence: ['password', 'totp'] }
  const answer = await acme('POST', '/access/explain', body)
  t.equal(answer.status, 200)
  t.match(answer.body, {
    outcome: 'deny',
    reason: 'no-binding',
    message: /no group/,
    trace: { steps: ['asked'] },
  })
  t.match(asked.at(-1), {
    assumed: ['password', 'totp'],
    request: {
      organization: api.organization.id,
      subject: { by: 'login', name: 'alice' },
      resource: { kind: 'id', id: (await resource('vpn')).id },
      circumstance: { peer: '10.0.0.7', door: 'radius', secured: true },
    },
  })
  t.same(faults(await acme('POST', '/access/explain', { user: 'alice', resource: 'nope', from: 'here' })), [
    'from: bad-address',
  ])
  t.same(faults(await acme('POST', '/access/explain', { user: 'alice', resource: 'nope' })), [
    'resource: missing',
  ])
})

t.test('import: everything wrong is told, and nothing is written', async (t) => {
  const count = async (path: string) => (await acme('GET', `/${path}?limit=500`)).body.items.length
  const before = [await count('users'), await count('groups'), await count('attributes')]
  const bad = await acme('POST', '/import', {
    organization: { slug: 'other', name: 'x', domain: 'x.example' },
    attributes: [{ name: 'colour', of: 'devices', type: 'string' }],
    users: [
      { username: 'new1', email: 'nope' },
      {
        username: 'NEW1',
        passwordHash: '$argon2id$v=19$m=4194304,t=2,p=1$bXVzdGVyLW5vYm9keQ$VUZGOkJ1bW1lci1mb3ItZXZlcnlib2R5',
      },
      { usrname: 'new3' },
    ],
    devices: [{ name: 'd', os: 'macos', attributes: { color: 'red' } }],
    groups: [{ name: 'g', of: 'users', mode: 'dynamic', rule: 'title eq' }],
    resources: [{ name: 'vpn', kind: 'network' }],
    bindings: [{ group: 'nobody', resource: 'directory' }],
    polices: [],
  })
  t.equal(bad.status, 422)
  t.same(
    faults(bad).sort(),
    [
      'bindings[0].group: missing',
      'devices[0].attributes.color: unknown-attribute',
      'groups[0].rule: syntax',
      'organization.slug: other',
      'polices: unknown-field',
      'resources[0].name: taken',
      'users[0].email: bad-format',
      'users[1].passwordHash: bad-format',
      'users[2].username: required',
      'users[2].usrname: unknown-field',
    ],
    'L27 among them',
  )
  const references = await acme('POST', '/import', {
    users: [{ username: 'alice' }, { username: 'new2', manager: 'ghost' }],
    devices: [{ name: 'd', owner: 'ghost' }],
    groups: [{ name: 'g', of: 'users', members: ['ghost', 'alice'] }],
  })
  t.same(faults(references).sort(), [
    'devices[0].owner: missing',
    'groups[0].members[0]: missing',
    'users[0].username: taken',
    'users[1].manager: missing',
  ])
  t.same(
    [await count('users'), await count('groups'), await count('attributes')],
    before,
    'nothing half-written',
  )
  const loop = await acme('POST', '/import', {
    groups: [
      { name: 'a', of: 'users', mode: 'dynamic', rule: 'memberOf eq "b"' },
      { name: 'b', of: 'users', mode: 'dynamic', rule: 'memberOf eq "a"' },
    ],
  })
  t.same(faults(loop), ['groups: circle'])

  const good = await acme('POST', '/import', {
    attributes: [{ name: 'colour', of: 'devices', type: 'string' }],
    users: [
      { username: 'judy', department: 'Sales', manager: 'carol', totp: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ' },
    ],
    devices: [
      { name: 'mac-judy', os: 'macos', owner: 'judy', attributes: { colour: 'red' } },
      { name: 'mac-carol', os: 'macos', owner: 'carol' },
      { name: 'mac-spare', os: 'macos' },
    ],
    groups: [
      {
        name: 'red-sellers',
        of: 'users',
        mode: 'dynamic',
        rule: 'memberOf eq "mac-sellers" and devices[colour eq "red"]',
      },
      {
        name: 'mac-sellers',
        of: 'users',
        mode: 'dynamic',
        rule: 'memberOf eq "sales" and devices[os eq "macos"]',
      },
      { name: 'club', of: 'users', members: ['judy', 'bob'] },
    ],
    bindings: [{ group: 'club', resource: 'office-wifi' }],
  })
  t.equal(good.status, 200)
  t.match(good.body.counts, { users: 1, devices: 3, groups: 3, manual: 2, bindings: 1 })
  t.same(
    await membersOf('mac-sellers'),
    { judy: ['rule'], carol: ['rule'] },
    'rules see old users with new devices',
  )
  t.same(await membersOf('red-sellers'), { judy: ['rule'] })
  t.same(await membersOf('club'), { judy: ['manual'], bob: ['manual'] })
  t.ok('mac-spare' in (await membersOf('macs')))
  t.equal((await user('judy')).managerId, (await user('carol')).id)
  t.match((await acme('GET', '/audit/verify')).body, { intact: true })
})

t.test('the API document', async (t) => {
  const { body: document } = await acme('GET', '/openapi.json')
  t.match(document, { openapi: /^3\.1/, info: { title: 'Muster' } })
  const created = document.paths['/o/{slug}/api/v1/users'].post.requestBody.content['application/json'].schema
  t.same(created.required, ['username'])
  t.equal(created.additionalProperties, false)
  t.ok(created.properties.password.writeOnly || created.properties.password.anyOf)
  const shown =
    document.paths['/o/{slug}/api/v1/users'].post.responses['201'].content['application/json'].schema
  const made = await acme('POST', '/users', { username: 'kim' })
  t.same(
    Object.keys(shown.properties).sort(),
    Object.keys(made.body).sort(),
    'answers are what the document says',
  )
  const ids = Object.values(
    document.paths as Record<string, Record<string, { operationId: string }>>,
  ).flatMap((methods) =>
    Object.entries(methods).flatMap(([method, { operationId }]) => (method === 'head' ? [] : [operationId])),
  )
  t.equal(new Set(ids).size, ids.length, 'every operation has a name of its own')
})

t.test('health, and what happens when the store does not answer', async (t) => {
  const registry = new Registry()
  let ready = false
  const services = apiServices(store, api.ports, silentLog, () => Promise.reject(new Error('a bug')))
  const away = () => Promise.reject(new Fault('unavailable', 'the database is away'))
  let readinessFails = false
  const health = {
    registry,
    readiness: async () => {
      if (readinessFails) throw new Error('password authentication failed for user "canary" at 10.9.8.7')
      return { ready, parts: { ldap: ready ? 'ok' : 'not listening yet' } }
    },
  }
  const broken = await buildApi(
    { ...services, audit: { ...services.audit, list: away } },
    { version: '0', health },
  )
  t.teardown(() => broken.close())
  t.equal((await broken.inject('/health/live')).statusCode, 200)
  t.equal((await broken.inject('/health/ready')).statusCode, 503)
  ready = true
  t.same((await broken.inject('/health/ready')).json(), { ready: true, parts: { ldap: 'ok' } })
  readinessFails = true
  const failed = await broken.inject('/health/ready')
  t.same([failed.statusCode, failed.json()], [503, { ready: false, parts: { readiness: 'failed' } }])
  const metrics = await broken.inject('/metrics')
  t.equal(metrics.statusCode, 200)
  t.match(metrics.headers['content-type'], /^text\/plain/)
  const call = caller(broken, 'acme', api.token)
  const busy = await call('GET', '/audit')
  t.equal(busy.status, 503)
  t.equal(busy.headers['retry-after'], '1')
  const bug = await call('POST', '/access/explain', { user: 'alice', resource: 'vpn' })
  t.equal(bug.status, 500)
  t.notOk(JSON.stringify(bug.body).includes('a bug'), 'what went wrong is for the log')
})
