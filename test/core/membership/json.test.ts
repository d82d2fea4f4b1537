// Rules as JSON: by example, as a law (text and JSON say the same), and with input that no builder would send.
import fc from 'fast-check'
import t from 'tap'
import { formatRule } from '../../../src/core/membership/language/format.ts'
import { fromJson, type RuleJson, toJson } from '../../../src/core/membership/language/json.ts'
import { placesIn } from '../../../src/core/membership/language/json-places.ts'
import { parseRule } from '../../../src/core/membership/language/parse.ts'
import type { Expr } from '../../../src/core/membership/language/syntax.ts'
import { anyRule, placeless } from '../../support/generated-rules.ts'

function jsonOf(text: string): RuleJson {
  const parsed = parseRule(text)
  if (!parsed.ok) throw new Error(parsed.error[0]?.message)
  return toJson(parsed.value)
}

function textOf(json: unknown): string {
  const read = fromJson(json, 'rule')
  return read.ok ? formatRule(read.value) : read.error.map((one) => `${one.field} ${one.code}`).join('; ')
}

t.test('the JSON form by example', async (t) => {
  const text =
    'department eq "Sales" and not (title matches "^Head") and (level in (1, 2.5) or started gt now-30d) and devices[managed eq true and lastContact lt now] and company pr'
  const json = {
    all: [
      { attribute: 'department', operator: 'eq', value: 'Sales' },
      { not: { attribute: 'title', operator: 'matches', value: '^Head' } },
      {
        any: [
          { attribute: 'level', operator: 'in', values: [1, 2.5] },
          { attribute: 'started', operator: 'gt', value: { now: -30, unit: 'd' } },
        ],
      },
      {
        has: 'devices',
        where: {
          all: [
            { attribute: 'managed', operator: 'eq', value: true },
            { attribute: 'lastContact', operator: 'lt', value: { now: 0 } },
          ],
        },
      },
      { attribute: 'company', operator: 'pr' },
    ],
  }
  t.strictSame(jsonOf(text), json)
  t.equal(textOf(json), text)
  t.equal(textOf({ all: [{ attribute: 'title', operator: 'pr' }] }), 'title pr', 'a list of one')
  const read = fromJson(json)
  t.ok(
    read.ok && text.slice(read.value.at.start, read.value.at.end) === text,
    'positions in the printed text',
  )
})

t.test('JSON and text say the same', async () => {
  fc.assert(
    fc.property(anyRule, (expr) => {
      const text = formatRule(expr)
      const parsed = parseRule(text)
      if (!parsed.ok) throw new Error(text)
      const read = fromJson(JSON.parse(JSON.stringify(toJson(parsed.value))))
      if (!read.ok) throw new Error(JSON.stringify(read.error))
      const again = parseRule(formatRule(read.value))
      return (
        again.ok &&
        placeless(again.value) === placeless(parsed.value) &&
        placeless(read.value) === placeless(expr)
      )
    }),
    { numRuns: 1_000 },
  )
})

t.test('what is wrong is told with its place', async (t) => {
  const leaf = { attribute: 'title', operator: 'pr' }
  const table: [json: unknown, problems: string][] = [
    [null, 'rule wrong-type'],
    ['title pr', 'rule wrong-type'],
    [[leaf], 'rule wrong-type'],
    [{}, 'rule wrong-shape'],
    [{ all: [leaf], any: [leaf] }, 'rule wrong-shape'],
    [{ all: [] }, 'rule.all wrong-type'],
    [{ any: leaf }, 'rule.any wrong-type'],
    [
      { all: [leaf, { not: 5 }, { any: [{}] }] },
      'rule.all[1].not wrong-type; rule.all[2].any[0] wrong-shape',
    ],
    [{ not: leaf, comment: 'x' }, 'rule.comment unknown-field'],
    [{ attribute: 'title' }, 'rule.operator unknown-value'],
    [{ attribute: 'title', operator: 'EQ', value: 'x' }, 'rule.operator unknown-value'],
    [{ attribute: 'title', operator: 'eq' }, 'rule.value missing'],
    [{ attribute: 'title', operator: 'in', value: 'x' }, 'rule.value unknown-field'],
    [{ attribute: 'title', operator: 'pr', value: 'x' }, 'rule.value unknown-field'],
    [{ attribute: 'title', operator: 'in', values: [] }, 'rule.values wrong-type'],
    [
      { attribute: 'title', operator: 'in', values: ['a', null, []] },
      'rule.values[1] null-value; rule.values[2] wrong-type',
    ],
    [{ attribute: 'title', operator: 'eq', value: Number.NaN }, 'rule.value wrong-type'],
    [{ attribute: 'title', operator: 'matches', value: 5 }, 'rule.value wrong-type'],
    [{ attribute: 'started', operator: 'gt', value: { now: 1.5, unit: 'd' } }, 'rule.value.now bad-instant'],
    [{ attribute: 'started', operator: 'gt', value: { now: 1e6, unit: 'd' } }, 'rule.value.now bad-instant'],
    [{ attribute: 'started', operator: 'gt', value: { now: 1, unit: 'y' } }, 'rule.value.unit bad-instant'],
    [{ attribute: 'started', operator: 'gt', value: { now: 1 } }, 'rule.value.unit bad-instant'],
    [{ has: 'devices' }, 'rule.where wrong-type'],
    [{ has: 5, where: leaf }, 'rule.has bad-name'],
  ]
  for (const [json, problems] of table) t.equal(textOf(json), problems, JSON.stringify(json))
})

