// A Condition as a part of a WHERE clause. "Not" is pushed down to the leaves first, where it becomes IS NOT TRUE:
// so a missing value makes a negated comparison true, and what cannot be answered selects nothing either way
// (RFC 4511 §4.5.1.7). The statement itself must name the organization.
import { type GroupId, isId } from '../base/ids.ts'
import type { Condition } from '../core/directory/condition.ts'
import { columnSql, customSql, type Question } from './field-sql.ts'
import {
  apiTokens,
  attributeDefinitions,
  bindings,
  type Column,
  devices,
  groups,
  resources,
  serviceAccounts,
  users,
} from './rows.ts'
import { adHoc, join, name, type Sql, sql } from './sql.ts'

type Fragment = Sql<'fragment'>

const fieldsOf = (mapping: { readonly columns: readonly Column<never>[] }) =>
  new Map(mapping.columns.map((column) => [column.property, column]))

const fields = {
  users: fieldsOf(users),
  devices: fieldsOf(devices),
  groups: fieldsOf(groups),
  resources: fieldsOf(resources),
  bindings: fieldsOf(bindings),
  attributes: fieldsOf(attributeDefinitions),
  'service-accounts': fieldsOf(serviceAccounts),
  tokens: fieldsOf(apiTokens),
} as const
export type ConditionKind = keyof typeof fields

/** Deeper than any parser lets a condition become. */
const deepest = 256

/**
 * The condition for rows of the table that the statement calls `alias`. Fields that this kind does not have cannot be
 * answered. Throws RangeError beyond 256 levels.
 */
export function conditionSql(kind: ConditionKind, condition: Condition, alias: string): Fragment {
  return adHoc(walk(condition, true, 0))

  function walk(each: Condition, holds: boolean, depth: number): Fragment {
    if (depth > deepest) throw new RangeError('a condition is nested too deeply')
    switch (each.op) {
      case 'not':
        return walk(each.of, !holds, depth + 1)
      case 'and':
      case 'or': {
        // De Morgan
        const all = (each.op === 'and') === holds
        if (each.of.length === 0) return constant(all)
        const { groups, others } = membershipsIn(each)
        const parts = others.map((part) => walk(part, holds, depth + 1))
        if (groups.length > 0) parts.push(polarized(memberOfSql(kind, groups, alias), holds))
        return sql`(${join(parts, all ? ' and ' : ' or ')})`
      }
      case 'true':
      case 'false':
        return constant((each.op === 'true') === holds)
      case 'unknown':
        return constant(false)
      case 'ne':
        return leaf({ op: 'eq', field: each.field, value: each.value }, !holds)
      case 'eq':
      case 'gt':
      case 'ge':
      case 'lt':
      case 'le':
      case 'present':
      case 'substring':
        return leaf(each, holds)
      default:
        return polarized(membershipSql(kind, each, alias), holds)
    }
  }

  function leaf(
    each: Exclude<Extract<Condition, { field: unknown }>, { op: 'ne' }>,
    holds: boolean,
  ): Fragment {
    return polarized(fieldSql(kind, each, alias), holds)
  }
}

function fieldSql(
  kind: ConditionKind,
  { field, ...question }: Extract<Condition, { field: unknown }>,
  alias: string,
): Fragment | null {
  if ('custom' in field) {
    if (kind !== 'users' && kind !== 'devices') return null
    return customSql(alias, field, question as Question)
  }
  const column = fields[kind].get(field.standard)
  return column === undefined ? null : columnSql(alias, column, question as Question)
}

/** A bare leaf keeps its indexes; only a negated one is wrapped. Null: cannot be answered. */
function polarized(leaf: Fragment | null, holds: boolean): Fragment {
  if (leaf === null) return constant(false)
  return holds ? leaf : sql`(${leaf}) is not true`
}

const constant = (value: boolean): Fragment => (value ? sql`true` : sql`false`)

/** Groups any one of which will do are looked for together: one look, however many they are. */
function membershipsIn({ op, of }: Extract<Condition, { op: 'and' | 'or' }>) {
  const groups: GroupId[] = []
  if (op === 'and') return { groups, others: of }
  const others = of.filter((part) => {
    if (part.op !== 'member-of' || !isId(part.group)) return true
    groups.push(part.group)
    return false
  })
  return { groups, others }
}

function memberOfSql(kind: ConditionKind, groups: readonly GroupId[], alias: string): Fragment {
  if (kind !== 'users' && kind !== 'devices') return constant(false)
  const own = name(alias)
  return sql`exists (select from membership m
    where m.org = ${own}.org and m.subject_id = ${own}.id and m.group_id = any(${groups}::uuid[]))`
}

/** A group's members are its devices and its active users. Memberships in a group that has been removed do not count. */
function membershipSql(
  kind: ConditionKind,
  condition: Extract<Condition, { op: 'member-of' | 'member-of-any' | 'has-member' | 'has-member-any' }>,
  alias: string,
): Fragment {
  const own = name(alias)
  const asksSubject = condition.op === 'member-of' || condition.op === 'member-of-any'
  if (asksSubject ? kind !== 'users' && kind !== 'devices' : kind !== 'groups') return constant(false)
  if (asksSubject) {
    if (condition.op === 'member-of' && !isId(condition.group)) return constant(false)
    const which =
      condition.op === 'member-of'
        ? sql`m.group_id = ${condition.group as string}::uuid`
        : sql`exists (select from groups mg where mg.org = m.org and mg.id = m.group_id)`
    return sql`exists (select from membership m where m.org = ${own}.org and m.subject_id = ${own}.id and ${which})`
  }
  if (condition.op === 'has-member' && !isId(condition.subject)) return constant(false)
  const whom =
    condition.op === 'has-member' ? sql` and m.subject_id = ${condition.subject as string}::uuid` : sql``
  return sql`exists (select from membership m
    where m.org = ${own}.org and m.group_id = ${own}.id${whom} and (${own}.of = 'devices' or exists (select from users mu
      where mu.org = m.org and mu.id = m.subject_id and mu.state = 'active')))`
}
