// Holds a rule against a schema: do the attributes exist, do the operators and values fit their types, are there such
// groups? All that is wrong is told at once. What passes needs no further checks when it runs.
import type { GroupId } from '../../../base/ids.ts'
import { nearest } from '../../../base/nearest.ts'
import { fail, ok, type Result } from '../../../base/result.ts'
import type { SubjectKind } from '../../directory/types.ts'
import { checkConstant, checkList, checkPattern, checkWhen, maxProblems } from './check-values.ts'
import type { CheckedRule, Side } from './checked.ts'
import { parseRule } from './parse.ts'
import { type Attribute, type AttributeType, findAttribute, type RuleSchema } from './schema.ts'
import {
  type Expr,
  equalityOps,
  type Operator,
  orderOps,
  type Path,
  problem,
  type RuleProblem,
  type RuleProblemCode,
  ruleLimits,
  type Span,
  textOps,
} from './syntax.ts'

/** The groups that `memberOf` can name. */
export interface GroupNames {
  find(name: string): { readonly id: GroupId; readonly of: SubjectKind } | undefined
  /** For "did you mean". */
  names(): Iterable<string>
}

export const noGroups: GroupNames = { find: () => undefined, names: () => [] }

const operatorsOf = {
  string: [...equalityOps, ...textOps, ...orderOps, 'pr', 'in', 'matches'],
  version: [...equalityOps, ...textOps, ...orderOps, 'pr', 'in', 'matches'],
  list: [...equalityOps, ...textOps, 'pr', 'in', 'matches'],
  number: [...equalityOps, ...orderOps, 'pr', 'in'],
  date: [...equalityOps, ...orderOps, 'pr'],
  boolean: [...equalityOps, 'pr'],
} satisfies Record<AttributeType, readonly Operator[]>
const typeNames = {
  string: 'a text',
  version: 'a version',
  list: 'a list of texts',
  number: 'a number',
  date: 'a date',
  boolean: 'true or false',
} satisfies Record<AttributeType, string>
const memberOfOperators: readonly Operator[] = ['eq', 'ne', 'in', 'pr']

/** Parses and checks a rule in one go. */
export function readRule(
  text: string,
  schema: RuleSchema,
  groups: GroupNames = noGroups,
): Result<CheckedRule, readonly RuleProblem[]> {
  const parsed = parseRule(text)
  return parsed.ok ? checkRule(parsed.value, schema, groups) : parsed
}

/** Checks a parsed rule. The problems come in the order of the text, at most 20 of them. */
export function checkRule(
  expr: Expr,
  schema: RuleSchema,
  groups: GroupNames = noGroups,
): Result<CheckedRule, readonly RuleProblem[]> {
  const checker = new RuleChecker(groups)
  const rule = checker.check(expr, schema)
  return rule === null || checker.problems.length > 0 ? fail(checker.problems) : ok(rule)
}

type Operation = Extract<Expr, { kind: 'present' | 'compare' | 'in' | 'matches' }>

/** Where a path leads: the schema of the side it names, and the rest of its name. */
interface Place {
  readonly schema: RuleSchema
  readonly side: Side
  readonly name: string
}

class RuleChecker {
  readonly problems: RuleProblem[] = []
  readonly #groups: GroupNames
  #patternSteps = 0

  constructor(groups: GroupNames) {
    this.#groups = groups
  }

  /** Null where a problem has been noted; the siblings are checked nevertheless. */
  check(expr: Expr, schema: RuleSchema): CheckedRule | null {
    if (this.problems.length >= maxProblems) return null
    switch (expr.kind) {
      case 'and':
      case 'or': {
        const items = expr.items.map((item) => this.check(item, schema))
        const sound = items.filter((item) => item !== null)
        return sound.length === items.length ? { kind: expr.kind, items: sound, at: expr.at } : null
      }
      case 'not': {
        const item = this.check(expr.item, schema)
        return item && { kind: 'not', item, at: expr.at }
      }
      case 'any':
        return this.#any(expr, schema)
      default:
        return this.#operation(expr, schema)
    }
  }

