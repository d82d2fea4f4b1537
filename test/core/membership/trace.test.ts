// Why a rule holds or does not: the trace agrees with what decides memberships, and its decisive clauses do decide.
import fc from 'fast-check'
import t from 'tap'
import type { GroupId } from '../../../src/base/ids.ts'
import { compileRule } from '../../../src/core/membership/language/compile.ts'
import type { Facts, Subject } from '../../../src/core/membership/language/facts.ts'
import { tellClause } from '../../../src/core/membership/language/tell.ts'
import { type ClauseTrace, decisive, traceRule } from '../../../src/core/membership/language/trace.ts'
import {
  deviceRule,
  deviceSubject,
  narrowRule,
  now,
  printed,
  sound,
  userRule,
  userSubject,
} from '../../support/generated-rules.ts'

const facts = (values: Facts['values'], ...memberOf: string[]): Facts => ({
  values,
  memberOf: new Set(memberOf as GroupId[]),
})
const mac = facts({ id: 'd-1', name: 'mac-alice', osVersion: '14.1', managed: true, lastContact: now })
const old = facts({ id: 'd-2', name: 'win-alice', managed: false })
const alice: Subject = {
  ...facts({ department: 'Engineering', level: 7, skills: ['Go', 'LDAP'], started: now }, 'g0', 'g1'),
  devices: [old, mac],
}

function told(text: string, subject: Subject = alice, of: 'users' | 'devices' = 'users'): string[] {
  const trace = traceRule(sound(text, of).checked, subject, now)
  const groupName = (id: string) => ({ g0: 'engineering' })[id]
  return decisive(trace).map((clause) => tellClause(clause, { text, groupName }))
}

t.test('why and why not, in a line each', async (t) => {
  t.strictSame(told('department eq "engineering" and (level gt 8 or skills co "ld" or level eq 7)'), [
    '`department eq "engineering"` holds: department is "Engineering"',
    '`skills co "ld"` holds: skills is "Go", "LDAP"',
  ])
  t.strictSame(told('department eq "Sales" and level gt 5 and (title pr or level lt 3)'), [
    '`department eq "Sales"` does not hold: department is "Engineering"',
    '`title pr` does not hold: title has no value',
    '`level lt 3` does not hold: level is 7',
  ])
  t.strictSame(told('not (level gt 5 and memberOf in ("g0", "g2"))'), [
    '`level gt 5` holds: level is 7',
    '`memberOf in ("g0", "g2")` holds: is in "engineering"',
  ])
  t.strictSame(told('not (level lt 5 and memberOf eq "g2")'), ['`level lt 5` does not hold: level is 7'])
  t.strictSame(told('memberOf ne "g0"'), ['`memberOf ne "g0"` does not hold: is in "engineering"'])
  const loner: Subject = { ...facts({}), devices: [] }
  t.strictSame(told('memberOf eq "g0"', loner), ['`memberOf eq "g0"` does not hold: is not in "engineering"'])
  t.match(told('memberOf ne "g0"', loner), [/holds: is not in "engineering"$/])
  t.match(told('memberOf in ("g0", "g2")', loner), [/does not hold: is in none of these groups$/])
  t.match(told('memberOf pr', loner), [/does not hold: is in no group$/])
  t.match(told('owner.memberOf eq "g0"', { ...mac, owner: loner }, 'devices'), [
    /the owner is not in "engineering"$/,
  ])
  t.strictSame(told('started lt now'), [
    '`started lt now` does not hold: started is 2026-06-15T00:00:00.000Z',
  ])
  t.strictSame(told('devices[managed eq true and lastContact gt now-1h]'), [
    '`devices[managed eq true and lastContact gt now-1h]` holds: for mac-alice',
  ])
  t.strictSame(told('devices[osVersion gt "15" and managed eq true]'), [
    '`devices[osVersion gt "15" and managed eq true]` does not hold: win-alice: `osVersion gt "15"` does not hold: osVersion has no value; mac-alice: `osVersion gt "15"` does not hold: osVersion is "14.1"',
  ])
  t.match(told('devices[name pr]', facts({})), [/there are no devices$/])
  t.match(told('owner.level gt 5', mac, 'devices'), [/does not hold: there is no owner$/])
  t.match(told('owner.level gt 8', { ...mac, owner: alice }, 'devices'), [/owner\.level is 7$/])
})

t.test('what is shown is bounded, what is decided looks at everything', async (t) => {
  const devices = Array.from({ length: 50 }, (_, index) =>
    facts({ name: `d${index}`, managed: index === 40 }),
  )
  const trace = traceRule(sound('devices[managed eq true]').checked, { ...facts({}), devices }, now)
  if (trace.kind !== 'any') return t.fail('is about devices')
  t.equal(trace.holds, true)
  t.equal(trace.count, 50)
  t.strictSame(
    trace.devices.map((device) => device.holds),
    [true, ...Array(19).fill(false)],
  )
  t.equal(trace.devices[0]?.name, 'd40', 'the one that makes it hold comes first')
  const skills = Array.from({ length: 50 }, (_, index) => `skill ${index} ${'x'.repeat(500)}`)
  const long = traceRule(sound('skills ew "49 y" or skills pr').checked, facts({ skills }), now)
  const [first] = long.kind === 'or' ? long.items : []
  t.match(first, { kind: 'term', holds: false, more: 30 })
  t.ok(first?.kind === 'term' && first.values.length === 20 && String(first.values[0]).length === 201)
  const many = traceRule(sound(Array(3_000).fill('level eq 1').join(' or ')).checked, facts({}), now)
  t.equal(decisive(many).length, 50)
})

t.test('traces agree with compiled rules, and so do all their clauses', async () => {
  const agrees = (text: string, of: 'users' | 'devices', subject: Subject): boolean => {
    const { checked } = sound(text, of)
    const trace = traceRule(checked, subject, now)
    const check = (clause: ClauseTrace, about: Subject): boolean => {
      const part = text.slice(clause.at.start, clause.at.end)
      if (compileRule(sound(part, about === subject ? of : 'devices').checked)(about, now) !== clause.holds)
        return false
      if (clause.kind === 'and' || clause.kind === 'or')
        return clause.items.every((item) => check(item, about))
      if (clause.kind === 'not') return check(clause.item, about)
      return true
    }
    return trace.holds === compileRule(checked)(subject, now) && check(trace, subject)
  }
  fc.assert(
    fc.property(fc.oneof(userRule, narrowRule), userSubject, (rule, who) =>
      agrees(printed(rule).text, 'users', who),
    ),
    { numRuns: 1_000 },
  )
  fc.assert(
    fc.property(deviceRule, deviceSubject, (rule, who) =>
      agrees(printed(rule, 'devices').text, 'devices', who),
    ),
    { numRuns: 1_000 },
  )
})

t.test('whatever the other clauses were, the outcome would be the same', async () => {
  fc.assert(
    fc.property(
      fc.oneof(userRule, narrowRule),
      userSubject,
      fc.infiniteStream(fc.boolean()),
      (rule, who, coins) => {
        const trace = traceRule(printed(rule).checked, who, now)
        const matters = new Set<ClauseTrace>(decisive(trace))
        const outcome = (clause: ClauseTrace): boolean => {
          if (clause.kind === 'and') return clause.items.map(outcome).every(Boolean)
          if (clause.kind === 'or') return clause.items.map(outcome).some(Boolean)
          if (clause.kind === 'not') return !outcome(clause.item)
          return matters.has(clause) ? clause.holds : (coins.next().value ?? false)
        }
        return outcome(trace) === trace.holds
      },
    ),
    { numRuns: 1_000 },
  )
})
