// Which cells are not what the rules say, of all there are: what set-scan.ts finds cell by cell, found in columns.
import type { GroupId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import type { CellSubject } from '../cell.ts'
import { copyOf, eachRow, emptyMask } from '../columns/mask.ts'
import { none } from '../columns/owners.ts'
import { latestDue, type RelativeInstant } from '../due.ts'
import { affectedGroups } from '../preview/affected.ts'
import { type CompiledGroup, type RuleSet, readBy } from '../rule-set.ts'
import type { Posting } from './entries.ts'
import { type EvaluatedGroup, Evaluation, withThoseRead } from './evaluation.ts'
import type { OrganizationColumns, Subjects } from './organization.ts'
import type { GroupsAsked } from './set-engine.ts'

/** Cells by what stands for them. */
export interface DifferingCells {
  readonly users: Uint32Array
  readonly devices: Uint32Array
}

export function differingCells(
  columns: OrganizationColumns,
  rules: RuleSet,
  asked: GroupsAsked,
  now: number,
): DifferingCells {
  const cells = new Marked(columns)
  const groups = concerned(rules, asked)
  const live = new Set(rules.groups.map(({ id }) => id))
  const evaluation = new Evaluation(columns, withThoseRead(groups, rules.groups), live, now)
  const suggested = suggestionsOf(columns, groups)
  const isRead = areRead(groups)
  for (const group of groups) {
    const evaluated = evaluation.evaluate(group)
    if (isRead(group)) evaluation.keep(evaluated)
    compare(evaluated, evaluation.stored(group.of, group.id), suggested(group), cells)
  }
  compareDues(columns, rules, now, cells)
  return cells.all()
}

/** The groups asked for and all that read them, each after those that it reads. */
function concerned(rules: RuleSet, asked: GroupsAsked): readonly CompiledGroup[] {
  if (typeof asked === 'string') return rules.groups
  const ids = new Set(asked.flatMap((id) => affectedGroups(rules, id).map((group) => group.id)))
  return rules.groups.filter(({ id }) => ids.has(id))
}

/** Does any of the groups read this one? */
function areRead(groups: readonly CompiledGroup[]): (group: CompiledGroup) => boolean {
  const named = new Set<GroupId>()
  const kinds = new Set<SubjectKind>()
  for (const { reads, readsEvery } of groups.map(readBy)) {
    for (const id of reads) named.add(id)
    for (const kind of readsEvery) kinds.add(kind)
  }
  return ({ id, of }) => kinds.has(of) || named.has(id)
}

function suggestionsOf(
  columns: OrganizationColumns,
  groups: readonly CompiledGroup[],
): (group: CompiledGroup) => Posting | undefined {
  const postings = (of: SubjectKind) =>
    columns[of].suggestions.postings(
      new Set(groups.flatMap((group) => (group.of === of ? (columns.numberOf(group.id) ?? []) : []))),
    )
  const found = { users: postings('users'), devices: postings('devices') }
  return ({ of, id }) => {
    const number = columns.numberOf(id)
    return number === undefined ? undefined : found[of].get(number)
  }
}

function compare(
  { group, reasons, operations, takenOver }: EvaluatedGroup,
  members: Posting | undefined,
  suggestions: Posting | undefined,
  cells: Marked,
): void {
  const differ = (wanted: Uint8Array | null, stored: Posting | undefined): void => {
    const missing = wanted === null ? emptyMask(0) : copyOf(wanted)
    for (let i = 0; stored !== undefined && i < stored.rows.length; i++) {
      const row = stored.rows[i] as number
      if ((wanted?.[row] ?? 0) !== stored.values[i]) cells.mark(group.of, row)
      if (row < missing.length) missing[row] = 0
    }
    eachRow(missing, (row) => cells.mark(group.of, row))
  }
  differ(reasons(), members)
  differ(operations(), suggestions)
  for (const row of takenOver) cells.mark(group.of, row)
}

/** Cells whose stored instant is not what `dueToStore` gives. */
function compareDues(columns: OrganizationColumns, rules: RuleSet, now: number, cells: Marked): void {
  const { population, users, devices } = columns
  const { ofDevice } = population.owners
  const next = {
    users: new Float64Array(population.users.size).fill(Number.POSITIVE_INFINITY),
    devices: new Float64Array(population.devices.size).fill(Number.POSITIVE_INFINITY),
  }
  const consider = (of: SubjectKind, row: number, instant: number): void => {
    if (!(instant > now)) return
    const owner = of === 'users' ? row : (ofDevice[row] as number)
    const [list, at] = owner === none ? [next.devices, row] : [next.users, owner]
    if (instant < (list[at] as number)) list[at] = instant
  }
  // Comparisons of one attribute follow each other: its values are taken out once.
  let last: RelativeInstant | null = null
  let values: Float64Array | undefined
  for (const instant of rules.instants) {
    const { whose, attribute, fromNow } = instant
    if (last?.attribute !== attribute || last.whose !== whose) values = population[whose].dates(attribute)
    last = instant
    const { live, size } = population[whose]
    for (let row = 0; values !== undefined && row < Math.min(size, values.length); row++) {
      if (live[row] !== 1) continue
      const turns = (values[row] as number) - fromNow
      const first = Math.ceil(turns)
      consider(whose, row, first > now ? first : Math.floor(turns) + 1)
    }
  }
  for (const [row, instants] of users.instants) for (const at of instants) consider('users', row, at)
  for (const [row, instants] of devices.instants) for (const at of instants) consider('devices', row, at)
  for (const [row, at] of users.states) next.users[row] = Math.min(next.users[row] as number, at)
  const check = (of: SubjectKind, subjects: Subjects): void => {
    const { live, size } = population[of]
    for (let row = 0; row < size; row++) {
      if (live[row] !== 1 || (of === 'devices' && ofDevice[row] !== none)) continue
      const stored = subjects.due[row] ?? Number.NaN
      const earliest = next[of][row] as number
      const due = earliest <= latestDue ? earliest : Number.NaN
      const stays = stored > now && (Number.isNaN(due) || stored <= due)
      if (!stays && !Object.is(stored, due)) cells.mark(of, row)
    }
  }
  check('users', users)
  check('devices', devices)
}

class Marked {
  readonly #columns: OrganizationColumns
  readonly #users: Uint8Array
  readonly #devices: Uint8Array

  constructor(columns: OrganizationColumns) {
    this.#columns = columns
    this.#users = new Uint8Array(columns.population.users.size)
    this.#devices = new Uint8Array(columns.population.devices.size)
  }

  /** The cell that the subject is in. */
  mark(of: SubjectKind, row: number): void {
    const { kind, ordinal } = this.#columns.cellOf(of, row)
    const list = kind === 'user' ? this.#users : this.#devices
    list[ordinal] = 1
  }

  all(): DifferingCells {
    const rows = (marks: Uint8Array): Uint32Array => {
      const found: number[] = []
      for (let row = 0; row < marks.length; row++) if (marks[row] === 1) found.push(row)
      return Uint32Array.from(found)
    }
    return { users: rows(this.#users), devices: rows(this.#devices) }
  }
}

/** From a place on, so many of them. */
export function cellsFrom(
  columns: OrganizationColumns,
  { users, devices }: DifferingCells,
  from: number,
  count: number,
): readonly CellSubject[] {
  const subjects: CellSubject[] = []
  for (let i = from; i < Math.min(from + count, users.length + devices.length); i++) {
    const isUser = i < users.length
    const ordinal = (isUser ? users[i] : devices[i - users.length]) as number
    subjects.push(columns.subjectOf({ kind: isUser ? 'user' : 'device', ordinal }))
  }
  return subjects
}
