// Groups whose rules read each other's members: exact against a model that shares nothing with the engine, and bounded, which
// is counted and not timed.
import fc from 'fast-check'
import t from 'tap'
import { type GroupId, newId, type OrganizationId, type SubjectId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import { Rules } from '../../../src/core/directory/rules.ts'
import type { Group } from '../../../src/core/directory/types.ts'
import type { Cell, CellRewrite, CellSubject, MembershipInput } from '../../../src/core/membership/cell.ts'
import { MembershipEngine, type MembershipPorts } from '../../../src/core/membership/change.ts'
import { type CellFacts, type Evaluation, evaluate } from '../../../src/core/membership/engine.ts'
import {
  evaluateChange,
  evaluateFresh,
  type StoredCell,
} from '../../../src/core/membership/incremental/evaluate-change.ts'
import { compileRules, type RuleSet } from '../../../src/core/membership/rule-set.ts'
import { FakeClock } from '../../support/access.ts'
import { at, makeGroup, makeUser } from '../../support/store.ts'

const compiled = (groups: readonly Group[], epoch = 1n): RuleSet =>
  compileRules({ epoch, groups, attributes: [] }, silentLog)
const ruled = (name: string, rule: string) => makeGroup(name, { mode: 'dynamic', rule })
const idsOf = ({ memberships }: Pick<Evaluation, 'memberships'>): string[] =>
  memberships.map(({ groupId }) => groupId).sort()
const stored = (facts: CellFacts, { memberships }: Evaluation): StoredCell => ({
  ...facts,
  memberships,
  ...{ suggestions: [], epoch: 1n, due: null },
})

/** The same rules, counting how often one is evaluated; `take` gives the count and begins anew. */
function counting({ groups, ...more }: RuleSet): { readonly rules: RuleSet; take(): number } {
  let count = 0
  const counted = groups.map((group) => {
    const { rule } = group
    if (rule === null) return group
    const counting: typeof rule = (subject, now) => {
      count++
      return rule(subject, now)
    }
    return { ...group, rule: counting }
  })
  return {
    rules: { ...more, groups: counted },
    take() {
      const taken = count
      count = 0
      return taken
    },
  }
}

/** c0 asks for a department, and each of the others for the one before it; every third for those who are not in it. */
function chain(length: number): { readonly groups: readonly Group[]; members(inFirst: boolean): string[] } {
  const isNegated = (i: number): boolean => i > 0 && i % 3 === 0
  const groups = Array.from({ length }, (_, i) =>
    ruled(
      `c${i}`,
      i === 0
        ? 'department eq "Sales"'
        : `memberOf ${isNegated(i) ? 'ne' : 'eq'} "c${i - 1}" and not (title eq "c${i}")`,
    ),
  )
  return {
    groups,
    members(inFirst) {
      const members: string[] = []
      let isIn = inFirst
      for (const [i, { id }] of groups.entries()) {
        if (i > 0) isIn = isIn !== isNegated(i)
        if (isIn) members.push(id)
      }
      return members.sort()
    },
  }
}

t.test(
  'X09: a chain of 1,000 groups: each is evaluated once, and only behind what has changed',
  async (t) => {
    const { groups, members } = chain(1000)
    for (const order of [groups, [...groups].reverse()]) {
      const counted = counting(compiled(order))
      const { rules } = counted
      const user = makeUser('alice', { department: 'Sales', title: 'Manager' })
      const facts: CellFacts = { user, devices: [], inputs: [] }
      let before = stored(facts, evaluateFresh(facts, rules, at))
      t.same(idsOf(before), members(true))
      t.ok(counted.take() <= 1000)
      const change = (
        after: CellFacts,
        wanted: readonly string[] | null,
        evaluations: number,
        what: string,
      ) => {
        const evaluation = evaluateChange(before, after, rules, at)
        t.equal(counted.take(), evaluations, what)
        t.same(idsOf(evaluation), wanted ?? idsOf(evaluate(after, rules, at)), what)
        counted.take()
        before = stored(after, evaluation)
      }
      change(
        { ...facts, user: { ...user, department: 'Finance' } },
        members(false),
        1000,
        'it leaves the first one',
      )
      change(
        { ...facts, user: { ...user, department: 'sales', updatedAt: new Date() } },
        members(true),
        1000,
        'it comes back',
      )
      change({ ...facts, user: { ...user, location: 'Lisbon' } }, members(true), 0, 'nobody reads this')
      const never: MembershipInput = {
        ...{ subjectId: user.id, groupId: (groups[702] as Group).id, kind: 'never', expiresAt: null },
      }
      const isIn = members(true).includes(never.groupId)
      t.ok(isIn)
      change({ ...facts, inputs: [never] }, null, 298, 'from the middle on')
      change(facts, members(true), 298, 'and back')
      change({ ...facts, user: { ...user, title: 'c998' } }, null, 2, 'the last two')
    }
  },
)

t.test('X09: circles are refused with their path', async (t) => {
  const circleOf = (groups: readonly Group[]): string | null => {
    const order = new Rules(groups, []).order()
    return order.ok ? null : order.error.message
  }
  const { groups } = chain(1000)
  t.equal(circleOf(groups), null)
  const closed = groups.with(0, {
    ...(groups[0] as Group),
    rule: 'department eq "Sales" or memberOf eq "c999"',
  })
  const path = circleOf(closed) ?? ''
  t.match(path, /memberOf would run in a circle: c0 → c999 → c998 → /)
  t.match(path, / → c2 → c1 → c0\. Take one of these references out/)
  t.equal(path.split(' → ').length, 1001)
  t.equal(
    circleOf([
      ruled('a', 'memberOf eq "b"'),
      ruled('b', 'not (memberOf in ("c", "x"))'),
      ruled('c', 'memberOf ne "a"'),
      ruled('x', 'title pr'),
    ]),
    'memberOf would run in a circle: a → b → c → a. Take one of these references out',
  )
  t.equal(
    circleOf([ruled('self', 'title pr or memberOf eq "self"')]),
    'memberOf would run in a circle: self → self. Take one of these references out',
  )
  // one that was stored nevertheless matches nobody, and takes nobody else with it
  const rules = compiled([
    ...closed.slice(0, 10),
    ruled('c999', 'memberOf eq "c9"'),
    ruled('fine', 'title pr'),
  ])
  const user = makeUser('alice', { department: 'Sales', title: 'x' })
  const { memberships } = evaluateFresh({ user, devices: [], inputs: [] }, rules, at)
  t.same(
    memberships.map(({ groupId }) => groupId),
    [rules.groups.find(({ checked }) => checked !== null)?.id],
  )
})

// ---- any graph ---------------------------------------------------------------------------------------------------------

/** A group: who is in it by value, and which earlier groups its members must, or must not, be in. */
interface Node {
  readonly value: 'a' | 'b' | null
  readonly joined: 'and' | 'or'
  readonly reads: readonly { readonly earlier: number; readonly not: boolean }[]
}
const node: fc.Arbitrary<Node> = fc.record({
  value: fc.constantFrom('a', 'b', null),
  joined: fc.constantFrom('and', 'or'),
  reads: fc.array(fc.record({ earlier: fc.nat(), not: fc.boolean() }), { maxLength: 3 }),
})
const graph = fc.array(node, { minLength: 2, maxLength: 40 })

const ruleOf = ({ value, joined, reads }: Node, index: number): string =>
  [
    value === null ? 'department pr' : `department eq "${value}"`,
    ...(index === 0
      ? []
      : reads.map(({ earlier, not }) => `memberOf ${not ? 'ne' : 'eq'} "n${earlier % index}"`)),
  ].join(` ${joined} `)

/** Who is in which group, by asking each anew. */
function model(
  graph: readonly Node[],
  department: string | null,
  given: ReadonlyMap<number, string>,
): boolean[] {
  const known: boolean[] = []
  for (const [index, { value, joined, reads }] of graph.entries()) {
    const terms = [
      value === null ? department !== null : department === value,
      ...(index === 0 ? [] : reads.map(({ earlier, not }) => known[earlier % index] !== not)),
    ]
    const matches = joined === 'and' ? terms.every(Boolean) : terms.some(Boolean)
    const kind = given.get(index)
    known.push(kind !== 'never' && (matches || kind !== undefined))
  }
  return known
}

const changes = fc.array(
  fc.oneof(
    fc.record({ department: fc.constantFrom('a', 'b', 'c', null) }),
    fc.record({
      group: fc.nat(),
      kind: fc.constantFrom('always' as const, 'never' as const, 'manual' as const, null),
    }),
  ),
  { minLength: 3, maxLength: 12 },
)

t.test('X09: any graph of groups gives what the model says, each group evaluated once at most', async (t) => {
  let [full, spent] = [0, 0]
  fc.assert(
    fc.property(graph, changes, fc.boolean(), (graph, changes, isReversed) => {
      const groups = graph.map((node, i) => ruled(`n${i}`, ruleOf(node, i)))
      const counted = counting(compiled(isReversed ? [...groups].reverse() : groups))
      const user = makeUser('alice')
      let facts: CellFacts = { user, devices: [], inputs: [] }
      let department: string | null = null
      const given = new Map<number, string>()
      let before = stored(facts, evaluateFresh(facts, counted.rules, at))
      for (const change of changes) {
        if ('department' in change) {
          department = change.department
          facts = { ...facts, user: { ...user, department } }
        } else {
          const index = change.group % groups.length
          const { id: groupId } = groups[index] as Group
          if (change.kind === null) given.delete(index)
          else given.set(index, change.kind)
          const others = facts.inputs.filter((one) => one.groupId !== groupId)
          const one = change.kind && {
            subjectId: user.id as SubjectId,
            groupId,
            kind: change.kind,
            expiresAt: null,
          }
          facts = { ...facts, inputs: one ? [...others, one] : others }
        }
        counted.take()
        const evaluation = evaluateChange(before, facts, counted.rules, at)
        const evaluations = counted.take()
        spent += evaluations
        full += groups.length
        if (evaluations > groups.length)
          throw new Error(`${evaluations} evaluations of ${groups.length} groups`)
        const members = new Set(idsOf(evaluation))
        for (const [index, isIn] of model(graph, department, given).entries())
          if (members.has((groups[index] as Group).id) !== isIn)
            throw new Error(`group ${index}: not ${isIn}`)
        before = stored(facts, evaluation)
      }
    }),
    { numRuns: 1000 },
  )
  t.ok(spent < full * 0.7, `${spent} evaluations instead of ${full}`)
})

// ---- a large group -----------------------------------------------------------------------------------------------------

t.test('X09: a group of 100,000 members whose rule flaps', async (t) => {
  const size = 100_000
  const organization = newId<OrganizationId>()
  const [ours, theirs] = ['department eq "Sales"', 'department eq "Nobody"']
  const base = ruled('base', ours)
  const others = [
    ...[ruled('readers', 'memberOf eq "base" and title pr'), ruled('deeper', 'memberOf eq "readers"')],
    ...[ruled('not-in-it', 'memberOf ne "base"'), ruled('apart', 'department eq "Finance"')],
  ]
  const groupIds = [base, ...others].map(({ id }) => id)
  /** What a cell should be in, by position. */
  const wanted = (i: number, isOurs: boolean): GroupId[] => {
    const [sales, titled] = [i % 10 !== 0, i % 2 === 0]
    const isIn = [
      sales && isOurs,
      sales && isOurs && titled,
      sales && isOurs && titled,
      !(sales && isOurs),
      !sales,
    ]
    return groupIds.filter((_, group) => isIn[group]).sort()
  }
  const cells: Cell[] = Array.from({ length: Math.ceil(size / 0.9) }, (_, i) => {
    const user = makeUser(`user-${i}`, {
      department: i % 10 === 0 ? 'Finance' : 'Sales',
      title: i % 2 === 0 ? 'x' : null,
    })
    return {
      ...{
        subject: { kind: 'user', id: user.id },
        version: 1n,
        user,
        devices: [],
        // Of the other groups, what is stored is what their rules say: of a base in which nobody is.
        memberships: wanted(i, false).map((groupId) => ({ subjectId: user.id, groupId, reasons: ['rule'] })),
        inputs: [],
      },
      ...{ exemptionIds: [], suggestions: [], stateChanges: [], epoch: 1n, due: null },
    }
  })
  const places = new Map<string, number>(cells.map(({ subject }, i) => [subject.id, i]))
  cells.sort((a, b) => (a.subject.id < b.subject.id ? -1 : 1))
  const positions = new Map(cells.map(({ subject }, i) => [subject.id as string, i]))
  let groups: readonly Group[] = [base, ...others]
  let [epoch, written] = [1n, 0]
  const write = (rewrite: CellRewrite): void => {
    const position = positions.get(rewrite.subject.id) as number
    const cell = cells[position] as Cell
    const gone = new Set([...rewrite.put, ...rewrite.remove].map(({ groupId }) => groupId))
    const memberships = [...cell.memberships.filter(({ groupId }) => !gone.has(groupId)), ...rewrite.put]
    cells[position] = { ...cell, memberships, version: cell.version + 1n, due: rewrite.due }
    written++
  }
  const ports: MembershipPorts = {
    cells: {
      scan: async (_organization: OrganizationId, after: string | null, limit: number) => {
        const from = after === null ? 0 : (positions.get(after) as number) + 1
        return cells.slice(from, from + limit).map((cell) => ({ ...cell, epoch }))
      },
      readMany: async (_organization: OrganizationId, subjects: readonly CellSubject[]) =>
        subjects.map(({ id }) => cells[positions.get(id) as number]),
      rewrite: async (_organization: OrganizationId, _epoch: bigint, rewrites: readonly CellRewrite[]) => {
        for (const rewrite of rewrites) write(rewrite)
        return []
      },
    } as unknown as MembershipPorts['cells'],
    rules: { epoch: async () => epoch, read: async () => ({ epoch, groups, attributes: [] }) },
    groups: {
      find: async (_organization, id) => groups.find((group) => group.id === id) ?? null,
      barrier: async () => {},
      membersByRule: async () => [],
      removed: async () => [],
      takeOut: async () => null,
      unfinished: async () => groups.filter(({ status }) => status === 'activating'),
      activate: async (_organization, id) => {
        groups = groups.map((group) => (group.id === id ? { ...group, status: 'active' } : group))
        return true
      },
    },
    ...{ clock: new FakeClock(), log: silentLog },
  }
  const engine = new MembershipEngine(ports)
  for (const [rule, moved] of [
    [ours, size],
    [theirs, size],
    [theirs, 0],
    [ours, size],
    [theirs, size],
  ] as const) {
    groups = groups.with(0, { ...base, rule, status: 'activating' })
    epoch++
    written = 0
    await engine.activateGroup(organization, base.id)
    t.equal(written, moved, 'whoever moves is written once, and nobody else')
    const wrong = cells.filter(({ subject, memberships }) => {
      const place = places.get(subject.id) as number
      return idsOf({ memberships }).join() !== wanted(place, rule === ours).join()
    })
    t.equal(wrong.length, 0)
  }
})
