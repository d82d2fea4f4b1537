// Answers from columns equal those of going through every cell, over random organizations and while they change: what differs
// from the rules, what a rule would change, and what values there are.
import t, { type Test } from 'tap'
import { newId } from '../../../src/base/ids.ts'
import { Fault } from '../../../src/base/result.ts'
import type { Group, User } from '../../../src/core/directory/types.ts'
import type { Cell } from '../../../src/core/membership/cell.ts'
import { evaluate } from '../../../src/core/membership/engine.ts'
import { ColumnSets } from '../../../src/core/membership/sets/column-sets.ts'
import { Entries } from '../../../src/core/membership/sets/entries.ts'
import { Ordinals } from '../../../src/core/membership/sets/ordinals.ts'
import type { GroupsAsked } from '../../../src/core/membership/sets/set-engine.ts'
import { differs } from '../../../src/core/membership/sets/set-scan.ts'
import { makeGroup } from '../../support/store.ts'

import {
  day,
  deviceRules,
  dice,
  organization,
  userRules,
  type World,
  world,
} from '../../support/untidy-organization.ts'

async function everyPage(sets: Pick<ColumnSets, 'differing'>, groups: GroupsAsked): Promise<string[]> {
  const found: string[] = []
  for (let after: string | null = null; ; ) {
    const page = await sets.differing(organization, groups, after)
    found.push(...page.subjects.map(({ kind, id }) => `${kind} ${id}`))
    if (page.next === null) return found.sort()
    after = page.next
  }
}

async function compare(t: Pick<Test, 'same'>, w: World): Promise<void> {
  const rules = w.set()
  const expected = w
    .subjectsNow()
    .filter((subject) => differs(w.bare(subject), rules, w.clock.now()))
    .map(({ kind, id }) => `${kind} ${id}`)
    .sort()
  t.same(await everyPage(w.sets, 'all'), expected)
  const found = new Set(
    await everyPage(
      w.sets,
      w.groups.map(({ id }) => id),
    ),
  )
  t.same([...found].sort(), expected)

  const of = w.chance(0.7) ? 'users' : 'devices'
  const rule = w.any(of === 'users' ? userRules : deviceRules)
  const stored = w.groups.filter((group) => group.of === of && group.mode !== 'static')
  const group: Group = {
    ...(w.chance(0.8) ? w.any(stored) : makeGroup('new', { of })),
    rule,
    mode: 'dynamic',
  }
  const cursor = w.chance(0.5) ? w.any([...w.users.keys(), ...w.devices.keys()]) : undefined
  const page = { limit: 5, ...(cursor !== undefined && { after: cursor }) }
  const [mine, theirs] = await Promise.all([
    w.sets.preview(organization, group, page),
    w.scanning.preview(organization, group, page),
  ])
  t.same(mine, theirs)
}

t.test('what differs, and what a rule would change, over random organizations that change', async (t) => {
  for (let seed = 1; seed <= 25; seed++) {
    const w = world(seed * 7919)
    // A circle is refused when a rule is saved: the closures are not asked about one.
    await compare(t, w)
    for (let round = 0; round < 4; round++) {
      for (let i = 0; i < 6; i++) w.change()
      w.clock.ms += w.chance(0.3) ? day : 0
      await compare(t, w)
    }
    t.equal(w.fellBack(), 0, 'columns have answered')
  }
})

t.test('groups asked for: every cell in which such a group is not what the rules say', async (t) => {
  let wrong = 0
  for (let seed = 1; seed <= 10; seed++) {
    const w = world(seed)
    // It reads no other group, whose members would be taken to be right.
    const asked = (w.groups[1] as Group).id
    const found = new Set(await everyPage(w.sets, [asked]))
    const rules = w.set()
    const spell = (list: Cell['memberships']): string[] =>
      list.flatMap(({ subjectId, groupId, reasons }) =>
        groupId === asked ? [`${subjectId} ${reasons}`] : [],
      )
    for (const subject of w.subjectsNow()) {
      const cell = w.bare(subject)
      const { memberships } = evaluate(cell, rules, w.clock.now())
      if (spell(memberships).join() === spell(cell.memberships).join()) continue
      wrong++
      if (!found.has(`${subject.kind} ${subject.id}`)) t.fail('a cell was not found')
    }
  }
  t.ok(wrong > 0)
})

t.test('values that somebody has', async (t) => {
  const w = world(3)
  const asked = [
    ['users', 'department', 'sales'],
    ['users', 'department', 'nowhere'],
    ['users', 'nonsense', 'x'],
    ['users', 'costCenter', 'nowhere'],
  ] as const
  t.same(
    await w.sets.seen(
      organization,
      asked.map(([of, attribute, value]) => ({ of, attribute, value })),
    ),
    [true, false, undefined, false],
    'whatever the case of the name',
  )
})

