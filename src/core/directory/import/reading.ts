// What the readers of an organization file's sections share: the file, what is known, and the list of faults.
import type { DeviceId, UserId } from '../../../base/ids.ts'
import type { AttributeCheck } from '../bindings.ts'
import { nameKey } from '../names.ts'
import type { Problems } from '../problem.ts'
import { describe, own } from '../spec.ts'
import type { AttributeDefinition, Group, Resource } from '../types.ts'

/** What the organization has already, as far as the file may refer to it or clash with it. */
export interface Known {
  readonly groups: readonly Group[]
  readonly attributes: readonly AttributeDefinition[]
  readonly resources: readonly Pick<Resource, 'id' | 'name' | 'kind' | 'application'>[]
  /** Ids of the users that `names` call, by nameKey; likewise devices. */
  findUsers(names: readonly string[]): Promise<ReadonlyMap<string, UserId>>
  findDevices(names: readonly string[]): Promise<ReadonlyMap<string, DeviceId>>
}

export const sections = [
  'attributes',
  'users',
  'devices',
  'groups',
  'exemptions',
  'stateChanges',
  'resources',
  'bindings',
  'serviceAccounts',
  'tokens',
] as const
export type Section = (typeof sections)[number]

/** One file being read. */
export class Reading {
  readonly file: object
  readonly known: Known
  readonly check: AttributeCheck
  readonly at: Date
  readonly problems: Problems
  readonly #indexes = new WeakMap<object, number>()

  constructor(file: object, known: Known, check: AttributeCheck, at: Date, problems: Problems) {
    this.file = file
    this.known = known
    this.check = check
    this.at = at
    this.problems = problems
  }

  /** What every new row begins with. */
  get stored() {
    return { version: 1, createdAt: this.at, updatedAt: this.at }
  }

  /** What `read` makes of every entry of a section; gives way to others while a long one is read. */
  async each<T extends object>(
    section: Section,
    read: (value: unknown, field: string) => T | undefined,
  ): Promise<T[]> {
    const value = own(this.file, section)
    const rows: T[] = []
    if (value === undefined || value === null) return rows
    if (!Array.isArray(value)) {
      this.problems.add(section, 'wrong-type', `a list is expected here, not ${describe(value)}`)
      return rows
    }
    for (const [index, entry] of value.entries()) {
      if (this.problems.full) break
      const row = read(entry, `${section}[${index}]`)
      if (row !== undefined) {
        rows.push(row)
        this.#indexes.set(row, index)
      }
      if (index % 1_000 === 999) await new Promise((resume) => setImmediate(resume))
    }
    return rows
  }

  /** Where in its section a row was read: faulty entries are left out of the rows. */
  indexOf(row: object): number {
    return this.#indexes.get(row) ?? -1
  }

  /** Notes names that come twice, or exist already. */
  unique<T extends object>(
    section: Section,
    rows: readonly T[],
    nameOf: (row: T) => string | null,
    field: string,
    existing: readonly string[] = [],
  ): void {
    const there = new Set(existing.map(nameKey))
    const seen = new Map<string, number>()
    for (const row of rows) {
      const name = nameOf(row)
      if (name === null) continue
      const index = this.indexOf(row)
      const key = nameKey(name)
      const first = seen.get(key)
      const place = `${section}[${index}].${field}`
      const shown = JSON.stringify(name)
      if (first !== undefined) this.problems.add(place, 'twice', `${shown} is ${section}[${first}] already`)
      else if (there.has(key)) this.problems.add(place, 'taken', `${shown} exists already`)
      seen.set(key, index)
    }
  }
}
