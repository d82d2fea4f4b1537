// Rules on all subjects of an organization at once: who is in each group by them, and what is stored. The one definition of
// membership is `settle` of engine.ts, asked once for each combination of what there is.
import type { GroupId } from '../../../base/ids.ts'
import { Fault } from '../../../base/result.ts'
import type { SubjectKind } from '../../directory/types.ts'
import { membershipReasons } from '../cell.ts'
import { evaluateSet } from '../columns/evaluate.ts'
import { emptyMask, nonzero, times } from '../columns/mask.ts'
import type { Circumstances, ComputedGroup, Mask, MembersView } from '../columns/shapes.ts'
import { settle } from '../engine.ts'
import { type CompiledGroup, readBy } from '../rule-set.ts'
import type { Posting } from './entries.ts'
import { givenBits, type OrganizationColumns } from './organization.ts'

/** Of all masks that are kept at once. */
const mostMaskBytes = 512 * 1024 * 1024

/** What a group is by the rules, and what is stored of it; by ordinal. */
export interface EvaluatedGroup {
  readonly group: CompiledGroup
  readonly members: Mask
  /** Reasons, added up; 0: no member. */
  reasons(): Uint8Array<ArrayBuffer>
  /** 0 none, 1 join, 2 leave. */
  operations(): Uint8Array<ArrayBuffer> | null
  /** Approved members whom the rule takes over. */
  readonly takenOver: readonly number[]
  /** For whom the rule holds; null where there is none. */
  readonly matching: Mask | null
}

interface Outcome {
  readonly reasons: number
  readonly operation: number
  readonly takenOver: boolean
}

/** `settle` for every combination of given bits, without and with a rule that matches. */
function outcomesOf(group: CompiledGroup): readonly [readonly Outcome[], readonly Outcome[]] {
  const outcomes = (matches: boolean): readonly Outcome[] =>
    Array.from({ length: 16 }, (_, bits) => {
      const given = {
        never: (bits & givenBits.never) !== 0,
        always: (bits & givenBits.always) !== 0,
        manual: (bits & givenBits.manual) !== 0,
        approved: (bits & givenBits.approved) !== 0,
      }
      const { reasons, operation, takenOver } = settle(group, matches, given)
      return {
        reasons: reasons.reduce((sum, reason) => sum | (1 << membershipReasons.indexOf(reason)), 0),
        operation: operation === null ? 0 : operation === 'join' ? 1 : 2,
        takenOver,
      }
    })
  return [outcomes(false), outcomes(true)]
}

/** One question: everything it needs of what is stored is gone through once. */
export class Evaluation {
  readonly columns: OrganizationColumns
  readonly now: number
  readonly computed = new Map<GroupId, ComputedGroup>()
  readonly view: MembersView
  readonly #memberships: Readonly<Record<SubjectKind, ReadonlyMap<number, Posting>>>
  readonly #given: Readonly<Record<SubjectKind, ReadonlyMap<number, Posting>>>
  #maskBytes = 0

  /** `groups`: those that are evaluated, whose members are asked for, or whose members matter otherwise. `live`: all there are. */
  constructor(
    columns: OrganizationColumns,
    groups: readonly CompiledGroup[],
    live: ReadonlySet<GroupId>,
    now: number,
  ) {
    this.columns = columns
    this.now = now
    const numbers = (of: SubjectKind): ReadonlySet<number> =>
      new Set(groups.flatMap((group) => (group.of === of ? (columns.numberOf(group.id) ?? []) : [])))
    const wanted = { users: numbers('users'), devices: numbers('devices') }
    const both = (part: 'memberships' | 'given') => ({
      users: columns.users[part].postings(wanted.users),
      devices: columns.devices[part].postings(wanted.devices),
    })
    this.#memberships = both('memberships')
    this.#given = both('given')
    this.view = this.#viewOf(live)
  }

  /** Who is stored to be in the group, with the reasons. */
  stored(of: SubjectKind, id: GroupId): Posting | undefined {
    const number = this.columns.numberOf(id)
    return number === undefined ? undefined : this.#memberships[of].get(number)
  }

  get circumstances(): Circumstances {
    return { now: this.now, members: this.view, computed: this.computed }
  }

