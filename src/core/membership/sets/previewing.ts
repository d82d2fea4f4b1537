// What a new rule would change, counted in columns: the counts that preview.ts makes cell by cell, and whom to show. What those
// who are shown gain and lose is read from their cells.
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import type { CellSubject } from '../cell.ts'
import { unknowns } from '../columns/evaluate.ts'
import type { Mask } from '../columns/shapes.ts'
import { affectedGroups } from '../preview/affected.ts'
import {
  type Grant,
  type GrantCount,
  type Granted,
  type GroupGrants,
  grantKey,
  type SamplePage,
  slotOf,
} from '../preview/preview.ts'
import { parseId } from '../replica/layout.ts'
import type { CompiledGroup, RuleSet } from '../rule-set.ts'
import { Evaluation, withThoseRead } from './evaluation.ts'
import type { OrganizationColumns } from './organization.ts'

export interface Shown {
  readonly count: number
  /** In id order, after the cursor. */
  readonly ids: readonly SubjectId[]
  readonly next: SubjectId | null
}

export interface Counted {
  readonly joins: Shown
  readonly leaves: Shown
  readonly stays: number
  readonly unknowns: Shown
  readonly gains: ReadonlyMap<string, GrantCount>
  readonly loses: ReadonlyMap<string, GrantCount>
  /** Of everybody who is shown. */
  readonly cells: readonly CellSubject[]
}

export function previewInColumns(
  columns: OrganizationColumns,
  rules: RuleSet,
  id: GroupId,
  grants: GroupGrants,
  page: SamplePage,
  now: number,
): Counted {
  const affected = affectedGroups(rules, id)
  const slots = slotsOf(affected, grants)
  const needed = withThoseRead(affected, rules.groups).map((group) => group.id)
  const all = new Set([...needed, ...slots.flatMap((slot) => slot.map(({ group }) => group))])
  const groups = rules.groups.filter((group) => all.has(group.id))
  const live = new Set(rules.groups.map((group) => group.id))
  const evaluation = new Evaluation(columns, groups, live, now)
  for (const group of affected) evaluation.keep(evaluation.evaluate(group))

  const before = (group: CompiledGroup): Mask => {
    const mask = new Uint8Array(columns.population[group.of].size)
    for (const row of evaluation.stored(group.of, group.id)?.rows ?? []) if (row < mask.length) mask[row] = 1
    return mask
  }
  const after = (group: CompiledGroup): Mask => evaluation.computed.get(group.id)?.mask ?? before(group)
  const target = affected.find((group) => group.id === id) as CompiledGroup
  const [was, is] = [before(target), after(target)]
  const [joins, leaves] = [except(is, was), except(was, is)]
  let stays = 0
  for (let row = 0; row < was.length; row++) stays += (was[row] as number) & (is[row] as number)
  const open = undecided(columns, evaluation, target)
  const shown = [joins, leaves, open].map((mask) => show(columns, target.of, mask, page))
  const [joining, leaving, unknown] = shown as [Shown & Rows, Shown & Rows, Shown & Rows]
  const cells = new Map<string, CellSubject>()
  for (const { rows } of [joining, leaving, unknown])
    for (const row of rows) {
      const subject = columns.subjectOf(columns.cellOf(target.of, row))
      cells.set(subject.id, subject)
    }
  return {
    ...{ joins: joining, leaves: leaving, stays, unknowns: unknown, cells: [...cells.values()] },
    ...countGrants(columns, rules, affected, slots, before, after),
  }
}

/** A grant with the group that gives it. */
interface Giving extends Granted {
  readonly group: GroupId
}

/** Of each thing that an affected group gives: all that give it, or something that cannot be had together with it, in their order. */
function slotsOf(affected: readonly CompiledGroup[], grants: GroupGrants): readonly (readonly Giving[])[] {
  const slots = new Map<string, Giving[]>()
  for (const { id } of affected) for (const { grant } of grants.get(id) ?? []) slots.set(slotOf(grant), [])
  for (const [group, list] of grants)
    for (const granted of list) slots.get(slotOf(granted.grant))?.push({ ...granted, group })
  return [...slots.values()].map((slot) => slot.sort((a, b) => a.rank - b.rank))
}

