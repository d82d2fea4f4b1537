// muster group preview: what it asks, and what it prints.
import t from 'tap'
import { fakeServer, muster, page } from '../support/command-line.ts'

const id = '33333333-3333-4333-8333-333333333333'
const wifi = { kind: 'network', resource: 'office wifi', vlan: 30 }
const preview = {
  joins: { count: 3, sample: [{ subjectId: 'x', name: 'dave', gains: [wifi], loses: [] }], next: 'x' },
  leaves: {
    count: 1,
    sample: [{ subjectId: 'y', name: 'gr\u001b[31mace', gains: [], loses: [] }],
    next: null,
  },
  stays: { count: 7 },
  unknowns: { count: 1, sample: [{ subjectId: 'z', name: 'erin' }], next: null },
  gains: [{ ...wifi, count: 3 }],
  loses: [{ kind: 'group', resource: 'sales', count: 1 }],
  findings: [],
}

t.test('group preview', async (t) => {
  const { url, asked } = await fakeServer(t, ({ method, path }) =>
    method === 'POST' && path === '/groups/preview'
      ? preview
      : page({ id, name: 'sales', of: 'users', mode: 'static', version: 1 }),
  )
  const env = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  const run = (...words: string[]) => muster(['group', 'preview', ...words], { env })
  const told = await run('sales', '--rule', 'title pr')
  t.equal(
    told.out,
    [
      '3 would join, 1 would leave, 7 would stay',
      '  + dave: gains office wifi (VLAN 30)',
      '    and 2 more',
      '  - gr\\u001b[31mace',
      '1 decided only because a value is missing: erin',
      '3 would gain office wifi (VLAN 30)',
      '1 would lose the LDAP group sales',
      '',
    ].join('\n'),
  )
  t.same(asked.at(-1)?.body, { rule: 'title pr', groupId: id })
  t.equal(asked.at(-1)?.query.limit, '20')
  await run('--of', 'devices', '--rule', 'os pr', '--limit', '5')
  t.same(asked.at(-1)?.body, { rule: 'os pr', of: 'devices' })
  const json = await run('--rule', 'title pr', '--json')
  t.same(JSON.parse(json.out), preview)
  const without = await run('sales')
  t.equal(without.code, 2)
  t.match(without.err, /there is no rule/)
})

t.test('--confirm goes along', async (t) => {
  const sales = { id, name: 'sales', of: 'users', mode: 'dynamic', version: 1 }
  const { url, asked } = await fakeServer(t, ({ method }) => (method === 'PATCH' ? sales : page(sales)))
  const env = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  for (const [more, query] of [
    [[], {}],
    [['--confirm'], { confirm: 'true' }],
  ] as const) {
    await muster(['group', 'update', 'sales', '--rule', 'title pr', ...more], { env })
    t.match(asked.at(-1), { method: 'PATCH', body: { rule: 'title pr' } })
    t.same(asked.at(-1)?.query, query)
  }
})
