// What the commands print of the answers to questions about memberships.
import t from 'tap'
import { type Answers, fakeServer, muster, page } from '../support/command-line.ts'
import type { WithTeardown } from '../support/database.ts'

const deviceId = '44444444-4444-4444-8444-444444444444'
const [carolId, salesId] = ['11111111-1111-4111-8111-111111111111', '33333333-3333-4333-8333-333333333333']
const named = (id: string, name: string | null) => ({ id, name })
const carol = { ...named(carolId, 'carol'), kind: 'user' }
const sales = named(salesId, 'sales')
const rule = 'department eq "Sales"'

const entry = {
  ...{ sequence: '7', at: '2026-01-02T03:04:05.678Z', subject: carol, joined: [], left: [sales] },
  ...{ cause: 'user.update', actor: { kind: 'token', name: 'admin' } },
}
const answers: Answers = ({ path, query }) => {
  switch (path) {
    case '/users':
      return page({ id: carolId, username: 'carol' })
    case '/devices':
      return page({ id: deviceId, name: 'mac-carol' })
    case '/groups':
      return page({ ...sales, of: 'users' })
    case `/groups/${salesId}/members/${carolId}/explanation`: {
      const message = '`department eq "Sales"` does not hold: department is "IT\u001b"'
      const because = [
        { kind: 'rule', message: 'the rule does not hold', clauses: [{ holds: false, message }] },
      ]
      return { group: { ...sales, mode: 'dynamic', rule }, subject: carol, member: false, because }
    }
    case `/users/${carolId}/access`: {
      const resource = { id: salesId, name: 'office wifi', kind: 'network', enabled: false }
      const binding = { id: salesId, attributes: { radius: { vlan: 20 } }, factors: ['totp'], order: 1 }
      const chains = [{ group: sales, reasons: ['rule'], binding, resource }]
      return { user: { username: 'carol' }, note: '"carol" is suspended', chains, more: false }
    }
    case `/users/${carolId}/history`:
    case `/groups/${salesId}/history`:
    case `/devices/${deviceId}/history`:
      return {
        items: query.after === undefined ? [entry] : [{ ...entry, sequence: '6' }],
        next: query.after ? null : '7',
      }
    case '/findings': {
      const items = [{ group: sales, subject: carol }]
      return { items: [{ code: 'manual-access', message: '3 memberships by hand', count: 3, items }] }
    }
    default:
      return undefined
  }
}

async function running(t: WithTeardown) {
  const { url } = await fakeServer(t, answers)
  const env = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  return async (...words: string[]) => muster(words, { env })
}

t.test('group explain: the verdict, the rule, and the clauses that decide', async (t) => {
  const run = await running(t)
  const { code, out } = await run('group', 'explain', 'sales', 'carol')
  t.equal(code, 0)
  t.equal(
    out,
    [
      'NO MEMBER  carol is not in sales',
      'rule: department eq "Sales"',
      '- the rule does not hold',
      '  ✗ `department eq "Sales"` does not hold: department is "IT\\u001b"',
      '',
    ].join('\n'),
  )
  const json = JSON.parse((await run('group', 'explain', 'sales', 'carol', '--json')).out)
  t.equal(json.member, false)
})

t.test('user access: each way to a resource, and why none of them helps', async (t) => {
  const { out } = await (await running(t))('user', 'access', 'carol')
  t.match(out, /^"carol" is suspended\n/)
  t.match(out, /office wifi +network, off +sales +rule +radius: \{"vlan":20\} +totp/)
})

t.test('history: page after page', async (t) => {
  const run = await running(t)
  for (const words of [
    ['group', 'history', 'sales'],
    ['user', 'history', 'carol'],
    ['device', 'history', 'mac-carol'],
  ]) {
    const { out } = await run(...words)
    t.equal(out.match(/2026-01-02 03:04:05Z +carol +sales +user\.update +admin/g)?.length, 2)
    const first = await run(...words, '--limit', '1')
    t.match(first.err, /the first 1 are shown/)
  }
})

t.test('history: of what is gone by its id, and whose rule it was', async (t) => {
  const { url, asked } = await fakeServer(t, ({ path }) => {
    if (!path.endsWith('/history')) return undefined
    const stayed = [named(deviceId, 'macs')]
    return page(
      { ...entry, cause: 'rule', group: sales, stayed },
      { ...entry, cause: 'group.remove', group: sales },
    )
  })
  const env = { MUSTER_URL: url, MUSTER_TOKEN: 'muster_token' }
  for (const kind of ['user', 'device', 'group']) {
    const { code, out } = await muster([kind, 'history', carolId], { env })
    t.equal(code, 0)
    t.match(out, /sales +macs +rule of sales +admin\n.*sales +group\.remove +admin\n/)
    t.equal(asked.at(-1)?.path, `/${kind}s/${carolId}/history`)
  }
})

t.test('group findings: what, how many, and the first of them', async (t) => {
  const { out } = await (await running(t))('group', 'findings')
  t.equal(out, '3 memberships by hand\n  carol in sales\n  and 2 more\n')
})
