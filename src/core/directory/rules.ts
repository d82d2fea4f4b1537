// An organization's rules as a whole: is a new rule sound beside the others, do they run in a circle, and who refers to
// a group or an attribute?
import type { GroupId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { type GroupNames, readRule } from '../membership/language/check.ts'
import type { CheckedRule } from '../membership/language/checked.ts'
import { dependenciesOf, type GroupsRead, groupsRead } from '../membership/language/dependencies.ts'
import { type CustomAttribute, subjectSchemas } from '../membership/language/schema.ts'
import type { RuleProblem, Span } from '../membership/language/syntax.ts'
import { evaluationOrder, groupInOrder } from '../membership/order.ts'
import { nameKey } from './names.ts'
import type { Problem } from './problem.ts'
import type { Group, SubjectKind } from './types.ts'

/** A group as far as rules care. */
export type RuledGroup = Pick<Group, 'id' | 'name' | 'of' | 'rule'>

export class Rules {
  readonly groups: readonly RuledGroup[]
  readonly names: GroupNames
  readonly #schemas
  readonly #checked = new Map<GroupId, CheckedRule | null>()

  constructor(groups: readonly RuledGroup[], attributes: readonly CustomAttribute[]) {
    this.groups = groups
    this.#schemas = subjectSchemas(attributes)
    const byName = new Map(groups.map((group) => [nameKey(group.name), group]))
    this.names = { find: (name) => byName.get(nameKey(name)), names: () => groups.map(({ name }) => name) }
  }

  check(of: SubjectKind, rule: string, field = 'rule'): Result<CheckedRule, Problem[]> {
    const read = readRule(rule, this.#schemas[of], this.names)
    return read.ok ? read : fail(read.error.map((each) => ruleProblem(each, field)))
  }

  /** The order in which rules are evaluated, or the problem that they run in a circle, with its place in the rule of `about`. */
  order(field = 'rule', about: GroupId | null = null): Result<readonly GroupId[], Problem> {
    const order = evaluationOrder(
      this.groups.map((group) => {
        const checked = this.#checkedRule(group)
        return groupInOrder(group, checked && dependenciesOf(checked))
      }),
    )
    if (order.ok) return ok(order.value)
    const path = order.error.join(' → ')
    const message = `memberOf would run in a circle: ${path}. Take one of these references out`
    const at = this.#placeInCircle(order.error, about)
    return fail({ field, code: 'circle', message, ...(at && { at }) })
  }

  /** Where this group's rule asks for the next one of a circle, whose names these are. */
  #placeInCircle(names: readonly string[], about: GroupId | null): Span | null {
    const group = this.groups.find(({ id }) => id === about)
    const next = group && names[names.indexOf(group.name) + 1]
    const read = this.groups.find(({ name }) => name === next)
    const checked = group && this.#checkedRule(group)
    return read && checked ? placeOfMember(checked, read.id) : null
  }

  /** Groups whose rule asks for members of this group by its name. */
  readersOf(id: GroupId): readonly RuledGroup[] {
    return this.groups.filter((group) => this.#readBy(group).reads.includes(id))
  }

  /** Groups whose rule asks whether somebody is in any group of this kind (`memberOf pr`). */
  readersOfAny(kind: SubjectKind): readonly RuledGroup[] {
    return this.groups.filter((group) => this.#readBy(group).readsEvery.includes(kind))
  }

  /** The group and all that read it, by its name or as one of any, directly or through others. */
  readersThrough({ id, of }: Pick<RuledGroup, 'id' | 'of'>): readonly GroupId[] {
    const found = new Map<GroupId, Pick<RuledGroup, 'id' | 'of'>>([[id, { id, of }]])
    // What is added while going through is gone through, too.
    for (const one of found.values())
      for (const reader of [...this.readersOf(one.id), ...this.readersOfAny(one.of)])
        found.set(reader.id, reader)
    return [...found.keys()]
  }

  /** These groups and all that they read, directly or through others; `every`: kinds of which they read any group. */
  readThrough(ids: ReadonlySet<GroupId>): {
    readonly groups: ReadonlySet<GroupId>
    readonly every: ReadonlySet<SubjectKind>
  } {
    const byId = new Map(this.groups.map((group) => [group.id, group]))
    const found = new Set(ids)
    const every = new Set<SubjectKind>()
    // What is added while going through is gone through, too.
    for (const id of found) {
      const group = byId.get(id)
      if (group === undefined) continue
      const { reads, readsEvery } = this.#readBy(group)
      for (const read of reads) found.add(read)
      for (const kind of readsEvery) {
        if (!every.has(kind)) for (const each of this.groups) if (each.of === kind) found.add(each.id)
        every.add(kind)
      }
    }
    return { groups: found, every }
  }

  /** Groups whose rule is sound, and would not be without this custom attribute. */
  readersOfAttribute(name: string, of: SubjectKind): readonly RuledGroup[] {
    return this.groups.filter((group) => {
      const checked = this.#checkedRule(group)
      if (!checked) return false
      const { attributes } = dependenciesOf(checked)
      const own = group.of === of && attributes.self.has(name)
      return own || (of === 'devices' ? attributes.devices : attributes.owner).has(name)
    })
  }

  #readBy(group: RuledGroup): GroupsRead {
    const checked = this.#checkedRule(group)
    return groupsRead(group.of, checked && dependenciesOf(checked))
  }

  #checkedRule(group: RuledGroup): CheckedRule | null {
    if (group.rule === null) return null
    const known = this.#checked.get(group.id)
    if (known !== undefined) return known
    const read = readRule(group.rule, this.#schemas[group.of], this.names)
    const checked = read.ok ? read.value : null
    this.#checked.set(group.id, checked)
    return checked
  }
}

/** Of the first comparison that asks for members of this group, by name or as one of any. */
function placeOfMember(rule: CheckedRule, id: GroupId): Span | null {
  switch (rule.kind) {
    case 'and':
    case 'or':
      for (const item of rule.items) {
        const at = placeOfMember(item, id)
        if (at !== null) return at
      }
      return null
    case 'not':
      return placeOfMember(rule.item, id)
    case 'any':
      return placeOfMember(rule.where, id)
    case 'member':
      return rule.groups === null || rule.groups.includes(id) ? rule.at : null
    default:
      return null
  }
}

function ruleProblem(problem: RuleProblem, field: string): Problem {
  return { field, ...problem }
}

export function namesOf(groups: readonly RuledGroup[]): string {
  const shown = groups.slice(0, 10).map(({ name }) => JSON.stringify(name))
  return groups.length > shown.length ? `${shown.join(', ')} …` : shown.join(', ')
}
