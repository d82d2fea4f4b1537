// What a new rule would change, counted in columns: the counts that preview.ts makes cell by cell, whom to show, and what they
// gain and lose. The names of those who are shown are not in columns.
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import { unknowns } from '../columns/evaluate.ts'
import { claim, countOf, eachRow, emptyMask, except, firstRows } from '../columns/mask.ts'
import type { Mask } from '../columns/shapes.ts'
import { affectedGroups } from '../preview/affected.ts'
import {
  type Grant,
  type GrantCount,
  type Granted,
  type GroupGrants,
  movedGrants,
  type PreviewedSubject,
  type SamplePage,
} from '../preview/preview.ts'
import { parseId } from '../replica/layout.ts'
import type { CompiledGroup, RuleSet } from '../rule-set.ts'
import { type EvaluatedGroup, Evaluation, withThoseRead } from './evaluation.ts'
import type { OrganizationColumns } from './organization.ts'

export interface Shown {
  readonly count: number
  /** In id order, after the cursor. */
  readonly sample: readonly Omit<PreviewedSubject, 'name'>[]
  readonly next: SubjectId | null
}

export interface PreviewCounts {
  readonly joins: Shown
  readonly leaves: Shown
  readonly stays: number
  readonly unknowns: Shown
  readonly gains: ReadonlyMap<string, GrantCount>
  readonly loses: ReadonlyMap<string, GrantCount>
}

export function previewInColumns(
  columns: OrganizationColumns,
  rules: RuleSet,
  id: GroupId,
  grants: GroupGrants,
  page: SamplePage,
  now: number,
): PreviewCounts {
  const affected = affectedGroups(rules, id)
  const slots = slotsOf(affected, grants)
  const needed = withThoseRead(affected, rules.groups).map((group) => group.id)
  const all = new Set([...needed, ...slots.flatMap((slot) => slot.map(({ group }) => group))])
  const groups = rules.groups.filter((group) => all.has(group.id))
  const live = new Set(rules.groups.map((group) => group.id))
  const evaluation = new Evaluation(columns, groups, live, now)
  const evaluated = affected.map((group) => {
    const one = evaluation.evaluate(group)
    evaluation.keep(one)
    return one
  })

  const members = new Members(evaluation)
  const { group: target, matching } = evaluated.find(({ group }) => group.id === id) as EvaluatedGroup
  const { joins, leaves } = members.moves(target)
  const open = undecided(columns, evaluation, target, matching)
  /** What one of them gains and loses. */
  const moved = (row: number) => {
    const had = new Set(columns.groupsOf(target.of, row))
    const has = new Set(had)
    for (const group of affected) {
      if (group.of !== target.of) continue
      if (members.after(group)[row] === 1) has.add(group.id)
      else has.delete(group.id)
    }
    return movedGrants(had, has, grants)
  }
  const shown = (mask: Mask, count: number) => show(columns, target.of, mask, count, page, moved)
  return {
    joins: shown(joins.mask, joins.count),
    leaves: shown(leaves.mask, leaves.count),
    unknowns: shown(open, countOf(open)),
    stays: countOf(members.after(target)) - joins.count,
    ...countGrants(columns, rules, affected, slots, members),
  }
}

/** Who is in groups before and after the change, each found once. */
class Members {
  readonly #evaluation: Evaluation
  readonly #stored = new Map<GroupId, Mask>()
  readonly #moves = new Map<GroupId, { readonly joins: Counted; readonly leaves: Counted }>()

  constructor(evaluation: Evaluation) {
    this.#evaluation = evaluation
  }

