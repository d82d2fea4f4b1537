// Who is in which group: the sample organization as a table, what else than rules decides, and the order in which rules see
// each other's members.
import fc from 'fast-check'
import t from 'tap'
import type { GroupId, SubjectId } from '../../../src/base/ids.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { Device, Group, User } from '../../../src/core/directory/types.ts'
import type { Membership, MembershipInput } from '../../../src/core/membership/cell.ts'
import { type CellFacts, difference, evaluate } from '../../../src/core/membership/engine.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { at, makeDevice, makeGroup, makeUser } from '../../support/store.ts'

const day = 86_400_000
const person = (
  username: string,
  department: string,
  title: string,
  employeeType: string,
  state: User['state'] = 'active',
) => makeUser(username, { department, title, employeeType, state })
const owned = (name: string, owner: User, values: Partial<Device>) =>
  makeDevice(name, { ownerId: owner.id, ...values })
const rule = (name: string, text: string, of: Group['of'] = 'users') =>
  makeGroup(name, { mode: 'dynamic', rule: text, of })

const people = [
  person('alice', 'Engineering', 'Staff Engineer', 'Employee'),
  person('bob', 'Engineering', 'Engineer', 'Employee'),
  person('carol', 'Sales', 'Account Executive', 'Employee'),
  person('dave', 'Finance', 'Controller', 'Employee'),
  person('erin', 'IT', 'Administrator', 'Employee'),
  person('frank', 'Engineering', 'Engineer', 'Contractor'),
  person('grace', 'Sales', 'Sales Manager', 'Employee', 'staged'),
  person('heidi', 'Engineering', 'Engineer', 'Employee', 'suspended'),
]
const named = (username: string): User => people.find((user) => user.username === username) as User
const things = [
  owned('mac-alice', named('alice'), { os: 'macos', diskEncrypted: true, managed: true, lastContact: at }),
  owned('lin-bob', named('bob'), { os: 'linux', diskEncrypted: false, lastContact: at }),
  owned('win-carol', named('carol'), { os: 'windows', diskEncrypted: true, lastContact: at }),
  owned('mac-dave', named('dave'), {
    os: 'macos',
    diskEncrypted: true,
    lastContact: new Date(at.getTime() - 90 * day),
  }),
]
const groups = [
  // what mac-engineers asks about comes after it here: the order of evaluation is not the order of the list
  rule('mac-engineers', 'memberOf eq "engineering" and devices[os eq "macos" and diskEncrypted eq true]'),
  ...[
    rule('everyone', 'state eq "active"'),
    rule('engineering', 'department eq "Engineering" and employeeType ne "Contractor"'),
  ],
  ...[
    rule('sales', 'department eq "Sales"'),
    rule('finance', 'department eq "Finance"'),
    rule('contractors', 'employeeType eq "Contractor"'),
  ],
  ...[
    makeGroup('it-admins'),
    makeGroup('leads', { mode: 'review', rule: 'title co "Staff" or title co "Manager"' }),
  ],
  ...[
    rule('all-devices', 'name pr', 'devices'),
    rule('macs', 'os eq "macos"', 'devices'),
    rule('windows', 'os eq "windows"', 'devices'),
  ],
  ...[
    rule('linux', 'os eq "linux"', 'devices'),
    rule('trusted-macs', 'os eq "macos" and diskEncrypted eq true and lastContact gt now-30d', 'devices'),
  ],
]
const idOf = (name: string): GroupId => (groups.find((group) => group.name === name) as Group).id
const nameOf = (id: GroupId): string => (groups.find((group) => group.id === id) as Group).name
const compiled = (list: readonly Group[]) =>
  compileRules({ epoch: 1n, groups: list, attributes: [] }, silentLog)
const rules = compiled(groups)
const membersOf = (...given: Parameters<typeof evaluate>) => evaluate(...given).memberships
const cellOf = (user: User, inputs: readonly MembershipInput[] = []): CellFacts => ({
  user,
  devices: things.filter(({ ownerId }) => ownerId === user.id),
  inputs,
})
const groupsOf = (memberships: readonly Membership[], subject: SubjectId): string[] =>
  memberships
    .filter(({ subjectId }) => subjectId === subject)
    .map(({ groupId }) => nameOf(groupId))
    .sort()

