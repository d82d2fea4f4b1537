// No one decides about access above their own: who may use the console with a higher role is for those who have that
// role. Every path by which somebody could get, lose or take over such a role asks here.
import type { Clock } from '../../base/clock.ts'
import type { GroupId, OrganizationId, ResourceId, UserId } from '../../base/ids.ts'
import { silentLog } from '../../base/log.ts'
import { ok, type Result } from '../../base/result.ts'
import { allRows } from '../all-rows.ts'
import type { CellGuard, Guarded } from '../membership/apply.ts'
import type { Cell, SubjectInGroup } from '../membership/cell.ts'
import type { CellFacts, Difference } from '../membership/engine.ts'
import { activated, everMember, movesLater } from '../membership/later.ts'
import { compileRules, onlyRulesOf, type RuleSet, type RuleSourceText } from '../membership/rule-set.ts'
import type {
  CellStamp,
  Cells,
  DirectoryReader,
  Records,
  ResourceRecords,
  RuleSource,
  WriteOutcome,
} from '../ports.ts'
import type { Problem } from './problem.ts'
import { Rules } from './rules.ts'
import { beforeRuleTry } from './tries.ts'
import type { Binding, BindingAttributes, Group, Organization, ResourceKind, SubjectKind } from './types.ts'
import { type Refusal, type Role, refuse } from './writing.ts'

export interface AuthorityPorts {
  readonly rules: Pick<RuleSource, 'read' | 'epoch'>
  readonly bindings: Pick<Records<Binding>, 'list'>
  readonly resources: Pick<ResourceRecords, 'list'>
  readonly cells: Pick<Cells, 'read'>
}

/** Who decides, and where. `none`: people about themselves, by no role at all. */
export interface Deciding {
  readonly organization: Pick<Organization, 'id'>
  readonly role: Role | 'none'
}

const ranks = { owner: 3, administrator: 2, auditor: 1, helpdesk: 1, none: 0 } as const satisfies Record<
  Deciding['role'] | NonNullable<BindingAttributes['role']>,
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

/** Where it cannot be told within bounds, it is not allowed. */
const untold = (): { ok: false; error: Refusal } =>
  refuse(
    'forbidden',
    '',
    'whether this gives or takes a role in the console that is higher than your own, now or later, takes too long to find out: only somebody who has that role may do it',
  )

const outdated = 'outdated'
const judgedAnew: readonly Problem[] = [
  {
    field: '',
    code: outdated,
    message: 'rules or bindings are being changed by others at this moment: try again',
  },
]

/** What somebody may decide about others, as things stood when it was asked for. */
export interface Authority {
  /** May they decide who is in this group? Not where its members, also through groups that read it, rank above them. */
  overGroup(id: GroupId): Result<null, Refusal>
  /** May they make groups of this kind? Not where being in any of them gives a rank above theirs. */
  overNewGroup(of: SubjectKind): Result<null, Refusal>
  /**
   * Refuses a change by which somebody joins or leaves a group that they may not decide about, now or later; by which a demand of
   * factors ends for somebody who ranks above them; or that changes the state, planned states or names of somebody who does.
   * What was judged beside other rules or bindings than the write is refused as `outdated` (see `deciding`).
   */
  readonly guard: CellGuard | undefined
  /** The epoch of the rules and bindings it was judged beside; null: it does not depend on them. */
  readonly epoch: bigint | null
  readonly above: Above | null
}

const everything: Authority = {
  overGroup: () => ok(null),
  overNewGroup: () => ok(null),
  guard: undefined,
  epoch: null,
  above: null,
}

/** What `by` may decide. Costs nothing for owners. */
export async function authorityOf(by: Deciding, ports: Omit<AuthorityPorts, 'cells'>): Promise<Authority> {
  if (by.role === 'owner') return everything
  // First: whatever is read after it is at least as new.
  const epoch = await ports.rules.epoch(by.organization.id)
  const found = await groupsAbove(by.organization.id, ranks[by.role], ports)
  const guard: CellGuard = async (members, change, cells) => {
    if (cells.rules.epoch !== epoch) return judgedAnew
    return found === null ? [] : guarded(found, members, change, cells)
  }
  return {
    overGroup: (id) => (found?.groups.has(id) ? above() : ok(null)),
    overNewGroup: (of) => (found?.every.has(of) ? above() : ok(null)),
    guard,
    epoch,
    above: found,
  }
}

