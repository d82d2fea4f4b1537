// One organization in columns: facts, memberships, what is given beside the rules, suggestions and instants, all by ordinal. Takes
// cells as they are read; knows no rules. Lives in a thread of its own.
import type { GroupId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import { type Cell, type CellSubject, membershipReasons } from '../cell.ts'
import { none } from '../columns/owners.ts'
import { Population } from '../columns/population.ts'
import type { RuleSchema } from '../language/schema.ts'
import { Entries } from './entries.ts'
import { Ordinals } from './ordinals.ts'

/** Bits of an entry of `given`. */
export const givenBits = { never: 1, always: 2, manual: 4, approved: 8 } as const

/** All of one kind of subjects. */
export class Subjects {
  readonly ordinals = new Ordinals()
  /** Reasons, as membershipReasons are numbered. */
  readonly memberships = new Entries(3)
  readonly given = new Entries(4)
  /** 1 join, 2 leave; also rejected ones. */
  readonly suggestions = new Entries(2)
  /** When an exemption ends, epoch milliseconds: for the few that do. */
  readonly ends = new Map<number, ReadonlyMap<number, number>>()
  /** Instants other than those of rules at which the cell may change: epoch milliseconds, for the few that have any. */
  readonly instants = new Map<number, readonly number[]>()
  /** The first planned state, also where its instant has passed: epoch milliseconds, for the few that have any. */
  readonly states = new Map<number, number>()
  /** The stored instant of the cell, NaN where there is none. Devices that somebody owns have no cell of their own. */
  due = new Float64Array(0)

  get bytes(): number {
    const { ordinals, memberships, given, suggestions, due } = this
    return ordinals.bytes + memberships.bytes + given.bytes + suggestions.bytes + due.byteLength
  }

  /** Gives back memory that is only there to grow into. */
  fit(): void {
    for (const entries of [this.memberships, this.given, this.suggestions]) entries.fit()
  }

  setDue(ordinal: number, due: Date | null): void {
    if (ordinal >= this.due.length) {
      if (due === null) return
      this.due = longer(this.due, ordinal + 1)
    }
    this.due[ordinal] = due === null ? Number.NaN : due.getTime()
  }
}

function longer(values: Float64Array<ArrayBuffer>, length: number): Float64Array<ArrayBuffer> {
  const more = new Float64Array(Math.ceil(length * 1.25)).fill(Number.NaN)
  more.set(values)
  return more
}

export class OrganizationColumns {
  readonly population: Population
  readonly users = new Subjects()
  readonly devices = new Subjects()
  readonly #numbers = new Map<GroupId, number>()
  /** By number. */
  readonly #groups: GroupId[] = []

  constructor(schemas: Readonly<Record<SubjectKind, RuleSchema>>) {
    this.population = new Population(schemas)
  }

  get bytes(): number {
    return this.population.bytes + this.users.bytes + this.devices.bytes
  }

  /** Gives back memory that is only there to grow into: for when everything is in. */
  fit(): void {
    for (const one of [this.population, this.users, this.devices]) one.fit()
  }

  /** Undefined where the group has never had a member, nor anything else. */
  numberOf(group: GroupId): number | undefined {
    return this.#numbers.get(group)
  }

  /** The groups that this user, or device, is stored to be in. */
  groupsOf(of: SubjectKind, ordinal: number): readonly GroupId[] {
    return [...this[of].memberships.of(ordinal)].map((entry) => this.#groups[entry >>> 3] as GroupId)
  }

  /** The cell that this user, or device, is in. */
  cellOf(of: SubjectKind, ordinal: number): { readonly kind: CellSubject['kind']; readonly ordinal: number } {
    const owner = of === 'users' ? ordinal : this.population.owners.ofDevice[ordinal]
    return owner === undefined || owner === none
      ? { kind: 'device', ordinal }
      : { kind: 'user', ordinal: owner }
  }

  subjectOf({
    kind,
    ordinal,
  }: {
    readonly kind: CellSubject['kind']
    readonly ordinal: number
  }): CellSubject {
    const { ordinals } = kind === 'user' ? this.users : this.devices
    return { kind, id: ordinals.idOf(ordinal) } as CellSubject
  }

  /** The cell as it is now. Returns the devices that its user had and has no longer: they are to be read, too. */
  put(cell: Cell): readonly string[] {
    const { population, users, devices } = this
    const bySubject = partsOf(cell)
    let owner = -1
    const before = new Set<number>()
    if (cell.user !== null) {
      const { user } = cell
      owner = users.ordinals.of(user.id)
      population.upsertUser(owner, user)
      for (let one = population.owners.first(owner); one !== none; one = population.owners.next(one))
        before.add(one)
      this.#putEntries(users, owner, bySubject(user.id))
      this.#putCell(users, owner, cell)
    }
    for (const device of cell.devices) {
      const ordinal = devices.ordinals.of(device.id)
      before.delete(ordinal)
      population.upsertDevice(ordinal, device, owner)
      this.#putEntries(devices, ordinal, bySubject(device.id))
      if (owner === -1) this.#putCell(devices, ordinal, cell)
      else this.#forgetCell(devices, ordinal)
    }
    for (const ordinal of before) population.owners.set(ordinal, none)
    return [...before].map((ordinal) => devices.ordinals.idOf(ordinal))
  }

  /** Nobody by that id (any more). Returns the devices that the user had. */
  remove({ kind, id }: CellSubject): readonly string[] {
    const { population, users, devices } = this
    const subjects = kind === 'user' ? users : devices
    const ordinal = subjects.ordinals.find(id)
    if (ordinal === undefined) return []
    const had: string[] = []
    if (kind === 'user') {
      for (let one = population.owners.first(ordinal); one !== none; one = population.owners.next(one))
        had.push(devices.ordinals.idOf(one))
      population.removeUser(ordinal)
    } else population.removeDevice(ordinal)
    this.#putEntries(subjects, ordinal, { memberships: [], given: [], suggestions: [], ends: [] })
    this.#forgetCell(subjects, ordinal)
    return had
  }

  #putEntries(subjects: Subjects, ordinal: number, parts: Parts): void {
    const entry = (group: GroupId, bits: number, value: number): number =>
      ((this.#number(group) << bits) | value) >>> 0
    subjects.memberships.set(
      ordinal,
      parts.memberships.map(([group, value]) => entry(group, 3, value)),
    )
    subjects.given.set(
      ordinal,
      parts.given.map(([group, value]) => entry(group, 4, value)),
    )
    subjects.suggestions.set(
      ordinal,
      parts.suggestions.map(([group, value]) => entry(group, 2, value)),
    )
    if (parts.ends.length === 0) subjects.ends.delete(ordinal)
    else
      subjects.ends.set(
        ordinal,
        new Map(parts.ends.map(([group, endMs]) => [this.#number(group), endMs] as const)),
      )
  }

  #putCell(subjects: Subjects, ordinal: number, { due, inputs, stateChanges }: Cell): void {
    subjects.setDue(ordinal, due)
    const instants = inputs.flatMap(({ expiresAt }) => (expiresAt === null ? [] : [expiresAt.getTime()]))
    if (instants.length === 0) subjects.instants.delete(ordinal)
    else subjects.instants.set(ordinal, instants)
    if (stateChanges.length === 0) subjects.states.delete(ordinal)
    else subjects.states.set(ordinal, Math.min(...stateChanges.map(({ at }) => at.getTime())))
  }

  #forgetCell(subjects: Subjects, ordinal: number): void {
    subjects.setDue(ordinal, null)
    subjects.instants.delete(ordinal)
    subjects.states.delete(ordinal)
  }

  #number(group: GroupId): number {
    const known = this.#numbers.get(group)
    if (known !== undefined) return known
    const number = this.#numbers.size
    this.#numbers.set(group, number)
    this.#groups.push(group)
    return number
  }
}

type Pairs = readonly (readonly [GroupId, number])[]
interface Parts {
  readonly memberships: Pairs
  readonly given: Pairs
  readonly suggestions: Pairs
  /** When exemptions end. */
  readonly ends: Pairs
}

/** What of a cell belongs to which of its subjects. */
function partsOf(cell: Cell): (id: string) => Parts {
  const memberships = Map.groupBy(cell.memberships, ({ subjectId }) => subjectId as string)
  const inputs = Map.groupBy(cell.inputs, ({ subjectId }) => subjectId as string)
  const suggestions = Map.groupBy(cell.suggestions, ({ subjectId }) => subjectId as string)
  return (id) => {
    const given = new Map<GroupId, number>()
    for (const { groupId, kind, approved } of inputs.get(id) ?? []) {
      const bits = givenBits[kind] | (approved === true ? givenBits.approved : 0)
      given.set(groupId, (given.get(groupId) ?? 0) | bits)
    }
    return {
      memberships: (memberships.get(id) ?? []).map(({ groupId, reasons }) => [
        groupId,
        reasons.reduce((sum, reason) => sum | (1 << membershipReasons.indexOf(reason)), 0),
      ]),
      given: [...given],
      suggestions: (suggestions.get(id) ?? []).map(({ groupId, operation }) => [
        groupId,
        operation === 'join' ? 1 : 2,
      ]),
      ends: (inputs.get(id) ?? []).flatMap(({ groupId, expiresAt }) =>
        expiresAt === null ? [] : [[groupId, expiresAt.getTime()] as const],
      ),
    }
  }
}
