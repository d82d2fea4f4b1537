// What the API tells of memberships, over the embedded store: counts of bulk answers, who was suggested, what a removed
// group and removed users and devices leave in histories, and what is refused.
import t from 'tap'
import { changeRecords, faults, sampleApi } from '../support/api.ts'

const { acme } = await sampleApi(t)

const make = async (path: string, body: object) => {
  const made = await acme('POST', path, body)
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  return made.body
}
const addUser = (username: string, more: object = {}) => make('/users', { username, ...more })
const addGroup = (name: string, more: object = {}) => make('/groups', { name, of: 'users', ...more })
const records = changeRecords(acme)
const history = async (path: string) => (await acme('GET', `${path}/history`)).body.items

t.test('bulk answers count everybody', async (t) => {
  for (let n = 0; n < 20; n++) await addUser(`bulk-${n}`, { department: 'Bulk' })
  const group = await addGroup('bulk', { mode: 'review', rule: 'department eq "Bulk"' })
  const rejected = await acme('POST', '/suggestions/reject', { groupId: group.id })
  t.same(rejected.body, { rejected: 20, withdrawn: 0, more: false })
  const items = (await acme('GET', `/groups/${group.id}/suggestions?rejected=true`)).body.items
  const ids = items.map(({ id }: { id: string }) => id)
  const approved = await acme('POST', '/suggestions/approve', { ids })
  t.same(approved.body, { approved: 20, withdrawn: 0, more: false })
})

t.test('a reason says something', async (t) => {
  const [user, group] = [await addUser('blank'), await addGroup('blank')]
  for (const reason of ['   ', '\u00a0\u2003', '\u200b']) {
    const sent = { groupId: group.id, subjectId: user.id, kind: 'never', reason }
    t.same(faults(await acme('POST', '/exemptions', sent)), ['reason: bad-format'])
    const state = { userIds: [user.id], state: 'suspended', at: '2999-01-01', reason }
    t.same(faults(await acme('POST', '/state-changes', state)), ['reason: bad-format'])
    const answer = { groupId: group.id, reason }
    t.same(faults(await acme('POST', '/suggestions/approve', answer)), ['reason: bad-format'])
  }
})

t.test('a second exemption is told of the first', async (t) => {
  const [user, group] = [await addUser('twice'), await addGroup('twice')]
  const sent = { groupId: group.id, subjectId: user.id, kind: 'never', reason: 'on leave' }
  const { id } = await make('/exemptions', sent)
  const second = await acme('POST', '/exemptions', { ...sent, kind: 'always' })
  t.match(second, { status: 409, body: { errors: [{ field: 'subjectId', code: 'taken' }] } })
  t.ok(second.body.detail.includes(`of "twice" in "twice" already: change or remove ${id}`))
})

t.test('a group that becomes static loses its rule', async (t) => {
  const group = await addGroup('settled', { mode: 'dynamic', rule: 'username eq "alice"' })
  const path = `/groups/${group.id}`
  t.same(faults(await acme('PATCH', path, { mode: 'static', rule: 'title pr' })), ['rule: rule-of-static'])
  t.match(await acme('PATCH', path, { mode: 'static' }), {
    status: 200,
    body: { mode: 'static', rule: null },
  })
  t.equal((await acme('GET', `${path}/members`)).body.items.length, 1, 'members stay')
  const review = await addGroup('settled too', { mode: 'review', rule: 'username eq "alice"' })
  t.equal((await acme('PATCH', `/groups/${review.id}`, { mode: 'static' })).status, 200)
})

t.test('who was in a group that is removed has left it', async (t) => {
  const [ann, ben] = [await addUser('left-ann'), await addUser('left-ben')]
  const group = await addGroup('short-lived')
  for (const { id } of [ann, ben]) await acme('PUT', `/groups/${group.id}/members/${id}`)
  t.equal((await acme('DELETE', `/groups/${group.id}`)).status, 204)
  const told = (await records('membership.change')).filter(
    ({ details }: { details: { cause: string } }) => details.cause === 'group.remove',
  )
  const [removal] = await records('group.remove')
  const details = { group: { id: group.id, name: 'short-lived' }, joined: [], left: [group.id] }
  t.match(told.map(({ target }: { target: { name: string } }) => target.name).sort(), [
    'left-ann',
    'left-ben',
  ])
  t.match(told, [
    { actor: removal.actor, at: removal.at, details },
    { actor: removal.actor, details },
  ])
  const named = { id: group.id, name: 'short-lived' }
  t.match(await history(`/users/${ann.id}`), [
    { joined: [], left: [named], cause: 'group.remove', group: named, actor: { kind: 'token' } },
    { joined: [named], left: [], cause: 'membership.add', group: null },
  ])
  t.equal((await history(`/groups/${group.id}`)).length, 4, 'also of a group that is gone')
  t.match(await acme('GET', '/audit/verify'), { body: { intact: true } })
})

t.test('a group of devices is removed; what its name was is known from its removal', async (t) => {
  const device = await make('/devices', { name: 'left-mac', os: 'macos' })
  const more = { of: 'devices', mode: 'dynamic', rule: 'name eq "left-mac"' }
  const group = await addGroup('short-lived macs', more)
  const [joined] = await history(`/devices/${device.id}`)
  t.match(joined, { cause: 'rule', group: { id: group.id, name: 'short-lived macs' } }, 'whose rule it was')
  await acme('DELETE', `/groups/${group.id}`)
  const [left, before] = await history(`/devices/${device.id}`)
  t.match(left, { cause: 'group.remove', subject: { kind: 'device', name: 'left-mac' } })
  t.match(before.joined, [{ name: 'short-lived macs' }])
})

