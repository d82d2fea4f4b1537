// Previews say what the engine would do, and three-valued logic agrees with two-valued logic wherever it says anything.
import fc from 'fast-check'
import t from 'tap'
import type { GroupId, SubjectId } from '../../../src/base/ids.ts'
import { enableLinearRegex } from '../../../src/base/linear-regex.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Group } from '../../../src/core/directory/types.ts'
import type { Cell, MembershipInput } from '../../../src/core/membership/cell.ts'
import { type CellFacts, evaluate } from '../../../src/core/membership/engine.ts'
import { compileRule } from '../../../src/core/membership/language/compile.ts'
import type { Subject } from '../../../src/core/membership/language/facts.ts'
import { compileKnown } from '../../../src/core/membership/language/known.ts'
import { affectedGroups, evaluateAffected } from '../../../src/core/membership/preview/affected.ts'
import {
  type Grant,
  type GroupGrants,
  granted,
  PreviewCount,
} from '../../../src/core/membership/preview/preview.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { now, printed, sound, userRule, userSubject } from '../../support/generated-rules.ts'
import { at, makeDevice, makeGroup, makeUser } from '../../support/store.ts'

enableLinearRegex()

const values: Record<string, unknown[]> = {
  department: ['a', 'b', 'ab'],
  badge: ['a', 'A'],
  skills: [['a'], ['b', 'ab']],
  level: [0, 1, -1],
  remote: [true, false],
  started: [now, now - 1, now + 86_400_000],
  name: ['a', 'b'],
  osVersion: ['1.9', '2'],
  managed: [true, false],
  lastContact: [now, now - 1],
}

/** What is missing gets one value or another. */
function filled(subject: Subject, choose: (most: number) => number): Subject {
  const fill = (facts: Subject): Subject => {
    const found: Record<string, never> = Object.assign(Object.create(null), facts.values)
    for (const [name, options] of Object.entries(values)) {
      if (compileRule(sound(`${presence(name)}`, inUsers(name) ? 'users' : 'devices').checked)(facts, now))
        continue
      found[name] = options[choose(options.length)] as never
    }
    return { ...facts, values: found }
  }
  const devices = subject.devices?.map((device) => fill(device))
  return { ...fill(subject), ...(devices && { devices }) }
}
const inUsers = (name: string) => !['name', 'osVersion', 'managed', 'lastContact'].includes(name)
const presence = (name: string) => `${name} pr`

const isPresence = (text: string) => / pr\b/.test(text)

t.test('what three-valued logic knows stays true whatever is filled in', async (t) => {
  let [known, unknown] = [0, 0]
  fc.assert(
    fc.property(userRule, userSubject, fc.array(fc.nat(11), { minLength: 7 }), (expr, subject, choices) => {
      const { text, checked } = printed(expr)
      const says = compileKnown(checked)(subject, now)
      const holds = compileRule(checked)
      if (says === null) {
        unknown++
        return true
      }
      known++
      if (holds(subject, now) !== says) return false
      // Presence is taken as known, so that filling in may change it.
      if (isPresence(text)) return true
      let next = 0
      const other = filled(subject, (most) => (choices[next++ % choices.length] as number) % most)
      return compileKnown(checked)(other, now) === says && holds(other, now) === says
    }),
    { numRuns: 1_000 },
  )
  t.ok(known > 100 && unknown > 50, `${known} known, ${unknown} not`)
  const nobody: Subject = { values: {}, memberOf: new Set(), devices: [] }
  const says = (text: string) => compileKnown(sound(text).checked)(nobody, now)
  t.equal(says('department eq "a"'), null)
  t.equal(says('not (department eq "a")'), null)
  t.equal(says('department eq "a" and memberOf eq "g0"'), false)
  t.equal(says('department eq "a" or memberOf ne "g0"'), true)
  t.equal(says('department pr'), false)
  t.equal(says('devices[managed eq true]'), false, 'no devices: that is known')
  t.equal(
    compileKnown(sound('owner.department eq "a"', 'devices').checked)(
      { values: {}, memberOf: new Set() },
      now,
    ),
    null,
  )
})