t.test(
  'found cells are told a page at a time, whatever else is asked or changes, and not for ever',
  async (t) => {
    const w = world(5)
    for (let i = 0; i < 700; i++) {
      const user = w.someUser()
      w.users.set(user.id, { ...user, department: 'Sales' })
    }
    const first = await w.sets.differing(organization, 'all', null)
    t.equal(first.subjects.length, 500)
    const all = await everyPage(w.sets, 'all')
    t.ok(all.length >= 700)
    t.equal(new Set(all).size, all.length)
    w.tell({ what: 'everything' })
    const second = await w.sets.differing(organization, 'all', first.next)
    const both = [...first.subjects, ...second.subjects].map(({ kind, id }) => `${kind} ${id}`)
    t.same(both.sort(), [...all].sort())
    await t.rejects(w.sets.differing(organization, 'all', first.next), Fault, 'the last page is told once')
    const third = await w.sets.differing(organization, 'all', null)
    for (let i = 0; i < 8; i++) await w.sets.differing(organization, 'all', null)
    await t.rejects(w.sets.differing(organization, 'all', third.next), Fault, 'others have asked since')
  },
)

t.test('what nobody has told of is found anew', async (t) => {
  const w = world(7)
  const before = new Set(await everyPage(w.sets, 'all'))
  const isRight = (user: User): boolean => !before.has(`user ${user.id}`)
  const user = [...w.users.values()].find((one) => isRight(one) && one.department !== 'Sales')
  if (user === undefined) throw new Error('nobody')
  // Somebody else's mistake: neither told of, nor with the memberships that it gives.
  w.users.set(user.id, { ...user, department: 'Sales', title: 'Boss', createdAt: w.clock.now() })
  const rules = w.set()
  const wrong = w.subjectsNow().filter((subject) => differs(w.bare(subject), rules, w.clock.now()))
  const expected = wrong.map(({ kind, id }) => `${kind} ${id}`).sort()
  t.notSame(await everyPage(w.sets, 'all'), expected)
  t.same(await everyPage(w.sets, 'anew'), expected)
})

t.test('dropped when the schema changes, when nobody asks, and where they take too much', async (t) => {
  const w = world(6)
  await w.sets.differing(organization, 'all', null)
  t.ok(w.sets.bytes > 0)
  w.tell({ attributes: true })
  t.equal(w.sets.bytes, 0)
  await w.sets.differing(organization, 'all', null)
  w.tell({ what: 'everything' })
  t.equal(w.sets.bytes, 0)
  await w.sets.differing(organization, 'all', null)
  w.clock.ms += 30 * 60_000
  w.sets.dropUnused()
  t.ok(w.sets.bytes > 0)
  w.clock.ms += 1
  w.sets.dropUnused()
  t.equal(w.sets.bytes, 0)
  const small = new ColumnSets({
    ...{ cells: w.cells, clock: w.clock, otherwise: w.scanning, mostBytes: 1_000 },
    rules: { epoch: async () => 1n, read: async () => ({ epoch: 1n, groups: w.groups, attributes: [] }) },
    grants: {} as never,
  })
  t.same((await everyPage(small, 'all')).length, (await everyPage(w.sets, 'all')).length)
  t.equal(small.bytes, 0)
})

t.test('ordinals and entries are what Maps would be', async (t) => {
  const { chance, upTo } = dice(1)
  const ordinals = new Ordinals()
  const ids = Array.from({ length: 1_000 }, () => newId<never>() as string)
  for (const [i, id] of ids.entries()) if (ordinals.of(id) !== i) t.fail('another ordinal')
  t.ok(ids.every((id, i) => ordinals.find(id) === i && ordinals.idOf(i) === id && ordinals.of(id) === i))
  t.equal(ordinals.find(newId()), undefined)
  const sorted = ids.map((_, i) => i).sort((a, b) => ordinals.compare(a, b))
  t.same(
    sorted.map((i) => ids[i]),
    [...ids].sort(),
  )
  const entries = new Entries(3)
  const model = new Map<number, number[]>()
  for (let i = 0; i < 3_000; i++) {
    const row = upTo(90)
    const list = [...new Set(Array.from({ length: upTo(14) }, () => upTo(20)))].map(
      (group) => group * 8 + upTo(8),
    )
    entries.set(row, list)
    model.set(row, list)
    // What was asked for in between is found again, and who has lost it and got it again is found once.
    if (chance(0.02)) entries.postings(new Set([upTo(20)]))
  }
  for (let row = 0; row < 100; row++) t.same([...entries.of(row)], model.get(row) ?? [])
  const asked = [0, 3, 11, 19, 50]
  const postings = entries.postings(new Set(asked))
  for (const group of asked) {
    const { rows, values } = postings.get(group) as { rows: Uint32Array; values: Uint8Array }
    const expected = [...model]
      .flatMap(([row, list]) => list.flatMap((one) => (one >>> 3 === group ? [[row, one & 7]] : [])))
      .sort((a, b) => (a[0] as number) - (b[0] as number))
    t.same(
      [...rows].map((row, i) => [row, values[i]]).sort((a, b) => (a[0] as number) - (b[0] as number)),
      expected,
    )
  }
})
