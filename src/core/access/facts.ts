// What is known about the subject and the resource when a request is judged. Gathered by `decide`; never changed by it.
import type { BindingId, FactorId, GroupId } from '../../base/ids.ts'
import type {
  BindingAttributes,
  FactorKind,
  Organization,
  Resource,
  ServiceAccount,
  User,
} from '../directory/types.ts'
import type { MembershipReason } from '../membership/cell.ts'
import type { DenyReason } from './reasons.ts'
import type { Proof } from './request.ts'

export interface EnrolledFactor {
  readonly id: FactorId
  readonly kind: FactorKind
  /** Changes whenever the factor does: what was proven with another version no longer counts. */
  readonly version: string
  readonly sealed: Buffer
}

export interface MembershipFact {
  readonly groupId: GroupId
  readonly name: string
  readonly reasons: readonly MembershipReason[]
  readonly factors: readonly FactorKind[]
}

/** How the groups of an organization are called, and what they demand of their members. */
export type GroupFacts = ReadonlyMap<GroupId, Pick<MembershipFact, 'name' | 'factors'>>

export type SubjectFacts =
  | {
      readonly kind: 'user'
      readonly user: User
      readonly memberships: readonly MembershipFact[]
      readonly factors: readonly EnrolledFactor[]
      /** From then on, memberships or the state may be others by time alone; null: never. */
      readonly due: Date | null
    }
  | {
      readonly kind: 'service'
      readonly account: ServiceAccount
      readonly factors: readonly EnrolledFactor[]
    }

export interface BindingFact {
  readonly id: BindingId
  readonly groupId: GroupId
  readonly factors: readonly FactorKind[]
  readonly attributes: BindingAttributes
}

export interface ResourceFacts {
  readonly resource: Resource
  /** In the administrator's order. */
  readonly bindings: readonly BindingFact[]
}

/** What became of the evidence: the proofs that hold, and why something shown does not. */
export interface Shown {
  readonly accepted: readonly Proof[]
  readonly rejected: Extract<
    DenyReason,
    'wrong-proof' | 'code-used' | 'locked' | 'conversation-expired'
  > | null
  /** Was an attempt counted before the evidence was looked at? Then it is settled afterwards. */
  readonly counted: boolean
  /** Where a code was refused: what had been proven before it, so that it can be asked for once more. */
  readonly before?: readonly Proof[]
}

export interface Facts {
  readonly organization: Organization | null
  readonly resource: ResourceFacts | null
  readonly subject: SubjectFacts | null
  readonly shown: Shown
}

/** The id that counters, caches and policies know the subject by. */
export function subjectId(subject: SubjectFacts): string {
  return subject.kind === 'user' ? subject.user.id : subject.account.id
}
