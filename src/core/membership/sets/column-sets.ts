// Answers for sets of subjects from columns: loaded when an organization is first asked about, brought up to date before every
// answer, and dropped when nobody has asked for a while. Where columns cannot answer, somebody else is asked.
import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../../../base/clock.ts'
import type { DeviceId, OrganizationId, UserId } from '../../../base/ids.ts'
import { silentLog } from '../../../base/log.ts'
import { Fault } from '../../../base/result.ts'
import type { Group } from '../../directory/types.ts'
import { OneAtATime } from '../../factors/one-at-a-time.ts'
import type { Cells, RuleSource } from '../../ports.ts'
import type { ValueAsked } from '../analysis/analyse.ts'
import type { Cell, CellSubject } from '../cell.ts'
import { seen } from '../columns/evaluate.ts'
import { everyCell, oneAhead } from '../every-cell.ts'
import { findAttribute, subjectSchemas } from '../language/schema.ts'
import {
  type Grant,
  mostFirst,
  mostGrantsShown,
  type Preview,
  type PreviewedSubject,
  type Sampled,
  type SamplePage,
} from '../preview/preview.ts'
import { type Granting, grantsOf, type PreviewerPorts, readGranting } from '../preview/previewer.ts'
import type { Changed } from '../replica/messages.ts'
import { type CompiledSource, compileRules, withGroup } from '../rule-set.ts'
import { cellsFrom, type DifferingCells, differingCells } from './differing.ts'
import { OrganizationColumns } from './organization.ts'
import { previewInColumns, type Shown } from './previewing.ts'
import type { DifferingPage, GroupsAsked, SetAnswers } from './set-engine.ts'

export interface ColumnPorts {
  readonly cells: Pick<Cells, 'scan' | 'readMany' | 'read' | 'names'>
  readonly rules: RuleSource
  readonly grants: Pick<PreviewerPorts, 'bindings' | 'resources'>
  readonly clock: Clock
  /** Whoever answers where columns cannot: it must need no memory. */
  readonly otherwise: SetAnswers
  /** Of all organizations together; one that needs more is not kept in columns. */
  readonly mostBytes: number
}

interface Kept {
  readonly columns: OrganizationColumns
  readonly users: Set<string>
  readonly devices: Set<string>
  askedMs: number
  /** The rules as they were when they were last asked for. */
  rules: CompiledSource | null
  /** What grants something, as long as nothing of it changes. */
  granting: Promise<Granting> | null
}

/** Cells that were found and are not told yet. They stay so, whatever becomes of the columns meanwhile. */
interface Found {
  readonly columns: OrganizationColumns
  readonly cells: DifferingCells
  askedMs: number
}

const cellsAtOnce = 500
const mostRounds = 2_000
/** Where more than this part has changed, and more than so many, all is read anew. */
const mostDirtyPart = 1 / 4
const mostDirty = 100_000
/** Of one organization: each is one who goes through what differs. */
const mostFound = 8
const unusedMs = 30 * 60_000

export class ColumnSets implements SetAnswers {
  readonly #ports: ColumnPorts
  readonly #kept = new Map<OrganizationId, Kept>()
  /** By organization and number. */
  readonly #found = new Map<OrganizationId, Map<number, Found>>()
  readonly #turns = new OneAtATime(64, 'too many questions about sets of users at once')
  /** Needs more memory than there is: not tried again. */
  readonly #tooLarge = new Set<OrganizationId>()
  #number = 0

  constructor(ports: ColumnPorts) {
    this.#ports = ports
  }