t.test('A12: a name in JSON cannot bring a piece of a rule with it', async (t) => {
  for (const name of [
    '',
    'title pr or title',
    'not',
    'a b',
    'title\n',
    '"',
    'devices[os',
    '0a',
    'é',
    5,
    null,
    {},
  ]) {
    t.equal(textOf({ attribute: name, operator: 'pr' }), 'rule.attribute bad-name', JSON.stringify(name))
    t.equal(textOf({ has: name, where: { attribute: 'os', operator: 'pr' } }), 'rule.has bad-name')
  }
  const read = fromJson(
    JSON.parse('{"__proto__": {"attribute": "title"}, "attribute": "title", "operator": "pr"}'),
  )
  t.notOk(read.ok, 'what is inherited is not looked at')
})

t.test('A12: JSON has the bounds of the text', async (t) => {
  const leaf = { attribute: 'title', operator: 'pr' } as const
  const nested = (depth: number, around: (rule: RuleJson) => RuleJson): RuleJson => {
    let rule: RuleJson = leaf
    for (let level = 0; level < depth; level++) rule = around(rule)
    return rule
  }
  const negate = (rule: RuleJson): RuleJson => ({ not: rule })
  const any = (rule: RuleJson): RuleJson => ({ any: [leaf, rule] })
  const both = (rule: RuleJson): RuleJson => ({ all: [leaf, any(rule)] })
  t.ok(fromJson(nested(128, negate)).ok)
  t.match(textOf(nested(129, negate)), /^rule too-deep$/)
  t.ok(fromJson(nested(128, both)).ok)
  t.match(textOf(nested(200, both)), /too-deep$/)
  t.match(textOf(nested(100_000, (rule) => ({ all: [rule] }))), /too-deep$/)
  const texts = (count: number, text: string) => ({
    attribute: 'title',
    operator: 'in',
    values: Array(count).fill(text),
  })
  t.ok(fromJson(texts(10_000, 'a')).ok)
  t.match(textOf(texts(10_001, 'a')), /list-too-long$/)
  t.match(textOf(texts(10, 'a'.repeat(10_000))), /^rule\.values\[6\] too-long; .*\[9\] too-long$/)
  t.match(
    textOf({ any: Array(5_000).fill({ attribute: 'title', operator: 'eq', value: 'ab' }) }),
    /^rule too-long$/,
  )
  t.match(textOf({ any: Array(10_001).fill(leaf) }), /too-many-terms$/)
  t.match(textOf({ any: Array(200).fill({ all: Array(100).fill(leaf) }) }), /too-many-terms/)
  const wrong = fromJson({ any: Array(5_000).fill({}) })
  t.equal(wrong.ok ? 0 : wrong.error.length, 20, 'the first 20 problems are enough')
})

t.test('places in the text are places in the JSON form', async (t) => {
  const at = (json: unknown, path: string): unknown =>
    path
      .split(/[.[\]]+/)
      .filter((step) => step !== '')
      .reduce((value, step) => (value as Record<string, unknown>)[step], json)
  let found = 0
  fc.assert(
    fc.property(anyRule, (generated) => {
      const json = toJson(generated)
      const read = fromJson(json)
      if (!read.ok) throw new Error('not read')
      const placeOf = placesIn(json, read.value, 'json')
      const visit = (expr: Expr): void => {
        found++
        const isRoot = expr === read.value
        const place = at({ json }, placeOf(expr.at))
        if (isRoot) t.equal(place, json)
        else if (JSON.stringify(place) !== JSON.stringify(toJson(expr))) t.fail(formatRule(expr))
        if ('path' in expr && at({ json }, placeOf(expr.path.at)) !== expr.path.name) t.fail(expr.path.name)
        if (expr.kind === 'in')
          for (const value of expr.values) {
            const shown = at({ json }, placeOf(value.at))
            if (value.kind !== 'relative' && shown !== value.value) t.fail(String(value.value))
          }
        if (expr.kind === 'not') visit(expr.item)
        else if (expr.kind === 'any') visit(expr.where)
        else if (expr.kind === 'and' || expr.kind === 'or') expr.items.forEach(visit)
      }
      visit(read.value)
    }),
  )
  t.ok(found > 100)
  const json = { all: [{ any: [{ all: [{ attribute: 'title', operator: 'pr' }] }] }] } as const
  const read = fromJson(json)
  t.equal(read.ok && placesIn(json, read.value)({ start: 0, end: 5 }), 'all[0].any[0].all[0].attribute')
})
