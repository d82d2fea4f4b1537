// The rules of one organization as of one epoch, compiled and in the order in which they can be evaluated.
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { nameKey } from '../directory/names.ts'
import type { Group, GroupMode, SubjectKind } from '../directory/types.ts'
import type { RuleSource } from '../ports.ts'
import type { RelativeInstant } from './due.ts'
import { type GroupNames, readRule } from './language/check.ts'
import type { CheckedRule } from './language/checked.ts'
import { compileRule, type Predicate } from './language/compile.ts'
import { dependenciesOf, type GroupsRead, groupsRead, kindOf } from './language/dependencies.ts'
import { subjectSchemas } from './language/schema.ts'
import { evaluationOrder, groupInOrder } from './order.ts'

export interface CompiledGroup {
  readonly id: GroupId
  readonly of: SubjectKind
  /** In a `dynamic` group the rule decides, in a `review` group it suggests. */
  readonly mode: GroupMode
  /** What the rule says; null where there is none (static). */
  readonly rule: Predicate | null
  /** What it was compiled from. */
  readonly checked: CheckedRule | null
}

export interface RuleSet {
  readonly epoch: bigint
  /** Groups whose rules are not carried through the organization yet; of all others, what is stored is what the rules say. */
  readonly unsettled: readonly GroupId[]
  /** Those of them that were dynamic before: whoever is still stored as a member by rule there is kept by hand. */
  readonly keeping: ReadonlySet<GroupId>
  /** Every group after those that its rule asks about. */
  readonly groups: readonly CompiledGroup[]
  /** Every distinct comparison with `now` in these rules: usually few, however many rules there are. */
  readonly instants: readonly RelativeInstant[]
}

export type RuleSourceText = Awaited<ReturnType<RuleSource['read']>>

/** Rules with what came of them. */
export interface CompiledSource {
  readonly source: RuleSourceText
  readonly set: RuleSet
}

/**
 * Compiles the rules. One that no longer makes sense (it was good when it was saved) matches nobody and is logged; so do rules
 * that ask about each other in a circle, which saving refuses. The others are not touched by that. `before`: what is the same
 * there is taken from there.
 */
export function compileRules(source: RuleSourceText, log: Log, before?: CompiledSource): RuleSet {
  const checked = new Map<GroupId, CheckedRule>()
  const schemas = subjectSchemas(source.attributes)
  const names = groupNames(source.groups)
  const known = before === undefined ? nothingKnown : stillCompiled(before, source)
  for (const group of source.groups) {
    if (group.mode === 'static' || group.rule === null) continue
    const same = known.get(group.id)
    if (same !== undefined) {
      checked.set(group.id, same.checked)
      continue
    }
    const result = readRule(group.rule, schemas[group.of], names)
    if (result.ok) checked.set(group.id, result.value)
    else
      log.error(
        { group: group.name, problems: result.error },
        'a stored rule does not compile: it matches nobody until it is mended',
      )
  }
  const byId = new Map(source.groups.map((group) => [group.id, group]))
  const compiled = orderOf(source.groups, checked, log).map((id): CompiledGroup => {
    const rule = checked.get(id)
    const { of, mode } = byId.get(id) as Group
    return rule === undefined
      ? { id, of, mode, rule: null, checked: null }
      : { id, of, mode, rule: known.get(id)?.rule ?? compileRule(rule), checked: rule }
  })
  return ruleSet(source, compiled)
}

function ruleSet(
  { epoch, groups, keeping = [] }: RuleSourceText,
  compiled: readonly CompiledGroup[],
): RuleSet {
  const dynamic = new Set(groups.filter(({ mode }) => mode === 'dynamic').map(({ id }) => id))
  return {
    ...{ epoch, groups: compiled, instants: instantsOf(compiled) },
    unsettled: groups.filter(({ status }) => status !== 'active').map(({ id }) => id),
    keeping: new Set(keeping.filter((id) => !dynamic.has(id))),
  }
}

/**
 * These rules with another row of one group, or with a group more: what `compileRules` gives, and at once where the rule reads no
 * group, so that the others keep their order.
 */
