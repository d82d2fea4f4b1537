// What an administrator asks about memberships: why is somebody in a group or not, what does a user get and through
// what, who joined and left when, and what looks wrong. Only reads.
import type { Clock } from '../../base/clock.ts'
import type { DeviceId, GroupId, OrganizationId, SubjectId, UserId } from '../../base/ids.ts'
import { silentLog } from '../../base/log.ts'
import type { Actor, ChangeBody } from '../audit/record.ts'
import type { Cell, CellSubject } from '../membership/cell.ts'
import { explainMembership, type MembershipExplanation } from '../membership/explain.ts'
import { tellClause } from '../membership/language/tell.ts'
import { type DevicesTrace, decisive, type TermTrace } from '../membership/language/trace.ts'
import { RuleSets } from '../membership/rule-set.ts'
import type {
  AccessChain,
  AuditReader,
  Cells,
  DirectoryReader,
  Exemptions,
  Found,
  GroupRecords,
  Insight,
  RuleSource,
} from '../ports.ts'
import { cellSubject, nameIn } from './members.ts'
import { isPlainObject } from './spec.ts'
import type { Exemption, Group, User, UserState } from './types.ts'

export interface InsightPorts {
  readonly cells: Pick<Cells, 'read'>
  readonly rules: RuleSource
  readonly groups: Pick<GroupRecords, 'find'>
  readonly exemptions: Pick<Exemptions, 'list'>
  readonly reader: Pick<DirectoryReader, 'findUser' | 'findDevice' | 'groupNames'>
  readonly auditReader: Pick<AuditReader, 'list'>
  readonly insight: Insight
  readonly clock: Clock
}

/** A clause of a rule that decides, with what the subject has. `at` is its place in the rule's text. */
export interface ClauseShown {
  readonly at: { readonly start: number; readonly end: number }
  readonly text: string
  readonly holds: boolean
  /** What was looked at: an attribute by name, `memberOf`, or `devices`. */
  readonly of: string
  /** Dates as ISO 8601; groups and devices by name. */
  readonly values: readonly (string | number | boolean)[]
  readonly message: string
}

/** Why it is so: what makes somebody a member, or what keeps somebody out. */
export type Because =
  | { readonly kind: 'rule'; readonly message: string; readonly clauses: readonly ClauseShown[] }
  | { readonly kind: 'exemption'; readonly message: string; readonly exemption: Exemption }
  | { readonly kind: 'manual' | 'approved' | 'nobody-added'; readonly message: string }

export interface MemberExplained {
  readonly group: Pick<Group, 'id' | 'name' | 'mode' | 'rule'>
  readonly subject: { readonly kind: 'user' | 'device'; readonly id: SubjectId; readonly name: string }
  readonly member: boolean
  readonly because: readonly Because[]
  /** What the rule of a review group would change, with the clauses that say so. */
  readonly suggests: 'join' | 'leave' | null
}

export interface AccessOfUser {
  readonly user: { readonly id: UserId; readonly username: string; readonly state: UserState }
  /** Why none of it lets anybody in at present. */
  readonly note: string | null
  readonly chains: readonly AccessChain[]
  /** There are more than are shown. */
  readonly more: boolean
}

interface Named {
  readonly id: string
  /** Null: it is gone, and nothing tells its name. */
  readonly name: string | null
}

export interface HistoryEntry {
  readonly sequence: bigint
  readonly at: string
  readonly subject: { readonly kind: string; readonly id: string; readonly name: string }
  readonly joined: readonly Named[]
  readonly left: readonly Named[]
  /** Still a member, for other reasons than before. */
  readonly stayed: readonly Named[]
  /** The action of a change (`user.update`), `rule` or `time`. */
  readonly cause: string
  /** Whose rule it was that was saved, or which group was removed; null: it is not of one group. */
  readonly group: Named | null
  readonly actor: Actor
}

export interface Finding extends Found {
  readonly message: string
}

export interface HistoryPage {
  readonly limit: number
  readonly before?: bigint
}

const mostChains = 500
/** Groups that are gone are named so far: each is looked up by itself. */
const mostGone = 100
const mostShown = 100
const oldDays = 90

export interface Insights {
  /** Null where there is no such group or subject. */
  member(organization: OrganizationId, group: string, subject: string): Promise<MemberExplained | null>
  access(organization: OrganizationId, user: string): Promise<AccessOfUser | null>
  /** Newest first; also of a group that is gone. Null where there never was one. */
  groupHistory(
    organization: OrganizationId,
    group: string,
    page: HistoryPage,
  ): Promise<readonly HistoryEntry[] | null>
  /** Newest first; also of a user or device that is gone. Null where there never was one. */
  subjectHistory(
    organization: OrganizationId,
    kind: CellSubject['kind'],
    subject: string,
    page: HistoryPage,
  ): Promise<readonly HistoryEntry[] | null>
  findings(organization: OrganizationId): Promise<readonly Finding[]>
}

