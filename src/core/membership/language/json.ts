// A rule as JSON, for visual builders. It says the same as the text: what is read here is printed and parsed, so that one
// grammar and one set of bounds hold for both.
import { nearest } from '../../../base/nearest.ts'
import { fail, type Result } from '../../../base/result.ts'
import { inside, type Problem, Problems } from '../../directory/problem.ts'
import { formatRule } from './format.ts'
import { parseRule } from './parse.ts'
import {
  type CompareOp,
  compareOps,
  type Expr,
  type Operator,
  type RelativeUnit,
  relativeUnits,
  ruleLimits,
  type StringValue,
  type Value,
} from './syntax.ts'
import { isAttributeName } from './tokens.ts'

/** A text, a number, a boolean, or an instant: `{ "now": -30, "unit": "d" }` is now-30d, `{ "now": 0 }` is now. */
export type RuleJsonValue = string | number | boolean | { readonly now: number; readonly unit?: RelativeUnit }

/**
 * `all` and `any` join rules; `has` is a value path (`{ "has": "devices", "where": … }` is devices[…]). A comparison has
 * `value` (a regular expression for `matches`), `in` has `values`, `pr` neither.
 */
export type RuleJson =
  | { readonly all: readonly RuleJson[] }
  | { readonly any: readonly RuleJson[] }
  | { readonly not: RuleJson }
  | { readonly has: string; readonly where: RuleJson }
  | { readonly attribute: string; readonly operator: 'pr' }
  | { readonly attribute: string; readonly operator: CompareOp; readonly value: RuleJsonValue }
  | { readonly attribute: string; readonly operator: 'matches'; readonly value: string }
  | { readonly attribute: string; readonly operator: 'in'; readonly values: readonly RuleJsonValue[] }

/** The JSON form of a parsed rule. Comments and spacing of the text are not kept. */
export function toJson(expr: Expr): RuleJson {
  switch (expr.kind) {
    case 'and':
      return { all: expr.items.map(toJson) }
    case 'or':
      return { any: expr.items.map(toJson) }
    case 'not':
      return { not: toJson(expr.item) }
    case 'any':
      return { has: expr.collection.name, where: toJson(expr.where) }
    case 'present':
      return { attribute: expr.path.name, operator: 'pr' }
    case 'compare':
      return { attribute: expr.path.name, operator: expr.op, value: valueToJson(expr.value) }
    case 'in':
      return { attribute: expr.path.name, operator: 'in', values: expr.values.map(valueToJson) }
    case 'matches':
      return { attribute: expr.path.name, operator: 'matches', value: expr.pattern.value }
    default:
      return expr satisfies never
  }
}

function valueToJson(value: Value): RuleJsonValue {
  if (value.kind !== 'relative') return value.value
  return value.amount === 0 ? { now: 0 } : { now: value.amount, unit: value.unit }
}

/**
 * Reads the JSON form. The tree's positions are those in `formatRule(tree)`. Whether the attributes exist is for
 * `checkRule` to say. The problems' fields are paths in `value`, below `field`: `rule.all[0].value`.
 */
export function fromJson(value: unknown, field = ''): Result<Expr, readonly Problem[]> {
  const reader = new JsonReader()
  const expr = reader.rule(value, field, 0)
  if (expr === undefined || !reader.problems.none) return fail(reader.problems.list)
  const parsed = parseRule(formatRule(expr))
  return parsed.ok ? parsed : fail(parsed.error.map(({ code, message }) => ({ field, code, message })))
}

const nowhere = { start: 0, end: 0 }
const operators: readonly Operator[] = [...compareOps, 'pr', 'in', 'matches']
const maxProblems = 20
/** More than any rule that can be printed needs: parentheses 128 deep, with an `and` between each two. */
const maxLevels = 2 * ruleLimits.depth + 2

const shapes: Readonly<Record<string, readonly string[]>> = {
  all: ['all'],
  any: ['any'],
  not: ['not'],
  has: ['has', 'where'],
  attribute: ['attribute', 'operator', 'value', 'values'],
}
const shapeText =
  'a rule is an object with `all` or `any` and a list of rules, `not` and a rule, `has` and `where`, or `attribute` and `operator`'

