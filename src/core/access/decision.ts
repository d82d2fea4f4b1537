// The one answer that every door carries out.
import type {
  BindingId,
  ConversationId,
  GroupId,
  OrganizationId,
  ResourceId,
  ServiceAccountId,
  SessionId,
  UserId,
} from '../../base/ids.ts'
import type { FaultCause } from '../../base/result.ts'
import type { Secret } from '../../base/secrets.ts'
import type {
  AttributeValue,
  BindingAttributes,
  DirectoryBranch,
  FactorKind,
  User,
} from '../directory/types.ts'
import type { DenyReason } from './reasons.ts'
import type { Proof } from './request.ts'

/** The person or program that was let in. */
export type Principal =
  | { readonly kind: 'user'; readonly id: UserId; readonly username: string; readonly user: User }
  | {
      readonly kind: 'service'
      readonly id: ServiceAccountId
      readonly name: string
      readonly reads: readonly DirectoryBranch[]
    }

export interface Permit {
  readonly outcome: 'permit'
  readonly organization: OrganizationId
  readonly principal: Principal
  readonly resourceId: ResourceId
  readonly proof: readonly Proof[]
  readonly groups: readonly { readonly id: GroupId; readonly name: string }[]
  /** Those of the groups that are bound to the resource: what an application is told of. */
  readonly boundGroups: readonly { readonly id: GroupId; readonly name: string }[]
  /** Merged from the bindings that grant, in their order. */
  readonly attributes: BindingAttributes
  /** What an application receives beside the standard claims: its release list, and the bindings' claims, which win. */
  readonly released: Readonly<Record<string, AttributeValue>>
  /** Where the request was to open one. The token is for the cookie, and is nowhere else. */
  readonly session?: { readonly id: SessionId; readonly token: Secret }
  readonly trace: Trace
}

/** What is missing, and how to go on. */
export type Step =
  | {
      readonly kind: 'code'
      readonly factors: readonly FactorKind[]
      readonly conversation: ConversationId
      /** Why it is asked for again; null the first time. */
      readonly because: DenyReason | null
    }
  /** The first factor: it is missing, or too old for what is wanted. */
  | { readonly kind: 'sign-in'; readonly factors: readonly FactorKind[] }

export interface Challenge {
  readonly outcome: 'challenge'
  readonly step: Step
  readonly trace: Trace
}

export interface Deny {
  readonly outcome: 'deny'
  readonly reason: DenyReason
  readonly trace: Trace
}

export interface Indeterminate {
  readonly outcome: 'indeterminate'
  readonly cause: FaultCause
  readonly trace: Trace
}

export type Decision = Permit | Challenge | Deny | Indeterminate

/** What led to the decision: complete enough for an administrator to see why, free of secrets. */
export interface Trace {
  readonly subject: {
    readonly claimed: string
    readonly id: string | null
    readonly name: string | null
    readonly state: string | null
  }
  readonly resource: {
    readonly claimed: string
    readonly id: ResourceId | null
    readonly name: string | null
  }
  readonly memberships: readonly {
    readonly groupId: GroupId
    readonly name: string
    readonly reasons: readonly string[]
  }[]
  readonly bindings: readonly {
    readonly id: BindingId
    readonly group: string
    readonly factors: readonly FactorKind[]
  }[]
  /** Each demand is satisfied by any one of its factors; `from` names the group or binding that makes it. */
  readonly demands: readonly {
    readonly anyOf: readonly FactorKind[]
    readonly from: string
    readonly satisfied: boolean
  }[]
  readonly proofs: readonly FactorKind[]
  /** The steps of the judgement in order, in plain words. */
  readonly steps: readonly string[]
}
