// A12: rules that are as large, as deep or as hostile as they can be. They are refused with what to do, or everything that
// is done with a rule (reading, printing, JSON, evaluating, tracing, analysing) ends soon. What would not end is seen by the
// test's time limit; how much work an analysis does is counted.
import t from 'tap'
import { analyse, type Knowledge } from '../../../src/core/membership/analysis/analyse.ts'
import { Budget } from '../../../src/core/membership/analysis/budget.ts'
import { clausesOf } from '../../../src/core/membership/analysis/clauses.ts'
import { isImpossible } from '../../../src/core/membership/analysis/conjunction.ts'
import { readRule } from '../../../src/core/membership/language/check.ts'
import { compileRule } from '../../../src/core/membership/language/compile.ts'
import type { Facts, Subject } from '../../../src/core/membership/language/facts.ts'
import { formatRule } from '../../../src/core/membership/language/format.ts'
import { fromJson, toJson } from '../../../src/core/membership/language/json.ts'
import { decisive, traceRule } from '../../../src/core/membership/language/trace.ts'
import { groups, now, placeless, schemas, sound } from '../../support/generated-rules.ts'

/** As many pieces as fit into a rule. */
function many(piece: (index: number) => string, joined: string): string {
  let text = piece(0)
  for (let index = 1; index < 10_000; index++) {
    const more = joined + piece(index)
    if (text.length + more.length > 65_536) break
    text += more
  }
  return text
}

function nested(depth: number, around: (rule: string, level: number) => string): string {
  let text = 'level eq 1'
  for (let level = 0; level < depth; level++) text = around(text, level)
  return text
}

const list = (count: number, value: (index: number) => string) =>
  Array.from({ length: count }, (_, i) => value(i)).join(',')

const large: Readonly<Record<string, string>> = {
  'alternatives of one attribute': many((i) => `level eq ${i}`, ' or '),
  'refusals of one attribute': many((i) => `level ne ${i}`, ' and '),
  'the same again and again': many(() => 'title pr', ' or '),
  'parts of a text, some refused': many(
    (i) => (i % 2 ? `title co "a${i}"` : `not (title co "b${i}")`),
    ' and ',
  ),
  'values of a list, some refused': many((i) => (i % 2 ? `skills eq "a${i}"` : `skills ne "b${i}"`), ' and '),
  'a list of 10,000 values': `level in (${list(10_000, (i) => String(i))}) and level gt 9999`,
  'lists that overlap': many((i) => `level in (${i},${i + 1},${i + 2})`, ' or '),
  'choices, all of which have to be made': many(
    (i) => `(level eq ${i} or level gt ${i} or remote eq true)`,
    ' and ',
  ),
  'choices about groups': many(
    (i) => `(memberOf eq "g${i % 3}" or memberOf ne "g${(i + 1) % 3}" or badge pr)`,
    ' and ',
  ),
  'cases with two conditions': many((i) => `title eq "a${i}" and level gt ${i}`, ' or '),
  'many devices, some refused': many(
    (i) => (i % 2 ? `devices[name eq "${i}"]` : `not (devices[name eq "${i}"])`),
    ' and ',
  ),
  versions: `devices[${list(2_500, (i) => `osVersion ne "1.${i}"`).replaceAll(',', ' and ')}]`,
  'not, 128 deep': nested(128, (rule) => `not (${rule})`),
  'and, or, 100 deep': nested(100, (rule, i) =>
    i % 2 ? `level gt ${i} and (${rule})` : `title co "${i}" or (${rule})`,
  ),
  'a tree': nested(11, (rule, i) => `(${rule}) ${i % 2 ? 'and' : 'or'} (${rule})`),
  'patterns beside a list': `${Array.from({ length: 40 }, (_, i) => `title matches "^a${i}[b-z]*$"`).join(' and ')} and title in (${list(5_000, (i) => `"a${i}b"`)})`,
  'long texts, refused': `title co "${'x'.repeat(30_000)}" and ${Array.from({ length: 1_000 }, (_, i) => `not (title co "xxxxxy${i}")`).join(' and ')}`,
}

const facts = (values: Facts['values']): Facts => ({ values, memberOf: new Set() })
const subject: Subject = {
  ...facts({ title: 'x'.repeat(10_000), level: 3, skills: Array(100).fill('a1') }),
  devices: Array.from({ length: 100 }, (_, index) => facts({ name: String(index), osVersion: '1.1' })),
}
const knowledge: Knowledge = { of: 'users', seen: () => false, selfEditable: () => true }

