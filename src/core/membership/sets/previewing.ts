// What a new rule would change, counted in columns: the counts that preview.ts makes cell by cell, and whom to show. What those
// who are shown gain and lose is read from their cells.
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import type { CellSubject } from '../cell.ts'
import { unknowns } from '../columns/evaluate.ts'
import { affectedGroups } from '../preview/affected.ts'
import { type Grant, type GrantCount, grantKey, type SamplePage } from '../preview/preview.ts'
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

type Mask = Uint8Array

export function previewInColumns(
  columns: OrganizationColumns,
  rules: RuleSet,
  id: GroupId,
  grants: ReadonlyMap<GroupId, readonly Grant[]>,
  page: SamplePage,
  now: number,
): Counted {
  const affected = affectedGroups(rules, id)
  const givers = giversOf(affected, grants)
  const needed = withThoseRead(affected, rules.groups).map((group) => group.id)
  const all = new Set([...needed, ...[...givers.values()].flatMap((groups) => [...groups])])
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
    ...countGrants(columns, rules, affected, givers, grants, before, after),
  }
}

/** Each thing that an affected group gives, by its key, with all groups that give it. */
function giversOf(
  affected: readonly CompiledGroup[],
  grants: ReadonlyMap<GroupId, readonly Grant[]>,
): ReadonlyMap<string, ReadonlySet<GroupId>> {
  const givers = new Map<string, Set<GroupId>>()
  for (const { id } of affected)
    for (const grant of grants.get(id) ?? []) givers.set(grantKey(grant), new Set())
  for (const [group, list] of grants) for (const grant of list) givers.get(grantKey(grant))?.add(group)
  return givers
}

function countGrants(
  columns: OrganizationColumns,
  rules: RuleSet,
  affected: readonly CompiledGroup[],
  givers: ReadonlyMap<string, ReadonlySet<GroupId>>,
  grants: ReadonlyMap<GroupId, readonly Grant[]>,
  before: (group: CompiledGroup) => Mask,
  after: (group: CompiledGroup) => Mask,
): Pick<Counted, 'gains' | 'loses'> {
  const gains = new Map<string, GrantCount>()
  const loses = new Map<string, GrantCount>()
  const isAffected = new Set(affected.map(({ id }) => id))
  const known = new Map<string, Grant>()
  for (const id of isAffected) for (const grant of grants.get(id) ?? []) known.set(grantKey(grant), grant)
  const add = (counts: Map<string, GrantCount>, key: string, more: number): void => {
    if (more > 0)
      counts.set(key, { ...(known.get(key) as Grant), count: (counts.get(key)?.count ?? 0) + more })
  }
  for (const [key, ids] of givers)
    for (const kind of ['users', 'devices'] as const) {
      const groups = rules.groups.filter((group) => group.of === kind && ids.has(group.id))
      if (!groups.some(({ id }) => isAffected.has(id))) continue
      const { size } = columns.population[kind]
      const [had, has] = [new Uint8Array(size), new Uint8Array(size)]
      for (const group of groups) {
        const [was, is] = [before(group), after(group)]
        for (let row = 0; row < size; row++) {
          ;(had[row] as number) |= was[row] as number
          ;(has[row] as number) |= is[row] as number
        }
      }
      add(gains, key, count(except(has, had)))
      add(loses, key, count(except(had, has)))
    }
  return { gains, loses }
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
