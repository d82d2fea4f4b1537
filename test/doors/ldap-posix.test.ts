// What bindings to the directory give to entries (shell, home, primary group): shown, found by filters and compared as one
// and the same, and never older than the binding.
import fc from 'fast-check'
import t from 'tap'
import type { GroupId } from '../../src/base/ids.ts'
import { mergeAttributes } from '../../src/core/access/attributes.ts'
import type { Principal } from '../../src/core/access/decision.ts'
import type { PosixGrant, UserEntry } from '../../src/core/ports.ts'
import { NamingContext } from '../../src/doors/ldap/naming-context.ts'
import { type Part, planSearch } from '../../src/doors/ldap/plan.ts'
import type { Filter } from '../../src/wire/ldap/filter.ts'
import { resultCodes as code } from '../../src/wire/ldap/result-codes.ts'
import { compared } from '../support/ldap-client.ts'
import { MemoryDirectory } from '../support/ldap-directory.ts'
import { contents, open, suffix, userDn } from '../support/ldap-door.ts'
import { makeGroup, makeOrganization, makeUser } from '../support/store.ts'

const folder = t.testdir({})
const [alice, bob, carol, odd] = ['uid=alice', 'uid=bob', 'uid=carol', 'uid=o\\+dd']
const principal = { kind: 'service', reads: ['users'], id: 'x', name: 'reader' } as unknown as Principal

t.test('entries, filters and compare after what bindings give', async (t) => {
  const all = contents()
  const idOf = (name: string) => all.groups.find((group) => group.name === name)?.id as GroupId
  all.posix = [
    { groupId: idOf('R&D, Berlin'), ldap: { loginShell: '/bin/Zsh' } },
    { groupId: idOf('engineering'), ldap: { loginShell: '/bin/fish', gidNumber: 500 } },
    { groupId: idOf('engineering'), ldap: { gidNumber: 501, homeDirectory: '/srv/makers' } },
  ]
  const { bound, directory, change } = await open(t, folder, { contents: all })
  const client = await bound()
  const attributes = ['loginShell', 'homeDirectory', 'gidNumber']
  const entryOf = async (name: string, wanted = attributes) =>
    (await client.search(suffix, `(uid=${name})`, { attributes: wanted })).entries[0]?.attributes
  const alices = { gidNumber: ['500'], homeDirectory: ['/srv/makers'], loginShell: ['/bin/Zsh'] }
  t.same(await entryOf('alice'), alices, 'of each attribute the first')
  t.match(await entryOf('alice', []), { ...alices, uidNumber: ['10001'] })
  t.same(await entryOf('bob', ['loginShell']), { loginShell: ['/bin/fish'] })
  t.same(await entryOf('carol'), {
    ...{ gidNumber: ['10003'], homeDirectory: ['/home/carol'], loginShell: ['/bin/bash'] },
  })

  const filters: readonly (readonly [string, readonly string[]])[] = [
    ['(loginShell=/bin/zsh)', [alice]],
    ['(loginShell=/bin/fish)', [bob]],
    ['(loginShell=/bin/bash)', [carol, odd]],
    ['(!(loginShell=/bin/bash))', [alice, bob, 'ou=users']],
    ['(loginShell=/bin/*sh)', [alice, bob, carol, odd]],
    ['(loginShell=/bin/*i*)', [bob]],
    ['(loginShell=*)', [alice, bob, carol, odd]],
    ['(loginShell:=/bin/fish)', [bob]],
    ['(homeDirectory=/srv/makers)', [alice, bob]],
    ['(homeDirectory=/home/alice)', []],
    ['(homeDirectory=/home/carol)', [carol]],
    ['(homeDirectory=/srv*)', []],
    ['(!(homeDirectory=/srv*))', ['ou=users']],
    ['(gidNumber=500)', [alice, bob]],
    ['(gidNumber=501)', []],
    ['(gidNumber=10001)', []],
    ['(gidNumber=10003)', [carol]],
    ['(gidNumber<=500)', [alice, bob]],
    ['(gidNumber>=501)', [carol, odd]],
    ['(gidNumber=x)', []],
    ['(!(gidNumber=x))', ['ou=users']],
    ['(!(gidNumber>=x))', ['ou=users']],
    ['(&(objectClass=posixAccount)(gidNumber=500)(uid=bob))', [bob]],
  ]
  for (const [filter, found] of filters) {
    t.same(await client.names(`ou=users,${suffix}`, filter), [...found].sort(), filter)
  }
  t.equal(await compared(client, userDn('bob'), 'loginShell', '/bin/fish'), code.compareTrue)
  t.equal(await compared(client, userDn('bob'), 'loginShell', '/bin/bash'), code.compareFalse)

  all.posix = all.posix.slice(1)
  t.same(await entryOf('alice', ['loginShell']), { loginShell: ['/bin/Zsh'] }, 'nobody has said so yet')
  const reads = directory.count('usersByKey')
  change('binding')
  t.same(await entryOf('alice', ['loginShell']), { loginShell: ['/bin/fish'] })
  t.equal(directory.count('usersByKey'), reads + 1)
  all.posix = []
  change('resource')
  t.same(await entryOf('alice', ['loginShell']), { loginShell: ['/bin/bash'] })
  t.same(await client.names(suffix, '(gidNumber=10001)'), [alice])
})

