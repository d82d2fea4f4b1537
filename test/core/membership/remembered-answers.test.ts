// What tests said of texts is remembered, and so is how much that takes: people change their texts as often as they like.
import t from 'tap'
import { enableLinearRegex } from '../../../src/base/linear-regex.ts'
import { silentLog } from '../../../src/base/log.ts'
import type { User } from '../../../src/core/directory/types.ts'
import { evaluateChange } from '../../../src/core/membership/incremental/evaluate-change.ts'
import { flipIndexOf } from '../../../src/core/membership/incremental/flip-index.ts'
import { RememberedAnswers } from '../../../src/core/membership/incremental/remembered-answers.ts'
import { compileRules } from '../../../src/core/membership/rule-set.ts'
import { at, makeGroup, makeUser } from '../../support/store.ts'

enableLinearRegex()
const bound = 8 * 1024 * 1024

/** Rules that can only be run on the texts of three attributes, and a user whose texts become others. */
function world() {
  const names = ['title', 'location', 'company'] as const
  const groups = names.map((name) =>
    makeGroup(name, { mode: 'dynamic', rule: `${name} co "zz" or ${name} matches "^q"` }),
  )
  const rules = compileRules({ epoch: 1n, groups, attributes: [] }, silentLog)
  let user: User = makeUser('alice')
  return {
    octets: () => flipIndexOf(rules).remembered.octets,
    /** Gives the number of groups that she is in afterwards. */
    change(title: string, location: string, company: string): number {
      const before = { user, devices: [], inputs: [], memberships: [], suggestions: [], epoch: 1n, due: null }
      user = { ...user, title, location, company }
      return evaluateChange(before, { user, devices: [], inputs: [] }, rules, at).memberships.length
    },
  }
}

t.test('of long texts nothing is kept, however many there are', async (t) => {
  const { change, octets } = world()
  let joined = 0
  for (let i = 0; i < 2_000; i++) {
    const text = `${i} `.padEnd(4096, '字')
    joined += change(text, text, text)
  }
  t.same([joined, octets()], [0, 0])
  t.equal(change(`${'a'.repeat(4094)}zz`, 'q', 'q'), 3, 'they are tested all the same')
})

t.test('of short texts as much is kept as there is room for, of all attributes together', async (t) => {
  const { change, octets } = world()
  let most = 0
  for (let i = 0; i < 20_000; i++) {
    change(`title ${i}`.padEnd(256, 'x'), `location ${i}`, `q ${i}`)
    most = Math.max(most, octets())
  }
  t.ok(most <= bound, `${most} octets`)
  t.ok(most > bound * 0.99, `${most} octets: the room is used`)
  const before = octets()
  t.equal(change('title 19999'.padEnd(256, 'x'), 'location 19999', 'zz'), 1)
  t.equal(octets() - before, 160 + 2 * 2 + 2 * 8, 'what is known is not kept twice')
})

t.test('what was said is found again, for the questions that were asked', async (t) => {
  const remembered = new RememberedAnswers()
  const [these, those] = [{}, {}]
  remembered.keep(these, 'Zoë \ud800', [true, false])
  remembered.keep(those, 'Zoë \ud800', [false])
  t.same(remembered.find(these, 'Zoë \ud800'), [true, false])
  t.same(remembered.find(those, 'Zoë \ud800'), [false])
  t.equal(remembered.find(these, 'Zoe'), undefined)
  remembered.keep(these, 'x'.repeat(256), [true])
  remembered.keep(these, 'x'.repeat(257), [true])
  t.same(remembered.find(these, 'x'.repeat(256)), [true])
  t.equal(remembered.find(these, 'x'.repeat(257)), undefined, 'too long')
  const { octets } = remembered
  remembered.keep(
    these,
    'y',
    Array.from({ length: bound / 8 }, () => true),
  )
  t.equal(remembered.octets, octets, 'more questions than there is room for answers')
  for (let i = 0; remembered.octets >= octets; i++) remembered.keep(those, `${i}`, [])
  t.equal(remembered.find(these, 'Zoë \ud800'), undefined, 'what is forgotten makes room')
})
