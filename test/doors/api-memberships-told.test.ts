// What the API tells of memberships, over the embedded store: counts of bulk answers, who was suggested, what a removed
// group and removed users and devices leave in histories, and what is refused.
import t from 'tap'
import { faults, sampleApi } from '../support/api.ts'

const { acme } = await sampleApi(t)

const make = async (path: string, body: object) => {
  const made = await acme('POST', path, body)
  if (made.status !== 201) throw new Error(JSON.stringify(made.body))
  return made.body
}
const addUser = (username: string, more: object = {}) => make('/users', { username, ...more })
const addGroup = (name: string, more: object = {}) => make('/groups', { name, of: 'users', ...more })

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