t.test('A12: what is large, but not too large, is dealt with', async (t) => {
  for (const [name, text] of Object.entries(large)) {
    const { checked, expr } = sound(text)
    const holds = compileRule(checked)(subject, now)
    const trace = traceRule(checked, subject, now)
    t.equal(trace.holds, holds, name)
    t.ok(decisive(trace).length <= 50)
    // Printing can need more characters than were written: it writes `1, 2` for `1,2`.
    const printed = formatRule(expr)
    const read = fromJson(toJson(expr))
    t.equal(
      read.ok ? placeless(read.value) : 'too long',
      printed.length <= 65_536 ? placeless(expr) : 'too long',
    )
    const findings = analyse(checked, expr, knowledge)
    t.ok(findings.length <= 60, `${findings.length} findings`)
  }
})

t.test(
  'A12: an analysis that has used up what it may do says nothing rather than something wrong',
  async (t) => {
    for (const [name, text] of Object.entries(large)) {
      const { checked, expr } = sound(text)
      const clause = clausesOf(checked, expr)
      for (const steps of [0, 1, 10, 100, 1_000]) {
        const budget = new Budget(steps)
        const holds = isImpossible([{ clause, holds: true }], budget)
        const fails = isImpossible([{ clause, holds: false }], budget)
        t.notOk(holds && fails, `${name} with ${steps} steps`)
        if (steps <= 1) t.notOk(holds || fails)
      }
    }
  },
)

t.test('A12: what is too large is refused with its bound and its place', async (t) => {
  const table: [text: string, code: string, message: RegExp][] = [
    [
      `title eq "${'x'.repeat(65_536)}"`,
      'too-long',
      /^at character 65537: a rule may have at most 65536 characters$/,
    ],
    [
      nested(200, (rule) => `(${rule})`),
      'too-deep',
      /^at character 129: parentheses may be nested at most 128 deep$/,
    ],
    [nested(200, (rule) => `not (${rule})`), 'too-deep', /at most 128 deep$/],
    [
      nested(200, (rule, i) => (i % 2 ? `(${rule}) or title pr` : `(${rule}) and title pr`)),
      'too-deep',
      /128 deep$/,
    ],
    ['devices['.repeat(8_000), 'too-deep', /128 deep$/],
    [
      `level in (${list(10_001, () => '1')})`,
      'list-too-long',
      /^at character 20011: a list may have at most 10000 values$/,
    ],
    [many(() => 'title matches "x{100}"', ' or '), 'too-many-terms', /too large together$/],
  ]
  for (const [text, code, message] of table) {
    const read = readRule(text, schemas.users, groups)
    t.equal(read.ok ? 'ok' : read.error[0]?.code, code, text.slice(0, 40))
    t.match(read.ok ? '' : read.error[0]?.message, message)
  }
})

t.test('A12: hostile regular expressions are refused or run in linear time', async (t) => {
  const read = (pattern: string) =>
    readRule(`title matches ${JSON.stringify(pattern)}`, schemas.users, groups)
  for (const pattern of [
    '(a{1000}){1000}',
    '((a{16}){16}){16}',
    `${'('.repeat(60)}a${')'.repeat(60)}`,
    `${'a?'.repeat(600)}`,
    '(?=(a+))\\1b',
    '(a+)\\1',
    '(?<=a)b',
    'a{99999}',
    '[',
    '(?:',
    '\\',
    'a**',
  ]) {
    const result = read(pattern)
    const problem = result.ok ? undefined : result.error[0]
    t.equal(problem?.code, 'bad-pattern', pattern.slice(0, 40))
    t.match(problem?.message, /regular expression/)
  }
  for (const pattern of [
    '^(a+)+$',
    '^(a|aa)+$',
    '(a*)*b',
    '^(a?){60}a{60}$',
    '(x+x+)+y',
    '^(.*a){12}$',
    'a.*a.*a.*a.*b',
  ]) {
    const result = read(pattern)
    if (!result.ok) {
      t.fail(pattern)
      continue
    }
    t.equal(compileRule(result.value)(facts({ title: `${'a'.repeat(20_000)}!` }), now), false, pattern)
  }
})
