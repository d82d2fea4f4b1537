// Groups that are gone while some are still stored as their members: whoever takes these out tells of it, and nobody else
// (docs/decisions/0016-removed-groups.md). To the rules they are groups that they do not know.
import type { GroupId, SubjectId } from '../../base/ids.ts'
import type { CellPlan } from './apply.ts'
import type { CellFacts, Difference } from './engine.ts'
import { flipIndexOf } from './incremental/flip-index.ts'
import type { RuleSet } from './rule-set.ts'

/** Rules of the epoch at which something is written know every group that is there. */
const isRemoved = (group: GroupId, rules: RuleSet): boolean =>
  flipIndexOf(rules).ordinalOf(group) === undefined

/** Without the leaves from groups that are gone. Somebody who goes (is not in `after`) leaves those, too. */
export function withoutRemovedGroups(
  change: Difference,
  rules: RuleSet,
  after: readonly CellFacts[],
): Difference {
  if (!change.remove.some(({ groupId }) => isRemoved(groupId, rules))) return change
  const staying = new Set<SubjectId>(
    after.flatMap(({ user, devices }) => [
      ...(user === null ? [] : [user.id]),
      ...devices.map(({ id }) => id),
    ]),
  )
  return {
    put: change.put,
    remove: change.remove.filter(
      ({ groupId, subjectId }) => !isRemoved(groupId, rules) || !staying.has(subjectId),
    ),
  }
}

/** Is anybody to be added to a group that is gone, or exempted in it? */
export function namesRemovedGroup({ manual, exemptions = [] }: CellPlan, rules: RuleSet): boolean {
  const rows = exemptions.flatMap((one) => (one.do === 'insert' ? [one.row] : []))
  return [...(manual?.add ?? []), ...rows].some(({ groupId }) => isRemoved(groupId, rules))
}
