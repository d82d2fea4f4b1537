// Questions about memberships over the API: why and why not, through what, since when, and what looks wrong.
import t from 'tap'
import { finder, sampleApi } from '../support/api.ts'

const randomId = '00000000-0000-4000-8000-000000000000'
const { acme, other, store } = await sampleApi(t)

const find = finder(acme)
const idOf = async (path: string, field: string, name: string): Promise<string> =>
  (await find(path, `${field} eq "${name}"`)).id
const user = (name: string) => idOf('/users', 'username', name)
const device = (name: string) => idOf('/devices', 'name', name)
const group = (name: string) => idOf('/groups', 'name', name)
const explain = async (groupName: string, subject: string) =>
  (await acme('GET', `/groups/${await group(groupName)}/members/${subject}/explanation`)).body
// biome-ignore lint/suspicious/noExplicitAny: an answer
const told = ({ because }: any) =>
  because.map((one: { kind: string; message: string; clauses?: { message: string }[] }) => [
    one.kind,
    one.message,
    ...(one.clauses ?? []).map(({ message }) => message),
  ])

t.test('why somebody is in a group', async (t) => {
  const alice = await user('alice')
  const answer = await explain('mac-engineers', alice)
  t.match(answer, { member: true, subject: { kind: 'user', name: 'alice' }, group: { mode: 'dynamic' } })
  t.strictSame(told(answer), [
    [
      'rule',
      'the rule holds',
      '`memberOf eq "engineering"` holds: is in "engineering"',
      '`devices[os eq "macos" and diskEncrypted eq true]` holds: for mac-alice',
    ],
  ])
  const [first, second] = answer.because[0].clauses
  t.match(first, { of: 'memberOf', values: ['engineering'], holds: true })
  t.equal(answer.group.rule.slice(first.at.start, first.at.end), first.text)
  t.match(second, { of: 'devices', values: ['mac-alice'] })
  t.match(await explain('trusted-macs', await device('mac-alice')), {
    member: true,
    subject: { kind: 'device' },
  })
  t.strictSame(told(await explain('it-admins', await user('erin'))), [
    ['manual', 'somebody added it by hand'],
  ])
})

t.test('and why not', async (t) => {
  const [carol, alice, bob] = await Promise.all([user('carol'), user('alice'), user('bob')])
  const answer = await explain('engineering', carol)
  t.equal(answer.member, false)
  t.strictSame(told(answer), [
    ['rule', 'the rule does not hold', '`department eq "Engineering"` does not hold: department is "Sales"'],
  ])
  t.strictSame(told(await explain('it-admins', carol)), [
    ['nobody-added', 'nobody has added it to this group'],
  ])
  const review = await explain('leads', alice)
  t.match(review, { member: false, suggests: 'join' })
  t.same(
    review.because.map((one: { kind: string }) => one.kind),
    ['rule', 'nobody-added'],
  )
  const expiresAt = new Date(Date.now() + 86_400_000).toISOString()
  const exemption = { groupId: await group('engineering'), subjectId: bob, kind: 'never', reason: 'on leave' }
  t.equal((await acme('POST', '/exemptions', { ...exemption, expiresAt })).status, 201)
  const kept = await explain('engineering', bob)
  t.match(kept, {
    member: false,
    because: [{ kind: 'exemption', exemption: { reason: 'on leave', expiresAt } }],
  })
  t.strictSame(told(kept), [['exemption', `an exemption keeps it out until ${expiresAt}: on leave`]])
  const always = { groupId: await group('sales'), subjectId: bob, kind: 'always', reason: 'helps out' }
  t.equal((await acme('POST', '/exemptions', always)).status, 201)
  t.strictSame(told(await explain('sales', bob)), [
    ['exemption', 'an exemption makes it a member: helps out'],
  ])

  const path = `/groups/${await group('engineering')}/members`
  for (const wrong of [randomId, 'nonsense', await device('mac-alice')])
    t.equal((await acme('GET', `${path}/${wrong}/explanation`)).status, 404)
  t.equal((await other('GET', `${path}/${alice}/explanation`)).status, 404, 'not of another organization')
})

t.test('explanations agree with the members there are', async (t) => {
  const { items } = (await acme('GET', '/groups')).body
  const users = (await acme('GET', '/users')).body.items
  let members = 0
  for (const { id, of } of items) {
    if (of !== 'users') continue
    const listed = (await acme('GET', `/groups/${id}/members`)).body.items
    const known = new Set(listed.map((one: { subjectId: string }) => one.subjectId))
    for (const one of users) {
      const { member, because } = (await acme('GET', `/groups/${id}/members/${one.id}/explanation`)).body
      t.equal(member, known.has(one.id))
      t.ok(because.length > 0, 'there always is a reason')
      if (member) members++
    }
  }
  t.ok(members > 5)
})