export function withGroup(current: CompiledSource, group: Group, log: Log): RuleSet {
  const { source, set } = current
  const groups = [...source.groups.filter(({ id }) => id !== group.id), group]
  const anew = (): RuleSet => compileRules({ ...source, groups }, log, current)
  const before = source.groups.find(({ id }) => id === group.id)
  const ruled = source.groups.filter(({ mode, rule }) => mode !== 'static' && rule !== null)
  const areAllSound = set.groups.filter(({ rule }) => rule !== null).length === ruled.length
  if (before?.name !== group.name || before.of !== group.of || !areAllSound) return anew()
  if (group.mode === 'static' || group.rule === null) return anew()
  const checked = readRule(group.rule, subjectSchemas(source.attributes)[group.of], groupNames(groups))
  if (!checked.ok) return anew()
  const { id, of, mode } = group
  const compiled = { id, of, mode, rule: compileRule(checked.value), checked: checked.value }
  const { reads, readsEvery } = readBy(compiled)
  if (reads.length + readsEvery.length > 0) return anew()
  const all = set.groups.map((one) => (one.id === id ? compiled : one))
  return ruleSet({ ...source, groups }, all)
}

type Known = ReadonlyMap<GroupId, { readonly rule: Predicate; readonly checked: CheckedRule }>
const nothingKnown: Known = new Map()

/**
 * The groups whose rules are what they were. A rule means the same as long as the attributes are the same and the groups
 * that there were have their names: one that names another group did not compile before.
 */
function stillCompiled(before: CompiledSource, source: RuleSourceText): Known {
  if (before.source.attributes !== source.attributes) return nothingKnown
  const now = new Map(source.groups.map((group) => [group.id, group]))
  const old = new Map(before.source.groups.map((group) => [group.id, group]))
  for (const { id, name, of } of old.values()) {
    const group = now.get(id)
    if (group?.name !== name || group.of !== of) return nothingKnown
  }
  return new Map(
    before.set.groups.flatMap(({ id, rule, checked }) =>
      rule !== null && checked !== null && now.get(id)?.rule === old.get(id)?.rule
        ? [[id, { rule, checked }]]
        : [],
    ),
  )
}

/** The groups whose members the rule of this one asks for. */
export const readBy = ({ of, checked }: CompiledGroup): GroupsRead =>
  groupsRead(of, checked === null ? null : dependenciesOf(checked))

/** The rules of these groups alone. What they read has to be among them. */
export function onlyRulesOf(rules: RuleSet, ids: ReadonlySet<GroupId>): RuleSet {
  const groups = rules.groups.filter(({ id }) => ids.has(id))
  return { ...rules, groups, instants: instantsOf(groups) }
}

function instantsOf(groups: readonly CompiledGroup[]): readonly RelativeInstant[] {
  const distinct = new Map<string, RelativeInstant>()
  for (const { of, checked } of groups) {
    const instants = checked === null ? [] : dependenciesOf(checked).relativeInstants
    for (const { reach, attribute, fromNow } of instants) {
      const whose = kindOf(of, reach)
      distinct.set(`${whose} ${attribute} ${fromNow}`, { whose, attribute, fromNow })
    }
  }
  // Those of one attribute after each other.
  return [...distinct].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, instant]) => instant)
}

/** Every group after those that its rule asks about; rules in a circle are taken out of `checked`. */
function orderOf(groups: readonly Group[], checked: Map<GroupId, CheckedRule>, log: Log): readonly GroupId[] {
  for (;;) {
    const order = evaluationOrder(
      groups.map((group) => {
        const rule = checked.get(group.id)
        return groupInOrder(group, rule === undefined ? null : dependenciesOf(rule))
      }),
    )
    if (order.ok) return order.value
    log.error(
      { circle: order.error },
      'stored rules ask about each other in a circle: they match nobody until they are mended',
    )
    for (const group of groups) if (order.error.includes(group.name)) checked.delete(group.id)
  }
}

function groupNames(groups: readonly { id: GroupId; name: string; of: SubjectKind }[]): GroupNames {
  const byKey = new Map(groups.map(({ id, name, of }) => [nameKey(name), { id, of }]))
  return { find: (name) => byKey.get(nameKey(name)), names: () => groups.map(({ name }) => name) }
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

  /** This rule set, of which every rule has been carried through by now. */
  settle(organization: OrganizationId, set: RuleSet): RuleSet {
    const settled = { ...set, unsettled: [], keeping: new Set<GroupId>() }
    if (this.#sets.get(organization) === set) this.#sets.set(organization, settled)
    return settled
  }
}
