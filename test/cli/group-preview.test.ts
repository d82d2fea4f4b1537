// muster group preview and check: what they ask, and what they print; and what saving a rule tells.
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
  findings: [{ code: 'redundant', at: { start: 4, end: 9 }, message: '`x` makes no \u001bdifference' }],
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
      'warning: at character 5: `x` makes no \\u001bdifference',
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

t.test('group check, and what saving tells', async (t) => {
  const [finding] = preview.findings
  const sales = { id, name: 'sales', of: 'users', mode: 'dynamic', version: 1 }
  let findings = [finding]
  const { url, asked } = await fakeServer(t, ({ method, path }) => {
    if (path === '/rules/check') return { rule: 'title pr', json: {}, findings }
    return method === 'GET' ? page(sales) : { ...sales, findings }
  })
  const env = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  const warning = 'warning: at character 5: `x` makes no \\u001bdifference\n'
  const run = (...words: string[]) => muster(['group', ...words], { env })
  t.equal((await run('check', '--of', 'devices', '--rule', 'title  pr')).out, `title pr\n${warning}`)
  t.same(asked.at(-1)?.body, { of: 'devices', rule: 'title  pr' })
  t.match(await run('update', 'sales', '--rule', 'title pr'), { out: 'changed group sales\n', err: warning })
  t.match(await run('create', 'sales', '--rule', 'title pr'), { out: 'created group sales\n', err: warning })
  const json = await run('update', 'sales', '--rule', 'title pr', '--json')
  t.same([JSON.parse(json.out).findings, json.err], [findings, ''])
  t.match(await run('check'), { code: 2, err: /there is no rule/ })
  findings = []
  t.equal((await run('check', '--rule', 'title pr')).out, 'title pr\nnothing is odd about it\n')
  t.same(asked.at(-1)?.body, { of: 'users', rule: 'title pr' })
  t.equal((await run('update', 'sales', '--rule', 'title pr')).err, '')
})
