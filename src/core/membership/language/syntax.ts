// The tree of a rule as it was written, and what can be wrong with one. Nothing here knows attributes or groups: that
// is check.ts. The grammar is the SCIM filter (RFC 7644 §3.4.2.2) with `in`, `matches` and `now`.

/** Offsets in the rule's text in UTF-16 units; `end` is exclusive. */
export interface Span {
  readonly start: number
  readonly end: number
}

export const equalityOps = ['eq', 'ne'] as const
export const textOps = ['co', 'sw', 'ew'] as const
export const orderOps = ['gt', 'ge', 'lt', 'le'] as const
export const compareOps = [...equalityOps, ...textOps, ...orderOps] as const

export type OrderOp = (typeof orderOps)[number]
export type CompareOp = (typeof compareOps)[number]
/** Everything that can follow an attribute. */
export type Operator = CompareOp | 'pr' | 'in' | 'matches'

export const relativeUnits = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 } as const
export type RelativeUnit = keyof typeof relativeUnits

/** A path as written: `department`, `owner.department`, `memberOf`, `attributes.badge`. */
export interface Path {
  readonly name: string
  readonly at: Span
}

/** A literal. Dates are written as strings (`"2026-01-31"`); only the schema knows that they are dates. */
export type Value =
  | { readonly kind: 'string'; readonly value: string; readonly at: Span }
  | { readonly kind: 'number'; readonly value: number; readonly at: Span }
  | { readonly kind: 'boolean'; readonly value: boolean; readonly at: Span }
  /** `now`, `now-30d`: `amount` is signed and 0 for a plain `now` (whose unit is `s`). */
  | { readonly kind: 'relative'; readonly amount: number; readonly unit: RelativeUnit; readonly at: Span }

export type StringValue = Extract<Value, { kind: 'string' }>

/** `items` of `and` and `or` are at least two, so that a chain costs no depth. */
export type Expr =
  | { readonly kind: 'and' | 'or'; readonly items: readonly Expr[]; readonly at: Span }
  | { readonly kind: 'not'; readonly item: Expr; readonly at: Span }
  | { readonly kind: 'present'; readonly path: Path; readonly at: Span }
  | {
      readonly kind: 'compare'
      readonly path: Path
      readonly op: CompareOp
      readonly value: Value
      readonly at: Span
    }
  | { readonly kind: 'in'; readonly path: Path; readonly values: readonly Value[]; readonly at: Span }
  | { readonly kind: 'matches'; readonly path: Path; readonly pattern: StringValue; readonly at: Span }
  /** `devices[…]`: there is one of them for which `where` holds. */
  | { readonly kind: 'any'; readonly collection: Path; readonly where: Expr; readonly at: Span }

/** Bounds that hold before any work is done; whoever stores rules may rely on them. */
export const ruleLimits = {
  characters: 65_536,
  depth: 128,
  terms: 10_000,
  listValues: 10_000,
  patternCharacters: 1_000,
  /** Steps of all patterns of a rule together, repetitions multiplied out: bounds the time per character of text. */
  patternSteps: 1_500,
} as const

export type RuleProblemCode =
  | 'too-long'
  | 'too-deep'
  | 'too-many-terms'
  | 'list-too-long'
  | 'syntax'
  | 'bad-text'
  | 'bad-number'
  | 'bad-instant'
  | 'null-value'
  | 'empty-text'
  | 'unknown-attribute'
  | 'unknown-group'
  | 'unknown-value'
  | 'wrong-operator'
  | 'wrong-type'
  | 'wrong-place'
  | 'bad-pattern'

/** What is wrong with a rule, where, and how to mend it. `message` names the place by itself, counting from 1. */
export interface RuleProblem {
  readonly code: RuleProblemCode
  readonly at: Span
  readonly message: string
  readonly expected?: readonly string[]
  /** What to write instead of the text at `at`, where there is a good guess. */
  readonly suggestion?: string
}

/** Builds a problem; `what` is the sentence without its place. */
export function problem(
  code: RuleProblemCode,
  at: Span,
  what: string,
  more: { readonly expected?: readonly string[]; readonly suggestion?: string | undefined } = {},
): RuleProblem {
  const { expected, suggestion } = more
  const hint = suggestion === undefined ? '' : ` (did you mean \`${suggestion}\`?)`
  const message = `at character ${at.start + 1}: ${what}${hint}`
  return { code, at, message, ...(expected && { expected }), ...(suggestion !== undefined && { suggestion }) }
}