export function createInsights(ports: InsightPorts): Insights {
  // The engine tells the log of rules that do not compile.
  const ruleSets = new RuleSets(ports.rules, silentLog)

  const namesIn = async (organization: OrganizationId): Promise<ReadonlyMap<string, string>> =>
    new Map((await ports.reader.groupNames(organization)).map(({ id, name }) => [id, name]))

  /** Names of groups that these records tell of and that are removed, from the records of their removal. */
  async function goneNames(
    organization: OrganizationId,
    records: readonly ChangeBody[],
    present: ReadonlyMap<string, string>,
  ): Promise<readonly (readonly [string, string])[]> {
    const ids = records.flatMap(({ details: { joined, left, stayed } }) =>
      [joined, left, stayed].flatMap(idsOf),
    )
    const gone = [...new Set(ids)].filter((id) => !present.has(id)).slice(0, mostGone)
    const found: (readonly [string, string])[] = []
    for (const target of gone) {
      const name = await removedName(organization, target)
      if (name !== null) found.push([target, name])
    }
    return found
  }

  /** What a group was called that has been removed; null where none has. */
  async function removedName(organization: OrganizationId, target: string): Promise<string | null> {
    const filter = { kind: 'change', outcome: 'group.remove', target } as const
    const [record] = await ports.auditReader.list(organization, filter, { limit: 1 })
    return record === undefined ? null : (JSON.parse(record.body) as ChangeBody).target.name
  }

  async function history(
    organization: OrganizationId,
    where: { readonly group: string } | { readonly target: string },
    page: HistoryPage,
  ): Promise<readonly HistoryEntry[]> {
    const filter = { kind: 'change', outcome: 'membership.change', ...where } as const
    const [records, present] = await Promise.all([
      ports.auditReader.list(organization, filter, page),
      namesIn(organization),
    ])
    const bodies = records.map(({ sequence, body }) => ({ ...(JSON.parse(body) as ChangeBody), sequence }))
    const names = new Map([...present, ...(await goneNames(organization, bodies, present))])
    const only = 'group' in where ? where.group : null
    const named = (ids: unknown): readonly Named[] =>
      idsOf(ids)
        .filter((id) => only === null || id === only)
        .map((id) => ({ id, name: names.get(id) ?? null }))
    return bodies.map(({ sequence, at, actor, target, details }) => {
      const { joined, left, stayed, cause, group } = details
      return {
        ...{ sequence, at, subject: target, actor },
        ...{ joined: named(joined), left: named(left), stayed: named(stayed) },
        ...{ cause: String(cause), group: namedGroup(group) },
      }
    })
  }

  return {
    async member(organization, groupId, subjectId) {
      const group = await ports.groups.find(organization, groupId as GroupId)
      if (group === null) return null
      const one = { subjectId: subjectId as SubjectId, groupId: group.id }
      const cell = await ports.cells.read(organization, cellSubject(group.of, subjectId))
      const name = nameIn(cell, group.of, subjectId)
      if (cell === null || name === null) return null
      const at = ports.clock.now()
      const [rules, names, given] = await Promise.all([
        ruleSets.at(organization, cell.epoch),
        namesIn(organization),
        ports.exemptions.list(organization, { group: group.id, subject: one.subjectId }, { limit: 2 }),
      ])
      const explained = explainMembership(cell, rules, one, at)
      if (explained === null) return null
      const exemption = given.find(({ expiresAt }) => expiresAt === null || expiresAt > at) ?? null
      const kind = group.of === 'users' ? 'user' : 'device'
      return {
        group: { id: group.id, name: group.name, mode: group.mode, rule: group.rule },
        subject: { kind, id: one.subjectId, name },
        member: explained.member,
        because: because(group, explained, exemption, clausesOf(group, explained, names, cell)),
        suggests: explained.suggests,
      }
    },

    async access(organization, id) {
      const user = await ports.reader.findUser(organization, id as UserId)
      if (user === null) return null
      const chains = await ports.insight.chains(organization, user.id, mostChains + 1)
      const { username, state } = user
      return {
        user: { id: user.id, username, state },
        note: noteOn(user),
        chains: chains.slice(0, mostChains),
        more: chains.length > mostChains,
      }
    },

    async groupHistory(organization, group, page) {
      const is = (await ports.groups.find(organization, group as GroupId)) !== null
      if (!is && (await removedName(organization, group)) === null) return null
      return history(organization, { group }, page)
    },

    async subjectHistory(organization, kind, id, page) {
      const entries = await history(organization, { target: id }, page)
      const [first] = entries
      if (first !== undefined) return first.subject.kind === kind ? entries : null
      const { reader } = ports
      const found =
        kind === 'user'
          ? await reader.findUser(organization, id as UserId)
          : await reader.findDevice(organization, id as DeviceId)
      return found === null ? null : entries
    },

    async findings(organization) {
      const olderThan = new Date(ports.clock.now().getTime() - oldDays * 86_400_000)
      const found = await ports.insight.findings(organization, olderThan, mostShown)
      return found
        .filter(({ count }) => count > 0)
        .map((one) => ({ ...one, message: messages[one.code](one.count) }))
    },
  }
}

