// What an analysis reports, and how it quotes a rule.
import { formatRule } from '../language/format.ts'
import type { Expr, Span } from '../language/syntax.ts'
import type { Literal } from './clauses.ts'

export const findingCodes = [
  /** Nobody can ever fulfil the rule. */
  'contradiction',
  /** Everybody fulfils it. */
  'always-true',
  /** An item of an `or` that can be left out: it can never hold, or others cover it. */
  'unreachable-branch',
  /** An item of an `and` that can be left out: it always holds, or follows from others. */
  'redundant',
  /** A value that no user or device has. */
  'value-never-seen',
  /** It rests on an attribute that users change themselves. */
  'self-editable',
] as const

export type FindingCode = (typeof findingCodes)[number]

/** `at` is a place in the rule's text; the message says what to do. */
export interface Finding {
  readonly code: FindingCode
  readonly at: Span
  readonly message: string
}

const maxQuoted = 80

/** A piece of the rule between backquotes, cut where it is long. */
export function quote(expr: Expr): string {
  const written = formatRule(expr)
  return `\`${written.length > maxQuoted ? `${written.slice(0, maxQuoted)}…` : written}\``
}

/** A literal as it is meant: with its `not`. */
export function quoteLiteral({ clause, holds }: Literal): string {
  const { expr } = clause
  const isNe =
    clause.kind === 'term' && clause.rule.kind === 'member' && expr.kind === 'compare' && expr.op === 'ne'
  return holds !== isNe ? quote(expr) : quote({ kind: 'not', item: expr, at: expr.at })
}

/** `a`, `b` and `c`: at most three, and how many more. */
export function listed(pieces: readonly string[]): string {
  if (pieces.length > 3) return `${pieces.slice(0, 3).join(', ')} and ${pieces.length - 3} more`
  return pieces.length < 2 ? pieces.join('') : `${pieces.slice(0, -1).join(', ')} and ${pieces.at(-1)}`
}

/** From the first of them to the last. */
export function around(spans: readonly Span[]): Span {
  return {
    start: Math.min(...spans.map((span) => span.start)),
    end: Math.max(...spans.map((span) => span.end)),
  }
}