  /** The group by its rule; those that it reads must have been evaluated before, where they are not what is stored. */
  evaluate(group: CompiledGroup): EvaluatedGroup {
    const { columns } = this
    const { population } = columns
    const size = population[group.of].size
    const matching =
      group.checked === null ? null : evaluateSet(group.checked, group.of, population, this.circumstances)
    const [without, matched] = outcomesOf(group)
    const simple = matched[0] as Outcome
    const everyMatch = (value: number) => (matching === null ? emptyMask(size) : times(matching, value))
    const suggested = () => (group.mode === 'review' ? everyMatch(simple.operation) : null)
    const number = columns.numberOf(group.id)
    const given = number === undefined ? undefined : this.#given[group.of].get(number)
    if (given === undefined || given.rows.length === 0)
      return {
        ...{ group, matching, takenOver: [], operations: suggested },
        members: matching === null || simple.reasons === 0 ? emptyMask(size) : matching,
        reasons: () => everyMatch(simple.reasons),
      }
    const reasons = everyMatch(simple.reasons)
    const operations = suggested()
    const takenOver: number[] = []
    const { live } = population[group.of]
    for (let i = 0; i < given.rows.length; i++) {
      const row = given.rows[i] as number
      if (live[row] !== 1) continue
      const bits = this.#inForce(group.of, row, number as number, given.values[i] as number)
      const outcome = (matching?.[row] === 1 ? matched : without)[bits] as Outcome
      reasons[row] = outcome.reasons
      if (operations !== null) operations[row] = outcome.operation
      if (outcome.takenOver) takenOver.push(row)
    }
    return {
      ...{ group, matching, takenOver, members: nonzero(reasons) },
      reasons: () => reasons,
      operations: () => operations,
    }
  }

  /** From then on, rules that read the group see these members. */
  keep({ group, members }: EvaluatedGroup): void {
    this.#maskBytes += members.length
    if (this.#maskBytes > mostMaskBytes)
      throw new Fault('unavailable', 'too many groups at once for the memory there is')
    this.computed.set(group.id, { of: group.of, mask: members })
  }

  /** Those of the bits that count now. */
  #inForce(of: SubjectKind, row: number, group: number, bits: number): number {
    const end = this.columns[of].ends.get(row)?.get(group)
    return end !== undefined && end <= this.now ? bits & ~(givenBits.never | givenBits.always) : bits
  }

  /** The exempted of a group, as far as it counts now. */
  *pinned({ of, id }: CompiledGroup): Generator<number> {
    const number = this.columns.numberOf(id)
    const given = number === undefined ? undefined : this.#given[of].get(number)
    for (let i = 0; given !== undefined && i < given.rows.length; i++) {
      const row = given.rows[i] as number
      const bits = this.#inForce(of, row, number as number, given.values[i] as number)
      if ((bits & (givenBits.never | givenBits.always)) !== 0) yield row
    }
  }

  #viewOf(live: ReadonlySet<GroupId>): MembersView {
    const { columns } = this
    const isLive = new Set([...live].flatMap((id) => columns.numberOf(id) ?? []))
    return {
      numberOf: (group) => columns.numberOf(group) ?? -1,
      has: (of, ordinal, group) => {
        for (const entry of columns[of].memberships.of(ordinal)) if (entry >>> 3 === group) return true
        return false
      },
      fill: (of, group, mask) => {
        const posting =
          this.#memberships[of].get(group) ?? columns[of].memberships.postings(new Set([group])).get(group)
        for (const row of posting?.rows ?? []) if (row < mask.length) mask[row] = 1
      },
      fillAny: (of, except, mask) => {
        const size = Math.min(columns[of].ordinals.size, mask.length)
        for (let row = 0; row < size; row++)
          for (const entry of columns[of].memberships.of(row)) {
            const group = entry >>> 3
            if (isLive.has(group) && !except.has(group)) mask[row] = 1
          }
      },
    }
  }
}

/** The groups with those that their rules name: of these, memberships are asked for. */
export function withThoseRead(
  groups: readonly CompiledGroup[],
  all: readonly CompiledGroup[],
): readonly CompiledGroup[] {
  const named = new Set<GroupId>()
  for (const group of groups) {
    named.add(group.id)
    for (const id of readBy(group).reads) named.add(id)
  }
  return all.filter(({ id }) => named.has(id))
}
