// Writes a rule's tree as text: lower-case keywords, single spaces, parentheses only where the tree needs them.
// Parsing the result gives the same tree again, positions aside.
import type { Expr, Value } from './syntax.ts'

/** The text of a rule. Comments and spacing of the original are not kept. */
export function formatRule(expr: Expr): string {
  switch (expr.kind) {
    case 'or':
      return expr.items
        .map((item) => (item.kind === 'or' ? `(${formatRule(item)})` : formatRule(item)))
        .join(' or ')
    case 'and':
      return expr.items
        .map((item) =>
          item.kind === 'or' || item.kind === 'and' ? `(${formatRule(item)})` : formatRule(item),
        )
        .join(' and ')
    case 'not':
      return `not (${formatRule(expr.item)})`
    case 'present':
      return `${expr.path.name} pr`
    case 'compare':
      return `${expr.path.name} ${expr.op} ${formatValue(expr.value)}`
    case 'in':
      return `${expr.path.name} in (${expr.values.map(formatValue).join(', ')})`
    case 'matches':
      return `${expr.path.name} matches ${formatValue(expr.pattern)}`
    case 'any':
      return `${expr.collection.name}[${formatRule(expr.where)}]`
    default:
      return expr satisfies never
  }
}

function formatValue(value: Value): string {
  if (value.kind !== 'relative') return JSON.stringify(value.value)
  if (value.amount === 0) return 'now'
  return `now${value.amount < 0 ? '-' : '+'}${Math.abs(value.amount)}${value.unit}`
}