  /** Of all columns. */
  get bytes(): number {
    return [...this.#kept.values()].reduce((sum, { columns }) => sum + columns.bytes, 0)
  }

  /** Something has changed: it is read again before the next answer. */
  changed({ organization, what, attributes, grants, users, devices }: Changed): void {
    const kept = this.#kept.get(organization)
    if (kept === undefined) return
    // Another schema has other columns; groups are looked at with every question.
    if (what === 'everything' || attributes) {
      this.#kept.delete(organization)
      return
    }
    if (grants) kept.granting = null
    for (const id of users) kept.users.add(id)
    for (const id of devices) kept.devices.add(id)
    const { population } = kept.columns
    const most = Math.max(mostDirty, (population.users.size + population.devices.size) * mostDirtyPart)
    if (kept.users.size + kept.devices.size > most) this.#kept.delete(organization)
  }

  /** Lets go of what nobody has asked about for half an hour. */
  dropUnused(): void {
    const now = this.#ports.clock.monotonicMs()
    for (const [organization, { askedMs }] of this.#kept)
      if (now - askedMs > unusedMs) this.#kept.delete(organization)
    for (const [organization, found] of this.#found) {
      for (const [number, { askedMs }] of found) if (now - askedMs > unusedMs) found.delete(number)
      if (found.size === 0) this.#found.delete(organization)
    }
  }

  preview(organization: OrganizationId, group: Group, page: SamplePage): Promise<Preview> {
    return this.#ask(
      organization,
      async (kept) => this.#preview(kept, organization, group, page),
      () => this.#ports.otherwise.preview(organization, group, page),
    )
  }

  differing(organization: OrganizationId, groups: GroupsAsked, after: string | null): Promise<DifferingPage> {
    if (after?.startsWith('columns ')) return this.#more(organization, after)
    const { clock, otherwise } = this.#ports
    if (after !== null) return otherwise.differing(organization, groups, after)
    if (groups === 'anew') this.#kept.delete(organization)
    return this.#ask(
      organization,
      async (kept) => {
        const { set } = await this.#rulesOf(kept, organization)
        const cells = differingCells(kept.columns, set, groups, clock.now().getTime())
        const found = this.#found.get(organization) ?? new Map<number, Found>()
        this.#found.set(organization, found)
        const number = ++this.#number
        found.set(number, { columns: kept.columns, cells, askedMs: 0 })
        const [oldest] = found.keys()
        if (found.size > mostFound && oldest !== undefined) found.delete(oldest)
        return this.#page(organization, number, 0)
      },
      () => otherwise.differing(organization, groups, null),
    )
  }

