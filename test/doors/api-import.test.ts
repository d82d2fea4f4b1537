// Organization files over the API: exemptions, scheduled states, approvals and settings in them, and what is refused.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { importNewOrganization, importOrganization } from '../../src/core/directory/import.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { type Call, caller, changeRecords, faults, finder, sampleApi } from '../support/api.ts'

const { acme, other, ports, app, store } = await sampleApi(t)
const user = async (call: Call, name: string) => (await finder(call)('/users', `username eq "${name}"`)).id
const group = async (call: Call, name: string) => (await finder(call)('/groups', `name eq "${name}"`)).id
const membersOf = async (call: Call, name: string): Promise<unknown[]> =>
  (await call('GET', `/groups/${await group(call, name)}/members`)).body.items
    .map((one: { name: string; reasons: string[] }) => [one.name, one.reasons.join()])
    .sort()
const passed = new Date(Date.now() - 86_400_000).toISOString()
const later = new Date(Date.now() + 86_400_000).toISOString()

t.test('what is said of the file’s own people comes with them', async (t) => {
  const staff = { of: 'users', mode: 'dynamic', rule: 'title eq "Nurse"' }
  const file = {
    users: [
      { username: 'kim', title: 'Nurse' },
      { username: 'lee', title: 'Nurse' },
      { username: 'mia', title: 'Doctor' },
    ],
    devices: [
      { name: 'kims', owner: 'kim', os: 'macos' },
      { name: 'alices', owner: 'alice', os: 'macos' },
    ],
    groups: [
      { name: 'nurses', ...staff, approved: ['lee', 'mia'] },
      { name: 'reviewed', ...staff, mode: 'review', members: ['mia', 'alice'], rejected: ['kim', 'mia'] },
      { name: 'macs', of: 'devices', mode: 'dynamic', rule: 'os eq "macos"' },
    ],
    exemptions: [
      { group: 'Nurses', subject: 'KIM', kind: 'never', reason: 'on leave', expiresAt: later },
      { group: 'macs', subject: 'alices', kind: 'never', reason: 'broken' },
      { group: 'staff', subject: 'mia', kind: 'always', reason: 'ended long ago', expiresAt: passed },
    ],
    stateChanges: [{ user: 'mia', state: 'suspended', at: later, reason: 'the contract ends' }],
  }
  await other('POST', '/groups', { name: 'staff', of: 'users' })
  const { status, body } = await other('POST', '/import', file)
  t.equal(status, 200, JSON.stringify(body))
  t.match(body.counts, { manual: 4, rejected: 2, exemptions: 3, stateChanges: 1 })
  t.strictSame(await membersOf(other, 'nurses'), [
    ['lee', 'rule'],
    ['mia', 'manual'],
  ])
  t.strictSame(await membersOf(other, 'macs'), [['kims', 'rule']])
  t.strictSame(await membersOf(other, 'staff'), [])
  const manual = async (name: string) =>
    (await other('GET', `/groups/${await group(other, name)}/manual-members`)).body.items.map(
      (one: { name: string; approved: boolean }) => [one.name, one.approved],
    )
  t.strictSame(await manual('nurses'), [['mia', true]], 'the rule has taken the other one over')
  t.strictSame((await manual('reviewed')).sort(), [
    ['alice', false],
    ['mia', false],
  ])
  const suggestions = `/groups/${await group(other, 'reviewed')}/suggestions`
  const shown = (items: { name: string; operation: string }[]) =>
    items.map((one) => [one.name, one.operation]).sort()
  const open = (await other('GET', suggestions)).body.items
  t.strictSame(shown(open), [
    ['alice', 'leave'],
    ['lee', 'join'],
  ])
  const rejected = (await other('GET', `${suggestions}?rejected=true`)).body.items
  t.strictSame(shown(rejected), [
    ['kim', 'join'],
    ['mia', 'leave'],
  ])
  t.match((await other('GET', `/state-changes`)).body.items, [
    { username: 'mia', state: 'suspended', at: later },
  ])
  const due = await store.cells.due(new Date(later), 10)
  t.strictSame(
    due.map(({ subject }) => subject.id as string).sort(),
    [await user(other, 'mia'), await user(other, 'kim')].sort(),
    'the clock knows of the state and of the end of the exemption',
  )
  const records = changeRecords(other)
  t.equal((await records('exemption.create')).length, 3)
  t.match(await records('user.schedule'), [{ target: { name: 'mia' }, details: { import: true } }])
})

