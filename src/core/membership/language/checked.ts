// A rule that has passed the checker: attributes resolved, constants folded and typed, groups as ids. What evaluates,
// orders, schedules or translates rules starts from here.
import type { GroupId } from '../../../base/ids.ts'
import type { Attribute } from './schema.ts'
import type { CompareOp, Span } from './syntax.ts'

/** Whose facts: those of the subject (inside `devices[…]`: the device) or of its owner. */
export type Side = 'self' | 'owner'

/** A date: an instant in epoch milliseconds, or `now` plus milliseconds. */
export type When = { readonly at: number } | { readonly fromNow: number }

/** Texts are folded unless the attribute is `caseExact`; dates are instants. */
export type Constant = string | number | boolean

export type CheckedRule =
  | { readonly kind: 'and' | 'or'; readonly items: readonly CheckedRule[]; readonly at: Span }
  | { readonly kind: 'not'; readonly item: CheckedRule; readonly at: Span }
  | { readonly kind: 'any'; readonly where: CheckedRule; readonly at: Span }
  /** In one of `groups`; in any group at all where they are null. */
  | {
      readonly kind: 'member'
      readonly side: Side
      readonly groups: readonly GroupId[] | null
      readonly at: Span
    }
  | Test<'present', object>
  | Test<'compare', { readonly op: CompareOp; readonly value: Constant }>
  | Test<'date', { readonly op: CompareOp; readonly when: When }>
  | Test<'in', { readonly values: readonly Constant[] }>
  /** `source` is a pattern for V8's linear engine, to be run on the folded value unless the attribute is `caseExact`. */
  | Test<'matches', { readonly source: string }>

type Test<Kind extends string, More> = {
  readonly kind: Kind
  readonly side: Side
  readonly attribute: Attribute
  readonly at: Span
} & More
