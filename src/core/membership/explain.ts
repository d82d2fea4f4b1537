// Why somebody is in a group, or is not: from the facts of the cell, by the same evaluation that decides it. Pure.
import type { GroupId, SubjectId } from '../../base/ids.ts'
import type { MembershipReason } from './cell.ts'
import {
  type CellFacts,
  evaluate,
  type Given,
  inputsOf,
  keptOf,
  nothingGiven,
  settle,
  subjectsOf,
  withKept,
} from './engine.ts'
import { type ClauseTrace, traceRule } from './language/trace.ts'
import type { CompiledGroup, RuleSet } from './rule-set.ts'

export interface MembershipExplanation {
  readonly member: boolean
  /** None: no member. */
  readonly reasons: readonly MembershipReason[]
  /** In a `review` group the rule suggests this. */
  readonly suggests: 'join' | 'leave' | null
  /** What is given beside the rule, as far as it is in force. */
  readonly given: Given
  /** Every clause of the group's rule; null where it has none that makes sense. */
  readonly trace: ClauseTrace | null
}

/** Null where there is no such group, or nobody of its kind by that id in the cell. */
export function explainMembership(
  cell: CellFacts,
  rules: RuleSet,
  { subjectId, groupId }: { readonly subjectId: SubjectId; readonly groupId: GroupId },
  now: Date,
): MembershipExplanation | null {
  const place = rules.groups.findIndex(({ id }) => id === groupId)
  const group = rules.groups[place]
  if (group === undefined) return null
  // What the rule can see: memberships in the groups before it, of everyone in the cell.
  const earlier = evaluate(cell, { ...rules, groups: rules.groups.slice(0, place) }, now)
  const { users, devices } = subjectsOf(cell)
  for (const { id, memberOf } of [...users, ...devices])
    for (const one of earlier.memberships) if (one.subjectId === id) memberOf.add(one.groupId)
  const subject = (group.of === 'users' ? users : devices).find(({ id }) => id === subjectId)
  if (subject === undefined) return null
  const given = inputsOf(withKept(cell, keptOf(cell, rules)), now).get(subjectId + groupId) ?? nothingGiven
  const trace = traceOf(group, subject.facts, now)
  const { reasons, operation } = settle(group, trace?.holds ?? false, given)
  return { member: reasons.length > 0, reasons, suggests: operation, given, trace }
}

function traceOf(
  { checked }: CompiledGroup,
  facts: Parameters<typeof traceRule>[1],
  now: Date,
): ClauseTrace | null {
  return checked === null ? null : traceRule(checked, facts, now.getTime())
}