/** Does `write` with their authority, anew where the rules or bindings beside which it was judged have changed by then. */
export async function deciding<T>(
  by: Deciding,
  ports: Omit<AuthorityPorts, 'cells'>,
  write: (authority: Authority) => Promise<Result<T, Refusal>>,
): Promise<Result<T, Refusal>> {
  for (let attempt = 1; ; attempt++) {
    const result = await write(await authorityOf(by, ports))
    if (result.ok || !isOutdated(result.error.problems)) return result
    await beforeRuleTry(attempt)
  }
}

export const isOutdated = ([first]: readonly Problem[]): boolean => first?.code === outdated

async function guarded(
  found: Above,
  members: readonly SubjectInGroup[],
  { put, remove }: Difference,
  { before, after, rules, now }: Guarded,
): Promise<readonly Problem[]> {
  const known = new Set(members.map(keyOf))
  const moves = [...put.filter((one) => !known.has(keyOf(one))), ...remove]
  if (moves.some(({ groupId }) => found.groups.has(groupId))) return above().error.problems
  const higher = onlyRulesOf(rules, found.groups)
  const later = await movesLater({ before, after, members, rules: higher, now })
  if (later !== false) return (later ? above() : untold()).error.problems
  for (const cell of before) {
    if (!changesWhoTheyAre(cell, after)) continue
    const may = refusedOver(await ranksAbove(cell, found.groups, higher, now))
    if (!may.ok) return may.error.problems
  }
  return found.demanding.size === 0
    ? []
    : endOfDemands(found, members, remove, higher, { before, after, rules, now })
}

/** Why somebody above may not come out of a group that demands factors. */
async function endOfDemands(
  { direct, demanding, demandingThrough }: Above,
  members: readonly SubjectInGroup[],
  remove: readonly SubjectInGroup[],
  higher: RuleSet,
  { before, after, rules, now }: Guarded,
): Promise<readonly Problem[]> {
  const ranked = new Set<string>()
  for (const cell of before)
    if ((await ranksAbove(cell, direct, higher, now)) !== false) ranked.add(cell.subject.id)
  if (ranked.size === 0) return []
  const isEnd = ({ subjectId, groupId }: SubjectInGroup) => ranked.has(subjectId) && demanding.has(groupId)
  if (remove.some(isEnd)) return above().error.problems
  const change = { before, after, members, rules: onlyRulesOf(rules, demandingThrough), now }
  const later = await movesLater(change, (one, move) => move === 'leave' && isEnd(one))
  return later === false ? [] : (later ? above() : untold()).error.problems
}

const keyOf = ({ subjectId, groupId }: SubjectInGroup): string => subjectId + groupId

/** Are the state, planned states or names of the user, or whether there is one, other than they were? */
function changesWhoTheyAre({ user, stateChanges }: Cell, after: readonly CellFacts[]): boolean {
  if (user === null) return false
  const fresh = after.find((one) => one.user?.id === user.id)
  if (!fresh?.user) return true
  const { state, username, email } = fresh.user
  const planned = fresh.stateChanges ?? []
  return (
    state !== user.state ||
    username !== user.username ||
    email !== user.email ||
    planned.length !== stateChanges.length ||
    planned.some((one, i) => one !== stateChanges[i])
  )
}

/**
 * Is the user in any of `groups`, would be if active, or will be as time passes? `rules`: of all groups that count as higher.
 * Null: it takes too long to tell.
 */
async function ranksAbove(
  cell: Cell,
  groups: ReadonlySet<GroupId>,
  rules: RuleSet,
  now: Date,
): Promise<boolean | null> {
  const { user } = cell
  if (user === null) return false
  const isSuch = ({ subjectId, groupId }: SubjectInGroup) => subjectId === user.id && groups.has(groupId)
  if (cell.memberships.some(isSuch)) return true
  const isActive = user.state === 'active'
  if (isActive && cell.due === null && rules.unsettled.length === 0) return false
  return everMember(isActive ? [cell] : [cell, activated(cell)], rules, now, isSuch)
}

const refusedOver = (isAbove: boolean | null): Result<null, Refusal> =>
  isAbove === false ? ok(null) : isAbove ? above() : untold()

/**
 * May they decide over this user's password, factors, sessions, state and names? Not where the user ranks above them, would
 * if active, or will as time passes: whoever has set the password then has it. Answers what that was judged by.
 */