class JsonReader {
  readonly problems = new Problems(maxProblems)
  #terms = 0
  #characters = 0

  /** Undefined where a problem has been noted; the siblings are read nevertheless. */
  rule(value: unknown, field: string, level: number): Expr | undefined {
    if (this.problems.full) return undefined
    if (level > maxLevels) {
      return this.problems.add(field, 'too-deep', `rules may be nested at most ${ruleLimits.depth} deep`)
    }
    if (!isObject(value)) return this.problems.add(field, 'wrong-type', shapeText, Object.keys(shapes))
    const kinds = Object.keys(shapes).filter((key) => Object.hasOwn(value, key))
    const [kind] = kinds
    if (kind === undefined || kinds.length > 1) {
      const what = kind === undefined ? shapeText : `only one of ${quoted(kinds)} can stand in one object`
      return this.problems.add(field, 'wrong-shape', what, Object.keys(shapes))
    }
    if (!this.#knowsFields(value, field, shapes[kind] ?? [])) return undefined
    if (kind === 'all' || kind === 'any') return this.#chain(kind, value[kind], inside(field, kind), level)
    if (kind === 'not') {
      const item = this.rule(value.not, inside(field, 'not'), level + 1)
      return item && { kind: 'not', item, at: nowhere }
    }
    if (++this.#terms > ruleLimits.terms) {
      const what = `a rule may have at most ${ruleLimits.terms} comparisons`
      return this.problems.add(field, 'too-many-terms', what)
    }
    if (kind === 'attribute') return this.#comparison(value, field)
    const name = this.#name(value.has, inside(field, 'has'))
    const where = this.rule(value.where, inside(field, 'where'), level + 1)
    return name !== undefined && where !== undefined
      ? { kind: 'any', collection: { name, at: nowhere }, where, at: nowhere }
      : undefined
  }

  #chain(kind: 'all' | 'any', value: unknown, field: string, level: number): Expr | undefined {
    if (!Array.isArray(value) || value.length === 0) {
      return this.problems.add(field, 'wrong-type', `\`${kind}\` is a list of at least one rule`)
    }
    if (value.length > ruleLimits.terms) {
      const what = `a rule may have at most ${ruleLimits.terms} comparisons`
      return this.problems.add(field, 'too-many-terms', what)
    }
    const items = value.map((item, index) => this.rule(item, `${field}[${index}]`, level + 1))
    const sound = items.filter((item) => item !== undefined)
    if (sound.length < items.length) return undefined
    return sound.length === 1 ? sound[0] : { kind: kind === 'all' ? 'and' : 'or', items: sound, at: nowhere }
  }

