// Which resources a user's groups are bound to: by the memberships in memory, or else those of the facts, and by the bindings as
// they were last told.
import t from 'tap'
import type { GroupId, OrganizationId, ResourceId, UserId } from '../../../src/base/ids.ts'
import { newId } from '../../../src/base/ids.ts'
import { Reach } from '../../../src/core/access/reach.ts'
import type { Change } from '../../../src/core/ports.ts'

const organization = newId<OrganizationId>()
const user = newId<UserId>()
const [sales, ops, others] = [newId<GroupId>(), newId<GroupId>(), newId<GroupId>()]
const [wiki, mail, vpn] = [newId<ResourceId>(), newId<ResourceId>(), newId<ResourceId>()]

const membersOf = (groups: readonly GroupId[]) =>
  groups.map((groupId) => ({ groupId, reasons: ['rule'], name: 'g', factors: [] }))

function world() {
  const state = {
    inMemory: [sales] as readonly GroupId[] | null,
    stored: [ops] as readonly GroupId[] | null,
    bindings: [
      [sales, wiki],
      [sales, mail],
      [ops, mail],
      [others, vpn],
    ] as [GroupId, ResourceId][],
    reads: 0,
    tell: (_: Change['kind']) => {},
  }
  const reach = new Reach({
    replica: { groupsOf: () => state.inMemory && (membersOf(state.inMemory) as never) },
    facts: {
      findSubject: async () =>
        state.stored && ({ kind: 'user', memberships: membersOf(state.stored) } as never),
    },
    bindings: {
      list: async () => {
        state.reads++
        return state.bindings.map(([groupId, resourceId], i) => ({
          id: `${i}`,
          groupId,
          resourceId,
        })) as never
      },
    },
    feed: {
      stalenessMs: () => 0,
      subscribe: (listener) => {
        state.tell = (kind) => listener([{ organization, kind, id: 'x' }])
        return () => {}
      },
    },
  })
  return { state, ask: async () => [...(await reach.resourcesOf(organization, user))].sort() }
}

t.test('by all groups that somebody is in, each resource once', async (t) => {
  const { state, ask } = world()
  t.same(await ask(), [wiki, mail].sort())
  state.inMemory = [sales, ops]
  t.same(await ask(), [wiki, mail].sort())
  state.inMemory = []
  t.same(await ask(), [])
  t.equal(state.reads, 1, 'bindings are kept')
})

t.test('while the memory is behind, by the facts', async (t) => {
  const { state, ask } = world()
  state.inMemory = null
  t.same(await ask(), [mail])
  state.stored = null
  t.same(await ask(), [], 'somebody who is not there reaches nothing')
})

t.test('by the bindings that there are', async (t) => {
  const { state, ask } = world()
  await ask()
  state.bindings.push([sales, vpn])
  state.tell('user')
  t.same(await ask(), [wiki, mail].sort(), 'not told yet')
  state.tell('binding')
  t.same(await ask(), [wiki, mail, vpn].sort())
})
