// What is kept of an organization, such as its groups' names: never longer than it is true, as far as the change feed can tell.
import t from 'tap'
import { type GroupId, newId, type OrganizationId } from '../../../src/base/ids.ts'
import type { GroupFacts } from '../../../src/core/access/facts.ts'
import { KeptPerOrganization } from '../../../src/core/access/kept-per-organization.ts'
import type { Change } from '../../../src/core/ports.ts'

const organization = newId<OrganizationId>()
const id = newId<GroupId>()

function world() {
  const state = { name: 'one', reads: 0, staleness: 0, fails: false, wait: Promise.resolve() }
  let listener = (_: readonly Change[]): void => {}
  const groups = new KeptPerOrganization(
    async (): Promise<GroupFacts> => {
      state.reads++
      const { name, fails } = state
      await state.wait
      if (fails) throw new Error('away')
      return new Map([[id, { name, factors: [] }]])
    },
    {
      stalenessMs: () => state.staleness,
      subscribe: (given) => {
        listener = given
        return () => {}
      },
    },
    ['group'],
  )
  const ask = async () => (await groups.of(organization)).get(id)?.name
  return {
    state,
    ask,
    tell: (kind: Change['kind'], of = organization) => listener([{ organization: of, kind, id }]),
  }
}

t.test('read once, and again after a change of a group', async (t) => {
  const { state, ask, tell } = world()
  t.same(await Promise.all([ask(), ask(), ask()]), ['one', 'one', 'one'])
  t.equal(state.reads, 1)
  state.name = 'two'
  tell('user')
  tell('group', newId<OrganizationId>())
  t.equal(await ask(), 'one')
  tell('group')
  t.equal(await ask(), 'two')
  t.equal(state.reads, 2)
})

t.test('what was read before a change is not kept after it', async (t) => {
  const { state, ask, tell } = world()
  let go = (): void => {}
  state.wait = new Promise((resolve) => {
    go = resolve
  })
  const before = ask()
  state.name = 'two'
  tell('group')
  const after = ask()
  go()
  t.same([await before, await after], ['one', 'two'])
  t.equal(await ask(), 'two')
})

t.test('a feed that is behind, and a failure', async (t) => {
  const { state, ask } = world()
  await ask()
  state.staleness = 2_001
  state.name = 'two'
  t.equal(await ask(), 'two')
  state.staleness = 0
  const other = world()
  other.state.fails = true
  await t.rejects(other.ask(), /away/)
  other.state.fails = false
  t.equal(await other.ask(), 'one')
})