  #comparison(value: Readonly<Record<string, unknown>>, field: string): Expr | undefined {
    const name = this.#name(value.attribute, inside(field, 'attribute'))
    const op = operators.find((one) => one === value.operator)
    if (op === undefined) {
      const near = typeof value.operator === 'string' ? nearest(value.operator, operators) : undefined
      const hint = near === undefined ? '' : ` (did you mean \`${near}\`?)`
      const what = `\`operator\` is one of ${operators.join(', ')}${hint}`
      return this.problems.add(inside(field, 'operator'), 'unknown-value', what, operators)
    }
    const needed = op === 'pr' ? undefined : op === 'in' ? 'values' : 'value'
    for (const key of ['value', 'values'] as const) {
      if (Object.hasOwn(value, key) === (key === needed)) continue
      const what = key === needed ? `\`${op}\` needs \`${key}\`` : `\`${op}\` takes no \`${key}\``
      return this.problems.add(inside(field, key), key === needed ? 'missing' : 'unknown-field', what)
    }
    const path = { name: name ?? '', at: nowhere }
    const expr = this.#operation(op, path, value, field)
    return name === undefined ? undefined : expr
  }

  #operation(
    op: Operator,
    path: { readonly name: string; readonly at: typeof nowhere },
    value: Readonly<Record<string, unknown>>,
    field: string,
  ): Expr | undefined {
    if (op === 'pr') return { kind: 'present', path, at: nowhere }
    if (op === 'in') {
      const values = this.#values(value.values, inside(field, 'values'))
      return values && { kind: 'in', path, values, at: nowhere }
    }
    const at = inside(field, 'value')
    if (op === 'matches' && typeof value.value !== 'string') {
      return this.problems.add(at, 'wrong-type', '`matches` takes a regular expression as a text')
    }
    const found = this.#value(value.value, at)
    if (found === undefined) return undefined
    return op === 'matches'
      ? { kind: 'matches', path, pattern: found as StringValue, at: nowhere }
      : { kind: 'compare', path, op, value: found, at: nowhere }
  }

  #values(value: unknown, field: string): Value[] | undefined {
    if (!Array.isArray(value) || value.length === 0) {
      return this.problems.add(field, 'wrong-type', '`in` takes a list of at least one value')
    }
    if (value.length > ruleLimits.listValues) {
      const what = `a list may have at most ${ruleLimits.listValues} values`
      return this.problems.add(field, 'list-too-long', what)
    }
    const values: Value[] = []
    for (const [index, each] of value.entries()) {
      const found = this.#value(each, `${field}[${index}]`)
      if (found !== undefined) values.push(found)
      if (this.problems.full) return undefined
    }
    return values.length < value.length ? undefined : values
  }

  #value(value: unknown, field: string): Value | undefined {
    // What is certain to be too long as a text is not read to its end.
    this.#characters += typeof value === 'string' ? value.length + 2 : 1
    if (this.#characters > ruleLimits.characters) {
      const what = `a rule may have at most ${ruleLimits.characters} characters`
      return this.problems.add(field, 'too-long', what)
    }
    if (typeof value === 'string') return { kind: 'string', value, at: nowhere }
    if (typeof value === 'boolean') return { kind: 'boolean', value, at: nowhere }
    if (typeof value === 'number' && Number.isFinite(value)) {
      return { kind: 'number', value: value === 0 ? 0 : value, at: nowhere }
    }
    if (value === null) {
      const what = 'null is not a value here: to ask for a missing value use `not` around `pr`'
      return this.problems.add(field, 'null-value', what)
    }
    if (isObject(value)) return this.#relative(value, field)
    const what = 'a value is a text, a number, true, false, or an instant such as { "now": -30, "unit": "d" }'
    return this.problems.add(field, 'wrong-type', what)
  }

  #relative(value: Readonly<Record<string, unknown>>, field: string): Value | undefined {
    if (!this.#knowsFields(value, field, ['now', 'unit'])) return undefined
    const { now } = value
    if (typeof now !== 'number' || !Number.isInteger(now) || Math.abs(now) > 999_999) {
      const what = 'a whole number: before now where it is negative; at most 6 digits'
      return this.problems.add(inside(field, 'now'), 'bad-instant', what)
    }
    const units = Object.keys(relativeUnits) as RelativeUnit[]
    const unit = value.unit === undefined && now === 0 ? 's' : units.find((one) => one === value.unit)
    if (unit === undefined) {
      const what = `one of ${units.join(', ')}`
      return this.problems.add(inside(field, 'unit'), 'bad-instant', what, units)
    }
    return now === 0
      ? { kind: 'relative', amount: 0, unit: 's', at: nowhere }
      : { kind: 'relative', amount: now, unit, at: nowhere }
  }

  #name(value: unknown, field: string): string | undefined {
    const isName = typeof value === 'string' && value.length <= 300 && isAttributeName(value)
    if (isName) return value
    const what = 'a name of letters, digits, `_`, `$`, `.`, `:` and `-` that begins with a letter'
    return this.problems.add(field, 'bad-name', what)
  }

  #knowsFields(value: object, field: string, known: readonly string[]): boolean {
    for (const key of Object.keys(value)) {
      if (known.includes(key)) continue
      const what = `there is no such field here; there is ${quoted(known)}`
      this.problems.add(inside(field, key.slice(0, 40)), 'unknown-field', what, known)
      return false
    }
    return true
  }
}

const quoted = (names: readonly string[]): string => names.map((name) => `\`${name}\``).join(', ')

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
