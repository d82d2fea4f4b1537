// Members by hand and states of users on the command line: what is asked of the API, and what is told of the answers.
import t from 'tap'
import { Answer, type Asked, fakeServer, muster, page } from '../support/command-line.ts'

const ids: Readonly<Record<string, string>> = {
  alice: '11111111-1111-4111-8111-111111111111',
  bob: '22222222-2222-4222-8222-222222222222',
}

const group = '33333333-3333-4333-8333-333333333333'
const memberships = [
  { groupId: group, name: 'ops', reasons: ['manual'] },
  { groupId: '44444444-4444-4444-8444-444444444444', name: 'sales', reasons: ['rule'] },
]

function answer({ method, path, query, body }: Asked): unknown {
  const named = /username eq "([^"]*)"/.exec(query.filter ?? '')?.[1] ?? ''
  const id = ids[named]
  if (path === '/groups') return page({ id: group, name: 'ops', of: 'users' })
  if (path === '/resources') return page({ id: group, name: 'wifi' })
  if (path === '/access/explain') return { trace: { memberships } }
  if (path === `/groups/${group}/members/${ids.alice}/explanation`) return { because: [{ kind: 'approved' }] }
  if (path === `/groups/${group}/members`)
    return page(
      { subjectId: ids.alice, name: 'alice', reasons: ['exemption', 'manual'], approved: true },
      { subjectId: ids.bob, name: 'bob', reasons: ['manual'], approved: false },
    )
  if (path === `/groups/${group}/members/${ids.bob}`)
    return { member: false, message: 'an exemption keeps it out' }
  if (path === '/users') return page(...(id === undefined ? [] : [{ id, username: named }]))
  const username = Object.keys(ids).find((name) => path === `/users/${ids[name]}`)
  if (method === 'PATCH' && username !== undefined) return { username, ...(body as object) }
  return method === 'GET' ? undefined : new Answer(204, null)
}

const { url, asked } = await fakeServer(t, answer)
const run = (...words: readonly string[]) =>
  muster(words, { env: { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' } })
const changes = () => asked.filter(({ method }) => method !== 'GET')

t.test('several users are suspended and activated at once', async (t) => {
  t.equal((await run('user', 'suspend', 'alice', 'bob')).out, 'alice is suspended\nbob is suspended\n')
  t.same(
    changes().map(({ path, body }) => [path, body]),
    [ids.alice, ids.bob].map((id) => [`/users/${id}`, { state: 'suspended' }]),
  )
  const one = await run('user', 'activate', 'alice', '--json')
  t.same(JSON.parse(one.out), { username: 'alice', state: 'active' })
  const both = await run('user', 'activate', 'alice', 'bob', '--json')
  t.equal(JSON.parse(both.out).items.length, 2)
  const before = changes().length
  t.match(await run('user', 'suspend', 'alice', 'nobody'), { code: 1, err: /no user "nobody"/ })
  t.equal(changes().length, before, 'nobody is suspended where one is not there')
})

t.test('who was approved is shown so', async (t) => {
  const { out } = await run('group', 'members', 'ops')
  t.match(out, /^alice +exemption, approved\nbob +manual$/m)
  t.match((await run('user', 'groups', 'alice')).out, /^ops +approved\nsales +rule$/m)
})

t.test('who is kept out, or stays, is told', async (t) => {
  for (const [verb, done] of [
    ['add', 'added'],
    ['remove', 'removed'],
  ] as const) {
    const { code, out } = await run('group', verb, 'ops', 'alice', 'bob')
    t.equal(code, 0)
    t.equal(out, `${done} alice\n${done} bob\nwarning: an exemption keeps it out\n`)
    const json = JSON.parse((await run('group', verb, 'ops', 'alice', 'bob', '--json')).out)
    t.same(json, { group, [done]: [ids.alice, ids.bob], warnings: ['an exemption keeps it out'] })
  }
})