const idsOf = (value: unknown): readonly string[] => (Array.isArray(value) ? value.map(String) : [])

function namedGroup(value: unknown): Named | null {
  if (!isPlainObject(value) || typeof value.id !== 'string') return null
  return { id: value.id, name: typeof value.name === 'string' ? value.name : null }
}

const many = (count: number, one: string, more: string): string =>
  count === 1 ? `1 ${one}` : `${count} ${more}`

const messages: Readonly<Record<Found['code'], (count: number) => string>> = {
  'empty-group': (count) =>
    `${many(count, 'group grants', 'groups grant')} access and ${count === 1 ? 'has' : 'have'} no members`,
  'user-without-group': (count) => `${many(count, 'user is', 'users are')} in no group`,
  'old-exemption': (count) =>
    `${many(count, 'exemption is', 'exemptions are')} older than ${oldDays} days: is it still right?`,
  'manual-access': (count) =>
    `${many(count, 'membership', 'memberships')} in groups that grant access by hand only: no rule takes them away`,
}

function noteOn({ username, state }: User): string | null {
  if (state === 'active') return null
  return `${JSON.stringify(username)} is ${state}: no door lets ${state === 'staged' ? 'a staged' : 'a suspended'} user in`
}

function because(
  group: Group,
  { member, reasons, given, trace, suggests }: MembershipExplanation,
  exemption: Exemption | null,
  clauses: readonly ClauseShown[],
): readonly Because[] {
  const found: Because[] = []
  const until = exemption?.expiresAt ? ` until ${exemption.expiresAt.toISOString()}` : ''
  if (exemption !== null && (given.never || given.always)) {
    const message = `an exemption ${given.never ? 'keeps it out' : 'makes it a member'}${until}: ${exemption.reason}`
    found.push({ kind: 'exemption', message, exemption })
  }
  if (given.never) return found
  if (reasons.includes('rule')) found.push({ kind: 'rule', message: 'the rule holds', clauses })
  if (reasons.includes('manual')) {
    found.push(
      given.approved
        ? { kind: 'approved', message: 'the membership was approved' }
        : { kind: 'manual', message: 'somebody added it by hand' },
    )
  }
  if (suggests !== null) {
    const message = `the rule ${suggests === 'join' ? 'holds' : 'does not hold'}: it suggests to ${suggests}, which somebody has to approve`
    found.push({ kind: 'rule', message, clauses })
  } else if (!member && group.mode !== 'static') {
    const message = trace === null ? 'the rule no longer makes sense: mend it' : 'the rule does not hold'
    found.push({ kind: 'rule', message, clauses })
  }
  if (!member && group.mode !== 'dynamic')
    found.push({ kind: 'nobody-added', message: 'nobody has added it to this group' })
  return found
}

function clausesOf(
  { rule }: Group,
  { trace }: MembershipExplanation,
  names: ReadonlyMap<string, string>,
  cell: Cell,
): readonly ClauseShown[] {
  if (rule === null || trace === null) return []
  const text = rule
  const devices = new Map(cell.devices.map(({ id, name }) => [id as string, name]))
  const telling = { text, groupName: (id: string) => names.get(id) }
  return decisive(trace).map((clause) => ({
    at: clause.at,
    text: text.slice(clause.at.start, clause.at.end).slice(0, 1_000),
    holds: clause.holds,
    ...(clause.kind === 'term' ? termValues(clause, names) : deviceValues(clause, devices)),
    message: tellClause(clause, telling),
  }))
}

type Values = Pick<ClauseShown, 'of' | 'values'>

function termValues({ side, attribute, values }: TermTrace, names: ReadonlyMap<string, string>): Values {
  const whose = side === 'owner' ? 'owner.' : ''
  if (attribute === null)
    return { of: `${whose}memberOf`, values: values.map((id) => names.get(String(id)) ?? id) }
  const isDate = attribute.type === 'date'
  const shown = values.map((value) => {
    const date = isDate ? new Date(Number(value)) : null
    return date !== null && !Number.isNaN(date.getTime()) ? date.toISOString() : value
  })
  return { of: whose + attribute.name, values: shown }
}

/** Where it holds, the devices for which it does. */
function deviceValues({ holds, devices }: DevicesTrace, names: ReadonlyMap<string, string>): Values {
  const shown = devices.filter((device) => !holds || device.holds)
  return { of: 'devices', values: shown.map(({ id, name }) => name ?? names.get(id ?? '') ?? 'a device') }
}