const person = makeUser('ann', { department: 'a' })
const machine = makeDevice('pc', { ownerId: person.id, os: 'linux' })
const names = ['one', 'two', 'three', 'pcs'] as const
const someRule = (of: Group['of'], earlier: readonly string[]) =>
  fc.constantFrom(
    ...(of === 'users'
      ? ['department eq "a"', 'department ne "a"', 'devices[os eq "linux"]', 'title eq "x"']
      : ['os eq "linux"', 'owner.department eq "b"']),
    ...earlier.map((name) =>
      name === 'pcs'
        ? of === 'users'
          ? `devices[memberOf eq "${name}"]`
          : 'os pr'
        : `${of === 'users' ? '' : 'owner.'}memberOf eq "${name}"`,
    ),
    ...(of === 'users' && earlier.length === 0 ? [] : ['name pr'].filter(() => of === 'devices')),
  )
const someGroups = fc.shuffledSubarray([...names], { minLength: 4 }).chain((order) =>
  fc.tuple(
    ...order.map((name, index) =>
      fc.record({
        name: fc.constant(name),
        rule: someRule(name === 'pcs' ? 'devices' : 'users', order.slice(0, index)),
        mode: fc.constantFrom('dynamic' as const, 'dynamic' as const, 'review' as const),
      }),
    ),
  ),
)
const stableIds = new Map(names.map((name) => [name as string, makeGroup(name).id]))
const asGroups = (of: readonly { name: string; rule: string; mode: Group['mode'] }[]): Group[] =>
  of.map(({ name, rule, mode }) =>
    makeGroup(name, {
      ...{ id: stableIds.get(name) as GroupId, rule, mode },
      of: name === 'pcs' ? 'devices' : 'users',
    }),
  )
const compiled = (groups: readonly Group[]) => compileRules({ epoch: 1n, groups, attributes: [] }, silentLog)
const input = fc.record({
  who: fc.boolean(),
  group: fc.constantFrom(...names),
  kind: fc.constantFrom('manual' as const, 'always' as const, 'never' as const),
})

t.test('affected groups come out as the engine would have them', async (t) => {
  let moved = 0
  fc.assert(
    fc.property(someGroups, fc.nat(3), fc.array(input, { maxLength: 3 }), (list, which, given) => {
      const before = asGroups(list)
      const target = before[which] as Group
      const negated = { ...target, rule: `not (${target.rule})`, mode: 'dynamic' as const }
      const after = before.map((group) => (group === target ? negated : group))
      const inputs = given.flatMap(({ who, group, kind }): MembershipInput[] => {
        const groupId = stableIds.get(group) as GroupId
        if ((group === 'pcs') === who) return []
        return [{ subjectId: who ? person.id : machine.id, groupId, kind, expiresAt: null }]
      })
      const facts: CellFacts = { user: person, devices: [machine], inputs }
      const { memberships } = evaluate(facts, compiled(before), at)
      const cell = { ...facts, memberships } as unknown as Cell
      const rules = compiled(after)
      const { subjects } = evaluateAffected(cell, affectedGroups(rules, target.id), at)
      const wanted = evaluate(facts, rules, at).memberships
      for (const { id, after: is, before: was } of subjects) {
        const expected = wanted.filter(({ subjectId }) => subjectId === id).map(({ groupId }) => groupId)
        if ([...was].sort().join() !== [...is].sort().join()) moved++
        if ([...is].sort().join() !== expected.sort().join()) return false
      }
      return true
    }),
    { numRuns: 500 },
  )
  t.ok(moved > 50, `${moved} were moved`)
})

