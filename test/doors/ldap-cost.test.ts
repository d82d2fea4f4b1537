// What a filter may cost: strangers can ask the root DSE and the subschema as much as a message holds, users the rest.
import t from 'tap'
import type { Principal } from '../../src/core/access/decision.ts'
import { fixedMatches } from '../../src/doors/ldap/fixed-entry.ts'
import { NamingContext } from '../../src/doors/ldap/naming-context.ts'
import { planSearch } from '../../src/doors/ldap/plan.ts'
import { rootDse } from '../../src/doors/ldap/root-dse.ts'
import { subschema } from '../../src/doors/ldap/subschema.ts'
import type { Filter } from '../../src/wire/ldap/filter.ts'
import { resultCodes } from '../../src/wire/ldap/result-codes.ts'
import { open, suffix } from '../support/ldap-door.ts'
import { makeOrganization } from '../support/store.ts'

const items = 9_000
const many = (item: (index: number) => Filter): Filter => ({
  kind: 'or',
  filters: Array.from({ length: items }, (_, index) => item(index)),
})
const equal =
  (attributeDesc: string, value = 'none') =>
  (index: number): Filter => ({
    kind: 'equalityMatch',
    attributeDesc,
    assertionValue: Buffer.from(`${value}${index}`),
  })
const holding =
  (attributeDesc: string, value = 'none') =>
  (index: number): Filter => ({
    kind: 'substrings',
    attributeDesc,
    initial: null,
    any: [Buffer.from(`${value}${index}`)],
    final: null,
  })

/** How often texts are normalized meanwhile: the dear part of comparing them. */
function normalizations(work: () => void): number {
  const { normalize } = String.prototype
  let count = 0
  String.prototype.normalize = function (this: string, form?: string) {
    count++
    return normalize.call(this, form)
  }
  try {
    work()
  } finally {
    String.prototype.normalize = normalize
  }
  return count
}

t.test('L07 a filter on the root DSE or the subschema costs what its own values cost', async (t) => {
  for (const entry of [subschema(null), rootDse(null, false)]) {
    for (const name of ['attributeTypes', 'objectClasses', 'objectClass', 'supportedControl']) {
      for (const item of [equal(name), holding(name)]) {
        const filter = many(item)
        const count = normalizations(() => t.notOk(fixedMatches(entry, filter)))
        t.ok(count <= 3 * items + 1_000, `${name}: ${count}`)
      }
    }
  }
  const schema = subschema(null)
  const about: Filter = { ...(holding('attributeTypes', 'NAME')(0) as Filter & { kind: 'substrings' }) }
  t.ok(fixedMatches(schema, { ...about, any: [Buffer.from("name 'mail'")] } as Filter) === false)
  t.ok(fixedMatches(schema, { ...about, any: [Buffer.from("name ( 'MAIL' ")] } as Filter))
})

t.test('L07 comparisons are counted while they are made, and a search has so many', async (t) => {
  const context = new NamingContext(makeOrganization('acme'), [], [], [], '/bin/sh')
  const principal = { kind: 'user', id: 'x', username: 'alice' } as unknown as Principal
  const reader = { usersByKey: async () => [], devices: async () => [] }
  const plan = (filter: Filter) =>
    planSearch({ at: 'top' }, 'wholeSubtree', filter, context, principal, reader)
  const spaces = 'a '.repeat(40)
  for (const item of [equal('cn', spaces), holding('cn', spaces)]) {
    let built = 0
    const counted = many((index) => {
      const one = item(index)
      return new Proxy(one, {
        get(target, key) {
          if (key === 'assertionValue' || key === 'any') built++
          return Reflect.get(target, key)
        },
      })
    })
    t.throws(() => plan(counted), { message: /too many comparisons/ })
    t.ok(built < items / 2, `${built} of ${items} were looked at`)
  }
  t.ok(plan(many(equal('uid'))), 'plain comparisons are bounded by the message')

  const { bound } = await open(t, t.testdir({}))
  const client = await bound()
  const wide = `(|${`(cn=${spaces})`.repeat(700)})`
  t.equal((await client.search(suffix, wide)).code, resultCodes.adminLimitExceeded)
  t.equal((await client.search(suffix, '(uid=alice)')).entries.length, 1)
})
