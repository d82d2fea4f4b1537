// Which groups a new rule of one group concerns (itself, and those that read it), and who is in them then: as engine.ts
// would say it, without evaluating the groups that stay as they are. Pure.
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import type { Cell } from '../cell.ts'
import { type Given, inputsOf, settle } from '../engine.ts'
import { dependenciesOf } from '../language/dependencies.ts'
import { deviceFacts, type Subject, userFacts } from '../language/facts.ts'
import type { CompiledGroup, RuleSet } from '../rule-set.ts'

const kinds = {
  users: { self: 'users', devices: 'devices', owner: 'users' },
  devices: { self: 'devices', devices: 'devices', owner: 'users' },
} as const satisfies Record<SubjectKind, Record<'self' | 'devices' | 'owner', SubjectKind>>

/** The group and all that read it by `memberOf`, directly or through others, in the order of evaluation. */
export function affectedGroups({ groups }: RuleSet, id: GroupId): readonly CompiledGroup[] {
  const found = new Map<GroupId, CompiledGroup>()
  for (const group of groups) {
    if (group.id === id || readsAny(group, found)) found.set(group.id, group)
  }
  return [...found.values()]
}

function readsAny({ of, checked }: CompiledGroup, found: ReadonlyMap<GroupId, CompiledGroup>): boolean {
  if (checked === null || found.size === 0) return false
  const { groups, anyGroup } = dependenciesOf(checked)
  const read = [...groups.self, ...groups.devices, ...groups.owner]
  if (read.some((one) => found.has(one))) return true
  const every = new Set<SubjectKind>([...anyGroup].map((reach) => kinds[of][reach]))
  return [...found.values()].some((group) => every.has(group.of))
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
  const start = (id: SubjectId, kind: SubjectKind, name: string) => {
    const stored = cell.memberships.filter((one) => one.subjectId === id).map(({ groupId }) => groupId)
    const after = new Set(stored.filter((group) => !stale.has(group)))
    return { id, kind, name, before: new Set(stored), after }
  }
  const { user } = cell
  const devices = cell.devices.map((device) => {
    const one = start(device.id, 'devices', device.name)
    return { ...one, facts: deviceFacts(device, one.after) as Subject }
  })
  const users = (user === null ? [] : [user]).map((each) => {
    const one = start(each.id, 'users', each.username)
    const owner = userFacts(each, one.after)
    return { ...one, owner, facts: { ...owner, devices: devices.map(({ facts }) => facts) } as Subject }
  })
  const owner = users[0]?.owner
  const owned = owner ? devices.map((one) => ({ ...one, facts: { ...one.facts, owner } })) : devices
  for (const group of affected) {
    for (const subject of group.of === 'users' ? users : owned) {
      const matches = group.rule?.(subject.facts, now.getTime()) ?? false
      if (settle(group, matches, given.get(subject.id + group.id)).reasons.length > 0)
        subject.after.add(group.id)
    }
  }
  return { subjects: [...users, ...owned], given }
}
