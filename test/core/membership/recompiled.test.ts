// Rules that are compiled anew from what was compiled before mean what they mean when they are compiled from nothing.
import t from 'tap'
import { silentLog } from '../../../src/base/log.ts'
import type { Group } from '../../../src/core/directory/types.ts'
import { evaluate } from '../../../src/core/membership/engine.ts'
import { compileRules, type RuleSourceText, withGroup } from '../../../src/core/membership/rule-set.ts'
import { at, makeGroup, makeUser } from '../../support/store.ts'

const dynamic = (name: string, rule: string): Group => makeGroup(name, { mode: 'dynamic', rule })
const sales = dynamic('sales', 'department eq "Sales"')
const leads = dynamic('leads', 'memberOf eq "sales" and title pr')
const source: RuleSourceText = { epoch: 1n, groups: [sales, leads], attributes: [] }
const before = { source, set: compileRules(source, silentLog) }
const dana = makeUser('dana', { department: 'Sales', title: 'Head' })

/** Names of the groups that dana is in, by rules compiled both ways. */
function groupsOf(later: RuleSourceText): {
  readonly anew: readonly string[]
  readonly from: readonly string[]
} {
  const names = new Map(later.groups.map(({ id, name }) => [id, name]))
  const of = (set: ReturnType<typeof compileRules>): readonly string[] =>
    evaluate({ user: dana, devices: [], inputs: [] }, set, at)
      .memberships.map(({ groupId }) => names.get(groupId) ?? '?')
      .sort()
  return { anew: of(compileRules(later, silentLog)), from: of(compileRules(later, silentLog, before)) }
}

t.test('what is the same is not compiled again', async (t) => {
  const later = { ...source, groups: [leads, { ...sales, rule: 'department eq "Support"' }] }
  const set = compileRules(later, silentLog, before)
  const ruleOf = (of: typeof set, id: Group['id']) => of.groups.find((group) => group.id === id)?.rule
  t.equal(ruleOf(set, leads.id), ruleOf(before.set, leads.id))
  t.not(ruleOf(set, sales.id), ruleOf(before.set, sales.id))
})

t.test('rules mean what they mean without what was known', async (t) => {
  const cases: readonly (readonly [string, RuleSourceText, readonly string[]])[] = [
    ['another rule', { ...source, groups: [leads, { ...sales, rule: 'department eq "Support"' }] }, []],
    [
      'one more group',
      { ...source, groups: [leads, sales, dynamic('all', 'username pr')] },
      ['all', 'leads', 'sales'],
    ],
    [
      'two groups that change their names: "sales" is another one',
      {
        ...source,
        groups: [leads, { ...sales, name: 'former' }, dynamic('sales', 'department eq "Support"')],
      },
      ['former'],
    ],
    ['a group that is gone', { ...source, groups: [leads] }, []],
    [
      'a group without its rule',
      { ...source, groups: [leads, { ...sales, mode: 'static', rule: null }] },
      [],
    ],
    [
      'rules that ask about each other',
      { ...source, groups: [leads, { ...sales, rule: 'memberOf eq "leads"' }] },
      [],
    ],
    [
      'attributes that were read again',
      {
        ...source,
        attributes: [],
        groups: [sales, leads],
      },
      ['leads', 'sales'],
    ],
  ]
  for (const [what, later, expected] of cases) {
    const { anew, from } = groupsOf(later)
    t.same(anew, expected, what)
    t.same(from, expected, `${what}, from what was compiled`)
  }
})

t.test('one group with another row: as if all were compiled', async (t) => {
  const circle = { ...source, groups: [sales, leads, dynamic('odd', 'memberOf eq "odd"')] }
  const broken = { source: circle, set: compileRules(circle, silentLog) }
  const rows = [
    ...[
      'department eq "Support"',
      'not (title pr)',
      'createdAt gt now-3d',
      'memberOf eq "leads"',
      'memberOf pr',
      'no rule',
    ].map((rule) => ({ ...sales, rule })),
    { ...sales, name: 'former' },
    { ...sales, mode: 'review' as const, status: 'activating' as const },
    { ...sales, mode: 'static' as const, rule: null },
    dynamic('more', 'memberOf eq "leads"'),
    dynamic('another', 'title pr'),
  ]
  for (const [name, current] of Object.entries({ sound: before, broken }))
    for (const row of [
      ...rows,
      { ...leads, rule: 'title pr' },
      ...(name === 'broken' ? [{ ...(circle.groups[2] as Group), rule: 'title pr' }] : []),
    ]) {
      const groups = [...current.source.groups.filter(({ id }) => id !== row.id), row]
      const [whole, quick] = [
        compileRules({ ...current.source, groups }, silentLog),
        withGroup(current, row, silentLog),
      ]
      const spell = ({ groups, unsettled, keeping, instants, epoch }: typeof whole) => ({
        ...{ unsettled, keeping: [...keeping], instants, epoch },
        groups: groups.map(({ id, of, mode, checked }) => JSON.stringify({ id, of, mode, checked })).sort(),
      })
      t.same(spell(quick), spell(whole), `${name}: ${row.name} ${row.mode} ${row.rule}`)
      const evaluated = [quick, whole].map((set) =>
        evaluate({ user: dana, devices: [], inputs: [] }, set, at)
          .memberships.map(({ groupId }) => groupId)
          .sort(),
      )
      t.same(evaluated[0], evaluated[1])
    }
})