t.test('the sample organization', async (t) => {
  const expected: Record<string, string[]> = {
    alice: ['engineering', 'everyone', 'mac-engineers'],
    bob: ['engineering', 'everyone'],
    carol: ['everyone', 'sales'],
    dave: ['everyone', 'finance'],
    erin: ['everyone', 'it-admins'],
    frank: ['contractors', 'everyone'],
    grace: ['sales'],
    heidi: ['engineering'],
    'mac-alice': ['all-devices', 'macs', 'trusted-macs'],
    'lin-bob': ['all-devices', 'linux'],
    'win-carol': ['all-devices', 'windows'],
    'mac-dave': ['all-devices', 'macs'],
  }
  const manual: MembershipInput = {
    subjectId: named('erin').id,
    groupId: idOf('it-admins'),
    kind: 'manual',
    expiresAt: null,
  }
  const all = people.flatMap((user) =>
    membersOf(cellOf(user, user.username === 'erin' ? [manual] : []), rules, at),
  )
  for (const user of people) t.same(groupsOf(all, user.id), expected[user.username], user.username)
  for (const device of things) t.same(groupsOf(all, device.id), expected[device.name], device.name)
  t.notOk(
    all.some(({ groupId }) => nameOf(groupId) === 'leads'),
    'a rule that only suggests makes nobody a member',
  )
  const later = membersOf(cellOf(named('alice')), rules, new Date(at.getTime() + 31 * day))
  t.same(groupsOf(later, (things[0] as Device).id), ['all-devices', 'macs'], 'time passes')
})

t.test('never, always, manual and the rule', async (t) => {
  const alice = named('alice')
  const of = (name: string, ...kinds: MembershipInput['kind'][]) => {
    const inputs = kinds.map((kind) => ({ subjectId: alice.id, groupId: idOf(name), kind, expiresAt: null }))
    return (
      membersOf(cellOf(alice, inputs), rules, at).find(({ groupId }) => nameOf(groupId) === name)?.reasons ??
      null
    )
  }
  for (const [name, kinds, reasons] of [
    ['engineering', [], ['rule']],
    ['engineering', ['manual'], ['rule', 'manual']],
    ['engineering', ['always'], ['rule', 'exemption']],
    ['engineering', ['manual', 'always'], ['rule', 'exemption', 'manual']],
    ['engineering', ['never'], null],
    ['engineering', ['never', 'manual', 'always'], null],
    ['sales', [], null],
    ['sales', ['manual'], ['manual']],
    ['sales', ['always'], ['exemption']],
    ['sales', ['always', 'manual'], ['exemption', 'manual']],
    ['sales', ['manual', 'never'], null],
    ['leads', ['manual'], ['manual']],
    ['it-admins', ['always'], ['exemption']],
    ['windows', ['manual'], null],
  ] as const)
    t.same(of(name, ...kinds), reasons, `${name}: ${kinds.join(' and ') || 'the rule alone'}`)
  const another: MembershipInput = {
    subjectId: named('bob').id,
    groupId: idOf('sales'),
    kind: 'always',
    expiresAt: null,
  }
  t.same(
    groupsOf(membersOf(cellOf(alice, [another]), rules, at), named('bob').id),
    [],
    'nobody outside of the cell',
  )
})

t.test('what memberOf sees is who is effectively a member', async (t) => {
  const alice = named('alice')
  const input = (name: string, kind: MembershipInput['kind']) => [
    { subjectId: alice.id, groupId: idOf(name), kind, expiresAt: null },
  ]
  t.notOk(
    groupsOf(membersOf(cellOf(alice, input('engineering', 'never')), rules, at), alice.id).includes(
      'mac-engineers',
    ),
  )
  const carol = { ...named('carol') }
  const cell = {
    ...cellOf(carol, [
      { subjectId: carol.id, groupId: idOf('engineering'), kind: 'manual' as const, expiresAt: null },
    ]),
    devices: [{ ...(things[0] as Device), ownerId: carol.id }],
  }
  t.ok(groupsOf(membersOf(cell, rules, at), carol.id).includes('mac-engineers'))

  // a chain, written last first, through owner and devices
  const n = 40
  const chain = Array.from({ length: n }, (_, i) =>
    rule(`g${i}`, i === 0 ? 'department eq "Engineering"' : `memberOf eq "g${i - 1}"`),
  ).reverse()
  const device = rule('of-device', `owner.memberOf eq "g${n - 1}"`, 'devices')
  const top = rule('top', 'devices[memberOf eq "of-device"]')
  const set = compiled([top, device, ...chain])
  const members = membersOf(cellOf(alice), set, at)
  t.equal(members.length, n + 2)
  t.equal(members.at(-1)?.groupId, top.id)
  t.equal(membersOf({ ...cellOf(alice), user: { ...alice, department: null } }, set, at).length, 0)
})

t.test('a device that nobody owns', async (t) => {
  const lone = makeDevice('lone', { os: 'macos' })
  const [first, second] = [
    rule('owned', 'owner.department pr', 'devices'),
    rule('unowned', 'not (owner.department pr)', 'devices'),
  ]
  const set = compiled([first, second, ...groups])
  const members = membersOf({ user: null, devices: [lone], inputs: [] }, set, at)
  t.same(
    new Set(members.map(({ groupId }) => groupId)),
    new Set([second.id, idOf('all-devices'), idOf('macs')]),
  )
  t.notOk(members.some(({ groupId }) => groupId === first.id))
  t.ok(members.every(({ subjectId, reasons }) => subjectId === lone.id && reasons.join() === 'rule'))
})

