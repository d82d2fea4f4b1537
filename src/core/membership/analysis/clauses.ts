// A checked rule beside the tree it was read from: what a clause means, and where and how it is written.
import type { CheckedRule } from '../language/checked.ts'
import type { Expr } from '../language/syntax.ts'

export type Term = Exclude<CheckedRule, { kind: 'and' | 'or' | 'not' | 'any' }>

export type Chain = { readonly kind: 'and' | 'or'; readonly items: readonly Clause[]; readonly expr: Expr }
export type AnyDevice = { readonly kind: 'any'; readonly where: Clause; readonly expr: Expr }
export type TermClause = { readonly kind: 'term'; readonly rule: Term; readonly expr: Expr }
/** `memberOf ne` is a `not` around a term, both with the expression of the whole. */
export type Clause =
  | Chain
  | AnyDevice
  | TermClause
  | { readonly kind: 'not'; readonly item: Clause; readonly expr: Expr }

/** That a clause holds, or that it does not. */
export interface Claim {
  readonly clause: Clause
  readonly holds: boolean
}

/** A claim about one attribute, or about the devices: nothing in it is joined. */
export interface Literal extends Claim {
  readonly clause: TermClause | AnyDevice
}

/** Walks both trees at once; `rule` must be what the checker made of `expr`. */
export function clausesOf(rule: CheckedRule, expr: Expr): Clause {
  switch (rule.kind) {
    case 'and':
    case 'or': {
      const items = expr.kind === rule.kind ? expr.items : []
      return { kind: rule.kind, items: rule.items.map((item, index) => clausesOf(item, items[index]!)), expr }
    }
    case 'not':
      return { kind: 'not', item: clausesOf(rule.item, expr.kind === 'not' ? expr.item : expr), expr }
    case 'any':
      return { kind: 'any', where: clausesOf(rule.where, expr.kind === 'any' ? expr.where : expr), expr }
    default:
      return { kind: 'term', rule, expr }
  }
}

/** What a literal speaks of: claims about different things cannot contradict each other. */
export function topicOf({ clause }: Literal): string {
  if (clause.kind === 'any') return 'devices'
  const { rule } = clause
  return `${rule.side} ${rule.kind === 'member' ? 'memberOf' : `attributes.${rule.attribute.name}`}`
}

/** The literal that a clause is by itself, under however many `not`. */
export function literalOf(clause: Clause, holds = true): Literal | undefined {
  switch (clause.kind) {
    case 'not':
      return literalOf(clause.item, !holds)
    case 'and':
    case 'or':
      return undefined
    default:
      return { clause, holds }
  }
}
