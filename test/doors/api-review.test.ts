// Review groups by the API, over the embedded store: what a rule suggests, who approves or rejects it, what a change of
// mode keeps, and members by hand.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { reviewedSuggestions } from '../../src/core/directory/suggestions.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { changeRecords, faults, sampleApi } from '../support/api.ts'
import { auditOf } from '../support/store.ts'

const { acme, other, organization, store } = await sampleApi(t)

const randomId = '00000000-0000-4000-8000-000000000000'
const addUser = async (username: string, department: string) =>
  (await acme('POST', '/users', { username, department })).body
const addGroup = async (name: string, mode: string, rule: string, of = 'users') => {
  const made = await acme('POST', '/groups', { name, of, mode, rule })
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  return made.body
}
const membersOf = async (id: string): Promise<Record<string, string>> => {
  const { items } = (await acme('GET', `/groups/${id}/members`)).body
  return Object.fromEntries(
    items.map((one: { name: string; reasons: string[] }) => [one.name, one.reasons.join()]),
  )
}
const suggested = async (id: string, query = '') => {
  const { body } = await acme('GET', `/groups/${id}/suggestions${query}`)
  return Object.fromEntries(
    body.items.map((one: { name: string; operation: string }) => [one.name, one.operation]),
  )
}
const idsOf = async (id: string): Promise<Record<string, string>> =>
  Object.fromEntries(
    (await acme('GET', `/groups/${id}/suggestions`)).body.items.map((one: { name: string; id: string }) => [
      one.name,
      one.id,
    ]),
  )
const records = changeRecords(acme)

t.test('suggestions are approved and rejected', async (t) => {
  const [ann, ben, cid] = [
    await addUser('ann', 'Ops'),
    await addUser('ben', 'Ops'),
    await addUser('cid', 'Ops'),
  ]
  const group = await addGroup('ops', 'review', 'department eq "Ops"')
  t.same(await membersOf(group.id), {}, 'a rule that only suggests lets nobody in')
  const listed = (await acme('GET', `/groups/${group.id}/suggestions?limit=2`)).body
  t.same(listed.counts, { joins: 3, leaves: 0 })
  t.match(listed.items[0], { groupId: group.id, operation: 'join', rejectedAt: null, since: /Z$/ })
  const rest = (await acme('GET', `/groups/${group.id}/suggestions?limit=2&after=${listed.next}`)).body
  t.same([listed.items.length, rest.items.length, rest.next], [2, 1, null])
  t.same(await suggested(group.id, `?subjectId=${ben.id}`), { ben: 'join' })

  const ids = await idsOf(group.id)
  const approved = await acme('POST', '/suggestions/approve', {
    ids: [ids.ann, randomId],
    reason: 'asked for',
  })
  t.same([approved.status, approved.body], [200, { approved: 1, withdrawn: 1, more: false }])
  t.same(await membersOf(group.id), { ann: 'manual' })
  const cell = await store.cells.read(organization.id, { kind: 'user', id: ann.id })
  t.match(cell?.inputs, [{ kind: 'manual', groupId: group.id, approved: true }])
  t.match(await records('suggestion.approve'), [
    {
      actor: { kind: 'token' },
      target: { kind: 'group', id: group.id, name: 'ops' },
      details: { operation: 'join', member: { kind: 'user', id: ann.id, name: 'ann' }, reason: 'asked for' },
    },
  ])
  t.match(
    (await records('membership.change')).find((one: { target: { id: string } }) => one.target.id === ann.id),
    {
      details: { cause: 'suggestion.approve', joined: [group.id] },
    },
  )
  t.same((await acme('POST', '/suggestions/approve', { ids: [ids.ann] })).body.withdrawn, 1, 'once only')

  const rejected = await acme('POST', '/suggestions/reject', { ids: [ids.ben] })
  t.same(rejected.body, { rejected: 1, withdrawn: 0, more: false })
  t.same(await suggested(group.id), { cid: 'join' })
  t.same(await suggested(group.id, '?rejected=true'), { ben: 'join' })
  t.match(await records('suggestion.reject'), [{ details: { member: { id: ben.id } } }])
  await acme('PATCH', `/users/${ben.id}`, { title: 'Operator' })
  t.same(await suggested(group.id), { cid: 'join' }, 'stays rejected while the facts are the same')
  await acme('PATCH', `/users/${ben.id}`, { department: 'Sales' })
  t.same(await suggested(group.id, '?rejected=true'), {}, 'and is gone with them')
  await acme('PATCH', `/users/${ben.id}`, { department: 'Ops' })
  t.same(await suggested(group.id), { ben: 'join', cid: 'join' })

  await acme('PATCH', `/users/${cid.id}`, { department: 'Sales' })
  const late = await acme('POST', '/suggestions/approve', { ids: [ids.cid] })
  t.same(late.body, { approved: 0, withdrawn: 1, more: false }, 'what is no longer so is not approved')
  const all = await acme('POST', '/suggestions/approve', { groupId: group.id })
  t.same(all.body, { approved: 1, withdrawn: 0, more: false })
  t.same(await membersOf(group.id), { ann: 'manual', ben: 'manual' })

  await acme('PATCH', `/users/${ann.id}`, { department: 'Sales' })
  t.same(await suggested(group.id), { ann: 'leave' })
  t.same(Object.keys(await membersOf(group.id)).sort(), ['ann', 'ben'], 'who is to leave stays until then')
  await acme('POST', '/suggestions/approve', { groupId: group.id })
  t.same(await membersOf(group.id), { ben: 'manual' })
})

