// Who is meant by the DNs in a filter. What takes a look into the store is collected while the filter is compiled, read
// at once, and the filter is compiled again.
import type { GroupId, SubjectId } from '../../base/ids.ts'
import type { Condition } from '../../core/directory/condition.ts'
import { nameKey } from '../../core/directory/names.ts'
import type { DirectoryReader } from '../../core/ports.ts'
import { FilterTooLarge, type References } from './filter.ts'
import type { NamingContext } from './naming-context.ts'

/** In one search, all its branches together. */
export const mostComparisons = 20_000

export class FilterReferences implements References {
  readonly #context: NamingContext
  readonly #known = {
    users: new Map<string, SubjectId | null>(),
    devices: new Map<string, SubjectId | null>(),
  }
  readonly #wanted = { users: new Set<string>(), devices: new Set<string>() }

  #left = mostComparisons

  constructor(context: NamingContext) {
    this.#context = context
  }

  /** The filter is compiled from its beginning. */
  begin(): void {
    this.#left = mostComparisons
  }

  spend(comparisons: number): void {
    this.#left -= comparisons
    if (this.#left < 0) throw new FilterTooLarge('a filter asks for too many comparisons')
  }

  group(name: string): GroupId | null {
    return this.#context.groupByName(name)
  }

  subject(branch: 'users' | 'devices', name: string): SubjectId | null {
    const key = nameKey(name)
    const id = this.#known[branch].get(key)
    if (id === undefined) this.#wanted[branch].add(key)
    return id ?? null
  }

  /** Is what was answered so far not all there is to know? */
  get incomplete(): boolean {
    return this.#wanted.users.size + this.#wanted.devices.size > 0
  }

  async complete(reader: Pick<DirectoryReader, 'usersByKey' | 'devices'>): Promise<void> {
    const { id } = this.#context.organization
    const [users, devices] = [[...this.#wanted.users], [...this.#wanted.devices]]
    const named: Condition = {
      op: 'or',
      of: devices.map((value) => ({ op: 'eq', field: { standard: 'name' }, value })),
    }
    const [foundUsers, foundDevices] = await Promise.all([
      users.length === 0 ? [] : reader.usersByKey(id, 'username', users),
      devices.length === 0 ? [] : reader.devices(id, named, { limit: devices.length }),
    ])
    for (const key of users) this.#known.users.set(key, null)
    for (const { user } of foundUsers) this.#known.users.set(nameKey(user.username), user.id)
    for (const key of devices) this.#known.devices.set(key, null)
    for (const { device } of foundDevices) this.#known.devices.set(nameKey(device.name), device.id)
    this.#wanted.users.clear()
    this.#wanted.devices.clear()
  }
}
