// What an organization file gives beside its rules: exemptions, and states that users are to have later. Read here with
// names turned into ids, and handed to the write by whom it is about.
import { type DeviceId, newId, type SubjectId, type UserId } from '../../../base/ids.ts'
import type { ChangeBody } from '../../audit/record.ts'
import type {
  CellBatch,
  CellDue,
  ManualMember,
  Membership,
  MembershipInput,
  SubjectInGroup,
  Suggested,
} from '../../membership/cell.ts'
import { stateRecord } from '../../membership/history.ts'
import { nameKey } from '../names.ts'
import { inside } from '../problem.ts'
import { nullable, readObject, type Shape } from '../spec.ts'
import { mostScheduledOfUser } from '../state-changes.ts'
import { type Exemption, type Group, type StateChange, type User, userStates } from '../types.ts'
import { choice, date, reason, text } from '../values.ts'
import { type By, changeBody, difference } from '../writing.ts'
import type { Reading } from './reading.ts'
import type { NamedGroup } from './references.ts'

/** An exemption, and what it is called: `bob in engineering`. */
export interface NamedExemption {
  readonly row: Exemption
  readonly name: string
}

export interface FileInputs {
  readonly manual: readonly ManualMember[]
  /** Suggestions that are not to be shown while the facts stay as they are. */
  readonly rejected: readonly SubjectInGroup[]
  readonly exemptions: readonly NamedExemption[]
  /** Also those whose instant has passed. */
  readonly stateChanges: readonly StateChange[]
}

const subjectName = text({ most: 128 })

const exemptionInFile = (now: () => Date) =>
  ({
    group: text(),
    subject: subjectName,
    kind: choice(['always', 'never']),
    reason: reason(),
    expiresAt: nullable(date(now)),
  }) satisfies Shape

const stateChangeInFile = (now: () => Date) =>
  ({ user: subjectName, state: choice(userStates), at: date(now), reason: reason() }) satisfies Shape

/** The file's users and devices by nameKey. */
export interface NamesInFile {
  readonly users: ReadonlyMap<string, UserId>
  readonly devices: ReadonlyMap<string, DeviceId>
}

/** Exemptions of the file's own users and devices, in its groups or in those that are there. One that has ended may stay. */
export async function readExemptions(
  reading: Reading,
  names: NamesInFile,
  groups: readonly Group[],
): Promise<NamedExemption[]> {
  const { problems, known, at } = reading
  const groupOf = new Map([...known.groups, ...groups].map((group) => [nameKey(group.name), group]))
  const seen = new Map<string, string>()
  const shape = exemptionInFile(() => at)
  return reading.each('exemptions', (value, field) => {
    const read = readObject(shape, value, field, problems)
    if (!read) return undefined
    const { group: groupName, subject, ...rest } = read
    const group = groupOf.get(nameKey(groupName))
    if (!group) {
      return problems.add(inside(field, 'group'), 'missing', `there is no group ${JSON.stringify(groupName)}`)
    }
    const found: SubjectId | undefined = names[group.of].get(nameKey(subject))
    if (found === undefined) {
      const kind = group.of === 'users' ? 'user' : 'device'
      const message = `there is no ${kind} ${JSON.stringify(subject)} in this file; for those who are there already use /exemptions`
      return problems.add(inside(field, 'subject'), 'missing', message)
    }
    const name = `${subject} in ${group.name}`
    const first = seen.get(found + group.id)
    if (first !== undefined) return problems.add(field, 'twice', `${first} gives one of ${name} already`)
    seen.set(found + group.id, field)
    const row: Exemption = { id: newId(), groupId: group.id, subjectId: found, ...rest, createdAt: at }
    return { row, name }
  })
}

/** States that the file's own users are to have. */
export async function readStateChanges(reading: Reading, names: NamesInFile): Promise<StateChange[]> {
  const { problems, at: createdAt } = reading
  const seen = new Map<UserId, Set<number>>()
  const shape = stateChangeInFile(() => createdAt)
  return reading.each('stateChanges', (value, field) => {
    const read = readObject(shape, value, field, problems)
    if (!read) return undefined
    const { user, ...rest } = read
    const userId = names.users.get(nameKey(user))
    if (userId === undefined) {
      const message = `there is no user ${JSON.stringify(user)} in this file; for those who are there already use /state-changes`
      return problems.add(inside(field, 'user'), 'missing', message)
    }
    const instants = seen.get(userId) ?? new Set()
    seen.set(userId, instants)
    const instant = rest.at.getTime()
    if (instants.has(instant)) {
      const message = `${JSON.stringify(user)} is given a state for this instant already`
      return problems.add(inside(field, 'at'), 'twice', message)
    }
    if (instants.add(instant).size > mostScheduledOfUser) {
      const message = `at most ${mostScheduledOfUser} states can be scheduled for a user`
      return problems.add(inside(field, 'user'), 'too-many', message)
    }
    return { id: newId<StateChange['id']>(), userId, ...rest, createdAt }
  })
}

/** For which of the file's own users and devices a review group's suggestion was rejected. */
export function readRejected(
  reading: Reading,
  names: NamesInFile,
  groups: readonly NamedGroup[],
): SubjectInGroup[] {
  return groups.flatMap((group) => {
    const { row, rejected } = group
    return rejected.flatMap((name, at): SubjectInGroup[] => {
      const subjectId: SubjectId | undefined = names[row.of].get(nameKey(name))
      if (subjectId !== undefined) return [{ subjectId, groupId: row.id }]
      const message = `there is no ${row.of === 'users' ? 'user' : 'device'} ${JSON.stringify(name)} in this file`
      reading.problems.add(`groups[${reading.indexOf(group)}].rejected[${at}]`, 'missing', message)
      return []
    })
  })
}

