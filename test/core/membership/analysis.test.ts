// What is odd about a rule: by example, and as a law that there is no false alarm: what is called impossible matches nobody,
// what is called certain matches everybody, and what can be left out can be left out.
import fc from 'fast-check'
import t from 'tap'
import type { SubjectKind } from '../../../src/core/directory/types.ts'
import { analyse, attributesRead, type Knowledge } from '../../../src/core/membership/analysis/analyse.ts'
import type { Finding } from '../../../src/core/membership/analysis/finding.ts'
import { checkRule } from '../../../src/core/membership/language/check.ts'
import { compileRule, type Predicate } from '../../../src/core/membership/language/compile.ts'
import type { Subject } from '../../../src/core/membership/language/facts.ts'
import type { Expr, Span } from '../../../src/core/membership/language/syntax.ts'
import {
  deviceRule,
  deviceSubject,
  groups,
  narrowRule,
  now,
  printed,
  type RuleUnderTest,
  schemas,
  sound,
  userRule,
  userSubject,
} from '../../support/generated-rules.ts'

const nothingKnown: Knowledge = { of: 'users', seen: () => undefined, selfEditable: () => false }

const find = ({ checked, expr }: RuleUnderTest, of: SubjectKind = 'users', known: Partial<Knowledge> = {}) =>
  analyse(checked, expr, { ...nothingKnown, ...known, of })

/** `code text-at-the-place` of each finding. */
function codes(text: string, of: SubjectKind = 'users', known: Partial<Knowledge> = {}): string[] {
  return find(sound(text, of), of, known).map(({ code, at }) => `${code} ${text.slice(at.start, at.end)}`)
}

const whole = (text: string, of: SubjectKind = 'users'): string =>
  find(sound(text, of), of)
    .map(({ code }) => code)
    .join(' ')

t.test('rules that nobody can fulfil', async (t) => {
  for (const rule of [
    'department eq "a" and department eq "b"',
    'department eq "a" and title pr and department in ("b", "c")',
    'department eq "a" and department ne "A"',
    'department in ("a", "b") and not (department in ("B", "A", "c"))',
    'level gt 5 and level lt 3',
    'level gt 5 and level le 5',
    'level in (1, 2) and level gt 2',
    'level ge 5 and level le 5 and level ne 5',
    'not (level pr) and level lt 3',
    'title pr and not (title pr)',
    'not (title pr or not (title pr))',
    'remote eq true and remote eq false',
    'remote pr and remote ne true and remote ne false',
    'title eq "Manager" and title co "staff"',
    'title eq "Manager" and not (title sw "man")',
    'title in ("Manager", "Engineer") and title matches "^[a-d]"',
    'title sw "a" and title sw "b"',
    'title sw "ab" and not (title sw "a")',
    'title ew "ab" and not (title co "b")',
    'title co "staff" and not (title co "ta")',
    'title sw "b" and title lt "b"',
    'title sw "b" and title gt "c"',
    'title matches "x" and not (title matches "x")',
    'badge eq "a" and badge eq "A"',
    'started gt "2026-02-01" and started lt "2026-01-01"',
    'started gt now and started lt now-1d',
    'started gt now and not (started pr)',
    'memberOf eq "g0" and not (memberOf pr)',
    'memberOf in ("g0", "g1") and memberOf ne "g0" and memberOf ne "g1"',
    'skills eq "a" and skills ne "a"',
    'skills eq "abc" and not (skills co "b")',
    'skills eq "a" and not (skills pr)',
    'devices[managed eq true and managed eq false]',
    'devices[managed eq true] and not (devices[managed pr])',
    'devices[osVersion eq "14" and osVersion ne "14.0"]',
    'devices[osVersion gt "14.10" and osVersion lt "14.9"]',
    '(department eq "a" or department eq "b") and department eq "c"',
    '(department eq "a" or department eq "b") and (department eq "c" or department eq "d")',
    '(level lt 3 or title pr) and level gt 5 and (not (title pr) or level eq 1)',
    '(level lt 3 or level gt 8) and (level gt 4 and level lt 6 or title pr and not (title pr))',
  ]) {
    t.equal(whole(rule), 'contradiction', rule)
  }
  t.equal(whole('owner.level gt 5 and owner.level lt 3', 'devices'), 'contradiction')
  t.equal(whole('mac eq "a" and not (mac co "a")', 'devices'), 'contradiction')
})

