// The evaluation of a change: only groups that it can concern are evaluated, and those that read their members; everything
// else stays as it is stored. Gives the same as engine.ts, which evaluates everything.
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import type { Device, SubjectKind } from '../../directory/types.ts'
import type { Cell, Membership, MembershipInput, SubjectInGroup, Suggested } from '../cell.ts'
import {
  type CellFacts,
  type Evaluated,
  type Evaluation,
  evaluate,
  type Given,
  inputsOf,
  keptOf,
  settle,
  subjectsOf,
} from '../engine.ts'
import { deviceFacts, type Subject, userFacts } from '../language/facts.ts'
import type { CompiledGroup, RuleSet } from '../rule-set.ts'
import { type FlipIndex, flipIndexOf, type Triggers } from './flip-index.ts'
import { Marks } from './marks.ts'

/** A cell as it is stored: what it is evaluated from, and what came of it. */
export type StoredCell = Pick<
  Cell,
  'user' | 'devices' | 'inputs' | 'memberships' | 'suggestions' | 'epoch' | 'due'
>

/**
 * Evaluates a cell that is being changed. All of it where what is stored may not be what the rules say by now: it was read
 * at another epoch, a rule is still being carried through, or time may have turned something.
 */
export function evaluateChange(before: StoredCell, after: CellFacts, rules: RuleSet, now: Date): Evaluation {
  const isOver = before.due !== null && before.due <= now
  const isSame = before.user === null ? after.user === null : before.user.id === after.user?.id
  if (isOver || !isSame || before.epoch !== rules.epoch || rules.unsettled.length + rules.keeping.size > 0)
    return evaluate(after, rules, now)
  return new Change(before, after, flipIndexOf(rules), now).evaluate()
}

/**
 * Evaluates these groups, among which are all that read one of them, on a cell whose facts stay as they are. All of the cell
 * where more than these groups may not be what is stored.
 */
export function evaluateGroups(
  cell: StoredCell & CellFacts,
  groups: ReadonlySet<GroupId>,
  rules: RuleSet,
  now: Date,
): Evaluation {
  const isOver = cell.due !== null && cell.due <= now
  if (isOver || keptOf(cell, rules).length > 0 || rules.unsettled.some((id) => !groups.has(id)))
    return evaluate(cell, rules, now)
  return new Change(cell, cell, flipIndexOf(rules), now).evaluate(groups)
}

/** Evaluates a cell of which nothing is stored yet. */
export function evaluateFresh(cell: CellFacts, rules: RuleSet, now: Date): Evaluation {
  return new Change(nobody, cell, flipIndexOf(rules), now).evaluate()
}

const nobody = { user: null, devices: [], inputs: [], memberships: [], suggestions: [] }
const nowhere: ReadonlySet<GroupId> = new Set()

/** A user or device while it is being evaluated. */
interface Someone {
  readonly of: SubjectKind
  readonly id: SubjectId
  readonly facts: Subject
  readonly memberOf: Set<GroupId>
  readonly memberships: Map<number, Membership>
  readonly suggestions: Map<number, Suggested>
  readonly given: Map<number, Given>
  /** Groups that are to be evaluated. */
  readonly marks: Marks
  /** Is nothing stored of it? */
  readonly isFresh: boolean
  readonly triggers: Triggers
}

class Change {
  readonly #before: Omit<StoredCell, 'epoch' | 'due'>
  readonly #after: CellFacts
  readonly #index: FlipIndex
  readonly #now: Date
  readonly #user: Someone | null
  readonly #devices: readonly Someone[]
  readonly #everyone: readonly Someone[]
  readonly #byId: ReadonlyMap<SubjectId, Someone>
  readonly #takenOver: SubjectInGroup[] = []

  constructor(before: Omit<StoredCell, 'epoch' | 'due'>, after: CellFacts, index: FlipIndex, now: Date) {
    this.#before = before
    this.#after = after
    this.#index = index
    this.#now = now
    const { users, devices } = subjectsOf(after)
    const [user] = users
    const known = new Set<SubjectId>(before.devices.map(({ id }) => id))
    this.#user = user === undefined ? null : someone('users', user, before.user === null, index)
    this.#devices = devices.map((device) => someone('devices', device, !known.has(device.id), index))
    this.#everyone = this.#user === null ? this.#devices : [this.#user, ...this.#devices]
    this.#byId = new Map(this.#everyone.map((one) => [one.id, one]))
  }

