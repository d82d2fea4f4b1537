// Which groups a new rule of one group concerns (itself, and those that read it), and who is in them then: as engine.ts
// would say it, without evaluating the groups that stay as they are. Pure.
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import type { Cell } from '../cell.ts'
import { type Evaluated, type Given, inputsOf, settle, subjectsOf } from '../engine.ts'
import type { Subject } from '../language/facts.ts'
import { type CompiledGroup, type RuleSet, readBy } from '../rule-set.ts'

/** The group and all that read it by `memberOf`, directly or through others, in the order of evaluation. */
export function affectedGroups({ groups }: RuleSet, id: GroupId): readonly CompiledGroup[] {
  const found = new Map<GroupId, CompiledGroup>()
  for (const group of groups) {
    if (group.id === id || (found.size > 0 && readsAny(group, found))) found.set(group.id, group)
  }
  return [...found.values()]
}

function readsAny(group: CompiledGroup, found: ReadonlyMap<GroupId, CompiledGroup>): boolean {
  const { reads, readsEvery } = readBy(group)
  if (reads.some((one) => found.has(one))) return true
  return readsEvery.length > 0 && [...found.values()].some(({ of }) => readsEvery.includes(of))
}

/** A subject of a cell as it would be. */
export interface AffectedSubject {
  readonly id: SubjectId
  readonly kind: SubjectKind
  readonly name: string
  /** What rules see of it. */
  readonly facts: Subject
  readonly before: ReadonlySet<GroupId>
  readonly after: ReadonlySet<GroupId>
}

export interface AffectedCell {
  readonly subjects: readonly AffectedSubject[]
  /** By subject id and group id, one after the other. */
  readonly given: ReadonlyMap<string, Given>
}

/** Everyone in the cell, with their groups as stored and as they would be under the rules of `affected`. */
export function evaluateAffected(cell: Cell, affected: readonly CompiledGroup[], now: Date): AffectedCell {
  const given = inputsOf(cell, now)
  const stale = new Set(affected.map(({ id }) => id))
  const everyone = subjectsOf(cell)
  const start = (kind: SubjectKind, { id, facts, memberOf }: Evaluated, name: string) => {
    const stored = cell.memberships.filter((one) => one.subjectId === id).map(({ groupId }) => groupId)
    for (const group of stored) if (!stale.has(group)) memberOf.add(group)
    return { id, kind, name, facts, before: new Set(stored), after: memberOf }
  }
  const users = everyone.users.map((one) => start('users', one, cell.user?.username ?? ''))
  const devices = everyone.devices.map((one, i) => start('devices', one, cell.devices[i]?.name ?? ''))
  for (const group of affected) {
    for (const subject of group.of === 'users' ? users : devices) {
      const matches = group.rule?.(subject.facts, now.getTime()) ?? false
      if (settle(group, matches, given.get(subject.id + group.id)).reasons.length > 0)
        subject.after.add(group.id)
    }
  }
  return { subjects: [...users, ...devices], given }
}
