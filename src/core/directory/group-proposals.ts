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
  /** Adds the user to these groups by hand, in this order. What was added before a refusal stays. */
  accept(by: By, user: string, body: unknown): Promise<Result<null, Refusal>>
}

export const acceptShape = { groupIds: set(id<GroupId>('a group')) } satisfies Shape

const least = { members: 3, percent: 80 } as const
const mostShown = 100

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
      if ((await find(by.organization.id, id)) === null) return notFound('user')
      const problems = new Problems()
      const values = readObject(acceptShape, body, '', problems)
      if (!values) return invalid(problems.list)
      for (const groupId of values.groupIds) {
        const added = await members.add(by, groupId, id)
        if (!added.ok) return added
      }
      return ok(null)
    },
  }
}
