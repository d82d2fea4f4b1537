// What rules say does not change under those who are in by them: neither when a declaration is written, nor when a group goes.
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { finder, sampleApi } from '../support/api.ts'

const { acme, store, organization } = await sampleApi(t)
const find = finder(acme)
const make = async (path: string, body: unknown) => {
  const { status, body: answer } = await acme('POST', `${path}?confirm=true`, body)
  if (status !== 201) throw new Error(JSON.stringify(answer))
  return answer
}
const members = async (id: string) =>
  (await acme('GET', `/groups/${id}/members`)).body.items.map((one: { name: string }) => one.name)

t.test('whether case counts is declared once', async (t) => {
  const badge = await make('/attributes', { name: 'badge', of: 'users', type: 'string' })
  const alice = await find('/users', 'username eq "alice"')
  const { id } = await make('/groups', {
    ...{ name: 'badged', of: 'users', mode: 'dynamic' },
    rule: 'badge eq "abc"',
  })
  await acme('PATCH', `/users/${alice.id}`, { attributes: { badge: 'ABC' } })
  t.same(await members(id), ['alice'])
  const changed = await acme('PATCH', `/attributes/${badge.id}`, { caseExact: true })
  t.match(changed, { status: 422, body: { errors: [{ field: 'caseExact', code: 'fixed' }] } })
  t.equal((await acme('PATCH', `/attributes/${badge.id}`, { description: 'x' })).status, 200)
  await acme('PATCH', `/users/${alice.id}`, { title: 'Chief' })
  t.same(await members(id), ['alice'])
})

t.test('no rule is saved past the removal of what it reads', async (t) => {
  for (let i = 0; i < 10; i++) {
    const { id } = await make('/attributes', { name: `gone${i}`, of: 'users', type: 'string' })
    const group = { name: `reader${i}`, of: 'users', mode: 'dynamic', rule: `gone${i} pr` }
    const both = [() => acme('POST', '/groups', group), () => acme('DELETE', `/attributes/${id}`)]
    const answers = await Promise.all((i % 2 === 0 ? both : both.toReversed()).map((ask) => ask()))
    t.equal(answers.filter(({ status }) => status < 300).length, 1)
  }
})

t.test(
  'a group that goes is gone for rules that ask for any, also when nobody lives to carry them through',
  async (t) => {
    const bob = await find('/users', 'username eq "bob"')
    const gadget = await make('/devices', { name: 'gadget', ownerId: bob.id, os: 'ios' })
    await acme('PATCH', `/groups/${(await find('/groups', 'name eq "all-devices"')).id}?confirm=true`, {
      rule: 'os eq "macos"',
    })
    const [one, two] = [
      await make('/groups', { name: 'one', of: 'devices' }),
      await make('/groups', { name: 'two', of: 'devices', mode: 'dynamic', rule: 'name eq "gadget"' }),
    ]
    const rule = 'devices[name eq "gadget" and memberOf pr]'
    const any = await make('/groups', { name: 'any', of: 'users', mode: 'dynamic', rule })
    await acme('PUT', `/groups/${one.id}/members/${gadget.id}`)
    t.same(await members(any.id), ['bob'])
    t.equal((await acme('DELETE', `/groups/${two.id}`)).status, 204)
    t.same(await members(any.id), ['bob'], 'there is another one')
    t.equal((await acme('GET', `/groups/${any.id}`)).body.status, 'active')

    const audit = {
      kind: 'change',
      at: new Date().toISOString(),
      action: 'group.remove',
      details: {},
    } as const
    const by = { actor: { kind: 'system', name: 'test' }, target: { kind: 'group', id: one.id, name: 'one' } }
    const removed = await store.groups.remove(
      organization.id,
      one.id,
      one.version,
      { ...audit, ...by } as never,
      await store.rules.epoch(organization.id),
      [any.id],
    )
    t.equal(removed.outcome, 'written')
    t.same(await members(any.id), ['bob'], 'nobody has carried it through')
    t.match(await store.groups.unfinished(organization.id), [{ id: any.id, version: any.version + 2 }])
    const engine = new MembershipEngine({ ...store, clock: systemClock, log: silentLog })
    await engine.resume(organization.id)
    t.same(await members(any.id), [])
    t.same(await store.groups.unfinished(organization.id), [])
  },
)