function countGrants(
  columns: OrganizationColumns,
  rules: RuleSet,
  affected: readonly CompiledGroup[],
  slots: readonly (readonly Giving[])[],
  before: (group: CompiledGroup) => Mask,
  after: (group: CompiledGroup) => Mask,
): Pick<Counted, 'gains' | 'loses'> {
  const gains = new Map<string, GrantCount>()
  const loses = new Map<string, GrantCount>()
  const isAffected = new Set(affected.map(({ id }) => id))
  const byId = new Map(rules.groups.map((group) => [group.id, group]))
  const add = (counts: Map<string, GrantCount>, key: string, grant: Grant, more: number): void => {
    if (more > 0) counts.set(key, { ...grant, count: (counts.get(key)?.count ?? 0) + more })
  }
  for (const slot of slots)
    for (const kind of ['users', 'devices'] as const) {
      const giving = slot.flatMap(({ grant, group: id }) => {
        const group = byId.get(id)
        return group?.of === kind ? [{ grant, group }] : []
      })
      if (!giving.some(({ group }) => isAffected.has(group.id))) continue
      const had = inForce(giving, before, columns.population[kind].size)
      const has = inForce(giving, after, columns.population[kind].size)
      for (const [key, { grant, mask }] of has) {
        const earlier = (had.get(key) as Holders).mask
        add(gains, key, grant, count(except(mask, earlier)))
        add(loses, key, grant, count(except(earlier, mask)))
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
  giving: readonly { readonly grant: Grant; readonly group: CompiledGroup }[],
  members: (group: CompiledGroup) => Mask,
  size: number,
): ReadonlyMap<string, Holders> {
  const found = new Map<string, Holders>()
  const open = new Uint8Array(size).fill(1)
  for (const { grant, group } of giving) {
    const key = grantKey(grant)
    const { mask } = found.get(key) ?? { mask: new Uint8Array(size) }
    found.set(key, { grant, mask })
    const those = members(group)
    for (let row = 0; row < size; row++) {
      const isFirst = (open[row] as number) & (those[row] as number)
      ;(mask[row] as number) |= isFirst
      ;(open[row] as number) ^= isFirst
    }
  }
  return found
}

/** Those for whom the rule hangs on a missing value, unless they are exempted. */
function undecided(columns: OrganizationColumns, evaluation: Evaluation, target: CompiledGroup): Mask {
  const { population } = columns
  if (target.checked === null || target.mode !== 'dynamic') return new Uint8Array(0)
  const mask = unknowns(target.checked, target.of, population, evaluation.circumstances)
  for (const row of evaluation.pinned(target)) if (row < mask.length) mask[row] = 0
  return mask
}

function except(mask: Mask, other: Mask): Mask {
  const left = mask.slice()
  for (let row = 0; row < left.length; row++) if (other[row] === 1) left[row] = 0
  return left
}

function count(mask: Mask): number {
  let sum = 0
  for (let row = 0; row < mask.length; row++) sum += mask[row] as number
  return sum
}

interface Rows {
  readonly rows: readonly number[]
}

/** The first of them by id, after the cursor; holds at most some thousand at once. */
function show(
  columns: OrganizationColumns,
  of: SubjectKind,
  mask: Mask,
  { limit, after }: SamplePage,
): Shown & Rows {
  const { ordinals } = columns[of]
  const cursor = new Uint32Array(4)
  const hasCursor = after !== undefined && parseId(after, cursor)
  let kept: number[] = []
  const first = (): number[] => kept.sort((a, b) => ordinals.compare(a, b)).slice(0, limit + 1)
  let all = 0
  for (let row = 0; row < mask.length; row++) {
    if (mask[row] !== 1) continue
    all++
    if (hasCursor && !ordinals.isAfter(row, cursor)) continue
    if (kept.length >= 4096 + 2 * limit) {
      kept = first()
    }
    kept.push(row)
  }
  const rows = first()
  const ids = rows.slice(0, limit).map((row) => ordinals.idOf(row) as SubjectId)
  return {
    count: all,
    ids,
    next: rows.length > ids.length ? (ids.at(-1) ?? null) : null,
    rows: rows.slice(0, limit),
  }
}
