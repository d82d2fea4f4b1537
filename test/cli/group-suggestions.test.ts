// The command for suggested groups: what it prints, and what it asks of the API when some are accepted.
import t from 'tap'
import { Answer, type Asked, fakeServer, muster, page } from '../support/command-line.ts'

const carol = '11111111-1111-4111-8111-111111111111'
const [pagers, editors] = ['33333333-3333-4333-8333-333333333333', '44444444-4444-4444-8444-444444444444']
const path = `/users/${carol}/group-suggestions`
const proposal = (id: string, name: string) => ({
  ...{ group: { id, name }, attribute: 'title', value: 'X', people: 5, members: 4 },
  message: '4 of 5 people with title "X" are in it',
})
let items = [proposal(pagers, 'pagers'), proposal(editors, 'Wiki editors')]

const { url, asked } = await fakeServer(t, ({ method, path: of }: Asked) => {
  if (of === '/users') return page({ id: carol, username: 'carol' })
  if (of === path) return { items }
  return of === `${path}/accept` && method === 'POST' ? new Answer(204, null) : undefined
})
const run = (...words: readonly string[]) =>
  muster(['user', 'group-suggestions', 'carol', ...words], {
    env: { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' },
  })
const accepted = () => asked.filter(({ method }) => method === 'POST').map(({ body }) => body)

t.test('each with its reason', async (t) => {
  const { code, out } = await run()
  t.equal(code, 0)
  t.equal(
    out,
    [
      'GROUP         BECAUSE',
      'pagers        4 of 5 people with title "X" are in it',
      'Wiki editors  4 of 5 people with title "X" are in it',
      '',
    ].join('\n'),
  )
  t.strictSame(JSON.parse((await run('--json')).out), { items, next: null })
})

t.test('some or all are accepted in one call', async (t) => {
  t.equal((await run('--accept', 'wiki editors')).out, 'added carol to Wiki editors\n')
  t.equal((await run('--accept', 'pagers', editors, 'pagers')).out.match(/^added carol/gm)?.length, 2)
  t.strictSame(JSON.parse((await run('--accept-all', '--json')).out), {
    user: carol,
    added: [pagers, editors],
  })
  t.strictSame(accepted(), [
    { groupIds: [editors] },
    { groupIds: [pagers, editors] },
    { groupIds: [pagers, editors] },
  ])
})

t.test('what is not suggested is not accepted, nor anything beside it', async (t) => {
  const before = accepted().length
  t.match(await run('--accept', 'pagers', 'sales'), {
    code: 1,
    err: /"sales" is not suggested for carol\n.*muster group add/s,
  })
  t.equal((await run('--accept', 'pagers', '--accept-all')).code, 2)
  items = []
  t.equal((await run()).out, 'no group is suggested for carol\n')
  t.equal((await run('--accept-all')).out, 'no group is suggested for carol\n')
  t.equal(accepted().length, before)
})