t.test('rules that everybody fulfils', async (t) => {
  for (const rule of [
    'department eq "a" or department ne "a"',
    'title pr or not (title pr)',
    'level lt 5 or level ge 5 or not (level pr)',
    'department ne "a" or department ne "b"',
    'not (department eq "a" and department eq "b")',
    'not (devices[managed eq true and managed eq false])',
    'title pr or department eq "x" or not (title eq "a")',
    'memberOf pr or memberOf ne "g0"',
    'started ge now-1d or started lt now or not (started pr)',
    'devices[managed pr] or not (devices[managed eq true])',
    'title pr and (level eq 1 or level ne 1) or not (title pr)',
  ]) {
    t.equal(whole(rule), 'always-true', rule)
  }
})

t.test('what is sound is not reported', async (t) => {
  for (const rule of [
    'department eq "Engineering" and employeeType ne "Contractor"',
    'skills eq "a" and skills eq "b"',
    'skills sw "a" and skills sw "b"',
    'skills eq "a" and not (skills eq "b")',
    'memberOf eq "g0" and memberOf eq "g1"',
    'devices[managed eq true] and devices[managed eq false]',
    'devices[osVersion eq "14"] and devices[osVersion eq "15"]',
    'devices[managed eq true] and not (devices[managed eq false])',
    'level lt 5 or level ge 5',
    'started gt now-30d and started lt "2026-01-01"',
    'started gt "2026-01-01" and started lt "2026-02-01"',
    'title lt "b" and title gt "a"',
    'title sw "a" and title gt "ab"',
    'title sw "b" and title le "b"',
    'level ge 5 and level le 5',
    'started ge now and started le now and not (started eq "2026-06-15")',
    'level gt 4 and level lt 5',
    'badge eq "a" or badge eq "A"',
    'department ne "a" and department ne "b"',
    'devices[osVersion gt "14.9" and osVersion lt "14.10"]',
    'devices[osVersion eq "14" and osVersion sw "14.0"]',
    'devices[osVersion eq "14"] or devices[osVersion sw "14.0"]',
    'memberOf eq "g0" or memberOf eq "g1"',
    'remote ne true and remote ne false',
    'username pr',
  ]) {
    t.equal(whole(rule), '', rule)
  }
  t.equal(whole('name eq "a" and owner.department eq "b"', 'devices'), '')
  t.equal(whole('memberOf eq "d0" and owner.memberOf eq "g0"', 'devices'), '')
})

t.test('parts that can be left out', async (t) => {
  const table: [rule: string, ...findings: string[]][] = [
    ['department eq "a" or department in ("b", "A")', 'unreachable-branch department eq "a"'],
    ['department eq "a" or title pr or department eq "A"', 'unreachable-branch department eq "A"'],
    ['title pr or level gt 5 and level lt 3', 'unreachable-branch level gt 5 and level lt 3'],
    ['level gt 3 or level gt 5', 'unreachable-branch level gt 5'],
    ['level gt 3 and level gt 5', 'redundant level gt 3'],
    ['title sw "b" and title lt "c"', 'redundant title lt "c"'],
    ['title sw "\u{1F600}" and title gt "\uffee"', 'redundant title gt "\uffee"'],
    ['title sw "a" and title sw "ab"', 'redundant title sw "a"'],
    ['title co "b" or title eq "abc"', 'unreachable-branch title eq "abc"'],
    ['department eq "a" and department ne "b"', 'redundant department ne "b"'],
    ['department pr and department eq "a"', 'redundant department pr'],
    ['title pr and (level pr or not (level pr))', 'redundant level pr or not (level pr)'],
    ['department eq "a" and (department eq "b" or title pr)', 'unreachable-branch department eq "b"'],
    ['department eq "a" and not (department eq "b" or title pr)', 'unreachable-branch department eq "b"'],
    ['title pr or title pr and level eq 1', 'unreachable-branch title pr and level eq 1'],
    ['devices[managed pr] or devices[managed eq true]', 'unreachable-branch devices[managed eq true]'],
    ['devices[name pr and name eq "a"]', 'redundant name pr'],
    ['memberOf pr or memberOf eq "g0"', 'unreachable-branch memberOf eq "g0"'],
    ['memberOf in ("g0", "g1") or memberOf eq "g0"', 'unreachable-branch memberOf eq "g0"'],
    ['title pr and title pr and title pr', 'redundant title pr', 'redundant title pr'],
    ['(department eq "a" or level eq 1) and department eq "a"', 'redundant department eq "a" or level eq 1'],
    ['level in (1, 2) and (level eq 1 or level eq 2)', 'redundant level eq 1 or level eq 2'],
  ]
  for (const [rule, ...findings] of table) t.strictSame(codes(rule), findings, rule)
})

