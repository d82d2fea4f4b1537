// Attributes that bindings to the directory give to the members of a group: what an entry shows of them, and the condition
// under which an entry matches, both from one list of choices.
import type { GroupId } from '../../base/ids.ts'
import type { Condition } from '../../core/directory/condition.ts'
import type { PosixGrant, UserEntry } from '../../core/ports.ts'
import type { References } from './filter.ts'
import { allOf, anyOf, negate, unknown } from './fold.ts'
import type { Shown, Source } from './layout.ts'

type ByGroup = Extract<Source, { kind: 'by-group' }>

/** The value that the first of a user's groups gives, strongest grant first; `otherwise` for whom none gives any. */
export function shownByGroup(
  grants: readonly PosixGrant[],
  property: keyof PosixGrant['ldap'],
  otherwise: Shown<UserEntry>,
): Shown<UserEntry> {
  const { type } = otherwise
  const given = new Map<GroupId, readonly string[]>()
  for (const { groupId, ldap } of grants) {
    const value = ldap[property]
    if (value !== undefined && !given.has(groupId)) given.set(groupId, [String(value)])
  }
  if (given.size === 0) return otherwise
  const choices = [...given].map(([group, values]) => ({
    group,
    source: { kind: 'constant', syntax: type.syntax, values } as const,
  }))
  const ranks = new Map(choices.map(({ group }, rank) => [group, rank]))
  return {
    type,
    source: { kind: 'by-group', choices, otherwise: otherwise.source },
    values(entry, spelling) {
      let first = choices.length
      for (const group of entry.groups) first = Math.min(first, ranks.get(group) ?? first)
      return choices[first]?.source.values ?? otherwise.values(entry, spelling)
    },
  }
}

/**
 * `ask`: under which condition a value of this source matches; for a choice, whose value is known, yes or no. What does not
 * fit the attribute at all fits no choice either. Two levels deep, however many choices there are.
 */
export function askByGroup(
  { choices, otherwise }: ByGroup,
  references: Pick<References, 'spend'>,
  ask: (source: Source) => Condition,
): Condition {
  const rest = ask(otherwise)
  if (rest.op === 'unknown') return unknown
  const ways: Condition[] = []
  /** Groups that give a value that does not match, as far as they have been come by. */
  const others: Condition[] = []
  /** Groups that give one that does, with none of the others between them. */
  let run: Condition[] = []
  const endRun = () => {
    if (run.length === 0) return
    ways.push(within(run, others, references))
    run = []
  }
  for (const { group, source } of choices) {
    const isMember: Condition = { op: 'member-of', group }
    if (ask(source).op === 'true') run.push(isMember)
    else {
      endRun()
      others.push(isMember)
    }
  }
  endRun()
  if (rest.op === 'false') return anyOf(ways)
  references.spend(others.length)
  return anyOf([...ways, allOf([rest, negate(anyOf(others))])])
}

/** A member of any of these groups, and of none that goes before them. */
function within(
  groups: readonly Condition[],
  before: readonly Condition[],
  references: Pick<References, 'spend'>,
): Condition {
  references.spend(groups.length + before.length)
  return allOf([anyOf(groups), negate(anyOf(before))])
}
