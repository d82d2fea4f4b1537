// Questions over all memberships of an organization: what they give access to, and what looks wrong with them.
import type { BindingId, GroupId, OrganizationId, ResourceId, SubjectId, UserId } from '../../base/ids.ts'
import type { Binding, ResourceKind } from '../directory/types.ts'
import type { ManualMember, MembershipReason } from '../membership/cell.ts'
import type { Page } from './reading.ts'

/** One way from a user to a resource: a group that it is in, and a binding of that group. */
export interface AccessChain {
  readonly group: { readonly id: GroupId; readonly name: string }
  readonly reasons: readonly MembershipReason[]
  readonly binding: { readonly id: BindingId } & Pick<Binding, 'attributes' | 'factors' | 'order'>
  readonly resource: {
    readonly id: ResourceId
    readonly name: string
    readonly kind: ResourceKind
    readonly enabled: boolean
  }
}

/** What may be wrong: a group that grants access to nobody, a user in no group, and so on. */
export interface Found {
  readonly code: 'empty-group' | 'user-without-group' | 'old-exemption' | 'manual-access'
  /** How many there are; `items` holds the first of them, by name. */
  readonly count: number
  readonly items: readonly {
    readonly group: { readonly id: GroupId; readonly name: string } | null
    readonly subject: {
      readonly kind: 'user' | 'device'
      readonly id: SubjectId
      readonly name: string
    } | null
  }[]
}

/** A static group, and how many of those who share an attribute with a user are in it. */
export interface GroupShare {
  readonly group: { readonly id: GroupId; readonly name: string }
  readonly attribute: string
  readonly value: string
  readonly people: number
  readonly members: number
}

export interface Insight {
  /** In the order of the resources' names, then that of the bindings. */
  chains(organization: OrganizationId, user: UserId, limit: number): Promise<readonly AccessChain[]>
  /** Whoever was added to a group by hand or by approval, in id order: also those whom an exemption keeps out. */
  manualMembers(organization: OrganizationId, group: GroupId, page: Page): Promise<readonly ManualMember[]>
  /** One for each code, also where there is none. `olderThan`: exemptions made before that. TimedOut after 10 s. */
  findings(organization: OrganizationId, olderThan: Date, shown: number): Promise<readonly Found[]>
  /**
   * For each static group of users that this user is not in, nor kept out of by an exemption: the attribute of which most of the others with the same value
   * are in it, where at least so many are. The largest share first. TimedOut after 10 s.
   */
  shares(
    organization: OrganizationId,
    user: UserId,
    least: { readonly members: number; readonly percent: number },
    limit: number,
  ): Promise<readonly GroupShare[]>
}