t.test('a state whose instant has passed is there from the first moment on', async (t) => {
  const file = {
    organization: { slug: 'moved', name: 'Moved', domain: 'moved.example' },
    users: [{ username: 'ann' }, { username: 'ben', state: 'staged' }, { username: 'cat' }],
    groups: [
      { name: 'active', of: 'users', mode: 'dynamic', rule: 'state eq "active"', approved: ['cat', 'ann'] },
    ],
    stateChanges: [
      { user: 'ann', state: 'suspended', at: passed, reason: 'over' },
      { user: 'ann', state: 'active', at: '2020-01-01', reason: 'before that' },
      { user: 'ben', state: 'active', at: passed, reason: 'begins' },
      { user: 'ann', state: 'staged', at: '2040-01-01', reason: 'leaves' },
      { user: 'ann', state: 'active', at: later, reason: 'comes back' },
    ],
    tokens: [{ name: 'admin', role: 'owner' }],
  }
  const made = await importNewOrganization({ kind: 'system', name: 'test' }, file, ports)
  if (!made.ok) throw new Error(JSON.stringify(made.error))
  const moved = caller(app, 'moved', made.value.tokens[0]?.token ?? '')
  const states = (await moved('GET', '/users')).body.items.map((one: { username: string; state: string }) => [
    one.username,
    one.state,
  ])
  t.strictSame(Object.fromEntries(states), { ann: 'suspended', ben: 'active', cat: 'active' })
  t.strictSame(await membersOf(moved, 'active'), [
    ['ann', 'manual'],
    ['ben', 'rule'],
    ['cat', 'rule'],
  ])
  const planned = (await moved('GET', '/state-changes')).body.items
  t.strictSame(planned.map((one: { state: string; at: string }) => [one.state, one.at]).sort(), [
    ['active', later],
    ['staged', '2040-01-01T00:00:00.000Z'],
  ])
  const manual = await moved('GET', `/groups/${await group(moved, 'active')}/manual-members`)
  t.match(manual.body.items, [{ name: 'ann', approved: true }], 'the rule has taken the other one over')
  t.equal(manual.body.items.length, 1)
  const due = await store.cells.due(new Date(later), 10)
  const mine = due.filter((one) => one.organization === made.value.organization.id)
  t.strictSame(
    mine.map(({ subject }) => subject.id),
    [await user(moved, 'ann')],
  )
  const applied = await changeRecords(moved)('user.state')
  t.strictSame(applied.map(({ target, details }) => [target.name, details.state.to, details.reason]).sort(), [
    ['ann', 'suspended', 'over'],
    ['ben', 'active', 'begins'],
  ])
})

t.test('every fault is told with its place, and nothing is written', async (t) => {
  const states = Array.from({ length: 21 }, (_, day) => ({
    ...{ user: 'zoe', state: 'staged', at: `2040-01-${String(day + 1).padStart(2, '0')}`, reason: 'x' },
  }))
  const exemption = { group: 'one', subject: 'zoe', kind: 'never', reason: 'x' }
  const answer = await acme('POST', '/import', {
    users: [{ username: 'zoe' }],
    groups: [{ name: 'one', of: 'users', members: ['zoe'], approved: ['ZOE'] }],
    exemptions: [
      exemption,
      { ...exemption, subject: 'Zoe', kind: 'always' },
      { ...exemption, subject: 'alice' },
      { ...exemption, group: 'two' },
      { ...exemption, group: 'macs' },
    ],
    stateChanges: [...states, { ...states[0], at: '2040-01-01T00:00:00Z' }, { ...states[0], user: 'alice' }],
  })
  t.equal(answer.status, 422)
  t.strictSame(faults(answer).sort(), [
    'exemptions[1]: twice',
    'exemptions[2].subject: missing',
    'exemptions[3].group: missing',
    'exemptions[4].subject: missing',
    'groups[0].approved[0]: twice',
    'stateChanges[20].user: too-many',
    'stateChanges[21].at: twice',
    'stateChanges[22].user: missing',
  ])
  const wrong = await acme('POST', '/import', {
    groups: [{ name: 'one', of: 'users', rejected: ['alice'] }],
    exemptions: [{ group: 'sales', subject: 'alice', kind: 'maybe', reason: 'x' }],
    stateChanges: [{ user: 'alice', state: 'gone', at: 'soon', reason: 'x', createdAt: later }],
  })
  t.ok(faults(wrong).includes('groups[0].rejected: wrong-mode'))
  t.equal(await finder(acme)('/users', 'username eq "zoe"'), undefined)
})