  /** `groups`: to be evaluated whatever has changed. */
  evaluate(groups: ReadonlySet<GroupId> = nowhere): Evaluation {
    this.#recall()
    this.#markInputs()
    this.#markAttributes()
    for (const group of groups)
      for (const one of this.#everyone) {
        const ordinal = this.#ordinal(group, one)
        if (ordinal !== undefined) one.marks.add(ordinal)
      }
    this.#evaluateMarked()
    const everyone = this.#everyone
    return {
      memberships: everyone.flatMap(({ memberships }) => [...memberships.values()]),
      suggestions: everyone.flatMap(({ suggestions }) => [...suggestions.values()]),
      takenOver: this.#takenOver,
      kept: [],
    }
  }

  /** What is stored of everyone; of those of whom nothing is, what the rules say of somebody without any value. */
  #recall(): void {
    const byId = this.#byId
    for (const membership of this.#before.memberships) {
      const one = byId.get(membership.subjectId)
      const ordinal = this.#ordinal(membership.groupId, one)
      if (one === undefined || one.isFresh || ordinal === undefined) continue
      one.memberships.set(ordinal, membership)
      one.memberOf.add(membership.groupId)
    }
    for (const suggestion of this.#before.suggestions) {
      const one = byId.get(suggestion.subjectId)
      const ordinal = this.#ordinal(suggestion.groupId, one)
      if (one !== undefined && !one.isFresh && ordinal !== undefined) one.suggestions.set(ordinal, suggestion)
    }
    for (const one of this.#everyone) if (one.isFresh) this.#begin(one)
  }