t.test('what a user gets, and through what', async (t) => {
  const alice = await user('alice')
  const { status, body } = await acme('GET', `/users/${alice}/access`)
  t.equal(status, 200)
  t.match(body, { user: { username: 'alice', state: 'active' }, note: null, more: false })
  const bindings = (await acme('GET', '/bindings')).body.items
  const memberOf: string[] = []
  for (const { id } of (await acme('GET', '/groups')).body.items)
    if (
      (await acme('GET', `/groups/${id}/members`)).body.items.some(
        (m: { subjectId: string }) => m.subjectId === alice,
      )
    )
      memberOf.push(id)
  const expected = bindings.filter((b: { groupId: string }) => memberOf.includes(b.groupId))
  t.ok(expected.length > 0)
  t.same(
    body.chains.map((chain: { binding: { id: string } }) => chain.binding.id).sort(),
    expected.map((b: { id: string }) => b.id).sort(),
  )
  const wifi = body.chains.find(
    (chain: { resource: { name: string } }) => chain.resource.name === 'office-wifi',
  )
  t.match(wifi, { reasons: ['rule'], resource: { kind: 'network', enabled: true } })
  t.same(wifi.binding.attributes, bindings.find((b: { id: string }) => b.id === wifi.binding.id).attributes)
  t.match((await acme('GET', `/users/${await user('heidi')}/access`)).body.note, /is suspended: no door/)
  t.equal((await acme('GET', `/users/${randomId}/access`)).status, 404)
  t.equal((await other('GET', `/users/${alice}/access`)).status, 404)
})

t.test('who joined and left, when, and why', async (t) => {
  const [carol, sales, engineering] = await Promise.all([user('carol'), group('sales'), group('engineering')])
  const changed = await acme('PATCH', `/users/${carol}`, { department: 'Engineering' })
  t.equal(changed.status, 200)
  const { body } = await acme('GET', `/users/${carol}/history`)
  t.match(body.items[0], {
    subject: { kind: 'user', name: 'carol' },
    joined: [{ id: engineering, name: 'engineering' }],
    left: [{ id: sales, name: 'sales' }],
    cause: 'user.update',
    actor: { kind: 'token' },
  })
  const ofGroup = (await acme('GET', `/groups/${sales}/history`)).body
  t.match(ofGroup.items[0], { subject: { name: 'carol' }, joined: [], left: [{ name: 'sales' }] })
  t.ok(
    ofGroup.items.every(
      (one: { joined: object[]; left: object[] }) => one.joined.length + one.left.length === 1,
    ),
  )
  const first = (await acme('GET', `/groups/${sales}/history?limit=1`)).body
  t.equal(first.next, first.items[0].sequence)
  const second = (await acme('GET', `/groups/${sales}/history?limit=1&after=${first.next}`)).body
  t.strictSame(second.items[0], ofGroup.items[1])
  t.equal((await acme('GET', `/groups/${sales}/history?after=x`)).status, 400)
  t.equal((await acme('GET', `/groups/${randomId}/history`)).status, 404)
  t.equal((await other('GET', `/groups/${sales}/history`)).status, 404)
  t.equal((await other('GET', `/users/${carol}/history`)).status, 404)
  const brief = (await acme('POST', '/users', { username: 'brief', department: 'Sales' })).body.id
  await acme('DELETE', `/users/${brief}`)
  const gone = (await acme('GET', `/users/${brief}/history`)).body.items
  t.match(gone.at(-1), { cause: 'user.create', subject: { name: 'brief' } }, 'also of those who are gone')
})

t.test('the groups that a device joined and left', async (t) => {
  const [mac, macs, windows] = await Promise.all([device('mac-dave'), group('macs'), group('windows')])
  await acme('PATCH', `/devices/${mac}`, { os: 'windows' })
  const path = `/devices/${mac}/history`
  const { items } = (await acme('GET', path)).body
  t.match(items[0], {
    subject: { kind: 'device', id: mac, name: 'mac-dave' },
    joined: [{ id: windows, name: 'windows' }],
    left: [{ id: macs, name: 'macs' }],
    cause: 'device.update',
    actor: { kind: 'token' },
  })
  t.match(items.at(-1), { cause: 'organization.import', left: [] })
  const first = (await acme('GET', `${path}?limit=1`)).body
  t.equal(first.next, items[0].sequence)
  t.strictSame((await acme('GET', `${path}?limit=1&after=${first.next}`)).body.items[0], items[1])
  t.equal((await acme('GET', `${path}?after=x`)).status, 400)
  for (const wrong of [randomId, 'nonsense', await user('alice')])
    t.equal((await acme('GET', `/devices/${wrong}/history`)).status, 404)
  t.equal((await acme('GET', `/users/${mac}/history`)).status, 404, 'a device is no user')
  t.equal((await other('GET', path)).status, 404)
  await acme('DELETE', `/devices/${mac}`)
  const left = (await acme('GET', path)).body.items
  t.match(
    left[0],
    { subject: { name: 'mac-dave' }, joined: [], cause: 'device.remove' },
    'also when it is gone',
  )
  t.strictSame(left.slice(1), items)
})

