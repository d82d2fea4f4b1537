// In which order groups are evaluated when rules ask for memberships: those asked about first. Pure.
import type { GroupId } from '../../base/ids.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { SubjectKind } from '../directory/types.ts'
import { type Dependencies, type GroupsRead, groupsRead } from './language/dependencies.ts'

export interface GroupInOrder extends GroupsRead {
  readonly id: GroupId
  readonly name: string
  readonly of: SubjectKind
}

/** What `order` needs of a group; `dependencies` are null where it has no rule. */
export function groupInOrder(
  group: { readonly id: GroupId; readonly name: string; readonly of: SubjectKind },
  dependencies: Dependencies | null,
): GroupInOrder {
  const { id, name, of } = group
  return { id, name, of, ...groupsRead(of, dependencies) }
}

/**
 * Every group after those that it reads, otherwise in the order given. Where that cannot be, the error is the circle by
 * name, the first name repeated at its end: `['a', 'b', 'a']` says that a reads b and b reads a.
 */
export function evaluationOrder(
  groups: readonly GroupInOrder[],
): Result<readonly GroupId[], readonly string[]> {
  const byId = new Map(groups.map((group) => [group.id, group]))
  const idsOf = {
    users: groups.filter((group) => group.of === 'users').map((group) => group.id),
    devices: groups.filter((group) => group.of === 'devices').map((group) => group.id),
  }
  const readsOf = (group: GroupInOrder): GroupId[] => [
    ...group.reads,
    ...group.readsEvery.flatMap((kind) => idsOf[kind]),
  ]
  const order: GroupId[] = []
  const state = new Map<GroupId, 'open' | 'done'>()
  // Depth first with a stack of its own: a chain of thousands of groups must not overflow ours.
  for (const start of groups) {
    const path: { readonly group: GroupInOrder; readonly reads: Iterator<GroupId> }[] = []
    const open = (group: GroupInOrder): void => {
      state.set(group.id, 'open')
      path.push({ group, reads: readsOf(group)[Symbol.iterator]() })
    }
    if (!state.has(start.id)) open(start)
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const next = top.reads.next()
      if (next.done) {
        state.set(top.group.id, 'done')
        order.push(top.group.id)
        path.pop()
        continue
      }
      const read = byId.get(next.value)
      if (read === undefined || state.get(read.id) === 'done') continue
      if (state.get(read.id) === 'open') {
        const from = path.findIndex((step) => step.group.id === read.id)
        return fail([...path.slice(from).map((step) => step.group.name), read.name])
      }
      open(read)
    }
  }
  return ok(order)
}
