// Authority and holding under interleaving: what is judged is judged on what is written, whatever others do in between.
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import { silentLog } from '../../src/base/log.ts'
import type { Result } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { createDirectory, type Directory } from '../../src/core/directory/directory.ts'
import {
  type ImportPorts,
  importNewOrganization,
  importOrganization,
} from '../../src/core/directory/import.ts'
import type { By, Outcome, Refusal, Role } from '../../src/core/directory/writing.ts'
import { openStore } from '../../src/store/store.ts'
import { importPorts } from '../support/api.ts'
import { freshDatabase } from '../support/database.ts'

enableLinearRegex()
t.setTimeout(60_000)

const made = <T>(outcome: Outcome<T>): T => {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.error))
  return outcome.value.object
}
const ending = (result: Result<unknown, Refusal>): string => (result.ok ? 'written' : result.error.kind)

/** Two servers on one database; an organization with a group of owners, `boss` among them. */
async function servers(t: Test) {
  const databaseUrl = new Secret(await freshDatabase(t))
  const dataFolder = t.testdir({})
  const open = async () => {
    const settings = { databaseUrl, redisUrl: null, connections: 5, clock: systemClock, log: silentLog }
    const store = await openStore({ dataFolder, ...settings })
    t.teardown(() => store.close())
    return { store, ports: importPorts(store) }
  }
  const one = await open()
  const two = await open()
  const actor = { kind: 'system', name: 'test' } as const
  const described = { organization: { slug: 'acme', name: 'Acme', domain: 'acme.example' } }
  const imported = await importNewOrganization(actor, described, one.ports)
  if (!imported.ok) throw new Error(JSON.stringify(imported.error))
  const { organization } = imported.value
  const by = (role: Role): By => ({ organization, actor, role, confirmed: true })
  const owner = createDirectory(one.ports)
  const resource = made(await owner.resources.create(by('owner'), { name: 'console', kind: 'console' }))
  const group = made(await owner.groups.create(by('owner'), { name: 'owners', of: 'users' }))
  const bound = { groupId: group.id, resourceId: resource.id, attributes: { role: 'owner' } }
  const binding = made(await owner.bindings.create(by('owner'), bound))
  const boss = made(await owner.users.create(by('owner'), { username: 'boss' }))
  const joined = await owner.members.add(by('owner'), group.id, boss.id)
  if (!joined.ok) throw new Error('boss is no owner')
  return { one, two, by, owner, organization, resource, group, binding, bound, boss }
}

/** The directory, where something happens between the first look at the rules and what comes after it. */
function meanwhile(ports: ImportPorts, happens: () => Promise<unknown>): Directory {
  let left = 1
  return createDirectory({
    ...ports,
    rules: {
      ...ports.rules,
      async read(organization) {
        const source = await ports.rules.read(organization)
        if (left-- > 0) await happens()
        return source
      },
    },
  })
}

t.test('A11: an administrator undoes no suspension of an owner by saying again what was so', async (t) => {
  const { one, two, by, owner, boss } = await servers(t)
  const set = (patch: object) => owner.users.update(by('owner'), boss.id, patch)
  const now = async () => one.store.reader.findUser(by('owner').organization.id, boss.id)
  for (const [patch, other] of [
    [{ state: 'active' }, { state: 'suspended' }],
    [{ username: 'boss' }, { username: 'boss2' }],
    [{ email: null }, { email: 'boss@acme.example' }],
  ] as const) {
    const racing = meanwhile(two.ports, () => set(other))
    t.equal(ending(await racing.users.update(by('administrator'), boss.id, patch)), 'forbidden')
    t.match(await now(), other)
    made(await set({ state: 'active', username: 'boss', email: null }))
  }
  const looping = createDirectory(two.ports)
  let isOver = false
  const loops = Promise.all(
    Array.from({ length: 3 }, async () => {
      while (!isOver)
        await looping.users.update(by('administrator'), boss.id, { state: 'active' }).catch(() => sleep(1))
    }),
  )
  let undone = 0
  const changed = async (state: string) => {
    while (!(await set({ state }).catch(() => null))?.ok) await sleep(1)
  }
  for (let round = 0; round < 15; round++) {
    await changed('suspended')
    await sleep(15)
    if ((await now())?.state === 'active') undone++
    await changed('active')
  }
  isOver = true
  await loops
  t.equal(undone, 0)
})

