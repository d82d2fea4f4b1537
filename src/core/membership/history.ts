// The audit records of memberships: one for each user or device that joins or leaves groups, whatever the cause. Pure.
import type { Actor, AuditBody, ChangeBody } from '../audit/record.ts'
import type { Device, StateChange, User } from '../directory/types.ts'
import type { Membership } from './cell.ts'
import type { Difference } from './engine.ts'

/** Whose doing it is, and what it was that was done: the action of a change (`user.update`), `rule` or `time`. */
export interface Cause {
  readonly actor: Actor
  readonly cause: string
  /** Whose rule it was. */
  readonly group?: NamedGroup
}

interface NamedGroup {
  readonly id: string
  readonly name: string
}

export const timeCause: Cause = { actor: { kind: 'system', name: 'clock' }, cause: 'time' }
/** A rule that is carried through the organization. */
export const ruleCause: Cause = { actor: { kind: 'system', name: 'rules' }, cause: 'rule' }

/** The rule of this group. */
export const ruleCauseOf = ({ id, name }: NamedGroup): Cause => ({ ...ruleCause, group: { id, name } })

/** The cause of memberships that change with what these records tell of. */
export function causeOf([first]: readonly AuditBody[]): Cause {
  return first?.kind === 'change' ? { actor: first.actor, cause: first.action } : ruleCause
}

/** One record for each subject whose memberships the difference concerns; groups by id. */
export function membershipRecords(
  subjects: { readonly users: readonly User[]; readonly devices: readonly Device[] },
  before: readonly Membership[],
  { put, remove }: Difference,
  { actor, cause, group }: Cause,
  at: Date,
): readonly ChangeBody[] {
  if (put.length + remove.length === 0) return []
  const had = new Set(before.map(({ subjectId, groupId }) => subjectId + groupId))
  const putOf = Map.groupBy(put, ({ subjectId }) => subjectId)
  const removeOf = Map.groupBy(remove, ({ subjectId }) => subjectId)
  const targets = [
    ...subjects.users.map(({ id, username }) => ({ kind: 'user', id, name: username })),
    ...subjects.devices.map(({ id, name }) => ({ kind: 'device', id, name })),
  ]
  return targets.flatMap((target): ChangeBody[] => {
    const mine = putOf.get(target.id) ?? []
    const joined = mine.filter(({ groupId }) => !had.has(target.id + groupId)).map(({ groupId }) => groupId)
    /** Still a member, for other reasons. */
    const stayed = mine.filter(({ groupId }) => had.has(target.id + groupId)).map(({ groupId }) => groupId)
    const left = (removeOf.get(target.id) ?? []).map(({ groupId }) => groupId)
    if (joined.length + stayed.length + left.length === 0) return []
    const details = { cause, ...(group && { group }), joined, left, ...(stayed.length > 0 && { stayed }) }
    return [{ kind: 'change', at: at.toISOString(), actor, action: 'membership.change', target, details }]
  })
}

/** That a member left, because its group was removed. The group's name is kept: nobody can be asked for it any more. */
export function leaveRecord(
  member: { readonly kind: 'user' | 'device'; readonly id: string; readonly name: string },
  { at, actor, action, target: { id, name } }: ChangeBody,
): ChangeBody {
  const target = { kind: member.kind, id: member.id, name: member.name }
  const details = { cause: action, group: { id, name }, joined: [], left: [id] }
  return { kind: 'change', at, actor, action: 'membership.change', target, details }
}

/** The record of a scheduled state that has come into force. */
export function stateRecord(user: User, { state, reason, id }: StateChange, at: Date): ChangeBody {
  const target = { kind: 'user', id: user.id, name: user.username }
  const details = { state: { from: user.state, to: state }, scheduled: id, reason }
  const { actor } = timeCause
  return { kind: 'change', at: at.toISOString(), actor, action: 'user.state', target, details }
}
