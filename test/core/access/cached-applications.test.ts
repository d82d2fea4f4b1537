// What is kept of applications: as long as nothing changed, and only while changes are heard.
import t from 'tap'
import { newId, type OrganizationId } from '../../../src/base/ids.ts'
import { cachedApplications } from '../../../src/core/access/cached-applications.ts'
import type { Applications, Change } from '../../../src/core/ports.ts'

function cache() {
  const state = { asked: [] as string[], staleness: 0, answer: null as object | null, release: () => {} }
  let listener: (changes: readonly Change[]) => void = () => {}
  const inner = {
    find: async (_: OrganizationId, protocol: string, name: string) => {
      state.asked.push(`${protocol} ${name}`)
      await new Promise<void>((resolve) => {
        state.release = resolve
        setImmediate(resolve)
      })
      return state.answer
    },
  } as unknown as Applications
  const cached = cachedApplications(inner, {
    stalenessMs: () => state.staleness,
    subscribe: (heard) => {
      listener = heard
      return () => {}
    },
  })
  const tell = (organization: OrganizationId, kind: Change['kind']) =>
    listener([{ organization, kind, id: 'x' }])
  return { state, cached, tell }
}
const [acme, other] = [newId<OrganizationId>(), newId<OrganizationId>()]

t.test('is read once, and again after a change of its organization', async (t) => {
  const { state, cached, tell } = cache()
  state.answer = {}
  const times = async (organization: OrganizationId) => {
    const before = state.asked.length
    t.equal(await cached.find(organization, 'oidc', 'wiki'), state.answer as never)
    return state.asked.length - before
  }
  t.same([await times(acme), await times(acme), await times(other)], [1, 0, 1], 'each organization its own')
  await cached.find(acme, 'saml', 'wiki')
  t.equal(state.asked.at(-1), 'saml wiki', 'each protocol its own')
  tell(other, 'resource')
  t.equal(await times(acme), 0)
  for (const kind of ['resource', 'organization'] as const) {
    tell(acme, kind)
    t.same([await times(acme), await times(acme)], [1, 0], kind)
  }
  tell(acme, 'user')
  t.equal(await times(acme), 0, 'other changes are of no matter')
  state.staleness = 2_001
  t.same([await times(acme), await times(acme)], [1, 1], 'not without word of changes')
})

t.test('what is not there, and what changed while it was read, is not kept', async (t) => {
  const { state, cached, tell } = cache()
  t.equal(await cached.find(acme, 'oidc', 'nothing'), null)
  t.equal(await cached.find(acme, 'oidc', 'nothing'), null)
  t.equal(state.asked.length, 2)
  state.answer = {}
  const reading = cached.find(acme, 'oidc', 'wiki')
  tell(acme, 'resource')
  await reading
  await cached.find(acme, 'oidc', 'wiki')
  t.equal(state.asked.length, 4)
})