t.test('devices are suggested, too', async (t) => {
  const group = await addGroup('macs on probation', 'review', 'os eq "macos"', 'devices')
  const [name = ''] = Object.keys(await suggested(group.id))
  const ids = await idsOf(group.id)
  t.same((await acme('POST', '/suggestions/approve', { ids: [ids[name]] })).body.approved, 1)
  t.same(await membersOf(group.id), { [name]: 'manual' })
})

t.test('what cannot be asked', async (t) => {
  const post = (body: unknown) => acme('POST', '/suggestions/approve', body)
  t.same(faults(await post({})), [': one-of'])
  t.same(faults(await post({ ids: [randomId], groupId: randomId })), [': one-of'])
  t.same(faults(await post({ ids: [] })), ['ids: empty'])
  t.same(faults(await post({ ids: Array.from({ length: 1_001 }, () => randomId) })), ['ids: too-many'])
  t.same((await post({ groupId: randomId })).status, 404)
  t.same((await acme('GET', `/groups/${randomId}/suggestions`)).status, 404)
  const group = await addGroup('theirs', 'review', 'username eq "alice"')
  const [id] = Object.values(await idsOf(group.id))
  t.same((await acme('GET', `/groups/${group.id}/suggestions?rejected=yes`)).status, 400)
  t.same((await other('GET', `/groups/${group.id}/suggestions`)).status, 404)
  t.same((await other('POST', '/suggestions/approve', { ids: [id] })).body.withdrawn, 1)
  t.same((await other('POST', '/suggestions/approve', { groupId: group.id })).status, 404)
  t.same(await membersOf(group.id), {})
})

t.test('a change of mode keeps the members', async (t) => {
  const [dan, eve] = [await addUser('dan', 'Legal'), await addUser('eve', 'Legal')]
  const group = await addGroup('lawyers', 'dynamic', 'department eq "Legal"')
  const mode = (body: object) => acme('PATCH', `/groups/${group.id}`, body)
  t.same(await membersOf(group.id), { dan: 'rule', eve: 'rule' })
  await mode({ mode: 'review' })
  t.same(await membersOf(group.id), { dan: 'manual', eve: 'manual' })
  t.same(await suggested(group.id), {})
  await acme('PATCH', `/users/${eve.id}`, { department: 'Sales' })
  t.same(await suggested(group.id), { eve: 'leave' })
  await mode({ mode: 'dynamic' })
  t.same(await membersOf(group.id), { dan: 'rule', eve: 'manual' }, 'the rule takes over whom it matches')
  t.same(await suggested(group.id), {}, 'there is nothing left to approve')
  await acme('PATCH', `/users/${dan.id}`, { department: 'Sales' })
  t.same(await membersOf(group.id), { eve: 'manual' })
  await acme('PATCH', `/users/${dan.id}`, { department: 'Legal' })
  t.same((await mode({ mode: 'static', rule: null })).status, 200)
  t.same(await membersOf(group.id), { dan: 'manual', eve: 'manual' })
  await acme('PATCH', `/users/${dan.id}`, { department: 'Sales' })
  t.same(await membersOf(group.id), { dan: 'manual', eve: 'manual' })
})

t.test('a change of mode keeps devices, and whoever has read a cell before', async (t) => {
  const group = await addGroup('all macs', 'dynamic', 'os eq "macos"', 'devices')
  const before = await membersOf(group.id)
  t.not(Object.keys(before).length, 0)
  const old = (await store.cells.scan(organization.id, null, 500)).filter(({ memberships }) =>
    memberships.some(({ groupId }) => groupId === group.id),
  )
  const row = await store.groups.find(organization.id, group.id)
  if (row === null) throw new Error('no group')
  const audit = {
    kind: 'change',
    at: new Date().toISOString(),
    actor: { kind: 'system', name: 'test' },
  } as const
  const target = { kind: 'group', id: group.id, name: group.name }
  const next = { ...row, mode: 'static', rule: null, status: 'activating' } as const
  await store.groups.update(organization.id, next, { ...audit, action: 'group.update', target, details: {} })
  for (const { epoch, subject, version, memberships } of old) {
    const leave = {
      ...{ epoch, cells: [{ subject, version }], devices: [], dues: [], audit: [], at: new Date() },
      memberships: { put: [], remove: memberships.filter(({ groupId }) => groupId === group.id) },
    }
    const outcome = await store.cells.write(organization.id, leave)
    t.equal(outcome.outcome, 'conflict', 'a write on what was read before misses')
  }
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  await engine.activateGroup(organization.id, group.id)
  t.same(await membersOf(group.id), Object.fromEntries(Object.keys(before).map((name) => [name, 'manual'])))
})

