// Facts kept in memory between decisions, as long as the change feed says that nothing of them has changed. Bounded; what
// was not found is never kept, nor anybody used beyond the instant at which time changes something of them; when the feed falls
// behind, every question goes to the database again.
import { type Clock, systemClock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import { Oldest } from '../../base/oldest.ts'
import { nameKey } from '../directory/names.ts'
import type { Organization } from '../directory/types.ts'
import { type AccessFacts, type Change, type ChangeFeed, longestBehindMs } from '../ports.ts'
import { isDue } from './exact-facts.ts'
import { type ResourceFacts, type SubjectFacts, subjectId } from './facts.ts'
import type { ClaimedSubject, ResourceClaim } from './request.ts'

interface KeptSubject {
  readonly key: string
  readonly organization: OrganizationId
  readonly facts: SubjectFacts
}

const changesOfEveryone = new Set<Change['kind']>(['group', 'organization', 'attribute'])

export class CachedFacts implements AccessFacts {
  readonly #inner: AccessFacts
  readonly #feed: Pick<ChangeFeed, 'stalenessMs'>
  readonly #most: number
  readonly #clock: Clock
  readonly #subjects = new Map<string, KeptSubject>()
  readonly #oldest = new Oldest<KeptSubject>(this.#subjects, (kept) => this.#subjects.get(kept.key) === kept)
  readonly #keysOf = new Map<string, Set<string>>()
  readonly #resources = new Map<OrganizationId, Map<string, ResourceFacts>>()
  readonly #organizations = new Map<OrganizationId, Organization>()
  /** Grows with every change told: what was read before a change that came meanwhile is not kept. */
  #generation = 0

  constructor(
    inner: AccessFacts,
    feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe'>,
    mostSubjects = 100_000,
    clock: Clock = systemClock,
  ) {
    this.#inner = inner
    this.#feed = feed
    this.#most = mostSubjects
    this.#clock = clock
    feed.subscribe((changes) => this.#forget(changes))
  }

  async findOrganization(organization: OrganizationId): Promise<Organization | null> {
    const kept = this.#isFresh() ? this.#organizations.get(organization) : undefined
    if (kept !== undefined) return kept
    const generation = this.#generation
    const found = await this.#inner.findOrganization(organization)
    if (found !== null && generation === this.#generation) this.#organizations.set(organization, found)
    return found
  }

  async findResource(organization: OrganizationId, claim: ResourceClaim): Promise<ResourceFacts | null> {
    const key = claim.kind === 'id' ? claim.id : claim.kind
    const kept = this.#isFresh() ? this.#resources.get(organization)?.get(key) : undefined
    if (kept !== undefined) return kept
    const generation = this.#generation
    const found = await this.#inner.findResource(organization, claim)
    if (found !== null && generation === this.#generation) {
      const ofOrganization = this.#resources.get(organization) ?? new Map<string, ResourceFacts>()
      this.#resources.set(organization, ofOrganization.set(key, found))
    }
    return found
  }

  async findSubject(organization: OrganizationId, claimed: ClaimedSubject): Promise<SubjectFacts | null> {
    const key = `${organization} ${claimed.by} ${'name' in claimed ? nameKey(claimed.name) : claimed.id}`
    const kept = this.#isFresh() ? this.#subjects.get(key) : undefined
    if (kept !== undefined && !isDue(kept.facts, this.#clock.now())) return kept.facts
    const generation = this.#generation
    const facts = await this.#inner.findSubject(organization, claimed)
    if (facts !== null && generation === this.#generation && isFoundForGood(claimed, facts))
      this.#keep(key, organization, facts)
    return facts
  }

  #isFresh(): boolean {
    return this.#feed.stalenessMs() <= longestBehindMs
  }

  #keep(key: string, organization: OrganizationId, facts: SubjectFacts): void {
    this.#drop(key)
    const oldest = this.#subjects.size >= this.#most ? this.#oldest.peek() : undefined
    if (oldest !== undefined) this.#drop(oldest.key)
    this.#subjects.set(key, { key, organization, facts })
    const id = subjectId(facts)
    this.#keysOf.set(id, (this.#keysOf.get(id) ?? new Set()).add(key))
  }

  #drop(key: string): void {
    const kept = this.#subjects.get(key)
    if (kept === undefined) return
    this.#subjects.delete(key)
    const keys = this.#keysOf.get(subjectId(kept.facts))
    keys?.delete(key)
    if (keys?.size === 0) this.#keysOf.delete(subjectId(kept.facts))
  }

  #forget(changes: readonly Change[]): void {
    this.#generation++
    for (const { organization, kind, id } of changes) {
      if (kind === 'organization') this.#organizations.delete(organization)
      if (kind === 'binding' || kind === 'resource' || kind === 'organization')
        this.#resources.delete(organization)
      if (changesOfEveryone.has(kind)) {
        for (const [key, kept] of this.#subjects) if (kept.organization === organization) this.#drop(key)
      } else {
        for (const key of [...(this.#keysOf.get(id) ?? [])]) this.#drop(key)
      }
    }
  }
}

/** An e-mail address can become somebody else's username without this user changing, so only names of one's own are kept. */
function isFoundForGood(claimed: ClaimedSubject, facts: SubjectFacts): boolean {
  return (
    claimed.by !== 'login' ||
    (facts.kind === 'user' && nameKey(facts.user.username) === nameKey(claimed.name))
  )
}