  seen(
    organization: OrganizationId,
    values: readonly ValueAsked[],
  ): Promise<readonly (boolean | undefined)[]> {
    return this.#ask(
      organization,
      async ({ columns }) => {
        const schemas = subjectSchemas((await this.#ports.rules.read(organization)).attributes)
        return values.map(({ of, attribute, value }) => {
          const known = findAttribute(schemas[of], attribute)
          return known === undefined ? undefined : seen(columns.population, of, known, value)
        })
      },
      () => this.#ports.otherwise.seen(organization, values),
    )
  }

  /** `work` sees columns that are as new as everything that has been heard of before the question. */
  async #ask<T>(
    organization: OrganizationId,
    work: (kept: Kept) => Promise<T>,
    otherwise: () => Promise<T>,
  ): Promise<T> {
    if (this.#tooLarge.has(organization)) return otherwise()
    try {
      return await this.#turns.run(organization, async () => {
        const kept = this.#kept.get(organization) ?? (await this.#load(organization))
        kept.askedMs = this.#ports.clock.monotonicMs()
        await this.#refresh(organization, kept)
        return work(kept)
      })
    } catch (error) {
      if (error instanceof Fault && error.reason === 'busy') throw error
      // Whatever is wrong with them: the next question begins with new ones.
      this.#kept.delete(organization)
      return otherwise()
    }
  }

  async #load(organization: OrganizationId): Promise<Kept> {
    const { cells, rules, clock, mostBytes } = this.#ports
    const { attributes } = await rules.read(organization)
    const columns = new OrganizationColumns(subjectSchemas(attributes))
    const kept: Kept = {
      columns,
      users: new Set(),
      devices: new Set(),
      askedMs: clock.monotonicMs(),
      rules: null,
      granting: null,
    }
    // From here on, changes are noted.
    this.#kept.set(organization, kept)
    for await (const chunk of oneAhead(everyCell(cells, organization, cellsAtOnce))) {
      for (const cell of chunk) for (const device of columns.put(cell)) kept.devices.add(device)
      this.#makeRoom(organization)
      if (columns.bytes > mostBytes) {
        this.#tooLarge.add(organization)
        throw new Fault('unavailable', 'the organization is too large to be kept in columns')
      }
      await setImmediate()
    }
    if (this.#kept.get(organization) !== kept)
      throw new Fault('unavailable', 'too much has changed meanwhile')
    columns.fit()
    return kept
  }

  /** Others that have not been asked about for longer make room. */
  #makeRoom(organization: OrganizationId): void {
    while (this.#kept.size > 1 && this.bytes > this.#ports.mostBytes) {
      const [oldest] = [...this.#kept]
        .filter(([id]) => id !== organization)
        .sort((a, b) => a[1].askedMs - b[1].askedMs)
      if (oldest === undefined) return
      this.#kept.delete(oldest[0])
    }
  }

  /** Reads again what has changed, until nothing is left. */
  async #refresh(organization: OrganizationId, { columns, users, devices }: Kept): Promise<void> {
    const { cells } = this.#ports
    for (let round = 0; users.size + devices.size > 0; round++) {
      if (round >= mostRounds) throw new Fault('busy', 'more changes than can be followed')
      const someUsers = taken(users)
      const someDevices = taken(devices)
      const found = await cells.readMany(organization, [
        ...someUsers.map((id): CellSubject => ({ kind: 'user', id: id as UserId })),
        ...someDevices.map((id): CellSubject => ({ kind: 'device', id: id as DeviceId })),
      ])
      const placed = new Set<string>()
      const put = (cell: Cell): void => {
        placed.add(cell.subject.id)
        for (const { id } of cell.devices) placed.add(id)
        for (const id of columns.put(cell)) devices.add(id)
      }
      for (const cell of found) put(cell)
      for (const id of someUsers)
        if (!placed.has(id))
          for (const device of columns.remove({ kind: 'user', id: id as UserId })) devices.add(device)
      for (const id of someDevices) {
        if (placed.has(id)) continue
        const subject: CellSubject = { kind: 'device', id: id as DeviceId }
        const cell = await cells.read(organization, subject)
        if (cell !== null) put(cell)
        else columns.remove(subject)
      }
    }
  }

  async #more(organization: OrganizationId, after: string): Promise<DifferingPage> {
    const [, number, from] = after.split(' ')
    return this.#page(organization, Number(number), Number(from))
  }

  #page(organization: OrganizationId, number: number, from: number): DifferingPage {
    const found = this.#found.get(organization)
    const differing = found?.get(number)
    if (found === undefined || differing === undefined)
      throw new Fault('unavailable', 'what was found is no longer known: too much was asked meanwhile')
    differing.askedMs = this.#ports.clock.monotonicMs()
    const { cells, columns } = differing
    const subjects = cellsFrom(columns, cells, from, cellsAtOnce)
    const kept = this.#kept.get(organization)
    // They will be written, and where only the next instant is new, nobody is told.
    if (kept !== undefined)
      for (const { kind, id } of subjects) (kind === 'user' ? kept.users : kept.devices).add(id)
    const end = from + subjects.length
    if (end < cells.users.length + cells.devices.length) return { subjects, next: `columns ${number} ${end}` }
    found.delete(number)
    if (found.size === 0) this.#found.delete(organization)
    return { subjects, next: null }
  }

  /** The rules as they are; read and compiled again when there is another epoch. */
  async #rulesOf(kept: Kept, organization: OrganizationId): Promise<CompiledSource> {
    const { rules } = this.#ports
    if (kept.rules?.source.epoch === (await rules.epoch(organization))) return kept.rules
    const source = await rules.read(organization)
    kept.rules = { source, set: compileRules(source, silentLog) }
    return kept.rules
  }

  async #granting(kept: Kept, organization: OrganizationId): Promise<Granting> {
    const reading = kept.granting ?? readGranting(this.#ports.grants, organization)
    kept.granting = reading
    return reading.catch((error: unknown) => {
      if (kept.granting === reading) kept.granting = null
      throw error
    })
  }

  async #preview(kept: Kept, organization: OrganizationId, group: Group, page: SamplePage): Promise<Preview> {
    const { cells, clock } = this.#ports
    const { columns } = kept
    const current = await this.#rulesOf(kept, organization)
    const groups = [...current.source.groups.filter(({ id }) => id !== group.id), group]
    const set = withGroup(current, group, silentLog)
    const given = grantsOf(await this.#granting(kept, organization), groups)
    const now = clock.now()
    const counted = previewInColumns(columns, set, group.id, given, page, now.getTime())
    const { joins, leaves, unknowns } = counted
    const ids = [joins, leaves, unknowns].flatMap(({ sample }) => sample.map(({ subjectId }) => subjectId))
    const names = await cells.names(organization, group.of, ids)
    const shown = (grants: readonly Grant[]) => grants.slice(0, mostGrantsShown)
    const named = ({ count, sample, next }: Shown): Sampled<PreviewedSubject> => ({
      ...{ count, next },
      sample: sample.flatMap(({ subjectId, gains, loses }) => {
        const name = names.get(subjectId)
        // Somebody who has just gone is not shown.
        return name === undefined ? [] : [{ subjectId, name, gains: shown(gains), loses: shown(loses) }]
      }),
    })
    const { sample, ...rest } = named(unknowns)
    return {
      joins: named(joins),
      leaves: named(leaves),
      stays: { count: counted.stays },
      unknowns: { ...rest, sample: sample.map(({ subjectId, name }) => ({ subjectId, name })) },
      gains: mostFirst(counted.gains),
      loses: mostFirst(counted.loses),
    }
  }
}

/** Up to some hundred of them, taken out. */
function taken(ids: Set<string>): readonly string[] {
  const some: string[] = []
  for (const id of ids) {
    if (some.length >= cellsAtOnce) break
    some.push(id)
  }
  for (const id of some) ids.delete(id)
  return some
}