t.test('what is said', async (t) => {
  const said = (text: string, of: SubjectKind = 'users') =>
    find(sound(text, of), of).map(({ message }) => message)
  t.strictSame(said('title pr and department eq "a" and level eq 1 and department eq "b"'), [
    'no user can ever fulfil this rule: `department eq "a"` and `department eq "b"` cannot hold together. Take one of them out, or join them with `or`',
  ])
  t.strictSame(
    said('os eq "macos" and (owner.level lt 3 or owner.level gt 8) and owner.level eq 5', 'devices'),
    [
      'no device can ever fulfil this rule: its parts contradict each other. Take one of them out, or join them with `or`',
    ],
  )
  t.strictSame(said('title pr and devices[managed eq true and managed ne true]'), [
    'no user can ever fulfil this rule: `managed eq true` and `managed ne true` cannot hold together. Take one of them out, or join them with `or`',
  ])
  t.strictSame(said('memberOf eq "g0" and memberOf ne "g0"'), [
    'no user can ever fulfil this rule: `memberOf eq "g0"` and `memberOf ne "g0"` cannot hold together. Take one of them out, or join them with `or`',
  ])
  t.strictSame(said('title pr or not (title pr)'), [
    'every user fulfils this rule: one of `title pr` and `not (title pr)` always holds. If all are meant, `username pr` says so plainly; else mend it',
  ])
  t.strictSame(said('level gt 3 or level gt 5'), [
    '`level gt 5` makes no difference: whatever fulfils it also fulfils `level gt 3`. Take it out, or narrow the other',
  ])
  t.strictSame(said('department eq "a" and (department eq "b" or title pr)'), [
    '`department eq "b"` can never hold here: `department eq "a"` and `department eq "b"` cannot hold together. Take it out, or mend it',
  ])
  t.strictSame(said('level gt 3 and level gt 5'), [
    '`level gt 3` makes no difference: it follows from `level gt 5`. Take it out, or say here what else is meant',
  ])
})

t.test('values that nobody has', async (t) => {
  const asked: string[] = []
  const seen: Knowledge['seen'] = (of, attribute, value) => {
    asked.push(`${of} ${attribute} ${value}`)
    return value === 'sales' || value === 7 || value === 'Ab' ? true : value === 'unknown' ? undefined : false
  }
  const rule =
    'department in ("Sales", "Slaes") and badge eq "Ab" and (title ne "x" or company eq "Unknown" or level in (7, 8)) and not (devices[name eq "M" or os eq "ios" or osVersion eq "1"]) and memberOf eq "g0"'
  t.strictSame(codes(rule, 'users', { seen }), [
    'value-never-seen "Slaes"',
    'value-never-seen "x"',
    'value-never-seen 8',
    'value-never-seen "M"',
  ])
  t.strictSame(asked, [
    ...['users department sales', 'users department slaes', 'users badge Ab', 'users title x'],
    ...['users company unknown', 'users level 7', 'users level 8', 'devices name m'],
  ])
  const [first] = find(sound('department eq "Slaes"'), 'users', { seen })
  t.equal(first?.message, 'no user has this value of `department`: check how it is written')
})