  #any(expr: Extract<Expr, { kind: 'any' }>, schema: RuleSchema): CheckedRule | null {
    const name = expr.collection.name
    const inner = schema.collections?.get(name.toLowerCase())
    if (!inner) {
      const known = [...(schema.collections?.keys() ?? [])]
      const what = known.length
        ? `\`${name}[…]\` is not known; there is ${known.map((one) => `\`${one}[…]\``).join(', ')}`
        : `\`${name}[…]\` cannot be asked of ${schema.subjects} here`
      return this.#note('wrong-place', expr.collection.at, what, {
        expected: known,
        suggestion: nearest(name, known),
      })
    }
    const where = this.check(expr.where, inner)
    return where && { kind: 'any', where, at: expr.at }
  }

  #operation(expr: Operation, schema: RuleSchema): CheckedRule | null {
    const place = this.#place(expr.path, schema)
    if (!place) return null
    if (place.name.toLowerCase() === 'memberof' && place.schema.memberOf) {
      return this.#member(expr, place.side, place.schema.memberOf)
    }
    const attribute = findAttribute(place.schema, place.name)
    if (!attribute) return this.#unknownAttribute(expr.path, place)
    return this.#fits(expr, attribute.name, operatorsOf[attribute.type], typeNames[attribute.type])
      ? this.#test(expr, place.side, attribute)
      : null
  }

  #place(path: Path, schema: RuleSchema): Place | null {
    if (!/^owner\./i.test(path.name)) return { schema, side: 'self', name: path.name }
    if (schema.owner) return { schema: schema.owner, side: 'owner', name: path.name.slice('owner.'.length) }
    const what = '`owner.…` belongs in the rules of devices, outside of `devices[…]`'
    return this.#note('wrong-place', path.at, what)
  }

  #unknownAttribute(path: Path, { schema, side, name }: Place): null {
    const prefix = side === 'owner' ? 'owner.' : ''
    const known = [...schema.attributes.values()].map((attribute) => attribute.name)
    if (schema.memberOf) known.push('memberOf')
    const bare = name.replace(/^attributes\./i, '')
    const step = side === 'self' ? unfinishedStep(name, schema) : undefined
    if (step !== undefined) return this.#note('unknown-attribute', path.at, step)
    for (const [collection, inner] of side === 'self' ? (schema.collections ?? []) : []) {
      if (!findAttribute(inner, bare)) continue
      const what = `\`${name}\` is an attribute of ${collection}: write \`${collection}[${name} …]\``
      return this.#note('unknown-attribute', path.at, what)
    }
    if (side === 'self' && schema.owner && findAttribute(schema.owner, bare)) {
      const what = `\`${name}\` is an attribute of the owner`
      return this.#note('unknown-attribute', path.at, what, { suggestion: `owner.${name}` })
    }
    const near = nearest(bare, known)
    const suggestion = near === undefined ? undefined : prefix + near
    const expected = known.map((one) => prefix + one)
    return this.#note(
      'unknown-attribute',
      path.at,
      `${schema.subjects} have no attribute \`${shorten(name)}\``,
      {
        expected,
        suggestion,
      },
    )
  }

  #fits(expr: Operation, name: string, allowed: readonly Operator[], what: string): boolean {
    const operator = expr.kind === 'compare' ? expr.op : expr.kind === 'present' ? 'pr' : expr.kind
    if (allowed.includes(operator)) return true
    const sentence = `\`${operator}\` does not fit \`${name}\`, which is ${what}; it takes ${allowed.join(', ')}`
    this.#note('wrong-operator', expr.at, sentence, { expected: allowed })
    return false
  }

  #test(expr: Operation, side: Side, attribute: Attribute): CheckedRule | null {
    const common = { side, attribute, at: expr.at }
    switch (expr.kind) {
      case 'present':
        return { kind: 'present', ...common }
      case 'in': {
        const values = this.#take(checkList(expr.values, attribute))
        return values && { kind: 'in', values, ...common }
      }
      case 'matches': {
        const pattern = this.#take(checkPattern(expr.pattern, attribute))
        if (pattern === null) return null
        this.#patternSteps += pattern.steps
        if (this.#patternSteps > ruleLimits.patternSteps) {
          const what = 'the regular expressions of this rule are too large together'
          return this.#note('too-many-terms', expr.pattern.at, what)
        }
        return { kind: 'matches', source: pattern.source, ...common }
      }
      case 'compare': {
        if (attribute.type === 'date') {
          const when = this.#take(checkWhen(expr.value, attribute))
          return when && { kind: 'date', op: expr.op, when, ...common }
        }
        const value = this.#take(checkConstant(expr.value, attribute, expr.op))
        return value === null ? null : { kind: 'compare', op: expr.op, value, ...common }
      }
      default:
        return expr satisfies never
    }
  }

  #member(expr: Operation, side: Side, of: SubjectKind): CheckedRule | null {
    if (!this.#fits(expr, 'memberOf', memberOfOperators, 'the groups of the subject')) return null
    const values = expr.kind === 'in' ? expr.values : expr.kind === 'compare' ? [expr.value] : []
    const groups: GroupId[] = []
    for (const value of values) {
      if (this.problems.length >= maxProblems) return null
      const group = value.kind === 'string' ? this.#groups.find(value.value) : undefined
      if (value.kind !== 'string') {
        this.#note('wrong-type', value.at, 'a group is named by a text in double quotes')
      } else if (!group) {
        const near = nearest(value.value, this.#groups.names())
        const suggestion = near === undefined ? undefined : JSON.stringify(near)
        this.#note('unknown-group', value.at, `there is no group ${JSON.stringify(shorten(value.value))}`, {
          suggestion,
        })
      } else if (group.of !== of) {
        const what = `the group ${JSON.stringify(value.value)} has ${group.of} as members, here one of ${of} is needed`
        this.#note('unknown-group', value.at, what)
      } else groups.push(group.id)
    }
    if (groups.length < values.length) return null
    const member = {
      kind: 'member',
      side,
      groups: expr.kind === 'present' ? null : groups,
      at: expr.at,
    } as const
    return expr.kind === 'compare' && expr.op === 'ne' ? { kind: 'not', item: member, at: expr.at } : member
  }

  #take<T>(result: Result<T, readonly RuleProblem[]>): T | null {
    if (result.ok) return result.value
    for (const one of result.error) this.#add(one)
    return null
  }

  #note(
    code: RuleProblemCode,
    at: Span,
    what: string,
    more: { readonly expected?: readonly string[]; readonly suggestion?: string | undefined } = {},
  ): null {
    this.#add(problem(code, at, what, more))
    return null
  }

  #add(found: RuleProblem): void {
    if (this.problems.length < maxProblems) this.problems.push(found)
  }
}

/** What is meant where a path stops at, or goes wrong over, the devices of a user or the owner of a device. */
function unfinishedStep(name: string, schema: RuleSchema): string | undefined {
  const first = name.split('.', 1)[0]?.toLowerCase() ?? ''
  if (schema.collections?.has(first)) {
    return `\`${first}\` is followed by what one of them is: \`${first}[os eq "macos"]\`, or \`${first}[name pr]\` for any`
  }
  if (first !== 'owner' || !schema.owner) return undefined
  return '`owner` is followed by one of its attributes: `owner.department`; for any owner write `ownerId pr`'
}

const shorten = (text: string): string => (text.length > 40 ? `${text.slice(0, 40)}…` : text)
