// For whom a rule is decided only because a value is missing: what columns find is what a slow interpreter of Kleene's logic
// finds, which asks the closures for single comparisons only.
import t from 'tap'
import { unknowns } from '../../../../src/core/membership/columns/evaluate.ts'
import type { CheckedRule } from '../../../../src/core/membership/language/checked.ts'
import { compileRule } from '../../../../src/core/membership/language/compile.ts'
import type { Facts, Subject } from '../../../../src/core/membership/language/facts.ts'
import { reader } from '../../../../src/core/membership/language/read.ts'
import { anyRule, now, ruleOf, World } from './world.ts'

const seed = Number(process.env.COLUMNS_SEED ?? Math.floor(Math.random() * 2 ** 32))

/** Null: unknown. */
type Truth = boolean | null

const nothing: Facts = { values: Object.create(null), memberOf: new Set() }

const conjunction = (truths: readonly Truth[]): Truth =>
  truths.includes(false) ? false : truths.includes(null) ? null : true
const disjunction = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(null) ? null : false

function kleene(rule: CheckedRule, subject: Subject): Truth {
  switch (rule.kind) {
    case 'and':
      return conjunction(rule.items.map((item) => kleene(item, subject)))
    case 'or':
      return disjunction(rule.items.map((item) => kleene(item, subject)))
    case 'not': {
      const item = kleene(rule.item, subject)
      return item === null ? null : !item
    }
    case 'any':
      return disjunction((subject.devices ?? []).map((device) => kleene(rule.where, device)))
    case 'member':
    case 'present':
      return compileRule(rule)(subject, now)
    default: {
      const facts = rule.side === 'owner' ? (subject.owner ?? nothing) : subject
      return reader(rule.attribute)(facts) === undefined ? null : compileRule(rule)(subject, now)
    }
  }
}

t.test('columns find those of whom too little is known', async (t) => {
  let comparisons = 0
  let found = 0
  for (const [round, limit] of [0, 40, 10_000].entries()) {
    const world = new World(seed + round, 192, limit)
    world.fillUp(true)
    world.change(300)
    const { population, view: members, computed, dice } = world
    const subjects = world.subjects()
    for (let i = 0; i < 1_000; i++) {
      const of = i % 2 === 0 ? 'users' : 'devices'
      const { rule, text } = anyRule(dice, of)
      const mask = unknowns(rule, of, population, { now, members, computed })
      for (const [row, subject] of subjects[of].entries()) {
        const isUnknown = subject !== undefined && kleene(rule, subject) === null
        comparisons++
        if (isUnknown) found++
        if (isUnknown !== (mask[row] === 1))
          throw new Error(`seed ${seed}: ${text}: row ${row} of ${of}: columns say ${mask[row]}`)
      }
    }
  }
  t.comment(`${comparisons} comparisons, of which ${found} unknown (COLUMNS_SEED=${seed})`)
  t.ok(found > comparisons / 20, 'there are some')
  t.ok(found < comparisons / 2, 'and not everybody')
})

t.test('what is known in spite of a missing value is not unknown', async (t) => {
  const world = new World(1, 4, 10)
  const { population, view: members } = world
  const user = { ...world.user(), department: null, title: 'Engineer', company: null }
  population.upsertUser(0, user)
  population.upsertDevice(0, { ...world.device(), osVersion: null, os: 'linux' }, 0)
  const isUnknown = (text: string) =>
    unknowns(ruleOf(text, 'users'), 'users', population, { now, members })[0] === 1
  for (const text of [
    'department eq "Sales"',
    'department ne "Sales"',
    'not (department eq "Sales")',
    'department eq "Sales" and title eq "Engineer"',
    'department eq "Sales" or title eq "Clerk"',
    'department eq "Sales" or not (department eq "Sales")',
    'devices[osVersion gt "14"]',
    'devices[os eq "linux" and osVersion gt "14"]',
  ])
    t.ok(isUnknown(text), text)
  for (const text of [
    'department pr',
    'not (department pr)',
    'department eq "Sales" and title eq "Clerk"',
    'department eq "Sales" or title eq "Engineer"',
    'devices[os eq "macos" and osVersion gt "14"]',
    'devices[os eq "linux" or osVersion gt "14"]',
    'devices[osVersion pr]',
    'memberOf eq "gx"',
  ])
    t.notOk(isUnknown(text), text)
})
