// No one decides about access above their own: who may use the console with a higher role is for those who have that
// role. Every path by which somebody could get, lose or take over such a role asks here.
import type { Clock } from '../../base/clock.ts'
import type { GroupId, OrganizationId, ResourceId, UserId } from '../../base/ids.ts'
import { silentLog } from '../../base/log.ts'
import { ok, type Result } from '../../base/result.ts'
import { allRows } from '../all-rows.ts'
import type { CellGuard } from '../membership/apply.ts'
import type { Cell, Membership, SubjectInGroup } from '../membership/cell.ts'
import { activated, instantsOf, membershipsAt, movesLater } from '../membership/later.ts'
import { compileRules, onlyRulesOf } from '../membership/rule-set.ts'
import type { Cells, Records, ResourceRecords, RuleSource } from '../ports.ts'
import { Rules } from './rules.ts'
import type { Binding, BindingAttributes, ResourceKind, SubjectKind } from './types.ts'
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
  /** May they make groups of this kind? Not where being in any of them gives a rank above theirs. */
  overNewGroup(of: SubjectKind): Result<null, Refusal>
  /** Over somebody with these memberships: password, factors, sessions, state, and the names they are known by. */
  overMember(memberships: readonly SubjectInGroup[]): Result<null, Refusal>
  /** Refuses a change by which somebody joins or leaves a group that they may not decide about, now or later. */
  readonly guard: CellGuard | undefined
  readonly higher: ReadonlySet<GroupId>
}

const everything: Authority = {
  overGroup: () => ok(null),
  overNewGroup: () => ok(null),
  overMember: () => ok(null),
  guard: undefined,
  higher: new Set(),
}

/** What `by` may decide. Costs nothing for owners. */
export async function authorityOf(by: By, ports: Omit<AuthorityPorts, 'cells'>): Promise<Authority> {
  if (by.role === 'owner') return everything
  const { groups: higher, every } = await groupsAbove(by.organization.id, ranks[by.role], ports)
  if (higher.size === 0) return everything
  const guard: CellGuard = (before, { put, remove }, cells) => {
    const keyOf = (one: SubjectInGroup) => one.subjectId + one.groupId
    const known = new Set(before.map(keyOf))
    const moves = [...put.filter((one: Membership) => !known.has(keyOf(one))), ...remove]
    const isMove =
      moves.some(({ groupId }) => higher.has(groupId)) ||
      movesLater(cells.before, cells.after, before, onlyRulesOf(cells.rules, higher), cells.now)
    return isMove ? above().error.problems : []
  }
  return {
    overGroup: (id) => (higher.has(id) ? above() : ok(null)),
    overNewGroup: (of) => (every.has(of) ? above() : ok(null)),
    overMember: (memberships) =>
      memberships.some(({ groupId }) => higher.has(groupId)) ? above() : ok(null),
    guard,
    higher,
  }
}

/**
 * May they decide over this user's password, factors, sessions, state and names? Not where the user ranks above them, would
 * if active, or will as time passes: whoever has set the password then has it.
 */
export async function mayManage(
  by: By,
  user: UserId,
  ports: AuthorityPorts & { readonly clock: Clock },
): Promise<Result<null, Refusal>> {
  if (by.role === 'owner') return ok(null)
  // The memberships first: a role that is given meanwhile is then seen.
  const cell = await ports.cells.read(by.organization.id, { kind: 'user', id: user })
  const authority = await authorityOf(by, ports)
  if (cell === null || authority.higher.size === 0) return ok(null)
  const own = (memberships: readonly SubjectInGroup[]) =>
    memberships.filter(({ subjectId }) => subjectId === user)
  const may = authority.overMember(own(cell.memberships))
  if (!may.ok) return may
  const ever = await membershipsEver(by.organization.id, cell, authority.higher, ports)
  return ever === null ? above() : authority.overMember(own(ever))
}

/** In which of these groups everybody in the cell is, would be if the user were active, or will be; null: too many instants. */
async function membershipsEver(
  organization: OrganizationId,
  cell: Cell,
  groups: ReadonlySet<GroupId>,
  { rules: source, clock }: Pick<AuthorityPorts, 'rules'> & { readonly clock: Clock },
): Promise<readonly SubjectInGroup[] | null> {
  const isActive = cell.user === null || cell.user.state === 'active'
  if (isActive && cell.due === null) return []
  const now = clock.now()
  const rules = onlyRulesOf(compileRules(await source.read(organization), silentLog), groups)
  const cells = isActive ? [cell] : [cell, activated(cell)]
  const instants = instantsOf(cells, rules, now)
  return instants && [now, ...instants].flatMap((at) => membershipsAt(cells, rules, at))
}

/** May they make, change or remove a resource of this kind? The console is not for those who only get a role by it. */
export function mayConfigure(by: By, kind: ResourceKind): Result<null, Refusal> {
  return by.role === 'owner' || kind !== 'console' ? ok(null) : above()
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
): Promise<ReturnType<Rules['readThrough']>> {
  const consoleIs = { op: 'eq', field: { standard: 'kind' }, value: 'console' } as const
  const consoles = new Set<ResourceId>(
    (await allRows((page) => resources.list(organization, consoleIs, page))).map(({ id }) => id),
  )
  const given = await allRows((page) => bindings.list(organization, { op: 'true' }, page))
  const direct = new Set(
    given
      .filter(({ resourceId, attributes }) => consoles.has(resourceId) && rankOf(attributes.role) > rank)
      .map(({ groupId }) => groupId),
  )
  if (direct.size === 0) return { groups: direct, every: new Set() }
  const { groups, attributes } = await rules.read(organization)
  return new Rules(groups, attributes).readThrough(direct)
}