t.test('what looks wrong', async (t) => {
  const loner = await acme('POST', '/users', { username: 'loner', state: 'staged' })
  const empty = await acme('POST', '/groups', { name: 'nobody-yet', of: 'users' })
  const resourceId = await idOf('/resources', 'name', 'office-wifi')
  for (const groupId of [empty.body.id, await group('it-admins')])
    await acme('POST', '/bindings', { groupId, resourceId })
  const { status, body } = await acme('GET', '/findings')
  t.equal(status, 200)
  const found = (code: string) => body.items.find((one: { code: string }) => one.code === code)
  const names = (code: string, of: 'group' | 'subject') =>
    found(code)?.items.map((one: Record<string, { name: string }>) => one[of]?.name) ?? []
  t.ok(names('empty-group', 'group').includes('nobody-yet'))
  t.notOk(names('empty-group', 'group').includes('everyone'))
  t.ok(names('user-without-group', 'subject').includes('loner'))
  t.notOk(names('user-without-group', 'subject').includes('alice'))
  t.equal(found('user-without-group').count, found('user-without-group').items.length)
  t.ok(names('manual-access', 'subject').includes('erin'))
  t.notOk(names('manual-access', 'subject').includes('alice'))
  t.equal(found('old-exemption'), undefined, 'those made above are new')
  t.notMatch(JSON.stringify((await other('GET', '/findings')).body), loner.body.id)

  const later = new Date(Date.now() + 86_400_000)
  const organization = (await store.organizations.findBySlug('acme'))?.id
  if (organization === undefined) throw new Error('no organization')
  const old = (await store.insight.findings(organization, later, 1)).find(
    ({ code }) => code === 'old-exemption',
  )
  t.match(old, { count: 2, items: [{ subject: { kind: 'user', name: 'bob' } }] })
  t.equal(old?.items.length, 1, 'no more than are to be shown')
})

t.test('static groups that most of those like a user are in', async (t) => {
  const make = async (name: string, values: object) =>
    (await acme('POST', '/users', { username: name, ...values })).body.id as string
  const peers = await Promise.all(
    [1, 2, 3, 4, 5].map((n) => make(`ops-${n}`, { department: 'Ops', title: 'X' })),
  )
  const fresh = await make('ops-new', { department: 'ops', title: 'Y' })
  const pagers = (await acme('POST', '/groups', { name: 'pagers', of: 'users' })).body.id
  const few = (await acme('POST', '/groups', { name: 'few', of: 'users' })).body.id
  for (const peer of peers.slice(0, 4)) await acme('PUT', `/groups/${pagers}/members/${peer}`)
  for (const peer of peers.slice(0, 3)) await acme('PUT', `/groups/${few}/members/${peer}`)
  const path = `/users/${fresh}/group-suggestions`
  t.strictSame((await acme('GET', path)).body.items, [
    {
      group: { id: pagers, name: 'pagers' },
      ...{ attribute: 'department', value: 'ops', people: 5, members: 4 },
      message: '4 of 5 people with department "ops" are in it',
    },
  ])
  t.equal((await acme('POST', `${path}/accept`, { groupIds: ['x'] })).status, 422)
  t.equal((await acme('POST', `${path}/accept`, { groupIds: [randomId] })).status, 422)
  const unasked = await acme('POST', `${path}/accept`, { groupIds: [pagers, few] })
  t.match(unasked, { status: 422, body: { errors: [{ field: 'groupIds[1]', code: 'not-suggested' }] } })
  t.equal((await acme('GET', `/groups/${pagers}/members`)).body.items.length, 4, 'nobody was added')
  t.equal((await other('POST', `${path}/accept`, { groupIds: [pagers] })).status, 404)
  t.equal((await acme('POST', `${path}/accept`, { groupIds: [pagers] })).status, 204)
  t.same((await acme('GET', path)).body.items, [], 'it is in it now')
  t.match(await explain('pagers', fresh), { member: true, because: [{ kind: 'manual' }] })
})

t.test('groups are suggested to those whom an import brings', async (t) => {
  const peers = [1, 2, 3].map((n) => ({ username: `import-${n}`, costCenter: '4711' }))
  const members = peers.map(({ username }) => username)
  const file = {
    users: [...peers, { username: 'import-new', costCenter: '4711' }],
    groups: [{ name: 'imported-static', of: 'users', members }],
  }
  t.equal((await acme('POST', '/import', file)).status, 200)
  const suggestedTo = async (name: string) =>
    (await acme('GET', `/users/${await user(name)}/group-suggestions`)).body.items.map(
      (one: { group: { name: string }; message: string }) => [one.group.name, one.message],
    )
  const expected = [['imported-static', '3 of 3 people with costCenter "4711" are in it']]
  t.strictSame(await suggestedTo('import-new'), expected)
  const later = { users: [{ username: 'import-later', costCenter: '4711' }] }
  t.equal((await acme('POST', '/import', later)).status, 200)
  t.strictSame(await suggestedTo('import-later'), [], '3 of 4 are too few')
  await acme('PUT', `/groups/${await group('imported-static')}/members/${await user('import-new')}`)
  t.strictSame(await suggestedTo('import-later'), [
    ['imported-static', '4 of 4 people with costCenter "4711" are in it'],
  ])
})
