// Who is in which group, for one cell: pure, from the facts of the cell and the compiled rules. The one definition of
// effective membership: not `never`, and one of rule, `always` or manual; in a review group the rule only suggests.
import type { GroupId, SubjectId } from '../../base/ids.ts'
import type { Device, StateChange, User } from '../directory/types.ts'
import type {
  ManualMember,
  Membership,
  MembershipInput,
  MembershipReason,
  StoredSuggestion,
  SubjectInGroup,
  Suggested,
  SuggestionChanges,
} from './cell.ts'
import { deviceFacts, type Subject, userFacts } from './language/facts.ts'
import type { CompiledGroup, RuleSet } from './rule-set.ts'

/** What a cell looks like to the rules: a user with its devices, or one device that nobody owns. */
export interface CellFacts {
  readonly user: User | null
  readonly devices: readonly Device[]
  readonly inputs: readonly MembershipInput[]
  readonly stateChanges?: readonly StateChange[]
  /** As they are stored: who is in a group by a rule that decides no longer is kept. */
  readonly memberships?: readonly Membership[]
}

/** Memberships and suggestions of everyone in a cell. */
export interface Evaluation {
  /** Effective ones, each with all its reasons. */
  readonly memberships: readonly Membership[]
  readonly suggestions: readonly Suggested[]
  /** Approved manual members that a rule owns from now on: they are to be removed, and are members by rule. */
  readonly takenOver: readonly SubjectInGroup[]
  /** Members by a rule that decides no longer: they are to be added, and are approved manual members. */
  readonly kept: readonly ManualMember[]
}

/** Evaluates every rule on everyone in the cell. */
export function evaluate(cell: CellFacts, rules: RuleSet, now: Date): Evaluation {
  const kept = keptOf(cell, rules)
  const inputs = inputsOf(withKept(cell, kept), now)
  const { users, devices } = subjectsOf(cell)
  const memberships: Membership[] = []
  const suggestions: Suggested[] = []
  const takenOver: SubjectInGroup[] = []
  for (const group of rules.groups) {
    for (const subject of group.of === 'users' ? users : devices) {
      const matches = group.rule?.(subject.facts, now.getTime()) ?? false
      const verdict = settle(group, matches, inputs.get(subject.id + group.id))
      const one = { subjectId: subject.id, groupId: group.id }
      if (verdict.takenOver) takenOver.push(one)
      if (verdict.operation !== null) suggestions.push({ ...one, operation: verdict.operation })
      if (verdict.reasons.length === 0) continue
      // Rules further down the order see this membership.
      subject.memberOf.add(group.id)
      memberships.push({ ...one, reasons: verdict.reasons })
    }
  }
  return { memberships, suggestions, takenOver, kept }
}

/**
 * Who is stored as a member by rule in a group that is no longer dynamic, and is not kept by hand yet: when the mode was changed, what
 * was stored of the group was right, so each of them was a member.
 */
export function keptOf(
  { memberships = [], inputs }: Pick<CellFacts, 'memberships' | 'inputs'>,
  { keeping }: Pick<RuleSet, 'keeping'>,
): readonly ManualMember[] {
  if (keeping.size === 0) return []
  const byHand = new Set(
    inputs.flatMap(({ kind, subjectId, groupId }) => (kind === 'manual' ? [subjectId + groupId] : [])),
  )
  return memberships.flatMap(({ subjectId, groupId, reasons }) =>
    keeping.has(groupId) && reasons.includes('rule') && !byHand.has(subjectId + groupId)
      ? [{ subjectId, groupId, approved: true }]
      : [],
  )
}

/** The inputs, with those of whom `keptOf` says that they are kept. */
export function withKept(
  { inputs }: Pick<CellFacts, 'inputs'>,
  kept: readonly ManualMember[],
): Pick<CellFacts, 'inputs'> {
  if (kept.length === 0) return { inputs }
  return { inputs: [...inputs, ...kept.map((one) => ({ ...one, kind: 'manual' as const, expiresAt: null }))] }
}

/** What is given beside the rules for one subject in one group, as far as it is in force. */
export interface Given {
  readonly never: boolean
  readonly always: boolean
  readonly manual: boolean
  readonly approved: boolean
}

export const nothingGiven: Given = { never: false, always: false, manual: false, approved: false }

/** By subject id and group id, one after the other. */
export function inputsOf({ inputs }: Pick<CellFacts, 'inputs'>, now: Date): ReadonlyMap<string, Given> {
  const given = new Map<string, Given>()
  for (const { subjectId, groupId, kind, expiresAt, approved } of inputs) {
    if (expiresAt !== null && expiresAt <= now) continue
    const key = subjectId + groupId
    const before = given.get(key) ?? nothingGiven
    given.set(key, { ...before, [kind]: true, approved: before.approved || approved === true })
  }
  return given
}

export interface Verdict {
  /** None: no member. */
  readonly reasons: readonly MembershipReason[]
  readonly operation: Suggested['operation'] | null
  readonly takenOver: boolean
}

/** The one definition of membership in one group, from what its rule says and what is given beside it. */
export function settle(
  { mode, rule }: Pick<CompiledGroup, 'mode' | 'rule'>,
  matches: boolean,
  given: Given = nothingGiven,
): Verdict {
  const { never, always, approved } = given
  if (never) return { reasons: [], operation: null, takenOver: false }
  const decides = mode === 'dynamic'
  const takenOver = decides && matches && given.manual && approved
  const manual = given.manual && !takenOver
  const reasons: MembershipReason[] = []
  if (decides && matches) reasons.push('rule')
  if (always) reasons.push('exemption')
  if (manual) reasons.push('manual')
  const suggests = mode === 'review' && rule !== null && !always && manual !== matches
  return { reasons, operation: suggests ? (matches ? 'join' : 'leave') : null, takenOver }
}

export interface Evaluated {
  readonly id: SubjectId
  readonly facts: Subject
  readonly memberOf: Set<GroupId>
}

/** Everyone in the cell as rules see them, in no group yet: memberships are added to `memberOf`. */
export function subjectsOf(cell: CellFacts): { users: readonly Evaluated[]; devices: readonly Evaluated[] } {
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
  // What was not evaluated again is the same object, and there are many of those.
  const [stored, kept] = [new Set(before), new Set(after)]
  const [old, fresh] = [before.filter((one) => !kept.has(one)), after.filter((one) => !stored.has(one))]
  const reasons = new Map(old.map((one) => [key(one), one.reasons.join()]))
  const wanted = new Set(fresh.map(key))
  return {
    put: fresh.filter((one) => reasons.get(key(one)) !== one.reasons.join()),
    remove: old
      .filter((one) => !wanted.has(key(one)))
      .map(({ subjectId, groupId }) => ({ subjectId, groupId })),
  }
}

/** From the suggestions there are to those there should be; what was rejected stays rejected. */
export function suggestionChanges(
  before: readonly StoredSuggestion[],
  after: readonly Suggested[],
): SuggestionChanges {
  if (before.length + after.length === 0) return noSuggestions
  const key = (one: SubjectInGroup): string => one.subjectId + one.groupId
  const known = new Map(before.map((one) => [key(one), one.operation]))
  const wanted = new Set(after.map(key))
  return {
    put: after.filter((one) => known.get(key(one)) !== one.operation),
    remove: before
      .filter((one) => !wanted.has(key(one)))
      .map(({ subjectId, groupId }) => ({ subjectId, groupId })),
  }
}

export const noSuggestions: SuggestionChanges = { put: [], remove: [] }
