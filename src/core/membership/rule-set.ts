// The rules of one organization as of one epoch, compiled and in the order in which they can be evaluated.
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { nameKey } from '../directory/names.ts'
import type { Group, SubjectKind } from '../directory/types.ts'
import type { RuleSource } from '../ports.ts'
import { type GroupNames, readRule } from './language/check.ts'
import type { CheckedRule } from './language/checked.ts'
import { compileRule, type Predicate } from './language/compile.ts'
import { dependenciesOf } from './language/dependencies.ts'
import { subjectSchemas } from './language/schema.ts'
import type { RuleProblem } from './language/syntax.ts'
import { evaluationOrder, groupInOrder } from './order.ts'

export interface CompiledGroup {
  readonly id: GroupId
  readonly of: SubjectKind
  /** What the rule says; null where the rule does not decide (static, review). */
  readonly rule: Predicate | null
}

export interface RuleSet {
  readonly epoch: bigint
  /** Every group after those that its rule asks about. */
  readonly groups: readonly CompiledGroup[]
}

export type RuleSourceText = Awaited<ReturnType<RuleSource['read']>>

/**
 * Compiles the rules. One that no longer makes sense (it was good when it was saved) matches nobody and is logged; groups in
 * a circle, which saving refuses, are treated the same.
 */
export function compileRules(source: RuleSourceText, log: Log): RuleSet {
  const checked = new Map<GroupId, CheckedRule>()
  for (const group of source.groups) {
    if (group.mode !== 'dynamic' || group.rule === null) continue
    const result = readRule(
      group.rule,
      subjectSchemas(source.attributes)[group.of],
      groupNames(source.groups),
    )
    if (result.ok) checked.set(group.id, result.value)
    else
      log.error(
        { group: group.name, problems: result.error },
        'a stored rule does not compile: it matches nobody until it is mended',
      )
  }
  const inOrder = source.groups.map((group) =>
    groupInOrder(group, optional(checked.get(group.id), dependenciesOf)),
  )
  const order = evaluationOrder(inOrder)
  if (!order.ok)
    log.error(
      { circle: order.error },
      'stored rules ask about each other in a circle: they match nobody until they are mended',
    )
  const byId = new Map(source.groups.map((group) => [group.id, group]))
  const ids = order.ok ? order.value : source.groups.map(({ id }) => id)
  return {
    epoch: source.epoch,
    groups: ids.map((id) => ({
      id,
      of: (byId.get(id) as Group).of,
      rule: order.ok ? optional(checked.get(id), compileRule) : null,
    })),
  }
}

/**
 * Is this a good rule for this group? Refuses what does not parse or fit the schema, and circles of memberOf (with their path).
 * `self` is the group that is to have the rule, as it will be.
 */
export function checkRuleOf(
  self: { readonly id: GroupId; readonly name: string; readonly of: SubjectKind },
  text: string,
  source: RuleSourceText,
): Result<CheckedRule, readonly RuleProblem[]> {
  const groups = [...source.groups.filter(({ id }) => id !== self.id), self]
  const schema = subjectSchemas(source.attributes)
  const mine = readRule(text, schema[self.of], groupNames(groups))
  if (!mine.ok) return mine
  const inOrder = groups.map((group) => {
    if (group.id === self.id) return groupInOrder(self, dependenciesOf(mine.value))
    const other = source.groups.find(({ id }) => id === group.id)
    const rule = other?.rule ? readRule(other.rule, schema[other.of], groupNames(groups)) : null
    return groupInOrder(group, rule?.ok ? dependenciesOf(rule.value) : null)
  })
  const order = evaluationOrder(inOrder)
  if (order.ok) return ok(mine.value)
  const path = order.error.join(' → ')
  return fail([
    {
      code: 'circle',
      at: { start: 0, end: text.length },
      message: `the rules ask about each other in a circle (${path}): one of them has to stop asking about the next`,
    },
  ])
}

function groupNames(groups: readonly { id: GroupId; name: string; of: SubjectKind }[]): GroupNames {
  const byKey = new Map(groups.map(({ id, name, of }) => [nameKey(name), { id, of }]))
  return { find: (name) => byKey.get(nameKey(name)), names: () => groups.map(({ name }) => name) }
}

function optional<A, B>(value: A | undefined, then: (value: A) => B): B | null {
  return value === undefined ? null : then(value)
}

/** The latest rule set of each organization, read again when a cell shows a newer epoch. */
export class RuleSets {
  readonly #source: RuleSource
  readonly #log: Log
  readonly #sets = new Map<OrganizationId, RuleSet>()

  constructor(source: RuleSource, log: Log) {
    this.#source = source
    this.#log = log
  }

  /** A rule set of at least this epoch. */
  async at(organization: OrganizationId, epoch: bigint): Promise<RuleSet> {
    const known = this.#sets.get(organization)
    if (known !== undefined && known.epoch >= epoch) return known
    return this.latest(organization)
  }

  async latest(organization: OrganizationId): Promise<RuleSet> {
    const set = compileRules(await this.#source.read(organization), this.#log)
    const known = this.#sets.get(organization)
    if (known === undefined || known.epoch < set.epoch) this.#sets.set(organization, set)
    return set
  }
}
