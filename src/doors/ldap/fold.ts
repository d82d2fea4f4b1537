// Conditions put together with what is already known left out: (&(objectClass=person)(uid=alice)) becomes the bare
// comparison, which has an index. Three-valued, as RFC 4511 §4.5.1.7 has it.
import type { Condition } from '../../core/directory/condition.ts'

export const yes: Condition = { op: 'true' }
export const no: Condition = { op: 'false' }
export const unknown: Condition = { op: 'unknown' }

export const allOf = (parts: readonly Condition[]): Condition => combine('and', 'false', 'true', parts)
export const anyOf = (parts: readonly Condition[]): Condition => combine('or', 'true', 'false', parts)

/** `decisive`: one part that is so makes the whole so; `neutral`: parts that change nothing. */
function combine(
  op: 'and' | 'or',
  decisive: 'true' | 'false',
  neutral: 'true' | 'false',
  parts: readonly Condition[],
): Condition {
  const kept: Condition[] = []
  let isUnknown = false
  for (const part of parts) {
    if (part.op === decisive) return part
    if (part.op === neutral) continue
    if (part.op === 'unknown') isUnknown = true
    else if (part.op === op) kept.push(...part.of)
    else kept.push(part)
  }
  if (isUnknown) kept.push(unknown)
  if (kept.length === 0) return { op: neutral }
  return kept.length === 1 ? (kept[0] as Condition) : { op, of: kept }
}

export function negate(condition: Condition): Condition {
  switch (condition.op) {
    case 'true':
      return no
    case 'false':
      return yes
    case 'unknown':
      return unknown
    case 'not':
      return condition.of
    default:
      return { op: 'not', of: condition }
  }
}

/** The same as far as what is selected goes, where nothing is put around it any more: only what is true selects. */
export function selecting(condition: Condition): Condition {
  if (condition.op === 'unknown') return no
  if (condition.op === 'and') return condition.of.some(({ op }) => op === 'unknown') ? no : condition
  if (condition.op === 'or') return anyOf(condition.of.filter(({ op }) => op !== 'unknown'))
  return condition
}

/** How many comparisons it takes. */
export function sizeOf(condition: Condition): number {
  if (condition.op === 'not') return sizeOf(condition.of)
  if (condition.op !== 'and' && condition.op !== 'or') return 1
  return condition.of.reduce((sum, part) => sum + sizeOf(part), 0)
}