t.test('what is found is what is shown, whatever bindings there are', async (t) => {
  const organization = makeOrganization('acme')
  const groups = ['a', 'b', 'c', 'd'].map((name) => makeGroup(name))
  const users = ['one', 'two', 'three'].map((name, i) => makeUser(name, { posixId: 10 + i }))
  const pools = {
    gidNumber: [5, 10, 11, 20],
    loginShell: ['/bin/sh', '/bin/a', '/bin/b'],
    homeDirectory: ['/home/one', '/home/x', '/srv'],
  }
  const optional = <T>(values: readonly T[]) => fc.constantFrom(undefined, ...values)
  const grant = fc
    .record({
      group: fc.constantFrom(...groups),
      gidNumber: optional(pools.gidNumber),
      loginShell: optional(pools.loginShell),
      homeDirectory: optional(pools.homeDirectory),
    })
    .map(({ group, ...given }) => {
      const ldap = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined))
      return { groupId: group.id, ldap } as PosixGrant
    })
  const assertion = fc.oneof(
    ...Object.entries(pools).map(([name, values]) =>
      fc.record({
        name: fc.constant(name as keyof typeof pools),
        value: fc.constantFrom<string | number>(...values),
        kind: fc.constantFrom('equalityMatch' as const, 'greaterOrEqual' as const, 'lessOrEqual' as const),
        negated: fc.boolean(),
      }),
    ),
  )
  const memberships = fc.tuple(...users.map(() => fc.subarray(['a', 'b', 'c', 'd'])))
  await fc.assert(
    fc.asyncProperty(
      fc.array(grant, { maxLength: 8 }),
      memberships,
      assertion,
      async (posix, inGroups, asked) => {
        const directory = new MemoryDirectory(organization.id, {
          ...{ users, groups, devices: [], attributes: [], posix },
          memberships: Object.fromEntries(users.map(({ id }, i) => [id, inGroups[i] ?? []])),
        })
        const context = new NamingContext(organization, groups, posix, [], '/bin/sh')
        const { name, value, kind, negated } = asked
        const shownOf = ({ user, groups: own }: UserEntry) => {
          const merged = mergeAttributes(posix.filter(({ groupId }) => own.includes(groupId))).ldap ?? {}
          const usual = {
            ...{ gidNumber: user.posixId, loginShell: '/bin/sh', homeDirectory: `/home/${user.username}` },
          }
          return merged[name] ?? usual[name]
        }
        const holds = (own: string | number) => {
          if (kind === 'equalityMatch') return (own === value) !== negated
          // Undefined: shells and homes have no order.
          if (typeof own !== 'number') return false
          return (kind === 'greaterOrEqual' ? own >= Number(value) : own <= Number(value)) !== negated
        }
        const item: Filter = { kind, attributeDesc: name, assertionValue: Buffer.from(String(value)) }
        const filter: Filter = negated ? { kind: 'not', filter: item } : item
        const parts = (await planSearch(
          { at: 'branch', branch: 'users' },
          'singleLevel',
          filter,
          context,
          principal,
          directory,
        )) as readonly Part[]
        const entries = await directory.users(organization.id, { op: 'true' }, { limit: 9 }, true)
        const wanted = entries.filter((entry) => holds(shownOf(entry)))
        const [part] = parts
        const found =
          part?.kind === 'users' ? await directory.users(organization.id, part.where, { limit: 9 }, true) : []
        t.same(
          found.map(({ user }) => user.username),
          wanted.map(({ user }) => user.username),
        )
        const layout = context.users.byKey.get(name.toLowerCase())
        const spelling = { tree: context.tree, groups: context.groups, usernames: new Map() }
        for (const entry of entries) t.same(layout?.values(entry, spelling), [String(shownOf(entry))])
      },
    ),
    { numRuns: 300 },
  )
})

t.test('L07 what many bindings make of a filter is counted, too', async (t) => {
  const groups = Array.from({ length: 400 }, (_, i) => makeGroup(`g${i}`))
  const posix = groups.map(({ id }, i) => ({ groupId: id, ldap: { gidNumber: 1 + (i % 2) } }))
  const context = new NamingContext(makeOrganization('acme'), groups, posix, [], '/bin/sh')
  const reader = { usersByKey: async () => [], devices: async () => [] }
  const item: Filter = { kind: 'equalityMatch', attributeDesc: 'gidNumber', assertionValue: Buffer.from('1') }
  const plan = (filter: Filter) =>
    planSearch({ at: 'top' }, 'wholeSubtree', filter, context, principal, reader)
  t.throws(() => plan(item), { message: /too many comparisons/ })
  const none: Filter = { ...item, assertionValue: Buffer.from('3') }
  t.ok(plan(none), 'one that no binding gives takes each once')
  t.throws(() => plan({ kind: 'or', filters: Array(100).fill(none) }), { message: /too many comparisons/ })
})