  #begin({ of, id: subjectId, memberOf, memberships, suggestions }: Someone): void {
    for (const ordinal of this.#index.baseline[of]) {
      const { id: groupId, mode } = this.#index.groups[ordinal] as CompiledGroup
      if (mode === 'review') suggestions.set(ordinal, { subjectId, groupId, operation: 'join' })
      else {
        memberships.set(ordinal, { subjectId, groupId, reasons: ['rule'] })
        memberOf.add(groupId)
      }
    }
  }

  /** Exemptions and manual members that were added, or taken away. */
  #markInputs(): void {
    const [old, current] = [this.#before.inputs, this.#after.inputs]
    if (old.length + current.length === 0) return
    const byId = this.#byId
    const given = inputsOf(this.#after, this.#now)
    const had = new Set<MembershipInput>(old)
    for (const input of current) {
      const one = byId.get(input.subjectId)
      const ordinal = this.#ordinal(input.groupId, one)
      if (one === undefined || ordinal === undefined) continue
      const inForce = given.get(input.subjectId + input.groupId)
      if (inForce !== undefined) one.given.set(ordinal, inForce)
      if (!had.delete(input)) one.marks.add(ordinal)
    }
    for (const { subjectId, groupId } of had) {
      const one = byId.get(subjectId)
      const ordinal = this.#ordinal(groupId, one)
      if (one !== undefined && ordinal !== undefined) one.marks.add(ordinal)
    }
  }

  #markAttributes(): void {
    const now = this.#now.getTime()
    const { user: userBefore } = this.#before
    const owner = this.#user
    const old = userBefore !== null && userBefore !== this.#after.user ? userFacts(userBefore, nowhere) : null
    const ownerHasChanged = owner !== null && userBefore !== this.#after.user
    if (ownerHasChanged) owner.triggers.markAttributes('users', 'self', old, owner.facts, now, owner.marks)
    const devicesBefore = new Map(this.#before.devices.map((device) => [device.id, device]))
    for (const [index, device] of this.#after.devices.entries()) {
      const one = this.#devices[index] as Someone
      const { facts, triggers, marks } = one
      const deviceBefore = devicesBefore.get(device.id)
      devicesBefore.delete(device.id)
      const ownerBefore = one.isFresh ? null : old
      if (owner !== null && (one.isFresh || ownerHasChanged))
        triggers.markAttributes('devices', 'owner', ownerBefore, owner.facts, now, marks)
      if (one.isFresh && owner !== null) {
        for (const group of owner.memberOf) triggers.markReaders('devices', 'owner', group, marks)
        owner.triggers.markDevices(owner.marks)
        for (const group of one.memberOf) owner.triggers.markReaders('users', 'devices', group, owner.marks)
      }
      if (deviceBefore === device) continue
      const factsBefore = deviceBefore === undefined ? null : deviceFacts(deviceBefore, nowhere)
      triggers.markAttributes('devices', 'self', factsBefore, facts, now, marks)
      owner?.triggers.markAttributes('users', 'devices', factsBefore, facts, now, owner.marks)
    }
    if (owner !== null) for (const gone of devicesBefore.values()) this.#markGone(gone, owner, now)
  }

  /** A device that is not in the cell any more: what it was counts, and where it was a member. */
  #markGone(device: Device, { triggers, marks }: Someone, now: number): void {
    triggers.markAttributes('users', 'devices', deviceFacts(device, nowhere), null, now, marks)
    triggers.markDevices(marks)
    for (const { subjectId, groupId } of this.#before.memberships)
      if (subjectId === device.id) triggers.markReaders('users', 'devices', groupId, marks)
  }

  /** In the order of the groups, since a membership marks those above it that read it. */
  #evaluateMarked(): void {
    const everyone = this.#everyone
    const words = everyone[0]?.marks.words.length ?? 0
    for (let word = 0; word < words; word++) {
      for (;;) {
        let marked = 0
        for (const { marks } of everyone) marked |= marks.words[word] as number
        if (marked === 0) break
        const ordinal = word * 32 + 31 - Math.clz32(marked & -marked)
        for (const one of everyone) if (one.marks.take(ordinal)) this.#evaluate(one, ordinal)
      }
    }
  }

  #evaluate(one: Someone, ordinal: number): void {
    const { rule } = this.#index.groups[ordinal] as CompiledGroup
    this.#settle(one, ordinal, rule?.(one.facts, this.#now.getTime()) ?? false)
  }

  #settle(one: Someone, ordinal: number, matches: boolean): void {
    const group = this.#index.groups[ordinal] as CompiledGroup
    const { reasons, operation, takenOver } = settle(group, matches, one.given.get(ordinal))
    const subjectInGroup = { subjectId: one.id, groupId: group.id }
    if (takenOver) this.#takenOver.push(subjectInGroup)
    if (operation === null) one.suggestions.delete(ordinal)
    else if (one.suggestions.get(ordinal)?.operation !== operation)
      one.suggestions.set(ordinal, { ...subjectInGroup, operation })
    const stored = one.memberships.get(ordinal)
    if (stored !== undefined && stored.reasons.join() === reasons.join()) return
    if (reasons.length > 0) one.memberships.set(ordinal, { ...subjectInGroup, reasons })
    else if (!one.memberships.delete(ordinal)) return
    if (reasons.length > 0) one.memberOf.add(group.id)
    else one.memberOf.delete(group.id)
    if (stored === undefined || reasons.length === 0) this.#markReaders(one, group.id)
  }

  #markReaders({ of, triggers, marks }: Someone, group: GroupId): void {
    triggers.markReaders(of, 'self', group, marks)
    if (of === 'devices') this.#user?.triggers.markReaders('users', 'devices', group, this.#user.marks)
    else for (const one of this.#devices) one.triggers.markReaders('devices', 'owner', group, one.marks)
  }

  #ordinal(group: GroupId, one: Someone | undefined): number | undefined {
    const ordinal = this.#index.ordinalOf(group)
    return ordinal !== undefined && this.#index.groups[ordinal]?.of === one?.of ? ordinal : undefined
  }
}

function someone(of: SubjectKind, evaluated: Evaluated, isFresh: boolean, index: FlipIndex): Someone {
  return {
    ...{ ...evaluated, of, isFresh, given: new Map() },
    ...{ memberships: new Map(), suggestions: new Map(), marks: new Marks(index.groups.length) },
    triggers: isFresh ? index.fresh : index.known,
  }
}