  before({ id, of }: CompiledGroup): Mask {
    const known = this.#stored.get(id)
    if (known !== undefined) return known
    const mask = emptyMask(this.#evaluation.columns.population[of].size)
    for (const row of this.#evaluation.stored(of, id)?.rows ?? []) if (row < mask.length) mask[row] = 1
    this.#stored.set(id, mask)
    return mask
  }

  after(group: CompiledGroup): Mask {
    return this.#evaluation.computed.get(group.id)?.mask ?? this.before(group)
  }

  moves(group: CompiledGroup) {
    const known = this.#moves.get(group.id)
    if (known !== undefined) return known
    const [was, is] = [this.before(group), this.after(group)]
    const moves = { joins: counted(except(is, was)), leaves: counted(except(was, is)) }
    this.#moves.set(group.id, moves)
    return moves
  }
}

interface Counted {
  readonly mask: Mask
  readonly count: number
}

const counted = (mask: Mask): Counted => ({ mask, count: countOf(mask) })

/** A grant with the group that gives it. */
interface Giving extends Granted {
  readonly group: GroupId
}

/** Of each thing that an affected group gives: all that give it, or something that cannot be had together with it, in their order. */
function slotsOf(affected: readonly CompiledGroup[], grants: GroupGrants): readonly (readonly Giving[])[] {
  const slots = new Map<string, Giving[]>()
  const ids = new Set(affected.map(({ id }) => id))
  for (const { id } of affected) for (const { slot } of grants.get(id) ?? []) slots.set(slot, [])
  for (const [group, list] of grants)
    for (const granted of list) {
      // Being in a group is given by that group alone, and there are many.
      if (granted.grant.kind === 'group' && !ids.has(group)) continue
      slots.get(granted.slot)?.push({ ...granted, group })
    }
  return [...slots.values()].map((slot) => slot.sort((a, b) => a.rank - b.rank))
}

function countGrants(
  columns: OrganizationColumns,
  rules: RuleSet,
  affected: readonly CompiledGroup[],
  slots: readonly (readonly Giving[])[],
  members: Members,
): Pick<PreviewCounts, 'gains' | 'loses'> {
  const gains = new Map<string, GrantCount>()
  const loses = new Map<string, GrantCount>()
  const isAffected = new Set(affected.map(({ id }) => id))
  const byId = new Map(rules.groups.map((group) => [group.id, group]))
  const add = (counts: Map<string, GrantCount>, key: string, grant: Grant, more: number): void => {
    if (more > 0) counts.set(key, { ...grant, count: (counts.get(key)?.count ?? 0) + more })
  }
  for (const slot of slots)
    for (const kind of ['users', 'devices'] as const) {
      const giving = slot.flatMap(({ grant, key, group: id }) => {
        const group = byId.get(id)
        return group?.of === kind ? [{ grant, key, group }] : []
      })
      if (!giving.some(({ group }) => isAffected.has(group.id))) continue
      const [only] = giving
      if (giving.length === 1 && only !== undefined) {
        const { joins, leaves } = members.moves(only.group)
        add(gains, only.key, only.grant, joins.count)
        add(loses, only.key, only.grant, leaves.count)
        continue
      }
      const had = inForce(giving, (group) => members.before(group), columns.population[kind].size)
      const has = inForce(giving, (group) => members.after(group), columns.population[kind].size)
      for (const [key, { grant, mask }] of has) {
        const earlier = (had.get(key) as Holders).mask
        add(gains, key, grant, countOf(except(mask, earlier)))
        add(loses, key, grant, countOf(except(earlier, mask)))
      }
    }
  return { gains, loses }
}

interface Holders {
  readonly grant: Grant
  readonly mask: Mask
}

/** Who has what of a slot, by its key: the first of those groups that one is in decides. */
function inForce(
  giving: readonly { readonly grant: Grant; readonly key: string; readonly group: CompiledGroup }[],
  members: (group: CompiledGroup) => Mask,
  size: number,
): ReadonlyMap<string, Holders> {
  const found = new Map<string, Holders>()
  const open = emptyMask(size).fill(1)
  for (const { grant, key, group } of giving) {
    const { mask } = found.get(key) ?? { mask: emptyMask(size) }
    found.set(key, { grant, mask })
    claim(open, members(group), mask)
  }
  return found
}

/** Those for whom the rule hangs on a missing value, unless they are exempted. */
function undecided(
  columns: OrganizationColumns,
  evaluation: Evaluation,
  target: CompiledGroup,
  matching: Mask | null,
): Mask {
  const { population } = columns
  if (target.checked === null || target.mode !== 'dynamic') return emptyMask(0)
  const mask = unknowns(
    target.checked,
    target.of,
    population,
    evaluation.circumstances,
    matching ?? undefined,
  )
  for (const row of evaluation.pinned(target)) if (row < mask.length) mask[row] = 0
  return mask
}

/** The first of them by id, after the cursor. */
function show(
  columns: OrganizationColumns,
  of: SubjectKind,
  mask: Mask,
  count: number,
  { limit, after }: SamplePage,
  moved: (row: number) => Pick<PreviewedSubject, 'gains' | 'loses'>,
): Shown {
  const { ordinals } = columns[of]
  const cursor = new Uint32Array(4)
  const hasCursor = after !== undefined && parseId(after, cursor)
  if (count === 0) return { count, sample: [], next: null }
  const isWanted = (row: number): boolean => !hasCursor || ordinals.isAfter(row, cursor)
  // Most lie in the order of their ids: of them, the first are the first.
  const ordered = Math.min(ordinals.inOrder, mask.length)
  let kept = firstRows(mask, ordered, limit + 1, isWanted)
  // Rows of ids that come later than this one's are not among the first. -1: it is not known yet.
  let last = kept.length > limit ? (kept.at(-1) as number) : -1
  const first = (): number[] => kept.sort((a, b) => ordinals.compare(a, b)).slice(0, limit + 1)
  const consider = (row: number): void => {
    if (!isWanted(row) || (last >= 0 && ordinals.compare(row, last) > 0)) return
    kept.push(row)
    if (kept.length <= 4 * (limit + 1)) return
    kept = first()
    last = kept.at(-1) as number
  }
  eachRow(mask, consider, ordered)
  const rows = first()
  const sample = rows.slice(0, limit).map((row) => {
    return { subjectId: ordinals.idOf(row) as SubjectId, ...moved(row) }
  })
  return {
    count,
    sample,
    next: rows.length > sample.length ? (sample.at(-1)?.subjectId ?? null) : null,
  }
}
