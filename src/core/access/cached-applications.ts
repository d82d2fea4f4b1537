// Applications kept in memory between requests, as long as the change feed says that none of the organization's has changed: their
// doors look them up with every token. What is not there is never kept, so strangers' names take no room.
import type { OrganizationId } from '../../base/ids.ts'
import type { Application } from '../directory/types.ts'
import { type Applications, type ChangeFeed, type KnownApplication, longestBehindMs } from '../ports.ts'

const changesOfApplications = new Set(['resource', 'organization'])

export function cachedApplications(
  inner: Applications,
  feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe'>,
): Applications {
  const kept = new Map<OrganizationId, Map<string, KnownApplication>>()
  /** Grows with every change told: what was read before a change that came meanwhile is not kept. */
  let generation = 0
  feed.subscribe((changes) => {
    generation++
    for (const { organization, kind } of changes)
      if (changesOfApplications.has(kind)) kept.delete(organization)
  })
  return {
    async find<P extends Application['protocol']>(organization: OrganizationId, protocol: P, name: string) {
      type Found = KnownApplication<Extract<Application, { protocol: P }>>
      const key = `${protocol}:${name}`
      const isFresh = feed.stalenessMs() <= longestBehindMs
      const known = isFresh ? kept.get(organization)?.get(key) : undefined
      if (known !== undefined) return known as Found
      const before = generation
      const found = await inner.find(organization, protocol, name)
      if (found !== null && before === generation) {
        const ofOrganization = kept.get(organization) ?? new Map<string, KnownApplication>()
        kept.set(organization, ofOrganization.set(key, found as unknown as KnownApplication))
      }
      return found
    },
  }
}