t.test('A11: what was judged before a role was bound is judged again', async (t) => {
  const { one, two, by, owner, organization, group, binding, bound, boss } = await servers(t)
  const admin = by('administrator')
  const mary = made(await owner.users.create(by('owner'), { username: 'mary' }))
  const remove = async () => {
    const [known] = await owner.bindings.list(organization.id, { op: 'true' }, { limit: 1 })
    if (known) await owner.bindings.remove(by('owner'), known.id)
  }
  t.equal(ending(await owner.bindings.remove(by('owner'), binding.id)), 'written')
  const bind = async () => made(await owner.bindings.create(by('owner'), bound))
  /** The role is bound after what is asked first of it is known. */
  const racing = () => {
    let left = 1
    const list: ImportPorts['bindings']['list'] = async (...asked) => {
      const found = await two.ports.bindings.list(...asked)
      if (left-- > 0) await bind()
      return found
    }
    return createDirectory({ ...two.ports, bindings: { ...two.ports.bindings, list } })
  }
  const at = new Date(Date.now() + 86_400_000).toISOString()
  const plan = { userIds: [boss.id], state: 'suspended', at, reason: 'x' }
  const exemption = { groupId: group.id, subjectId: mary.id, kind: 'always', reason: 'x' }
  for (const [name, write] of [
    ['a member', (on: Directory) => on.members.add(admin, group.id, mary.id)],
    ['an exemption', (on: Directory) => on.exemptions.create(admin, exemption)],
    ['a state', (on: Directory) => on.users.update(admin, boss.id, { state: 'suspended' })],
    ['a planned state', (on: Directory) => on.stateChanges.schedule(admin, plan)],
    [
      'a rule',
      (on: Directory) => on.groups.update(admin, group.id, { mode: 'dynamic', rule: 'title eq "x"' }),
    ],
    ['a factor', (on: Directory) => on.userFactors.enrol(admin, boss.id, { kind: 'totp' })],
    ['the end of a user', (on: Directory) => on.users.remove(admin, boss.id)],
  ] as const) {
    t.equal(ending(await write(racing())), 'forbidden', name)
    await remove()
  }
  t.same((await one.store.reader.members(organization.id, group.id, { limit: 9 })).length, 1)
})

t.test('A11: a password that is being hashed while its user becomes an owner is not set', async (t) => {
  const { two, by, owner, organization, group } = await servers(t)
  const admin = by('administrator')
  for (const [name, write] of [
    ['alone', (on: Directory, id: string) => on.users.update(admin, id, { password: 'a long enough one' })],
    [
      'a factor',
      (on: Directory, id: string) =>
        on.userFactors.enrol(admin, id, { kind: 'password', password: 'a long enough one' }),
    ],
  ] as const) {
    const user = made(await owner.users.create(by('owner'), { username: name.replace(' ', '-') }))
    const racing = createDirectory({
      ...two.ports,
      async hashPassword(password) {
        await owner.members.add(by('owner'), group.id, user.id)
        return two.ports.hashPassword(password)
      },
    })
    t.equal(ending(await write(racing, user.id)), 'forbidden', name)
    t.same(await two.store.credentials.list(organization.id, user.id), [], name)
  }
  const plain = made(await owner.users.create(by('owner'), { username: 'plain' }))
  const hashing = createDirectory({
    ...two.ports,
    async hashPassword(password) {
      made(await owner.users.update(by('owner'), plain.id, { title: 'x' }))
      return two.ports.hashPassword(password)
    },
  })
  t.equal(ending(await hashing.users.update(admin, plain.id, { password: 'a long enough one' })), 'written')
})