t.test('histories of users and devices that are removed end with a leave', async (t) => {
  const group = await addGroup('until the end')
  const user = await addUser('ended')
  await acme('PUT', `/groups/${group.id}/members/${user.id}`)
  const macs = await addGroup('macs until the end', { of: 'devices' })
  const device = await make('/devices', { name: 'ended-mac', ownerId: user.id })
  await acme('PUT', `/groups/${macs.id}/members/${device.id}`)
  await acme('DELETE', `/users/${user.id}`)
  const ids = (named: { id: string }[]) => named.map(({ id }) => id)
  const [last] = await history(`/users/${user.id}`)
  t.equal(last.cause, 'user.remove')
  t.ok(ids(last.left).includes(group.id))
  t.notOk((await history(`/devices/${device.id}`))[0].left.length, 'a device without owner stays')
  await acme('DELETE', `/devices/${device.id}`)
  const [lastOfDevice] = await history(`/devices/${device.id}`)
  t.equal(lastOfDevice.cause, 'device.remove')
  t.ok(ids(lastOfDevice.left).includes(macs.id))
})

t.test(
  'members tell whether they were approved, and approved ones stay when the rule decides again',
  async (t) => {
    const ops = { department: 'Approved' }
    const [inside, outside] = [await addUser('inside', ops), await addUser('outside', ops)]
    const group = await addGroup('approved', { mode: 'review', rule: 'department eq "Approved"' })
    await acme('POST', '/suggestions/approve', { groupId: group.id })
    const byHand = await addUser('by-hand')
    await acme('PUT', `/groups/${group.id}/members/${byHand.id}`)
    const members = async () =>
      Object.fromEntries(
        (await acme('GET', `/groups/${group.id}/members`)).body.items.map(
          (one: { name: string; reasons: string[]; approved: boolean }) => [
            one.name,
            [...one.reasons, one.approved],
          ],
        ),
      )
    t.same(await members(), {
      ...{ inside: ['manual', true], outside: ['manual', true], 'by-hand': ['manual', false] },
    })
    await acme('PATCH', `/users/${outside.id}`, { department: 'Elsewhere' })
    await acme('PATCH', `/groups/${group.id}?confirm=true`, { mode: 'dynamic' })
    t.same(await members(), {
      ...{ inside: ['rule', false], outside: ['manual', true], 'by-hand': ['manual', false] },
    })
    t.ok(inside)
  },
)

t.test('changes by hand tell where they make no difference', async (t) => {
  const user = await addUser('stubborn')
  const group = await addGroup('stubborn', { mode: 'dynamic', rule: 'username eq "stubborn"' })
  const path = `/groups/${group.id}/members/${user.id}`
  t.equal((await acme('PUT', path)).status, 204)
  const stays = await acme('DELETE', path)
  t.match(
    [stays.status, stays.body],
    [200, { member: true, message: /"stubborn" is in "stubborn" by its rule/ }],
  )
  t.equal((await acme('GET', `/groups/${group.id}/members`)).body.items.length, 1)
  const [other] = await history(`/users/${user.id}`)
  const named = { id: group.id, name: 'stubborn' }
  t.match(other, { cause: 'membership.remove', joined: [], left: [], stayed: [named] }, 'for other reasons')
  const sent = { groupId: group.id, subjectId: user.id, kind: 'never', reason: 'on leave' }
  const { id } = await make('/exemptions', { ...sent, expiresAt: '2999-01-01' })
  const added = await acme('PUT', path)
  t.match([added.status, added.body.member], [200, false])
  t.equal(
    added.body.message,
    `an exemption keeps "stubborn" out of "stubborn" until 2999-01-01T00:00:00.000Z: change or remove it (/exemptions/${id})`,
  )
  t.equal((await acme('DELETE', path)).status, 204)
})

t.test('a circle is told with its place in the rule', async (t) => {
  const first = await addGroup('circle one', { mode: 'dynamic', rule: 'title pr' })
  await addGroup('circle two', { mode: 'dynamic', rule: 'memberOf eq "circle one"' })
  const refused = async (rule: string) => {
    const { status, body } = await acme('PATCH', `/groups/${first.id}`, { rule })
    const { code, at } = body.errors[0]
    return [status, code, rule.slice(at.start, at.end)]
  }
  const term = 'memberOf in ("everyone", "circle two")'
  t.same(await refused(`memberOf eq "everyone" or not (title pr and ${term})`), [422, 'circle', term])
  t.same(await refused('title pr and memberOf pr'), [422, 'circle', 'memberOf pr'])
})

t.test('no group is suggested to whom an exemption keeps out', async (t) => {
  const group = await addGroup('pagers of probers')
  for (let n = 0; n < 3; n++) {
    const { id } = await addUser(`prober-${n}`, { title: 'Prober' })
    await acme('PUT', `/groups/${group.id}/members/${id}`)
  }
  const user = await addUser('prober-new', { title: 'Prober' })
  const path = `/users/${user.id}/group-suggestions`
  t.equal((await acme('GET', path)).body.items.length, 1)
  const sent = { groupId: group.id, subjectId: user.id, kind: 'never', reason: 'on leave' }
  await make('/exemptions', sent)
  t.same((await acme('GET', path)).body.items, [])
  t.same(faults(await acme('POST', `${path}/accept`, { groupIds: [group.id] })), [
    'groupIds[0]: not-suggested',
  ])
})