export async function mayManage(
  by: Deciding,
  user: UserId,
  ports: AuthorityPorts & { readonly clock: Clock },
): Promise<Result<CellStamp | null, Refusal>> {
  if (by.role === 'owner') return ok(null)
  // The memberships first: a role that is given meanwhile is then seen.
  const cell = await ports.cells.read(by.organization.id, { kind: 'user', id: user })
  const { epoch, above: found } = await authorityOf(by, ports)
  if (cell === null || epoch === null) return ok(null)
  const stamp = { version: cell.version, epoch }
  if (found === null) return ok(stamp)
  const { groups, attributes } = found.source
  const only = groups.filter(({ id }) => found.groups.has(id))
  const rules = compileRules({ epoch, groups: only, attributes }, silentLog)
  const may = refusedOver(await ranksAbove(cell, found.groups, rules, ports.clock.now()))
  return may.ok ? ok(stamp) : may
}

const mostTries = 5

/** Does what only those may do who may decide over the user; `write` gives `conflict` where that may not be so any more. */
export async function managing(
  by: Deciding,
  user: UserId,
  ports: AuthorityPorts & { readonly clock: Clock },
  write: (as: CellStamp | null) => Promise<WriteOutcome>,
): Promise<Result<WriteOutcome, Refusal>> {
  for (let attempt = 1; ; attempt++) {
    const may = await mayManage(by, user, ports)
    if (!may.ok) return may
    const outcome = await write(may.value)
    if (outcome.outcome !== 'conflict' || attempt === mostTries) return ok(outcome)
  }
}

/** So many members of groups that give a role above are looked at. */
const mostAbove = 1_000

/**
 * May they change whom this group demands factors of, or which? Not where that could end a demand for somebody above them, also through
 * groups that read it. `id` null: a new group of this kind.
 */
export async function mayLoosen(
  by: Deciding,
  group: Pick<Group, 'of'> & { readonly id: GroupId | null },
  { above: found }: Pick<Authority, 'above'>,
  reader: Pick<DirectoryReader, 'members' | 'usersByKey'>,
): Promise<Result<null, Refusal>> {
  if (found === null || found.demanding.size === 0) return ok(null)
  const { groups, attributes } = found.source
  const rules = new Rules(groups, attributes)
  const concerned = [...found.demanding].filter((id) => {
    const { groups: read, every } = rules.readThrough(new Set([id]))
    return group.id === null ? every.has(group.of) : read.has(group.id)
  })
  if (concerned.length === 0) return ok(null)
  const organization = by.organization.id
  const people = new Set<string>()
  for (const id of found.direct) {
    const members = await reader.members(organization, id, { limit: mostAbove + 1 })
    for (const { subjectId } of members) people.add(subjectId)
    if (people.size > mostAbove) return above()
  }
  const users = await reader.usersByKey(organization, 'id', [...people])
  return users.some(({ groups: own }) => concerned.some((id) => own.includes(id))) ? above() : ok(null)
}

/** May they make, change or remove a resource of this kind? The console is not for those who only get a role by it. */
export function mayConfigure(by: Deciding, kind: ResourceKind): Result<null, Refusal> {
  return by.role === 'owner' || kind !== 'console' ? ok(null) : above()
}

/** May they make, change or remove a binding of this kind of resource with this role? */
export function mayGrant(
  by: Deciding,
  kind: string | undefined,
  role: BindingAttributes['role'],
): Result<null, Refusal> {
  return kind !== 'console' || rankOf(role) <= ranks[by.role] ? ok(null) : above()
}

export interface Above {
  /** Groups whose members get a role above. */
  readonly direct: ReadonlySet<GroupId>
  /** These, and those that such a group reads, directly or through others. */
  readonly groups: ReadonlySet<GroupId>
  /** Kinds of which they read any group. */
  readonly every: ReadonlySet<SubjectKind>
  /** Groups that demand factors of their members. */
  readonly demanding: ReadonlySet<GroupId>
  /** These, and those that they read. */
  readonly demandingThrough: ReadonlySet<GroupId>
  readonly source: RuleSourceText
}

/** Groups whose members get a role above `rank`, and what else is then to be asked about; null: there are none. */
async function groupsAbove(
  organization: OrganizationId,
  rank: number,
  { rules: stored, bindings, resources }: Omit<AuthorityPorts, 'cells'>,
): Promise<Above | null> {
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
  if (direct.size === 0) return null
  const source = await stored.read(organization)
  const rules = new Rules(source.groups, source.attributes)
  const demands = source.groups.filter(({ of, factors }) => of === 'users' && factors.length > 0)
  const demanding = new Set(demands.map(({ id }) => id))
  const demandingThrough = rules.readThrough(demanding).groups
  return { ...rules.readThrough(direct), direct, demanding, demandingThrough, source }
}
