// No one decides about access above their own: who may use the console with a higher role is for those who have that
// role. Every path by which somebody could get, lose or take over such a role asks here.
import type { GroupId, OrganizationId, ResourceId, UserId } from '../../base/ids.ts'
import { ok, type Result } from '../../base/result.ts'
import type { CellGuard } from '../membership/apply.ts'
import type { Membership, SubjectInGroup } from '../membership/cell.ts'
import { all } from '../membership/preview/previewer.ts'
import type { Cells, Records, ResourceRecords, RuleSource } from '../ports.ts'
import { Rules } from './rules.ts'
import type { Binding, BindingAttributes } from './types.ts'
import { type By, type Refusal, type Role, refuse } from './writing.ts'

export interface AuthorityPorts {
  readonly rules: Pick<RuleSource, 'read'>
  readonly bindings: Pick<Records<Binding>, 'list'>
  readonly resources: Pick<ResourceRecords, 'list'>
  readonly cells: Pick<Cells, 'read'>
}

const ranks = { owner: 3, administrator: 2, auditor: 1, helpdesk: 1 } as const satisfies Record<
  Role | NonNullable<BindingAttributes['role']>,
  number
>

/** A binding of the console that names no role is not for those below owners to judge. */
const rankOf = (role: BindingAttributes['role']): number => (role === undefined ? ranks.owner : ranks[role])

const above = (): { ok: false; error: Refusal } =>
  refuse(
    'forbidden',
    '',
    'this concerns a role in the console that is higher than your own: only somebody who has that role may do it',
  )

/** What somebody may decide about others, as things stood when it was asked for. */
export interface Authority {
  /** May they decide who is in this group? Not where its members, also through groups that read it, rank above them. */
  overGroup(id: GroupId): Result<null, Refusal>
  /** Over somebody with these memberships: password, factors, sessions, state. */
  overMember(memberships: readonly SubjectInGroup[]): Result<null, Refusal>
  /** Refuses a change by which somebody joins or leaves a group that they may not decide about. */
  readonly guard: CellGuard | undefined
}

const everything: Authority = {
  overGroup: () => ok(null),
  overMember: () => ok(null),
  guard: undefined,
}

/** What `by` may decide. Costs nothing for owners. */
export async function authorityOf(by: By, ports: Omit<AuthorityPorts, 'cells'>): Promise<Authority> {
  if (by.role === 'owner') return everything
  const higher = await groupsAbove(by.organization.id, ranks[by.role], ports)
  if (higher.size === 0) return everything
  const guard: CellGuard = (before, { put, remove }) => {
    const keyOf = (one: SubjectInGroup) => one.subjectId + one.groupId
    const known = new Set(before.map(keyOf))
    const moves = [...put.filter((one: Membership) => !known.has(keyOf(one))), ...remove]
    return moves.some(({ groupId }) => higher.has(groupId)) ? above().error.problems : []
  }
  return {
    overGroup: (id) => (higher.has(id) ? above() : ok(null)),
    overMember: (memberships) =>
      memberships.some(({ groupId }) => higher.has(groupId)) ? above() : ok(null),
    guard,
  }
}

/** May they decide over this user's password, factors, sessions and state? */
export async function mayManage(by: By, user: UserId, ports: AuthorityPorts): Promise<Result<null, Refusal>> {
  if (by.role === 'owner') return ok(null)
  // The memberships first: a role that is given meanwhile is then seen.
  const cell = await ports.cells.read(by.organization.id, { kind: 'user', id: user })
  const authority = await authorityOf(by, ports)
  return authority.overMember(cell?.memberships.filter(({ subjectId }) => subjectId === user) ?? [])
}

/** May they make, change or remove a binding of this kind of resource with this role? */
export function mayGrant(
  by: By,
  kind: string | undefined,
  role: BindingAttributes['role'],
): Result<null, Refusal> {
  return kind !== 'console' || rankOf(role) <= ranks[by.role] ? ok(null) : above()
}

/** Groups whose members get a role above `rank`, and those that such a group reads, directly or through others. */
async function groupsAbove(
  organization: OrganizationId,
  rank: number,
  { rules, bindings, resources }: Omit<AuthorityPorts, 'cells'>,
): Promise<ReadonlySet<GroupId>> {
  const consoleIs = { op: 'eq', field: { standard: 'kind' }, value: 'console' } as const
  const consoles = new Set<ResourceId>(
    (await all((page) => resources.list(organization, consoleIs, page))).map(({ id }) => id),
  )
  const given = await all((page) => bindings.list(organization, { op: 'true' }, page))
  const direct = new Set(
    given
      .filter(({ resourceId, attributes }) => consoles.has(resourceId) && rankOf(attributes.role) > rank)
      .map(({ groupId }) => groupId),
  )
  if (direct.size === 0) return direct
  const { groups, attributes } = await rules.read(organization)
  const known = new Rules(groups, attributes)
  const reaching = groups.filter(({ id }) => known.readersThrough(id).some((reader) => direct.has(reader)))
  return new Set([...direct, ...reaching.map(({ id }) => id)])
}
