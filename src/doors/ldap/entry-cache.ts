// User entries that are ready to be sent, kept in memory up to a number of octets as long as nothing of them has changed.
// It knows what entries depend on, not how they are made.
import type { OrganizationId } from '../../base/ids.ts'
import { Oldest } from '../../base/oldest.ts'
import type { UserEntry } from '../../core/ports.ts'
import type { Layout } from './layout.ts'
import type { Selection } from './selection.ts'

export type UniqueKey = 'username' | 'email' | 'id'

/** An entry with all its attributes encoded, in the order of its layout. */
export class ReadyEntry {
  readonly id: string
  readonly dn: string
  readonly #layout: Layout<UserEntry>
  readonly #bytes: Buffer
  /** Where each attribute of the layout ends in the bytes; one without values takes none. */
  readonly #ends: Uint32Array

  constructor(id: string, dn: string, layout: Layout<UserEntry>, encoded: readonly (Buffer | null)[]) {
    this.id = id
    this.dn = dn
    this.#layout = layout
    const present = encoded.filter((one) => one !== null)
    // Of its own: a slice of a pool would hold the whole pool for as long as the entry is kept.
    this.#bytes = Buffer.allocUnsafeSlow(present.reduce((sum, one) => sum + one.length, 0))
    this.#ends = new Uint32Array(encoded.length)
    let end = 0
    encoded.forEach((one, index) => {
      if (one !== null) end += one.copy(this.#bytes, end)
      this.#ends[index] = end
    })
  }

  /** What it takes to keep it, roughly, objects and keys included. */
  get weight(): number {
    return this.#bytes.length + this.#ends.byteLength + 800
  }

  /** The attributes of a selection that is not for types only. */
  select({ plain, operational, keys }: Selection): Buffer[] {
    const { list, plain: plainCount } = this.#layout
    const ends = this.#ends
    const plainEnd = ends[plainCount - 1] ?? 0
    if (plain && (operational || keys.size === 0)) {
      return [operational ? this.#bytes : this.#bytes.subarray(0, plainEnd)]
    }
    const selected: Buffer[] = plain ? [this.#bytes.subarray(0, plainEnd)] : []
    for (let index = plain ? plainCount : 0; index < list.length; index++) {
      const type = list[index]?.type
      if (type === undefined || !(keys.has(type.key) || (operational && type.operational))) continue
      const start = index === 0 ? 0 : (ends[index - 1] as number)
      const end = ends[index] as number
      if (end > start) selected.push(this.#bytes.subarray(start, end))
    }
    return selected
  }
}

interface Kept {
  readonly entry: ReadyEntry
  readonly organization: OrganizationId
  /** Of each unique key that it is found by. */
  readonly names: readonly string[]
  readonly dependsOn: readonly string[]
  /** Asked for since it was last looked at for eviction. */
  recent: boolean
}

export class EntryCache {
  readonly #most: number
  readonly #byName = new Map<string, Kept>()
  readonly #all = new Set<Kept>()
  readonly #oldest = new Oldest<Kept>(this.#all, (kept) => this.#all.has(kept))
  readonly #dependents = new Map<string, Set<Kept>>()
  #weight = 0

  /** `mostBytes`: of what is kept, roughly. */
  constructor(mostBytes: number) {
    this.#most = mostBytes
  }

  get size(): number {
    return this.#all.size
  }

  get bytes(): number {
    return this.#weight
  }

  static nameOf(organization: OrganizationId, by: UniqueKey, key: string): string {
    return `${organization} ${by} ${key}`
  }

  find(name: string): ReadyEntry | undefined {
    const kept = this.#byName.get(name)
    if (kept === undefined) return undefined
    kept.recent = true
    return kept.entry
  }

  /** `dependsOn`: ids of the users whose change ends it. */
  keep(
    entry: ReadyEntry,
    organization: OrganizationId,
    names: readonly string[],
    dependsOn: readonly string[],
  ): void {
    for (const name of names) {
      const former = this.#byName.get(name)
      if (former !== undefined) this.#drop(former)
    }
    if (entry.weight > this.#most / 8) return
    const kept: Kept = { entry, organization, names, dependsOn, recent: false }
    this.#all.add(kept)
    this.#weight += entry.weight
    for (const name of names) this.#byName.set(name, kept)
    for (const id of dependsOn) {
      const others = this.#dependents.get(id)
      if (others === undefined) this.#dependents.set(id, new Set([kept]))
      else others.add(kept)
    }
    this.#evict()
  }

  forgetUser(id: string): void {
    for (const kept of [...(this.#dependents.get(id) ?? [])]) this.#drop(kept)
  }

  forgetOrganization(organization: OrganizationId): void {
    for (const kept of this.#all) if (kept.organization === organization) this.#drop(kept)
  }

  /** The oldest goes, unless it was asked for meanwhile: then it counts as new once more. */
  #evict(): void {
    while (this.#weight > this.#most) {
      const kept = this.#oldest.peek()
      if (kept === undefined) return
      this.#oldest.pass()
      if (kept.recent) {
        kept.recent = false
        this.#all.delete(kept)
        this.#all.add(kept)
      } else this.#drop(kept)
    }
  }

  #drop(kept: Kept): void {
    if (!this.#all.delete(kept)) return
    this.#weight -= kept.entry.weight
    for (const name of kept.names) if (this.#byName.get(name) === kept) this.#byName.delete(name)
    for (const id of kept.dependsOn) {
      const others = this.#dependents.get(id)
      others?.delete(kept)
      if (others?.size === 0) this.#dependents.delete(id)
    }
  }
}
