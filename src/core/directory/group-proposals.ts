// Static groups that a user is probably missing from: most of those who share an attribute with it are members.
import type { GroupId, OrganizationId, UserId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import type { DirectoryReader, GroupShare, Insight } from '../ports.ts'
import type { Members } from './members.ts'
import { Problems } from './problem.ts'
import { readObject, type Shape } from './spec.ts'
import { id, set } from './values.ts'
import { type By, invalid, notFound, type Refusal } from './writing.ts'

export interface ProposedGroup extends GroupShare {
  /** `8 of 9 people with department "Sales" are in it` */
  readonly message: string
}

export interface GroupProposals {
  /** The strongest first, one for each group; null where there is no such user. */
  of(organization: OrganizationId, user: string): Promise<readonly ProposedGroup[] | null>
  /**
   * Adds the user to these groups by hand, in this order; to none where one is not suggested now. What was added before any
   * other refusal stays.
   */
  accept(by: By, user: string, body: unknown): Promise<Result<null, Refusal>>
}

export const acceptShape = { groupIds: set(id<GroupId>('a group')) } satisfies Shape

const least = { members: 3, percent: 80 } as const
const mostShown = 100
const notSuggested =
  'this group is not suggested for this user (any more): PUT /groups/{id}/members/{subjectId} adds members without a suggestion'

export function groupProposals(
  ports: { readonly reader: Pick<DirectoryReader, 'findUser'>; readonly insight: Insight },
  members: Pick<Members, 'add'>,
): GroupProposals {
  const find = (organization: OrganizationId, user: string) =>
    ports.reader.findUser(organization, user as UserId)
  return {
    async of(organization, id) {
      const user = await find(organization, id)
      if (user === null) return null
      const shares = await ports.insight.shares(organization, user.id, least, mostShown)
      return shares.map((one) => ({
        ...one,
        message: `${one.members} of ${one.people} people with ${one.attribute} ${JSON.stringify(one.value)} are in it`,
      }))
    },
    async accept(by, id, body) {
      const user = await find(by.organization.id, id)
      if (user === null) return notFound('user')
      const problems = new Problems()
      const values = readObject(acceptShape, body, '', problems)
      if (!values) return invalid(problems.list)
      const shares = await ports.insight.shares(by.organization.id, user.id, least, mostShown)
      const suggested = new Set(shares.map(({ group }) => group.id))
      for (const [index, groupId] of values.groupIds.entries())
        if (!suggested.has(groupId)) problems.add(`groupIds[${index}]`, 'not-suggested', notSuggested)
      if (!problems.none) return invalid(problems.list)
      for (const groupId of values.groupIds) {
        const added = await members.add(by, groupId, id)
        if (!added.ok) return added
      }
      return ok(null)
    },
  }
}