t.test('settings in a file are a merge patch, and open nothing unasked', async (t) => {
  const organization = { slug: 'acme', name: 'Acme', domain: 'acme.example' }
  const before = (await acme('GET', '/organization')).body
  const attributes = [{ name: 'team', of: 'users', type: 'string', selfEditable: true }]
  t.equal((await acme('POST', '/import', { organization, attributes })).status, 200)
  t.strictSame((await acme('GET', '/organization')).body, before, 'without settings nothing changes')
  const settings = { hold: { percent: 20 }, reviewers: ['r@acme.example'] }
  t.equal((await acme('POST', '/import', { organization: { ...organization, settings } })).status, 200)
  const { body } = await acme('GET', '/organization')
  t.strictSame(body.settings, {
    ...before.settings,
    hold: { ...before.settings.hold, percent: 20 },
    reviewers: ['r@acme.example'],
  })
  t.equal((await acme('POST', '/import', { organization: { ...organization, settings } })).status, 200)
  t.equal((await acme('GET', '/organization')).body.version, body.version, 'the same again is no change')

  const opens = { organization: { ...organization, settings: { selfEditable: ['department'] } } }
  const held = await acme('POST', '/import', opens)
  t.match(held, { status: 409, body: { errors: [{ code: 'confirm', message: /"department"/ }] } })
  t.equal((await acme('GET', '/organization')).body.version, body.version)
  const group = { name: 'teams', of: 'users', mode: 'dynamic', rule: 'team eq "blue"' }
  const bound = { groups: [group], bindings: [{ group: 'teams', resource: 'wiki' }] }
  t.match(await acme('POST', '/import', bound), { status: 409, body: { errors: [{ message: /"team"/ }] } })
  t.equal((await acme('POST', '/import?confirm=true', { ...opens, ...bound })).status, 200)
  t.strictSame((await acme('GET', '/organization')).body.settings.selfEditable, ['department'])
  const bad = await acme('POST', '/import', { organization: { ...organization, settings: { hold: 1 } } })
  t.strictSame(faults(bad), ['organization.settings.hold: wrong-type'])
})

t.test('manual members, page by page', async (t) => {
  const path = `/groups/${await group(acme, 'it-admins')}/manual-members`
  await acme('PUT', `/groups/${await group(acme, 'it-admins')}/members/${await user(acme, 'grace')}`)
  const { items } = (await acme('GET', path)).body
  t.equal(items.length, 2)
  const first = (await acme('GET', `${path}?limit=1`)).body
  t.strictSame(first, { items: [items[0]], next: items[0].subjectId })
  t.strictSame((await acme('GET', `${path}?limit=1&after=${first.next}`)).body, {
    items: [items[1]],
    next: null,
  })
  t.equal((await other('GET', path)).status, 404)
})

t.test('somebody who comes while passwords are hashed is in the new groups, too', async (t) => {
  const by = { kind: 'system', name: 'test' } as const
  const empty = {
    organization: { slug: 'empty', name: 'Empty', domain: 'empty.example' },
    tokens: [{ name: 'admin', role: 'owner' }],
  }
  const made = await importNewOrganization(by, empty, ports)
  if (!made.ok) throw new Error(JSON.stringify(made.error))
  const { organization } = made.value
  const call = caller(app, 'empty', made.value.tokens[0]?.token ?? '')
  const file = {
    users: [{ username: 'nina', department: 'Sales', password: 'muster-somebody' }],
    groups: [
      { name: 'sales', of: 'users', mode: 'dynamic', rule: 'department eq "Sales"', factors: ['totp'] },
      { name: 'laptops', of: 'devices', mode: 'review', rule: 'os eq "macos"' },
      { name: 'by hand', of: 'users', members: ['nina'] },
    ],
  }
  const done = await importOrganization({
    ...ports,
    async hashPassword(password) {
      t.equal((await call('POST', '/users', { username: 'otto', department: 'Sales' })).status, 201)
      t.equal((await call('POST', '/devices', { name: 'spare', os: 'macos' })).status, 201)
      return ports.hashPassword(password)
    },
  })({ organization, actor: by, role: 'owner' }, file)
  t.match(done, { ok: true, value: { counts: { groups: 3 } } })
  t.strictSame(await membersOf(call, 'sales'), [
    ['nina', 'rule'],
    ['otto', 'rule'],
  ])
  t.strictSame(await membersOf(call, 'by hand'), [['nina', 'manual']])
  const suggestions = await call('GET', `/groups/${await group(call, 'laptops')}/suggestions`)
  t.match(suggestions.body.items, [{ name: 'spare', operation: 'join' }])
  const { groups } = await store.rules.read(organization.id)
  t.same(new Set(groups.map(({ status }) => status)), new Set(['active']))
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  t.equal(await engine.reconcile(organization.id), 0, 'everything is what the rules say')
})
