// Which groups a change of a cell can concern, found by what has changed and not by going through the rules. Built once for
// a rule set: each comparison of each rule is filed under what it looks at.
import type { GroupId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import { settle } from '../engine.ts'
import type { CheckedRule } from '../language/checked.ts'
import type { Reach } from '../language/dependencies.ts'
import type { Facts } from '../language/facts.ts'
import type { CompiledGroup, RuleSet } from '../rule-set.ts'
import { AttributeFlips, type AttributeTest } from './attribute-flips.ts'
import type { Marks } from './marks.ts'
import { RememberedAnswers } from './remembered-answers.ts'

/** What must turn, of one or several, before a rule says something else. */
type Trigger =
  | { readonly kind: 'attribute'; readonly reach: Reach; readonly test: AttributeTest }
  | { readonly kind: 'members'; readonly reach: Reach; readonly groups: readonly GroupId[] | null }
  /** There is one device more, or one less. */
  | { readonly kind: 'devices' }

/** What a rule, or a part of it, says of a subject of whom nothing is known. */
interface Reading {
  readonly holds: boolean
  readonly triggers: readonly Trigger[]
  /** How many subjects turn one of these, estimated: out of a hundred for the usual attribute. */
  readonly weight: number
}

const reaches = ['self', 'devices', 'owner'] as const
/** Per kind of group, so that a mark is never of the other kind. */
const kinds = ['users', 'devices'] as const

/** Rules by what can turn them. */
export class Triggers {
  readonly #attributes = new Map<string, Map<string, AttributeFlips>>()
  readonly #readers = new Map<string, Map<GroupId, number[]>>()
  readonly #readersOfAny = new Map<string, number[]>()
  readonly #byDevices: number[] = []
  readonly #remembered: RememberedAnswers

  constructor(remembered: RememberedAnswers) {
    this.#remembered = remembered
    for (const slot of kinds.flatMap((of) => reaches.map((reach) => of + reach))) {
      this.#attributes.set(slot, new Map())
      this.#readers.set(slot, new Map())
      this.#readersOfAny.set(slot, [])
    }
  }

  add(of: SubjectKind, trigger: Trigger, rule: number): void {
    if (trigger.kind === 'devices') {
      this.#byDevices.push(rule)
      return
    }
    const slot = of + trigger.reach
    if (trigger.kind === 'attribute') {
      const { attribute } = trigger.test
      const made = () => new AttributeFlips(attribute, this.#remembered)
      entry(at(this.#attributes, slot), attribute.name, made).add(trigger.test, rule)
    } else if (trigger.groups === null) at(this.#readersOfAny, slot).push(rule)
    else for (const group of trigger.groups) entry(at(this.#readers, slot), group, () => []).push(rule)
  }

  /** Groups of this kind with a comparison that is not the same for both; null: nothing is known. */
  markAttributes(
    of: SubjectKind,
    reach: Reach,
    before: Facts | null,
    after: Facts | null,
    now: number,
    into: Marks,
  ): void {
    for (const flips of at(this.#attributes, of + reach).values()) flips.mark(before, after, now, into)
  }

  /** Groups of this kind whose rule asks who is in that group. */
  markReaders(of: SubjectKind, reach: Reach, group: GroupId, into: Marks): void {
    const readers = at(this.#readers, of + reach).get(group)
    if (readers !== undefined) into.addAll(readers)
    into.addAll(at(this.#readersOfAny, of + reach))
  }

  /** Groups of users for whose rule a device counts of which nothing is known. */
  markDevices(into: Marks): void {
    into.addAll(this.#byDevices)
  }
}

export class FlipIndex {
  readonly groups: readonly CompiledGroup[]
  readonly #ordinals: ReadonlyMap<GroupId, number>
  /** What tests said of texts. */
  readonly remembered = new RememberedAnswers()
  /** For subjects whose memberships are known: every comparison of every rule. */
  readonly known = new Triggers(this.remembered)
  /**
   * For subjects of whom nothing is known yet: of each rule only those comparisons without one of which it stays what it is
   * for nothing at all. `department eq "Sales" and state eq "active"` is under `department` alone.
   */
  readonly fresh = new Triggers(this.remembered)
  /** The groups that subjects without any value are in, or are suggested for. */
  readonly baseline: Readonly<Record<SubjectKind, readonly number[]>>

  constructor({ groups }: RuleSet) {
    this.groups = groups
    this.#ordinals = new Map(groups.map(({ id }, ordinal) => [id, ordinal]))
    const members = { users: new Set<GroupId>(), devices: new Set<GroupId>() }
    const baseline = { users: [] as number[], devices: [] as number[] }
    for (const [ordinal, group] of groups.entries()) {
      const { id, of, checked } = group
      if (checked === null) continue
      const fresh = read(checked, of, 'self', members[of], 'necessary')
      for (const trigger of fresh.triggers) this.fresh.add(of, trigger, ordinal)
      for (const trigger of read(checked, of, 'self', members[of], 'all').triggers)
        this.known.add(of, trigger, ordinal)
      const { reasons, operation } = settle(group, fresh.holds)
      if (reasons.length > 0) members[of].add(id)
      if (reasons.length > 0 || operation !== null) baseline[of].push(ordinal)
    }
    this.baseline = baseline
  }

  ordinalOf(group: GroupId): number | undefined {
    return this.#ordinals.get(group)
  }
}

const indexes = new WeakMap<RuleSet, FlipIndex>()

/** The index of these rules, made when it is first asked for. */
export function flipIndexOf(rules: RuleSet): FlipIndex {
  const known = indexes.get(rules)
  if (known !== undefined) return known
  const made = new FlipIndex(rules)
  indexes.set(rules, made)
  return made
}

const constant = (holds: boolean): Reading => ({ holds, triggers: [], weight: 0 })
const nowhere: ReadonlySet<GroupId> = new Set()

/**
 * Reads a part of a rule of `of` groups. `members`: the groups in which somebody without any value is. `necessary`: only
 * triggers without which it stays as it is for such a subject, and the rarest that will do.
 */
function read(
  rule: CheckedRule,
  of: SubjectKind,
  reach: Reach,
  members: ReadonlySet<GroupId>,
  which: 'all' | 'necessary',
): Reading {
  switch (rule.kind) {
    case 'not': {
      const item = read(rule.item, of, reach, members, which)
      return { ...item, holds: !item.holds }
    }
    case 'and':
    case 'or': {
      const decisive = rule.kind === 'or'
      const items = rule.items.map((item) => read(item, of, reach, members, which))
      const deciding = items.filter(({ holds }) => holds === decisive)
      const holds = deciding.length > 0 ? decisive : !decisive
      // Each of those that decide has to turn before the whole does: one of them is enough to wait for.
      if (which === 'necessary' && deciding.length > 0)
        return { ...deciding.reduce((one, other) => (other.weight < one.weight ? other : one)), holds }
      return {
        holds,
        triggers: items.flatMap(({ triggers }) => triggers),
        weight: items.reduce((sum, { weight }) => sum + weight, 0),
      }
    }
    case 'any': {
      // Only users have devices, and devices have none.
      if (of === 'devices' || reach === 'devices') return constant(false)
      const where = read(rule.where, of, 'devices', nowhere, which)
      if (!where.holds) return { ...where, holds: false }
      const others = which === 'necessary' ? [] : where.triggers
      return { holds: false, triggers: [{ kind: 'devices' }, ...others], weight: 100 }
    }
  }
  const owned = rule.side === 'owner'
  if (rule.kind === 'member') {
    const { groups } = rule
    const isIn = owned ? nowhere : members
    const holds = groups === null ? isIn.size > 0 : groups.some((group) => isIn.has(group))
    if (owned && of === 'users') return constant(holds)
    return { holds, triggers: [{ kind: 'members', reach: owned ? 'owner' : reach, groups }], weight: 20 }
  }
  const holds = (rule.kind === 'compare' || rule.kind === 'date') && rule.op === 'ne'
  // Users have no owner, nor have devices that are looked at from their owner.
  if (owned && of === 'users') return constant(holds)
  return {
    holds,
    triggers: [{ kind: 'attribute', reach: owned ? 'owner' : reach, test: rule }],
    weight: weightOf(rule),
  }
}

function weightOf(test: AttributeTest): number {
  const { type, choices } = test.attribute
  if (test.kind === 'present') return 100
  const each = type === 'boolean' ? 50 : choices === undefined ? 1 : 100 / choices.length
  if (test.kind === 'in') return each * test.values.length
  if (test.kind === 'date' || test.kind === 'matches') return test.kind === 'date' ? 50 : 5
  if (test.op === 'eq' || test.op === 'ne') return each
  return test.op === 'co' || test.op === 'sw' || test.op === 'ew' ? 5 : 50
}

function at<T>(map: ReadonlyMap<string, T>, slot: string): T {
  return map.get(slot) as T
}

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
