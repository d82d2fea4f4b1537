// What people change of themselves goes one after the other, and only so many wait: whoever else changes the same user has
// to start over with every write.
import { setImmediate } from 'node:timers/promises'
import t from 'tap'
import type { UserId } from '../../../src/base/ids.ts'
import type { CellWriter } from '../../../src/core/directory/cells.ts'
import { type OwnDetailPorts, ownDetails } from '../../../src/core/directory/own-details.ts'
import type { User } from '../../../src/core/directory/types.ts'
import { FakeClock } from '../../support/access.ts'
import { makeOrganization, makeUser } from '../../support/store.ts'

/** An engine of which is known how many changes of each user run at the same time, and which came to an end. */
function world() {
  const { settings, ...rest } = makeOrganization('acme')
  const organization = { ...rest, settings: { ...settings, selfEditable: ['location'] as const } }
  const users = new Map<UserId, User>(
    ['alice', 'bob'].map((name) => makeUser(name)).map((user) => [user.id, user]),
  )
  const running = new Map<string, number>()
  const seen = { most: 0, together: 0, written: [] as (string | null)[] }
  const engine: CellWriter = {
    async change(_organization, [subject], plan) {
      const id = subject?.id as UserId
      running.set(id, (running.get(id) ?? 0) + 1)
      seen.most = Math.max(seen.most, running.get(id) ?? 0)
      seen.together = Math.max(
        seen.together,
        [...running.values()].reduce((sum, one) => sum + one),
      )
      await setImmediate()
      const planned = plan([{ user: users.get(id) } as never])
      if (planned.ok && planned.value.user?.do === 'update')
        seen.written.push(planned.value.user.row.location)
      running.set(id, (running.get(id) ?? 0) - 1)
      return { outcome: 'written', joined: [], left: [] }
    },
  }
  const ports = {
    ...{ engine, clock: new FakeClock() },
    reader: { findUser: async (_organization: string, id: UserId) => users.get(id) ?? null },
    rules: { epoch: async () => 1n, read: async () => ({ epoch: 1n, groups: [], attributes: [] }) },
    ...{ bindings: { list: async () => [] }, resources: { list: async () => [] } },
  } as unknown as OwnDetailPorts
  const { change } = ownDetails(ports)
  const [alice, bob] = [...users.keys()] as [UserId, UserId]
  return {
    ...{ seen, alice, bob },
    change: (id: UserId, location: unknown) => change(organization, id, { location }),
  }
}

const outcomeOf = ({ status, ...rest }: PromiseSettledResult<{ ok: boolean }>) =>
  status === 'fulfilled'
    ? (rest as { value: { ok: boolean } }).value.ok
    : (rest as { reason: { reason: string } }).reason.reason

t.test('a user’s own changes are written one after the other', async (t) => {
  const { seen, alice, bob, change } = world()
  await Promise.all([change(alice, 'Berlin'), change(alice, 'Lisbon'), change(bob, 'Oslo')])
  t.equal(seen.most, 1)
  t.equal(seen.together, 2, 'others do not wait')
  t.same(seen.written.sort(), ['Berlin', 'Lisbon', 'Oslo'])
})

t.test('only so many wait; the next are told, and others are none the worse', async (t) => {
  const { seen, alice, bob, change } = world()
  const many = Array.from({ length: 100 }, (_, i) => change(alice, `room ${i}`))
  const outcomes = (await Promise.allSettled([...many, change(bob, 'Oslo')])).map(outcomeOf)
  t.same(outcomes.slice(0, 4), [true, true, true, true])
  t.same(new Set(outcomes.slice(4, 100)), new Set(['busy']))
  t.equal(outcomes[100], true)
  t.equal(seen.most, 1)
  t.match(await change(alice, 'x'.repeat(257)), { ok: false, error: { kind: 'invalid' } })
  t.match(await change(alice, 'Porto'), { ok: true }, 'there is room again')
  t.equal(seen.written.at(-1), 'Porto')
})
