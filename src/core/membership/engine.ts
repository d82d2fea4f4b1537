// Who is in which group, for one cell: pure, from the facts of the cell and the compiled rules. The one definition of
// effective membership: not `never`, and one of rule, `always` or manual.
import type { GroupId, SubjectId } from '../../base/ids.ts'
import type { Device, User } from '../directory/types.ts'
import type { Membership, MembershipInput, MembershipReason, SubjectInGroup } from './cell.ts'
import { deviceFacts, type Subject, userFacts } from './language/facts.ts'
import type { RuleSet } from './rule-set.ts'

/** What a cell looks like to the rules: a user with its devices, or one device that nobody owns. */
export interface CellFacts {
  readonly user: User | null
  readonly devices: readonly Device[]
  readonly inputs: readonly MembershipInput[]
}

/** Effective memberships of everyone in the cell, each with all its reasons. */
export function evaluate(cell: CellFacts, rules: RuleSet, now: Date): readonly Membership[] {
  const inputs = new Map<string, MembershipInput['kind'][]>()
  for (const { subjectId, groupId, kind, expiresAt } of cell.inputs) {
    if (expiresAt !== null && expiresAt <= now) continue
    const key = subjectId + groupId
    inputs.set(key, [...(inputs.get(key) ?? []), kind])
  }
  const { users, devices } = subjectsOf(cell)
  const memberships: Membership[] = []
  for (const group of rules.groups) {
    for (const subject of group.of === 'users' ? users : devices) {
      const given = inputs.get(subject.id + group.id) ?? []
      if (given.includes('never')) continue
      const reasons: MembershipReason[] = []
      if (group.rule?.(subject.facts, now.getTime())) reasons.push('rule')
      if (given.includes('always')) reasons.push('exemption')
      if (given.includes('manual')) reasons.push('manual')
      if (reasons.length === 0) continue
      // Rules further down the order see this membership.
      subject.memberOf.add(group.id)
      memberships.push({ subjectId: subject.id, groupId: group.id, reasons })
    }
  }
  return memberships
}

interface Evaluated {
  readonly id: SubjectId
  readonly facts: Subject
  readonly memberOf: Set<GroupId>
}

function subjectsOf(cell: CellFacts): { users: readonly Evaluated[]; devices: readonly Evaluated[] } {
  const deviceSets = cell.devices.map((device) => ({ device, memberOf: new Set<GroupId>() }))
  const ofDevices = deviceSets.map(({ device, memberOf }) => deviceFacts(device, memberOf))
  if (cell.user === null) {
    return {
      users: [],
      devices: deviceSets.map(({ device, memberOf }, i) => ({
        id: device.id,
        facts: ofDevices[i] as Subject,
        memberOf,
      })),
    }
  }
  const memberOf = new Set<GroupId>()
  const owner = userFacts(cell.user, memberOf)
  return {
    users: [{ id: cell.user.id, facts: { ...owner, devices: ofDevices }, memberOf }],
    devices: deviceSets.map(({ device, memberOf: own }, i) => ({
      id: device.id,
      facts: { ...(ofDevices[i] as Subject), owner },
      memberOf: own,
    })),
  }
}

export interface Difference {
  /** New ones, and those whose reasons changed. */
  readonly put: readonly Membership[]
  readonly remove: readonly SubjectInGroup[]
}

/** From the memberships there are to those there should be. */
export function difference(before: readonly Membership[], after: readonly Membership[]): Difference {
  const key = (one: SubjectInGroup): string => one.subjectId + one.groupId
  const reasons = new Map(before.map((one) => [key(one), one.reasons.join()]))
  const wanted = new Set(after.map(key))
  return {
    put: after.filter((one) => reasons.get(key(one)) !== one.reasons.join()),
    remove: before
      .filter((one) => !wanted.has(key(one)))
      .map(({ subjectId, groupId }) => ({ subjectId, groupId })),
  }
}