t.test(
  'a rule, a binding, an attribute and a setting that only together let people in: one is held',
  async (t) => {
    const { one, two, by, owner } = await servers(t)
    const unconfirmed = { ...by('owner'), confirmed: false }
    const portal = made(await owner.resources.create(by('owner'), { name: 'portal', kind: 'portal' }))
    const other = createDirectory(two.ports)
    const seen = new Set<string>()
    for (let round = 0; round < 24; round++) {
      const [badge, rule] = [`badge${round}`, `badge${round} eq "open"`]
      const declared = made(
        await owner.attributes.create(by('owner'), {
          name: badge,
          of: 'users',
          type: 'string',
          selfEditable: true,
        }),
      )
      const values = { name: `g${round}`, of: 'users', mode: 'dynamic', rule: 'title eq "x"' }
      const group = made(await owner.groups.create(unconfirmed, values))
      const bind = { groupId: group.id, resourceId: portal.id }
      const demand = { factors: ['totp'] }
      const endings = await Promise.all([
        owner.groups.update(unconfirmed, group.id, { rule }),
        sleep(Math.random() * 6).then(
          async (): Promise<Result<unknown, Refusal>> =>
            round % 3 === 0
              ? owner.groups.update(unconfirmed, group.id, demand)
              : (round % 2 === 0 ? owner : other).bindings.create(unconfirmed, bind),
        ),
      ])
      const names = endings.map(ending).sort()
      if (`${names}` !== 'confirm,written') return t.same(names, [], `round ${round}`)
      seen.add(endings.map(ending).join())
      t.equal(declared.selfEditable, true)
    }
    t.pass([...seen].join(' | '))
    for (let round = 0; round < 6; round++) {
      const values = { name: `s${round}`, of: 'users', mode: 'dynamic', rule: 'title eq "x"' }
      const group = made(await owner.groups.create(unconfirmed, values))
      made(await owner.bindings.create(unconfirmed, { groupId: group.id, resourceId: portal.id }))
      const endings = await Promise.all([
        owner.groups.update(unconfirmed, group.id, { rule: 'location eq "HQ"' }),
        sleep(Math.random() * 6).then(() =>
          other.updateOrganization(unconfirmed, { settings: { selfEditable: ['location'] } }),
        ),
      ])
      t.same(endings.map(ending).sort(), ['confirm', 'written'], `setting ${round}`)
      made(await owner.updateOrganization(by('owner'), { settings: { selfEditable: [] } }))
      made(await owner.groups.update(by('owner'), group.id, { rule: 'title eq "x"' }))
    }
    t.equal((await one.store.rules.read(by('owner').organization.id)).groups.length > 24, true)
  },
)

t.test('an import that is let through, and what others change until it grants', async (t) => {
  const { two, by, owner } = await servers(t)
  const unconfirmed = { ...by('owner'), confirmed: false }
  made(await owner.resources.create(by('owner'), { name: 'portal', kind: 'portal' }))
  const base = async (name: string) =>
    made(await owner.groups.create(by('owner'), { name, of: 'users', mode: 'dynamic', rule: 'title eq "x"' }))
  const [near, far] = [await base('one-base'), await base('two-base')]
  const settings = { settings: { selfEditable: ['location'] } }
  made(await owner.updateOrganization(by('owner'), settings))
  const file = (name: string) => ({
    users: [{ username: name, password: 'muster-somebody' }],
    groups: [
      { name, of: 'users', mode: 'dynamic', rule: `memberOf eq "${name}-base"` },
      { name: `${name}-2`, of: 'users', mode: 'dynamic', rule: `memberOf eq "${name}-base"` },
    ],
    bindings: [
      { group: name, resource: 'portal' },
      { group: `${name}-2`, resource: 'portal' },
    ],
  })
  const during = (name: string, meanwhile: () => Promise<Outcome<unknown>>) =>
    importOrganization({
      ...two.ports,
      async hashPassword(password) {
        made(await meanwhile())
        return two.ports.hashPassword(password)
      },
    })(unconfirmed, file(name))
  const change = (id: string, rule: string) => () => owner.groups.update(by('owner'), id, { rule })
  t.match(await during('one', change(near.id, 'title eq "y"')), {
    ok: true,
    value: { counts: { bindings: 2 } },
  })
  t.match(await during('two', change(far.id, 'location eq "HQ"')), {
    ok: false,
    error: { kind: /conflict|confirm/ },
  })
  const bound = await owner.bindings.list(by('owner').organization.id, { op: 'true' }, { limit: 100 })
  const group = await owner.groups.list(
    by('owner').organization.id,
    { op: 'eq', field: { standard: 'name' }, value: 'two' },
    { limit: 1 },
  )
  t.equal(group.length, 1)
  t.notOk(
    bound.some(({ groupId }) => groupId === group[0]?.id),
    'what would let people in is not bound',
  )
})

t.test('many bindings at once all come to be', async (t) => {
  const { two, by, owner } = await servers(t)
  const portal = made(await owner.resources.create(by('owner'), { name: 'portal', kind: 'portal' }))
  const other = createDirectory(two.ports)
  const groups = await Promise.all(
    Array.from({ length: 12 }, async (_, i) =>
      made(await owner.groups.create(by('owner'), { name: `g${i}`, of: 'users' })),
    ),
  )
  const endings = await Promise.all(
    groups.map(({ id }, i) =>
      (i % 2 === 0 ? owner : other).bindings.create(by('owner'), { groupId: id, resourceId: portal.id }),
    ),
  )
  t.same(new Set(endings.map(ending)), new Set(['written']))
})
