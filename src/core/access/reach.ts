// Which resources a user's groups are bound to, from memory: the memberships of the replica, and the bindings as long as none of
// them has changed. No decision: conditions, states and factors are asked there.
import type { GroupId, OrganizationId, ResourceId, UserId } from '../../base/ids.ts'
import { allRows } from '../all-rows.ts'
import type { Binding } from '../directory/types.ts'
import type { MembershipReplica } from '../membership/replica/replica.ts'
import type { AccessFacts, ChangeFeed, Records } from '../ports.ts'
import { KeptPerOrganization } from './kept-per-organization.ts'

type Bound = ReadonlyMap<GroupId, readonly ResourceId[]>

export class Reach {
  readonly #replica: Pick<MembershipReplica, 'groupsOf'>
  readonly #facts: Pick<AccessFacts, 'findSubject'>
  readonly #bound: KeptPerOrganization<Bound>

  /** `facts` say it while the replica is behind. */
  constructor(ports: {
    readonly replica: Pick<MembershipReplica, 'groupsOf'>
    readonly facts: Pick<AccessFacts, 'findSubject'>
    readonly bindings: Pick<Records<Binding>, 'list'>
    readonly feed: Pick<ChangeFeed, 'stalenessMs' | 'subscribe'>
  }) {
    this.#replica = ports.replica
    this.#facts = ports.facts
    const read = async (organization: OrganizationId): Promise<Bound> => {
      const rows = await allRows((page) => ports.bindings.list(organization, { op: 'true' }, page))
      const byGroup = new Map<GroupId, ResourceId[]>()
      for (const { groupId, resourceId } of rows)
        byGroup.set(groupId, [...(byGroup.get(groupId) ?? []), resourceId])
      return byGroup
    }
    this.#bound = new KeptPerOrganization(read, ports.feed, ['binding'])
  }

  /** Also those that are disabled. Throws Fault when the database is asked, and away. */
  async resourcesOf(organization: OrganizationId, user: UserId): Promise<ReadonlySet<ResourceId>> {
    const bound = await this.#bound.of(organization)
    const groups = this.#replica.groupsOf(organization, user) ?? (await this.#groupsOf(organization, user))
    const resources = new Set<ResourceId>()
    for (const { groupId } of groups)
      for (const resource of bound.get(groupId) ?? nothing) resources.add(resource)
    return resources
  }

  async #groupsOf(
    organization: OrganizationId,
    user: UserId,
  ): Promise<readonly { readonly groupId: GroupId }[]> {
    const facts = await this.#facts.findSubject(organization, { by: 'user-id', id: user })
    return facts?.kind === 'user' ? facts.memberships : []
  }
}

const nothing: readonly ResourceId[] = []
