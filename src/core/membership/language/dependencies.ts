// What a rule reads: decides which rules a change concerns, in which order groups are evaluated, and when time alone
// can change a membership.
import type { GroupId } from '../../../base/ids.ts'
import type { SubjectKind } from '../../directory/types.ts'
import type { CheckedRule } from './checked.ts'

/** Whose value: the subject's, that of one of its devices, or its owner's. */
export type Reach = 'self' | 'devices' | 'owner'

/** Whose value that is, in a rule of subjects `of`. */
export function kindOf(of: SubjectKind, reach: Reach): SubjectKind {
  if (reach === 'self') return of
  return reach === 'owner' ? 'users' : 'devices'
}

export interface Dependencies {
  /** Attribute names by whose they are. */
  readonly attributes: Readonly<Record<Reach, ReadonlySet<string>>>
  /** Groups named by `memberOf`. */
  readonly groups: Readonly<Record<Reach, ReadonlySet<GroupId>>>
  /** `memberOf pr`: the rule reads every group that these can be in. */
  readonly anyGroup: ReadonlySet<Reach>
  /** Comparisons with `now`: they turn when the attribute's value equals now + `fromNow` milliseconds. */
  readonly relativeInstants: readonly {
    readonly reach: Reach
    readonly attribute: string
    readonly fromNow: number
  }[]
  /** Does it look at devices at all (also when it only asks whether there are any)? */
  readonly readsDevices: boolean
}

const known = new WeakMap<CheckedRule, Dependencies>()

/** Everything that `rule` can read, whatever the subject. Found once for each rule. */
export function dependenciesOf(rule: CheckedRule): Dependencies {
  const before = known.get(rule)
  if (before !== undefined) return before
  const found = findDependencies(rule)
  known.set(rule, found)
  return found
}

function findDependencies(rule: CheckedRule): Dependencies {
  const attributes = { self: new Set<string>(), devices: new Set<string>(), owner: new Set<string>() }
  const groups = { self: new Set<GroupId>(), devices: new Set<GroupId>(), owner: new Set<GroupId>() }
  const anyGroup = new Set<Reach>()
  const relativeInstants = new Map<string, Dependencies['relativeInstants'][number]>()
  let readsDevices = false

  function visit(node: CheckedRule, self: Reach): void {
    switch (node.kind) {
      case 'and':
      case 'or':
        for (const item of node.items) visit(item, self)
        return
      case 'not':
        visit(node.item, self)
        return
      case 'any':
        readsDevices = true
        visit(node.where, 'devices')
        return
    }
    const reach = node.side === 'owner' ? 'owner' : self
    if (node.kind === 'member') {
      if (node.groups === null) anyGroup.add(reach)
      for (const group of node.groups ?? []) groups[reach].add(group)
      return
    }
    const attribute = node.attribute.name
    attributes[reach].add(attribute)
    if (node.kind === 'date' && 'fromNow' in node.when) {
      const { fromNow } = node.when
      relativeInstants.set(`${reach} ${attribute} ${fromNow}`, { reach, attribute, fromNow })
    }
  }

  visit(rule, 'self')
  return { attributes, groups, anyGroup, relativeInstants: [...relativeInstants.values()], readsDevices }
}

/** Groups whose members a rule asks for. */
export interface GroupsRead {
  /** By name, each once; one that does not exist (any more) may be among them. */
  readonly reads: readonly GroupId[]
  /** Kinds of which it reads every group (`memberOf pr`). */
  readonly readsEvery: readonly SubjectKind[]
}

/** Of a rule of subjects `of`; of none at all where it is null. */
export function groupsRead(of: SubjectKind, dependencies: Dependencies | null): GroupsRead {
  if (dependencies === null) return { reads: [], readsEvery: [] }
  const { groups, anyGroup } = dependencies
  return {
    reads: [...new Set([...groups.self, ...groups.devices, ...groups.owner])],
    readsEvery: [...new Set([...anyGroup].map((reach) => kindOf(of, reach)))],
  }
}