t.test('counts, samples and what is gained and lost', async (t) => {
  const [sales, people] = [
    makeGroup('sales', { mode: 'dynamic', rule: 'department eq "Sales" and title ne "Intern"' }),
    makeGroup('people', { mode: 'dynamic', rule: 'username pr' }),
  ]
  const readers = makeGroup('readers', { mode: 'dynamic', rule: 'memberOf eq "sales"' })
  const users = ['a', 'b', 'c', 'd', 'e']
    .map((username, index) =>
      makeUser(username, {
        department: index === 4 ? null : index < 2 ? 'Finance' : 'Sales',
        title: 'Clerk',
      }),
    )
    .sort((x, y) => (x.id < y.id ? -1 : 1))
  const old = compiled([{ ...sales, rule: 'department eq "Finance"' }, people, readers])
  const wifi: Grant = { kind: 'network', resource: 'wifi', vlan: 30 }
  const wiki: Grant = { kind: 'application', resource: 'wiki' }
  const portal: Grant = { kind: 'portal', resource: 'portal' }
  const grants = grantsFrom([
    [sales.id, [wifi, wiki]],
    [people.id, [wiki]],
    [readers.id, [portal]],
  ])
  const never = users.find(({ username }) => username === 'd')?.id as SubjectId
  const previewed = (page: { limit: number; after?: string }) => {
    const count = new PreviewCount(compiled([sales, people, readers]), sales.id, grants, page, at)
    for (const user of users) {
      const inputs: MembershipInput[] =
        user.id === never ? [{ subjectId: never, groupId: sales.id, kind: 'never', expiresAt: null }] : []
      const facts = { user, devices: [], inputs }
      count.add({ ...facts, memberships: evaluate(facts, old, at).memberships } as unknown as Cell)
    }
    return count.result()
  }
  const all = previewed({ limit: 10 })
  t.same(
    all.joins.sample.map(({ name, gains, loses }) => ({ name, gains, loses })),
    [{ name: 'c', gains: [wifi, { kind: 'portal', resource: 'portal' }], loses: [] }],
    'the wiki they had by another group',
  )
  t.equal(all.leaves.count, 2)
  t.same(all.leaves.sample.map(({ name }) => name).sort(), ['a', 'b'])
  t.equal(all.stays.count, 0)
  t.same(
    all.unknowns.sample.map(({ name }) => name),
    ['e'],
  )
  t.match(all.gains, [
    { resource: 'portal', count: 1 },
    { resource: 'wifi', vlan: 30, count: 1 },
  ])
  t.match(all.loses, [
    { resource: 'portal', count: 2 },
    { resource: 'wifi', count: 2 },
  ])
  const first = previewed({ limit: 1 })
  t.equal(first.leaves.count, 2, 'all are counted')
  t.equal(first.leaves.sample.length, 1)
  const second = previewed({ limit: 1, after: first.leaves.next as string })
  t.same([...first.leaves.sample, ...second.leaves.sample], all.leaves.sample)
  t.equal(second.leaves.next, null)
})

/** Ranks in the order given. */
function grantsFrom(list: readonly (readonly [GroupId, readonly Grant[]])[]): GroupGrants {
  let rank = 0
  return new Map(list.map(([id, grants]) => [id, grants.map((grant) => granted(grant, rank++))]))
}

t.test('of the VLANs of one resource the first binding decides', async (t) => {
  const vlan = (number: number): Grant => ({ kind: 'network', resource: 'wifi', vlan: number })
  const plain: Grant = { kind: 'network', resource: 'wifi' }
  const group = makeGroup('new', { mode: 'dynamic', rule: 'title eq "Clerk"' })
  const all = makeGroup('all', { mode: 'dynamic', rule: 'username pr' })
  const user = makeUser('a', { title: 'Clerk' })
  const rules = compiled([group, all])
  const before = evaluate(
    { user, devices: [], inputs: [] },
    compiled([{ ...group, rule: 'title eq "x"' }, all]),
    at,
  )
  const cell = { user, devices: [], inputs: [], memberships: before.memberships } as unknown as Cell
  for (const [name, list, gains, loses] of [
    [
      'it comes first',
      [
        [group.id, [vlan(10)]],
        [all.id, [vlan(20)]],
      ],
      [vlan(10)],
      [vlan(20)],
    ],
    [
      'it comes second',
      [
        [all.id, [vlan(20)]],
        [group.id, [vlan(10)]],
      ],
      [],
      [],
    ],
    [
      'the same',
      [
        [group.id, [vlan(20)]],
        [all.id, [vlan(20)]],
      ],
      [],
      [],
    ],
    [
      'without a VLAN',
      [
        [group.id, [plain]],
        [all.id, [vlan(20)]],
      ],
      [plain],
      [],
    ],
    [
      'other resources',
      [
        [group.id, [vlan(10)]],
        [all.id, [{ ...vlan(20), resource: 'lan' }]],
      ],
      [vlan(10)],
      [],
    ],
  ] as const) {
    const count = new PreviewCount(rules, group.id, grantsFrom(list), { limit: 1 }, at)
    count.add(cell)
    const result = count.result()
    t.match(result.joins.sample, [{ gains, loses }], name)
    t.same([result.gains.length, result.loses.length], [gains.length, loses.length], name)
  }
})
