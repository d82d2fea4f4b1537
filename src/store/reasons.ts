// Reasons of a membership as they lie in the database: one bit each.
import { type MembershipReason, membershipReasons } from '../core/membership/cell.ts'

const bits = { rule: 1, exemption: 2, manual: 4 } satisfies Record<MembershipReason, number>

export function fromReasons(reasons: readonly MembershipReason[]): number {
  return reasons.reduce((sum, reason) => sum | bits[reason], 0)
}

export function toReasons(sum: number): readonly MembershipReason[] {
  return membershipReasons.filter((reason) => (sum & bits[reason]) !== 0)
}
