// A11, the demand of a second factor: who ranks above stays where it is demanded, whatever an administrator does to the group.
import t from 'tap'
import { caller, finder, sampleApi } from '../support/api.ts'

const { acme, app } = await sampleApi(t)

const find = finder(acme)
const make = async (path: string, body: unknown) => {
  const { status, body: answer } = await acme('POST', `${path}?confirm=true`, body)
  if (status !== 201) throw new Error(JSON.stringify(answer))
  return answer
}
const { token } = await make('/tokens', { name: 'administrator', role: 'administrator' })
const admin = caller(app, 'acme', token)
const factors = ['totp']
const days = (count: number) => new Date(Date.now() + count * 86_400_000).toISOString()

t.test('A11: an administrator ends no demand of factors for an owner', async (t) => {
  const consoleId = (await find('/resources', 'kind eq "console"')).id
  const alice = await find('/users', 'username eq "alice"')
  const carol = await find('/users', 'username eq "carol"')
  const boss = await make('/groups', { name: 'the-owners', of: 'users' })
  await make('/bindings', { groupId: boss.id, resourceId: consoleId, attributes: { role: 'owner' } })
  await acme('PUT', `/groups/${boss.id}/members/${alice.id}`)
  await make('/attributes', { name: 'until', of: 'users', type: 'date' })
  const dynamic = { of: 'users', mode: 'dynamic', factors }
  const staff = await make('/groups', { name: 'staff', of: 'users' })
  const byHand = await make('/groups', { name: 'code-by-hand', of: 'users', factors })
  for (const { id } of [staff, byHand])
    for (const user of [alice, carol]) await acme('PUT', `/groups/${id}/members/${user.id}`)
  const groups = [
    byHand,
    await make('/groups', { ...dynamic, name: 'code-for-owners', rule: 'memberOf eq "the-owners"' }),
    await make('/groups', { ...dynamic, name: 'code-for-staff', rule: 'memberOf eq "staff"' }),
    await make('/groups', { ...dynamic, name: 'code-by-title', rule: 'title eq "Director" or until gt now' }),
  ]
  const others = await make('/groups', { ...dynamic, name: 'code-for-others', rule: 'title eq "Other"' })
  for (const user of [alice, carol])
    await acme('PATCH', `/users/${user.id}`, { title: 'Director', attributes: { until: days(9) } })

  const writes: [string, string, unknown?][] = [
    ...groups.flatMap(({ id, mode }): [string, string, unknown?][] => [
      ['PATCH', `/groups/${id}`, { factors: [] }],
      ['PATCH', `/groups/${id}`, { factors: ['totp', 'password'] }],
      ['PATCH', `/groups/${id}`, { mode: 'dynamic', rule: 'username eq "nobody"' }],
      [
        'PATCH',
        `/groups/${id}`,
        mode === 'static' ? { mode: 'review', rule: 'title pr' } : { mode: 'review' },
      ],
      ['DELETE', `/groups/${id}`],
      ['POST', '/exemptions', { groupId: id, subjectId: alice.id, kind: 'never', reason: 'x' }],
    ]),
    ['DELETE', `/groups/${byHand.id}/members/${alice.id}`],
    ['DELETE', `/groups/${staff.id}/members/${alice.id}`],
    ['PATCH', `/groups/${staff.id}`, { mode: 'dynamic', rule: 'username eq "carol"' }],
    ['DELETE', `/groups/${staff.id}`],
    ['PATCH', `/users/${alice.id}`, { title: 'Other', attributes: { until: null } }],
    ['PATCH', `/users/${alice.id}`, { title: 'x' }],
    ['PATCH', `/users/${alice.id}`, { title: 'x', attributes: { until: days(8) } }],
  ]
  for (const [method, path, body] of writes) {
    const { status, body: said } = await admin(method, `${path}?confirm=true`, body)
    t.equal(status, 403, `${method} ${path} ${JSON.stringify(body)}: ${JSON.stringify(said)}`)
  }
  const names = async (id: string) =>
    (await acme('GET', `/groups/${id}/members`)).body.items.map(({ name }: { name: string }) => name).sort()
  for (const { id } of groups) t.ok((await names(id)).includes('alice'))
  const codes = (await acme('GET', '/groups?limit=500')).body.items
  for (const { id } of groups) t.same(codes.find((one: { id: string }) => one.id === id).factors, factors)

  for (const [method, path, body, status] of [
    ['PATCH', `/groups/${byHand.id}`, { name: 'code-for-some' }, 200],
    ['DELETE', `/groups/${byHand.id}/members/${carol.id}`, undefined, 204],
    ['PUT', `/groups/${byHand.id}/members/${carol.id}`, undefined, 204],
    ['DELETE', `/groups/${staff.id}/members/${carol.id}`, undefined, 204],
    ['PATCH', `/users/${carol.id}`, { title: 'x', attributes: { until: null } }, 200],
    ['PATCH', `/users/${alice.id}`, { givenName: 'Al', attributes: { until: days(10) } }, 200],
    ['PATCH', `/groups/${others.id}`, { factors: [], rule: 'title eq "x"' }, 200],
    ['POST', '/groups', { ...dynamic, name: 'more', rule: 'memberOf eq "the-owners"' }, 201],
    ['DELETE', `/groups/${others.id}`, undefined, 204],
  ] as const) {
    const answer = await admin(method, `${path}?confirm=true`, body)
    t.equal(answer.status, status, `${method} ${path}: what is theirs to do (${JSON.stringify(answer.body)})`)
  }
  t.equal((await acme('PATCH', `/groups/${byHand.id}`, { factors: [] })).status, 200, 'an owner may')
})

t.test('A11: where no one in any group is asked for', async (t) => {
  const all = await find('/groups', 'name eq "all-devices"')
  await acme('PATCH', `/groups/${all.id}?confirm=true`, { rule: 'os eq "ios"' })
  const stray = await make('/users', { username: 'stray' })
  await make('/devices', { name: 'lonely', ownerId: stray.id })
  const { id } = await make('/groups', {
    ...{ name: 'code-for-strays', of: 'users', mode: 'dynamic', factors },
    rule: 'username eq "stray" and not (devices[memberOf pr])',
  })
  t.equal((await acme('GET', `/groups/${id}/members`)).body.items.length, 1)
  const fresh = { name: 'fresh', of: 'devices', mode: 'dynamic', rule: 'name eq "lonely"' }
  const boss = await find('/groups', 'name eq "the-owners"')
  await acme('PUT', `/groups/${boss.id}/members/${stray.id}`)
  t.equal((await admin('POST', '/groups?confirm=true', fresh)).status, 403)
  await acme('DELETE', `/groups/${boss.id}/members/${stray.id}`)
  t.equal((await admin('POST', '/groups?confirm=true', fresh)).status, 201, 'of somebody who is no owner')
})
