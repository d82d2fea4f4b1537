// Which groups a change of cells can concern at all, whatever the time: those that read what is different afterwards, and those
// that read their members. Pure.
import type { DeviceId, GroupId, UserId } from '../../base/ids.ts'
import type { Device, SubjectKind, User } from '../directory/types.ts'
import type { CellFacts } from './engine.ts'
import { dependenciesOf } from './language/dependencies.ts'
import { deviceFacts, type Facts, userFacts } from './language/facts.ts'
import { type CompiledGroup, onlyRulesOf, type RuleSet, readBy } from './rule-set.ts'

interface Difference {
  /** Names of attributes that are different of a user, or of a device. */
  readonly names: Readonly<Record<SubjectKind, ReadonlySet<string>>>
  /** Groups for which an exemption or a member by hand is different. */
  readonly groups: ReadonlySet<GroupId>
}

/** A device that tells that it is there may be so much ahead of us. */
const mostAheadMs = 300_000

/** Of these rules, those of groups whose members the change may alter at some instant, and of all that they read. */
export function concernedBy(
  before: readonly CellFacts[],
  after: readonly CellFacts[],
  rules: RuleSet,
): RuleSet {
  const difference = differenceOf(before, after)
  return difference === null ? rules : onlyRulesOf(rules, withAllRead(concernedIn(difference, rules), rules))
}

/** In the order of evaluation. */
function concernedIn(difference: Difference, rules: RuleSet): readonly GroupId[] {
  const found = new Map<GroupId, CompiledGroup>()
  for (const group of rules.groups) if (isConcerned(group, difference, found)) found.set(group.id, group)
  return [...found.keys()]
}

/** Is all that these rules read of what is different that devices have been heard of, later than before and not later than about now? */
export function isReport(
  before: readonly CellFacts[],
  after: readonly CellFacts[],
  rules: RuleSet,
  now: Date,
): boolean {
  const difference = differenceOf(before, after)
  if (difference === null) return false
  const { users, devices: all } = difference.names
  const devices = new Set([...all].filter((name) => name !== 'lastContact' && name !== 'updatedAt'))
  if (concernedIn({ ...difference, names: { users, devices } }, rules).length > 0) return false
  const old = new Map(before.flatMap(({ devices }) => devices).map((device) => [device.id, device]))
  return after
    .flatMap(({ devices }) => devices)
    .every(({ id, lastContact }) => {
      const last = old.get(id)?.lastContact ?? null
      if (lastContact?.getTime() === last?.getTime()) return true
      if (lastContact === null || lastContact.getTime() > now.getTime() + mostAheadMs) return false
      return last === null || last < lastContact
    })
}

/** Null where somebody is added, gone, or in another cell. */
function differenceOf(before: readonly CellFacts[], after: readonly CellFacts[]): Difference | null {
  const [old, fresh] = [everybody(before), everybody(after)]
  const isSame = <Id>(a: ReadonlyMap<Id, unknown>, b: ReadonlyMap<Id, unknown>): boolean =>
    a.size === b.size && [...a.keys()].every((id) => b.has(id))
  if (!isSame(old.users, fresh.users) || !isSame(old.devices, fresh.devices)) return null
  const names = { users: new Set<string>(), devices: new Set<string>() }
  for (const [id, user] of fresh.users)
    noteNames(userFacts(old.users.get(id) as User, nowhere), userFacts(user, nowhere), names.users)
  for (const [id, { device, owner }] of fresh.devices) {
    const known = old.devices.get(id) as { readonly device: Device; readonly owner: UserId | null }
    if (known.owner !== owner) return null
    noteNames(deviceFacts(known.device, nowhere), deviceFacts(device, nowhere), names.devices)
  }
  // What is not touched is the same object.
  if (differing(old.stateChanges, fresh.stateChanges).length > 0) names.users.add('state').add('updatedAt')
  const groups = new Set(differing(old.inputs, fresh.inputs).map(({ groupId }) => groupId))
  return { names, groups }
}

const nowhere: ReadonlySet<GroupId> = new Set()

function everybody(cells: readonly CellFacts[]) {
  const users = new Map<UserId, User>()
  const devices = new Map<DeviceId, { readonly device: Device; readonly owner: UserId | null }>()
  for (const { user, devices: own } of cells) {
    if (user !== null) users.set(user.id, user)
    for (const device of own) devices.set(device.id, { device, owner: user?.id ?? null })
  }
  const inputs = cells.flatMap((cell) => cell.inputs)
  return { users, devices, inputs, stateChanges: cells.flatMap((cell) => cell.stateChanges ?? []) }
}

function differing<T>(a: readonly T[], b: readonly T[]): readonly T[] {
  const [inA, inB] = [new Set(a), new Set(b)]
  return [...a.filter((one) => !inB.has(one)), ...b.filter((one) => !inA.has(one))]
}

function noteNames({ values: old }: Facts, { values: fresh }: Facts, into: Set<string>): void {
  if (old === fresh) return
  for (const name of new Set([...Object.keys(old), ...Object.keys(fresh)]))
    if (JSON.stringify(old[name]) !== JSON.stringify(fresh[name])) into.add(name)
}

/** `found`: concerned groups before this one in the order of evaluation. */
function isConcerned(
  group: CompiledGroup,
  { names, groups }: Difference,
  found: ReadonlyMap<GroupId, CompiledGroup>,
): boolean {
  if (groups.has(group.id)) return true
  if (group.checked === null) return false
  const { attributes } = dependenciesOf(group.checked)
  const { reads, readsEvery } = readBy(group)
  return (
    meet(attributes.self, names[group.of]) ||
    meet(attributes.devices, names.devices) ||
    meet(attributes.owner, names.users) ||
    reads.some((id) => found.has(id)) ||
    (readsEvery.length > 0 && [...found.values()].some(({ of }) => readsEvery.includes(of)))
  )
}

const meet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => [...a].some((one) => b.has(one))

function withAllRead(ids: readonly GroupId[], { groups }: RuleSet): ReadonlySet<GroupId> {
  const byId = new Map(groups.map((group) => [group.id, group]))
  const found = new Set(ids)
  // What is added while going through is gone through, too.
  for (const id of found) {
    const group = byId.get(id)
    if (group === undefined) continue
    const { reads, readsEvery } = readBy(group)
    for (const read of reads) found.add(read)
    if (readsEvery.length > 0) for (const each of groups) if (readsEvery.includes(each.of)) found.add(each.id)
  }
  return found
}
