// Facts that are kept: never longer than they are true, as far as the change feed can tell.
import t from 'tap'
import { newId, type OrganizationId } from '../../../src/base/ids.ts'
import { CachedFacts } from '../../../src/core/access/cached-facts.ts'
import type { ClaimedSubject } from '../../../src/core/access/request.ts'
import type { AccessFacts, Change, ChangeKind } from '../../../src/core/ports.ts'
import {
  organizationOf,
  plain,
  resourceOf,
  subjectOf,
  theAccount,
  theOrganization,
  theResource,
  theUser,
} from '../../support/scene.ts'

const organization = theOrganization.id
const _turn = () => new Promise((resolve) => setImmediate(resolve))

/** A cache over facts that are counted, and what it is told. */
function world(most?: number) {
  const asked: string[] = []
  const state = { staleness: 0, found: true, wait: async () => {} }
  const inner: AccessFacts = {
    async findOrganization() {
      asked.push('organization')
      await state.wait()
      return organizationOf(plain)
    },
    async findSubject(_, claimed) {
      asked.push('name' in claimed ? claimed.name : claimed.id)
      await state.wait()
      if (!state.found) return null
      return subjectOf({ ...plain, who: claimed.by.startsWith('service') ? 'service' : 'user' })
    },
    async findResource() {
      asked.push('resource')
      await state.wait()
      return resourceOf(plain)
    },
  }
  let tell = (_: readonly Change[]): void => {}
  const cached = new CachedFacts(
    inner,
    {
      stalenessMs: () => state.staleness,
      subscribe: (listener) => {
        tell = listener
        return () => {}
      },
    },
    most,
  )
  /** How often the inner facts were asked by this. */
  const asks = async (claimed: ClaimedSubject, of: OrganizationId = organization): Promise<number> => {
    const before = asked.length
    await cached.findSubject(of, claimed)
    return asked.length - before
  }
  const change = (kind: ChangeKind, id: string, of = organization): void =>
    tell([{ organization: of, kind, id }])
  return { cached, state, asked, asks, change }
}

const alice: ClaimedSubject = { by: 'login', name: 'alice' }

t.test('subjects are kept by every spelling of their own name, and by no other', async (t) => {
  const { asks, state } = world()
  t.same([await asks(alice), await asks(alice), await asks({ by: 'login', name: ' ALICE ' })], [1, 0, 0])
  t.same(
    [await asks({ by: 'user-id', id: theUser.id }), await asks({ by: 'user-id', id: theUser.id })],
    [1, 0],
  )
  const service: ClaimedSubject = { by: 'service', name: 'alice' }
  t.same([await asks(service), await asks(service)], [1, 0], 'a service account of the same name is another')
  const mail: ClaimedSubject = { by: 'login', name: 'alice@acme.example' }
  t.same(
    [await asks(mail), await asks(mail)],
    [1, 1],
    'an e-mail address can become the username of somebody else',
  )
  t.equal(await asks(alice, newId<OrganizationId>()), 1, 'another organization')
  state.found = false
  const nobody: ClaimedSubject = { by: 'login', name: 'nobody' }
  t.same([await asks(nobody), await asks(nobody)], [1, 1], 'what was not found is not kept')
})

t.test('a change drops what it concerns', async (t) => {
  const other = newId<OrganizationId>()
  const drops: readonly (readonly [ChangeKind, string, OrganizationId, boolean])[] = [
    ['user', theUser.id, organization, true],
    ['user', 'another', organization, false],
    ['device', theUser.id, organization, true],
    ['group', 'any', organization, true],
    ['attribute', 'any', organization, true],
    ['organization', 'any', organization, true],
    ['group', 'any', other, false],
    ['binding', 'any', organization, false],
    ['resource', 'any', organization, false],
  ]
  for (const [kind, id, of, dropped] of drops) {
    const { asks, change } = world()
    await asks(alice)
    await asks({ by: 'user-id', id: theUser.id })
    change(kind, id, of)
    t.same(
      [await asks(alice), await asks({ by: 'user-id', id: theUser.id })],
      dropped ? [1, 1] : [0, 0],
      `${kind} ${id}`,
    )
  }
  const { asks, change } = world()
  await asks({ by: 'service', name: 'reader' })
  change('service-account', theAccount)
  t.equal(await asks({ by: 'service', name: 'reader' }), 1)
})

t.test('resources and the organization', async (t) => {
  const { cached, asked, change } = world()
  const ask = async () => {
    const before = asked.length
    await cached.findResource(organization, { kind: 'id', id: theResource })
    await cached.findOrganization(organization)
    return asked.slice(before)
  }
  t.same(await ask(), ['resource', 'organization'])
  t.same(await ask(), [])
  for (const kind of ['binding', 'resource'] as const) {
    change(kind, 'any')
    t.same(await ask(), ['resource'], kind)
  }
  change('organization', organization)
  t.same(await ask(), ['resource', 'organization'])
  change('resource', 'any', newId<OrganizationId>())
  t.same(await ask(), [], 'of another organization')
})

t.test('what was read before a change that came meanwhile is not kept', async (t) => {
  const late = world()
  let open = (): void => {}
  late.state.wait = () => new Promise((resolve) => (open = resolve))
  const one = late.cached.findSubject(organization, alice)
  late.change('user', theUser.id)
  open()
  await one
  late.state.wait = async () => {}
  t.equal(await late.asks(alice), 1, 'read again')
  t.equal(await late.asks(alice), 0)
})

t.test('behind by more than 2 s, nothing that is kept is used', async (t) => {
  const { asks, state } = world()
  await asks(alice)
  state.staleness = 2_000
  t.equal(await asks(alice), 0)
  state.staleness = 2_001
  t.same([await asks(alice), await asks(alice)], [1, 1])
  state.staleness = Number.NaN
  t.equal(await asks(alice), 1)
})

t.test('bounded: the oldest go', async (t) => {
  const { cached, asks } = world(2)
  await cached.findSubject(organization, alice)
  await cached.findSubject(organization, { by: 'user-id', id: theUser.id })
  await cached.findSubject(organization, { by: 'service', name: 'reader' })
  t.same(
    [
      await asks({ by: 'service', name: 'reader' }),
      await asks({ by: 'user-id', id: theUser.id }),
      await asks(alice),
    ],
    [0, 0, 1],
  )
})
