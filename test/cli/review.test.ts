// The commands for suggestions and scheduled states: what they ask of the API, and what they print.
import t from 'tap'
import { Answer, type Asked, fakeServer, muster, page } from '../support/command-line.ts'

const ids = {
  alice: '11111111-1111-4111-8111-111111111111',
  bob: '22222222-2222-4222-8222-222222222222',
  group: '33333333-3333-4333-8333-333333333333',
  suggestion: '44444444-4444-4444-8444-444444444444',
  scheduled: '55555555-5555-4555-8555-555555555555',
}
const users = [
  { id: ids.alice, username: 'alice' },
  { id: ids.bob, username: 'bob' },
]
const since = '2026-01-02T03:04:05.000Z'
const suggestion = {
  ...{ id: ids.suggestion, groupId: ids.group, subjectId: ids.alice, name: 'alice', operation: 'join' },
  ...{ since, rejectedAt: null },
}
const scheduled = {
  ...{ id: ids.scheduled, userId: ids.alice, username: 'alice', state: 'suspended', at: since },
  reason: 'the contract ends',
}
/** Of a whole group, more than one call can do. */
const parts = [
  { approved: 3, withdrawn: 1, more: true },
  { approved: 2, withdrawn: 0, more: false },
]

let mode = 'review'

function answer({ method, path, query, body }: Asked): unknown {
  const named = /eq "([^"]*)"/.exec(query.filter ?? '')?.[1]
  if (path === '/users') return page(...users.filter(({ username }) => username === named))
  if (path === '/groups') return page({ id: ids.group, name: 'ops', of: 'users', mode })
  if (path === `/groups/${ids.group}/suggestions`) {
    const items = query.subjectId === ids.bob || mode !== 'review' ? [] : [suggestion]
    return { ...page(...items), counts: { joins: 3, leaves: 1 } }
  }
  if (path === '/suggestions/approve' && mode !== 'review') return { approved: 0, withdrawn: 0, more: false }
  if (path === '/suggestions/approve')
    return (body as { ids?: unknown }).ids === undefined
      ? parts.shift()
      : { approved: 1, withdrawn: 0, more: false }
  if (path === '/suggestions/reject') return { rejected: 0, withdrawn: 1, more: false }
  if (path === '/state-changes')
    return method === 'POST' ? new Answer(201, { items: [scheduled] }) : page(scheduled)
  return method === 'DELETE' ? new Answer(204, null) : undefined
}

const { url, asked } = await fakeServer(t, answer)
const run = (...words: readonly string[]) =>
  muster(words, { env: { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' } })
const changes = () => asked.filter(({ method }) => method !== 'GET')

t.test('suggestions are listed, approved and rejected', async (t) => {
  t.equal(
    (await run('group', 'suggestions', 'ops')).out,
    'NAME   WOULD  SINCE\nalice  join   2026-01-02 03:04:05Z\n3 would join, 1 would leave\n',
  )
  await run('group', 'suggestions', 'ops', '--rejected')
  t.equal(asked.at(-1)?.query.rejected, 'true')
  t.equal((await run('group', 'approve', 'ops')).out, 'approved 5; 1 no longer stood\n')
  t.same(
    changes().map(({ body }) => body),
    [{ groupId: ids.group }, { groupId: ids.group }],
  )
  t.equal((await run('group', 'approve', 'ops', 'alice', '--reason', 'asked for')).out, 'approved 1\n')
  t.same(changes().at(-1)?.body, { ids: [ids.suggestion], reason: 'asked for' })
  const before = changes().length
  t.match(await run('group', 'approve', 'ops', 'alice', 'bob'), {
    code: 1,
    err: 'nothing is suggested for bob',
  })
  t.equal(changes().length, before, 'nothing is approved where one is not suggested')
  t.equal((await run('group', 'reject', 'ops', 'alice')).out, 'rejected 0; 1 no longer stood\n')
  t.equal(changes().at(-1)?.path, '/suggestions/reject')
})

t.test('groups that are not reviewed suggest nothing', async (t) => {
  for (const [one, why] of [
    ['dynamic', 'its rule decides by itself'],
    ['static', 'and has no rule'],
  ] as const) {
    mode = one
    const { out } = await run('group', 'suggestions', 'ops')
    t.equal(out, `nothing is suggested for ops: it is no review group, ${why}\n`)
    const approved = await run('group', 'approve', 'ops')
    t.equal(approved.out, `approved 0: it is no review group, ${why}\n`)
  }
  mode = 'review'
})

t.test('states are scheduled, shown and cancelled', async (t) => {
  const words = ['user', 'schedule', 'alice', 'bob', '--state', 'suspended', '--reason', 'the contract ends']
  const made = await run(...words, '--at', '2026-01-02')
  t.equal(made.out, 'alice is suspended from 2026-01-02 03:04:05Z on\n')
  t.same(changes().at(-1)?.body, {
    ...{ userIds: [ids.alice, ids.bob], state: 'suspended', at: '2026-01-02', reason: 'the contract ends' },
  })
  t.match(await run(...words), { code: 2, err: '--at <instant>' })
  t.match(
    (await run('user', 'scheduled', 'alice')).out,
    /^alice +suspended +2026-01-02 03:04:05Z +the contract ends/m,
  )
  t.equal(asked.at(-1)?.query.userId, ids.alice)
  t.equal((await run('user', 'unschedule', ids.scheduled)).out, `cancelled ${ids.scheduled}\n`)
  t.equal(changes().at(-1)?.path, `/state-changes/${ids.scheduled}`)
})
