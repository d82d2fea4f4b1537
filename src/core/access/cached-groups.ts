// How the groups of an organization are called and what they demand of their members, kept in memory as long as the change feed
// says that none of them has changed.
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import type { FactorKind } from '../directory/types.ts'
import { type ChangeFeed, longestBehindMs } from '../ports.ts'

export interface GroupFact {
  readonly name: string
  readonly factors: readonly FactorKind[]
}

export type GroupFacts = ReadonlyMap<GroupId, GroupFact>

export class CachedGroups {
  readonly #read: (organization: OrganizationId) => Promise<GroupFacts>
  readonly #feed: Pick<ChangeFeed, 'stalenessMs'>
  /** What is being read counts as well: whoever comes meanwhile waits for the same. */
  readonly #kept = new Map<OrganizationId, Promise<GroupFacts>>()

  constructor(
    read: (organization: OrganizationId) => Promise<GroupFacts>,
    feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe'>,
  ) {
    this.#read = read
    this.#feed = feed
    feed.subscribe((changes) => {
      for (const { organization, kind } of changes)
        if (kind === 'group' || kind === 'organization') this.#kept.delete(organization)
    })
  }

  of(organization: OrganizationId): Promise<GroupFacts> {
    if (this.#feed.stalenessMs() > longestBehindMs) return this.#read(organization)
    const known = this.#kept.get(organization)
    if (known !== undefined) return known
    const reading = this.#read(organization)
    this.#kept.set(organization, reading)
    reading.catch(() => {
      if (this.#kept.get(organization) === reading) this.#kept.delete(organization)
    })
    return reading
  }
}