t.test('attributes that users change themselves', async (t) => {
  const selfEditable: Knowledge['selfEditable'] = (of, name) =>
    of === 'users' && ['title', 'location'].includes(name)
  t.strictSame(
    codes('title co "a" and (department pr or not (LOCATION eq "x" and title eq "a b"))', 'users', {
      selfEditable,
    }),
    ['self-editable title', 'self-editable LOCATION'],
  )
  t.strictSame(codes('name pr and owner.title eq "x"', 'devices', { selfEditable }), [
    'self-editable owner.title',
  ])
  const { checked, expr, text } = sound('name pr and owner.title eq "x" and owner.memberOf pr', 'devices')
  t.strictSame(
    attributesRead(checked, expr, 'devices').map(({ of, attribute, at }) => [
      of,
      attribute.name,
      text.slice(at.start, at.end),
    ]),
    [
      ['devices', 'name', 'name'],
      ['users', 'title', 'owner.title'],
    ],
  )
})

/** The tree without the items of `and` and `or` at these places. */
function without(expr: Expr, places: readonly Span[]): Expr {
  switch (expr.kind) {
    case 'and':
    case 'or': {
      const isKept = ({ at }: Expr) => !places.some(({ start, end }) => at.start === start && at.end === end)
      const items = expr.items.filter(isKept).map((item) => without(item, places))
      if (items.length === 0) throw new Error('all items of a chain are called needless')
      return items.length === 1 ? items[0]! : { ...expr, items }
    }
    case 'not':
      return { ...expr, item: without(expr.item, places) }
    case 'any':
      return { ...expr, where: without(expr.where, places) }
    default:
      return expr
  }
}

function compiled(expr: Expr, of: SubjectKind): Predicate {
  const checked = checkRule(expr, schemas[of], groups)
  if (!checked.ok) throw new Error(checked.error[0]?.message)
  return compileRule(checked.value)
}

/** Throws where a finding is wrong about one of the subjects. Gives the codes found. */
function verify(tree: Expr, of: SubjectKind, subjects: readonly Subject[]): readonly string[] {
  const rule = printed(tree, of)
  const findings = find(rule, of)
  const holds = compileRule(rule.checked)
  const fault = (finding: Finding | undefined, who: Subject) =>
    new Error(`${rule.text}: ${finding?.code} ${finding?.message} is wrong about ${JSON.stringify(who)}`)
  const needless = findings.filter(({ code }) => code === 'unreachable-branch' || code === 'redundant')
  const shorter = [...needless.map((one) => [one]), ...(needless.length > 1 ? [needless] : [])].map(
    (gone) => ({
      finding: gone[0],
      holds: compiled(
        without(
          rule.expr,
          gone.map(({ at }) => at),
        ),
        of,
      ),
    }),
  )
  for (const who of subjects) {
    const whole = holds(who, now)
    for (const finding of findings) {
      if (finding.code === 'contradiction' && whole) throw fault(finding, who)
      if (finding.code === 'always-true' && !whole) throw fault(finding, who)
    }
    for (const { finding, holds } of shorter) if (holds(who, now) !== whole) throw fault(finding, who)
  }
  return findings.map(({ code }) => code)
}

t.test('no false alarms', async (t) => {
  const seen = new Map<string, number>()
  const count = (codes: readonly string[]) => {
    for (const code of codes) seen.set(code, (seen.get(code) ?? 0) + 1)
  }
  const users = fc.array(userSubject, { minLength: 20, maxLength: 40 })
  const devices = fc.array(deviceSubject, { minLength: 20, maxLength: 40 })
  fc.assert(
    fc.property(
      fc.oneof({ weight: 1, arbitrary: userRule }, { weight: 4, arbitrary: narrowRule }),
      users,
      (rule, who) => count(verify(rule, 'users', who)),
    ),
    { numRuns: 4_000 },
  )
  fc.assert(
    fc.property(deviceRule, devices, (rule, who) => count(verify(rule, 'devices', who))),
    { numRuns: 1_000 },
  )
  for (const code of ['contradiction', 'always-true', 'unreachable-branch', 'redundant']) {
    t.ok((seen.get(code) ?? 0) > 100, `${code} was found ${seen.get(code)} times`)
  }
})
