// Something of a whole organization (how its groups are called, what they are bound to), kept in memory as long as the change feed
// says that nothing of that kind has changed.
import type { OrganizationId } from '../../base/ids.ts'
import { type Change, type ChangeFeed, longestBehindMs } from '../ports.ts'

export class KeptPerOrganization<T> {
  readonly #read: (organization: OrganizationId) => Promise<T>
  readonly #feed: Pick<ChangeFeed, 'stalenessMs'>
  /** What is being read counts as well: whoever comes meanwhile waits for the same. */
  readonly #kept = new Map<OrganizationId, Promise<T>>()

  /** Read again after a change of one of these `kinds`, or of the organization. */
  constructor(
    read: (organization: OrganizationId) => Promise<T>,
    feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe'>,
    kinds: readonly Change['kind'][],
  ) {
    this.#read = read
    this.#feed = feed
    const forgetAt = new Set<Change['kind']>([...kinds, 'organization'])
    feed.subscribe((changes) => {
      for (const { organization, kind } of changes) if (forgetAt.has(kind)) this.#kept.delete(organization)
    })
  }

  of(organization: OrganizationId): Promise<T> {
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