/** Suggestions as they are to be stored. One that was rejected and no longer stands is forgotten. */
export function withRejected(
  suggestions: readonly Suggested[],
  rejected: readonly SubjectInGroup[],
): NonNullable<CellBatch['suggestions']> {
  if (rejected.length === 0) return suggestions
  const keys = new Set(rejected.map(({ subjectId, groupId }) => subjectId + groupId))
  return suggestions.map((one) => ({ ...one, rejected: keys.has(one.subjectId + one.groupId) }))
}

/** Gives what the file has of these users and devices. */
export function inputsBySubject({ manual, rejected, exemptions, stateChanges }: FileInputs) {
  const manualOf = Map.groupBy(manual, ({ subjectId }) => subjectId as string)
  const rejectedOf = Map.groupBy(rejected, ({ subjectId }) => subjectId as string)
  const exemptionsOf = Map.groupBy(exemptions, ({ row }) => row.subjectId as string)
  const statesOf = Map.groupBy(stateChanges, ({ userId }) => userId as string)
  return (ids: readonly string[]): FileInputs => ({
    manual: ids.flatMap((id) => manualOf.get(id) ?? []),
    rejected: ids.flatMap((id) => rejectedOf.get(id) ?? []),
    exemptions: ids.flatMap((id) => exemptionsOf.get(id) ?? []),
    stateChanges: ids.flatMap((id) => statesOf.get(id) ?? []),
  })
}

/** As the engine takes them. */
export const membershipInputs = ({ manual, exemptions }: FileInputs): readonly MembershipInput[] => [
  ...manual.map((one) => ({ ...one, kind: 'manual' as const, expiresAt: null })),
  ...exemptions.map(({ row }) => row),
]

export interface Settled {
  /** With the states that they have at `now`. */
  readonly users: readonly User[]
  /** What has come into force: the user as the file has it, and the latest state. */
  readonly applied: readonly { readonly user: User; readonly change: StateChange }[]
  /** What is still to come. */
  readonly later: readonly StateChange[]
}

/** Whoever is to be suspended since yesterday is so from the first moment on. */
export function settleStates(
  users: readonly User[],
  stateChanges: readonly StateChange[],
  now: Date,
): Settled {
  const due = stateChanges.filter(({ at }) => at <= now).sort((a, b) => a.at.getTime() - b.at.getTime())
  if (due.length === 0) return { users, applied: [], later: stateChanges }
  const latest = new Map(due.map((change) => [change.userId, change]))
  return {
    users: users.map((user) => ({ ...user, state: latest.get(user.id)?.state ?? user.state })),
    applied: users.flatMap((user) => {
      const change = latest.get(user.id)
      return change === undefined ? [] : [{ user, change }]
    }),
    later: stateChanges.filter(({ at }) => at > now),
  }
}

/** What the audit log tells of them. */
export const exemptionRecords = (
  by: By,
  exemptions: readonly NamedExemption[],
  at: Date,
): readonly ChangeBody[] =>
  exemptions.map(({ row, name }) => {
    const { id, groupId, subjectId, kind, reason, expiresAt } = row
    const details = difference(null, { groupId, subjectId, kind, reason, expiresAt })
    const target = { kind: 'exemption', id, name }
    return changeBody(by, at, 'exemption.create', target, { ...details, import: true })
  })

/** What the audit log tells of states that are to come, and of those that have come into force. */
export function stateRecords(by: By, { users, applied, later }: Settled, now: Date): readonly ChangeBody[] {
  const names = new Map(later.length === 0 ? [] : users.map(({ id, username }) => [id, username]))
  return [
    ...later.map(({ id, userId, state, at, reason }) => {
      const target = { kind: 'user', id: userId, name: names.get(userId) ?? userId }
      const details = difference(null, { state, at: at.toISOString(), reason })
      return changeBody(by, now, 'user.schedule', target, { scheduled: id, ...details, import: true })
    }),
    ...applied.map(({ user, change }) => stateRecord(user, change, now)),
  ]
}

/** When cells are next due, knowing also which states are to come. */
export function withStates(dues: readonly CellDue[], later: readonly StateChange[]): readonly CellDue[] {
  const first = new Map<string, Date>()
  for (const { userId, at } of later) {
    const known = first.get(userId)
    if (known === undefined || at < known) first.set(userId, at)
  }
  return dues.map((one) => {
    const at = first.get(one.subject.id)
    return at !== undefined && (one.due === null || at < one.due) ? { ...one, due: at } : one
  })
}

/** Members by hand without those approved ones that a rule owns from now on. */
export function notTakenOver(
  manual: readonly ManualMember[],
  memberships: readonly Membership[],
): readonly ManualMember[] {
  const byRule = new Set(
    memberships
      .filter(({ reasons }) => reasons.includes('rule') && !reasons.includes('manual'))
      .map(({ subjectId, groupId }) => subjectId + groupId),
  )
  return manual.filter((one) => one.approved !== true || !byRule.has(one.subjectId + one.groupId))
}
