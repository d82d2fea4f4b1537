// Turns the `filter` of a list, which is written in the rule language, into a Condition. Lists look at the objects
// themselves: value paths, the owner's attributes and regular expressions are for rules, and refused here.
import { isId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { type GroupNames, noGroups, readRule } from '../membership/language/check.ts'
import type { CheckedRule, Constant } from '../membership/language/checked.ts'
import {
  type Attribute,
  type CustomAttribute,
  defineSchema,
  type RuleSchema,
  subjectSchemas,
} from '../membership/language/schema.ts'
import type { CompareOp } from '../membership/language/syntax.ts'
import type { Condition, ConditionValue, Field } from './condition.ts'
import type { Problem } from './problem.ts'
import { attributeTypes, directoryBranches, groupModes, resourceKinds } from './types.ts'

const longestFilter = 8_192

const plain = (type: Attribute['type'], ...names: string[]): Attribute[] =>
  names.map((name) => ({ name, type, caseExact: false, custom: false }))
const choices = (name: string, values: readonly string[], type: Attribute['type'] = 'string'): Attribute => ({
  ...{ name, type, caseExact: false, custom: false },
  choices: values,
})
const ids = (...names: string[]): Attribute[] =>
  names.map((name) => ({ name, type: 'string', caseExact: true, custom: false }))
const stored = [...ids('id'), ...plain('date', 'createdAt', 'updatedAt')]

/** What lists of objects that are no subjects can be filtered by. */
export const listSchemas = {
  groups: defineSchema('groups', [
    ...stored,
    ...plain('string', 'name'),
    choices('of', ['users', 'devices']),
    choices('mode', groupModes),
    choices('status', ['active', 'activating']),
  ]),
  resources: defineSchema('resources', [
    ...stored,
    ...plain('string', 'name'),
    choices('kind', resourceKinds),
    ...plain('boolean', 'enabled'),
  ]),
  bindings: defineSchema('bindings', [
    ...stored,
    ...ids('groupId', 'resourceId'),
    ...plain('number', 'order'),
  ]),
  attributes: defineSchema('attributes', [
    ...stored,
    ...plain('string', 'name'),
    choices('of', ['users', 'devices']),
    choices('type', attributeTypes),
  ]),
  'service-accounts': defineSchema('service accounts', [
    ...stored,
    ...plain('string', 'name'),
    ...plain('boolean', 'enabled'),
    choices('reads', directoryBranches, 'list'),
  ]),
  tokens: defineSchema('tokens', [
    ...stored,
    ...plain('string', 'name'),
    choices('role', ['owner', 'administrator', 'auditor']),
    ...plain('date', 'expiresAt'),
  ]),
} satisfies Record<string, RuleSchema>

const uuids = new Set(['id', 'managerId', 'ownerId', 'groupId', 'resourceId'])

/** What users or devices of an organization can be filtered by. */
export const subjectListSchema = (of: 'users' | 'devices', custom: readonly CustomAttribute[]): RuleSchema =>
  subjectSchemas(custom)[of]

/** Reads a filter; problems have the field `filter` and their place in it. */
export function readFilter(
  text: string,
  schema: RuleSchema,
  now: Date,
  groups: GroupNames = noGroups,
): Result<Condition, readonly Problem[]> {
  if (text.length > longestFilter) {
    const message = `a filter may have at most ${longestFilter} characters`
    return fail([{ field: 'filter', code: 'too-long', message }])
  }
  const read = readRule(text, schema, groups)
  if (!read.ok) return fail(read.error.map((problem) => ({ field: 'filter', ...problem })))
  const problems: Problem[] = []
  const condition = translate(read.value, now, (message, at) =>
    problems.push({ field: 'filter', code: 'not-in-lists', message, at }),
  )
  return problems.length > 0 ? fail(problems) : ok(condition)
}

type Refuse = (message: string, at: CheckedRule['at']) => void

function translate(rule: CheckedRule, now: Date, refuse: Refuse): Condition {
  if ('side' in rule && rule.side === 'owner') {
    refuse("lists cannot be filtered by the owner's attributes: use the rule of a group", rule.at)
    return { op: 'false' }
  }
  switch (rule.kind) {
    case 'and':
    case 'or':
      return { op: rule.kind, of: rule.items.map((item) => translate(item, now, refuse)) }
    case 'not':
      return { op: 'not', of: translate(rule.item, now, refuse) }
    case 'any':
      refuse(
        'lists cannot be filtered by value paths: use the rule of a group, or filter the other list',
        rule.at,
      )
      return { op: 'false' }
    case 'member':
      return rule.groups === null
        ? { op: 'member-of-any' }
        : anyOf(rule.groups.map((group) => ({ op: 'member-of', group })))
    case 'present':
      return { op: 'present', field: fieldOf(rule.attribute) }
    case 'in':
      return anyOf(rule.values.map((value) => compare(rule.attribute, 'eq', value)))
    case 'matches':
      refuse('lists cannot be filtered by regular expressions: use co, sw or ew', rule.at)
      return { op: 'false' }
    case 'date': {
      const at = 'at' in rule.when ? new Date(rule.when.at) : new Date(now.getTime() + rule.when.fromNow)
      return compare(rule.attribute, rule.op, at)
    }
    case 'compare':
      if (rule.attribute.type === 'version' && ['gt', 'ge', 'lt', 'le'].includes(rule.op)) {
        refuse(
          `lists cannot be filtered by the order of versions: use eq or sw, or the rule of a group`,
          rule.at,
        )
      }
      return compare(rule.attribute, rule.op, rule.value)
    default:
      return rule satisfies never
  }
}

const anyOf = (of: readonly Condition[]): Condition =>
  of.length === 0 ? { op: 'false' } : of.length === 1 ? (of[0] as Condition) : { op: 'or', of }

function fieldOf({ name, type, custom, caseExact }: Attribute): Field {
  // `version` is not offered for custom attributes.
  return custom && type !== 'version' ? { custom: name, type, caseExact } : { standard: name }
}

function compare(attribute: Attribute, op: CompareOp, value: Constant | Date): Condition {
  const field = fieldOf(attribute)
  if (!attribute.custom && uuids.has(attribute.name)) {
    const isUuid = typeof value === 'string' && isId(value)
    // Ids have one spelling and no parts; what is no id is nobody's.
    if (op !== 'eq' && op !== 'ne') return { op: 'false' }
    if (!isUuid) return { op: op === 'ne' ? 'true' : 'false' }
  }
  const text = String(value)
  switch (op) {
    case 'co':
      return { op: 'substring', field, initial: '', any: [text], final: '' }
    case 'sw':
      return { op: 'substring', field, initial: text, any: [], final: '' }
    case 'ew':
      return { op: 'substring', field, initial: '', any: [], final: text }
    default:
      return { op, field, value: value satisfies ConditionValue }
  }
}