t.test('members of a dynamic group by hand, and who cannot be removed by hand', async (t) => {
  const group = await addGroup('sellers', 'dynamic', 'department eq "Sellers"')
  const [fay, gus] = [await addUser('fay', 'Sellers'), await addUser('gus', 'Kitchen')]
  t.same((await acme('PUT', `/groups/${group.id}/members/${gus.id}`)).status, 204)
  t.same(await membersOf(group.id), { fay: 'rule', gus: 'manual' })
  const refused = await acme('DELETE', `/groups/${group.id}/members/${fay.id}`)
  t.same(refused.status, 409)
  t.match(refused.body.detail, /exemption of kind "never".*or change the rule/)
  t.same((await acme('DELETE', `/groups/${group.id}/members/${gus.id}`)).status, 204)
  t.same(await membersOf(group.id), { fay: 'rule' })
})

t.test('facts that change while a suggestion is being approved', async (t) => {
  const hal = await addUser('hal', 'Lab')
  const group = await addGroup('lab', 'review', 'department eq "Lab"')
  const ids = Object.values(await idsOf(group.id))
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  const late = reviewedSuggestions({
    ...{ ...store, engine, clock: systemClock },
    suggestions: {
      ...store.suggestions,
      async find(of, wanted) {
        const found = await store.suggestions.find(of, wanted)
        await acme('PATCH', `/users/${hal.id}`, { department: 'Sales' })
        return found
      },
    },
  })
  const by = { organization, actor: { kind: 'system', name: 'test' }, role: 'owner' } as const
  t.match(await late.answer(by, 'approve', { ids }), { ok: true, value: { done: 0, withdrawn: 1 } })
  t.same(await membersOf(group.id), {})
})

t.test('what time has turned is no longer approved, and not rejected either', async (t) => {
  const declared = await acme('POST', '/attributes', { name: 'until', of: 'users', type: 'date' })
  t.equal(declared.status, 201)
  const until = new Date(Date.now() + 3_600_000).toISOString()
  const made = await acme('POST', '/users', { username: 'ida', department: 'Guests', attributes: { until } })
  const timed = await addGroup('guests of today', 'review', 'attributes.until gt now')
  const lasting = await addGroup('guests', 'review', 'department eq "Guests"')
  const ids = await Promise.all([timed, lasting].map(async ({ id }) => Object.values(await idsOf(id))))
  // Two hours later, before the clock has had its turn.
  const clock = { ...systemClock, now: () => new Date(Date.now() + 7_200_000) }
  const engine = new MembershipEngine({ ...store, clock, log: silentLog })
  const late = reviewedSuggestions({ ...store, engine, clock })
  const by = { organization, actor: { kind: 'system', name: 'test' }, role: 'owner' } as const
  const rejected = await late.answer(by, 'reject', { ids: ids[0] })
  t.match(rejected, { ok: true, value: { done: 0, withdrawn: 1 } })
  const approved = await late.answer(by, 'approve', { ids: ids.flat(), reason: 'for today' })
  t.match(approved, { ok: true, value: { done: 1, withdrawn: 1 } }, 'the other one still holds')
  t.same(await membersOf(timed.id), {})
  t.same(await membersOf(lasting.id), { ida: 'manual' })
  t.same(await suggested(timed.id), {}, 'and what was written has put it right')
  const told = (await records('suggestion.approve')).filter(
    (one: { details: { member: { id: string } } }) => one.details.member.id === made.body.id,
  )
  t.match(told, [{ target: { name: 'guests' } }])
  t.equal(told.length, 1)
})

t.test('a rule that is still being carried through decides about what is approved', async (t) => {
  const jan = await addUser('jan', 'Harbour')
  const group = await addGroup('harbour', 'review', 'department eq "Harbour"')
  const by = { organization, actor: { kind: 'system', name: 'test' }, role: 'owner' } as const
  const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
  const reviewed = reviewedSuggestions({ ...store, engine, clock: systemClock })
  const become = async (rule: string) => {
    const row = await store.groups.find(organization.id, group.id)
    if (row === null) throw new Error('there is no such group')
    const next = { ...row, rule, status: 'activating' } as const
    const { outcome } = await store.groups.update(organization.id, next, auditOf('group.update'))
    if (outcome !== 'written') throw new Error(outcome)
  }
  const ids = Object.values(await idsOf(group.id))
  await become('department eq "Legal"')
  t.same(await suggested(group.id), { jan: 'join' }, 'as the rule before it said')
  t.match(await reviewed.answer(by, 'approve', { ids }), { ok: true, value: { done: 0, withdrawn: 1 } })
  t.same(await membersOf(group.id), {})
  await become('department eq "Harbour" or title eq "Sailor"')
  t.match(await reviewed.answer(by, 'approve', { ids }), { ok: true, value: { done: 1, withdrawn: 0 } })
  t.same(await membersOf(group.id), { jan: 'manual' })
  await engine.activateGroup(organization.id, group.id)
  const cell = await store.cells.read(organization.id, { kind: 'user', id: jan.id })
  t.same(cell?.suggestions, [])
})