t.test('rules that make no sense match nobody, and harm no others', async (t) => {
  const [a, b] = [rule('a', 'memberOf eq "b"'), rule('b', 'memberOf eq "a" or department pr')]
  const fine = rule('fine', 'username pr')
  const log: string[] = []
  const set = compileRules(
    { epoch: 7n, groups: [a, b, fine], attributes: [] },
    { ...silentLog, error: (_, message) => log.push(message) },
  )
  t.same(
    membersOf(cellOf(named('alice')), set, at).map(({ groupId }) => groupId),
    [fine.id],
    'a circle',
  )
  t.equal(log.length, 1)
  t.equal(set.epoch, 7n)
  const broken = compiled([
    rule('broken', 'department eq'),
    rule('unknown', 'memberOf eq "nothing"'),
    rule('fine', 'username pr'),
  ])
  t.equal(membersOf(cellOf(named('alice')), broken, at).length, 1, 'others go on')
})

// ---- for every cell ----------------------------------------------------------------------------------------------

const cells = fc
  .record({
    user: fc.constantFrom(...people, null),
    department: fc.constantFrom('Engineering', 'Sales', null),
    devices: fc.subarray(things),
    inputs: fc.array(
      fc.record({
        who: fc.nat(5),
        group: fc.constantFrom(...groups),
        kind: fc.constantFrom('manual', 'always', 'never'),
      }),
      { maxLength: 6 },
    ),
  })
  .map(({ user, department, devices, inputs }): CellFacts => {
    const subjects: SubjectId[] = [...(user ? [user.id] : []), ...devices.map(({ id }) => id)]
    const given = inputs.flatMap(({ who, group, kind }) => {
      const subjectId = subjects[who % Math.max(subjects.length, 1)]
      return subjectId === undefined ? [] : [{ subjectId, groupId: group.id, kind, expiresAt: null }]
    })
    return {
      user: user && { ...user, department },
      devices: user ? devices : devices.slice(0, 1),
      inputs: given,
    }
  })
const spell = (list: readonly Membership[]): string[] =>
  list.map(({ subjectId, groupId, reasons }) => `${subjectId} ${groupId} ${reasons.join()}`).sort()
const apply = (
  before: readonly Membership[],
  { put, remove }: ReturnType<typeof difference>,
): Membership[] => {
  const gone = new Set([...remove, ...put].map(({ subjectId, groupId }) => subjectId + groupId))
  return [...before.filter(({ subjectId, groupId }) => !gone.has(subjectId + groupId)), ...put]
}

t.test(
  'evaluating again changes nothing, and differences lead from what there is to what there should be',
  async (t) => {
    fc.assert(
      fc.property(cells, cells, (one, two) => {
        const [before, after] = [membersOf(one, rules, at), membersOf(two, rules, at)]
        if (spell(membersOf(one, rules, at)).join() !== spell(before).join()) fail()
        const none = difference(before, before)
        if (none.put.length + none.remove.length > 0) fail()
        if (spell(apply(before, difference(before, after))).join() !== spell(after).join()) fail()
        if (new Set(before.map(({ subjectId, groupId }) => subjectId + groupId)).size !== before.length)
          fail()
        if (before.some(({ reasons }) => reasons.length === 0)) fail()
        const { remove, put } = difference(before, after)
        if (
          remove.some((gone) =>
            put.some((come) => come.subjectId === gone.subjectId && come.groupId === gone.groupId),
          )
        )
          fail()
      }),
      { numRuns: 2000 },
    )
    t.pass()
  },
)

t.test('never is never, whatever else is said; manual and always are always, unless never', async (t) => {
  fc.assert(
    fc.property(cells, (cell) => {
      const members = new Set(membersOf(cell, rules, at).map(({ subjectId, groupId }) => subjectId + groupId))
      const never = new Set(
        cell.inputs
          .filter(({ kind }) => kind === 'never')
          .map(({ subjectId, groupId }) => subjectId + groupId),
      )
      for (const { subjectId, groupId } of cell.inputs) {
        const key = subjectId + groupId
        const kind =
          groups.find(({ id }) => id === groupId)?.of === 'users'
            ? subjectId === cell.user?.id
            : cell.devices.some(({ id }) => id === subjectId)
        if (members.has(key) !== (kind && !never.has(key))) fail()
      }
    }),
    { numRuns: 2000 },
  )
  t.pass()
})

function fail(): never {
  throw new Error('not so')
}
