// A decision as /access/explain shows it: to an administrator, who may see the reason.
import type { Decision, Principal } from '../../core/access/decision.ts'
import { denyReasons } from '../../core/access/reasons.ts'

export function answerExplained(decision: Decision): Readonly<Record<string, unknown>> {
  const { outcome, trace } = decision
  switch (decision.outcome) {
    case 'permit':
      return {
        outcome,
        principal: shownPrincipal(decision.principal),
        groups: decision.groups,
        attributes: decision.attributes,
        released: decision.released,
        trace,
      }
    case 'challenge':
      return { outcome, step: { kind: decision.step.kind, factors: decision.step.factors }, trace }
    case 'deny':
      return { outcome, reason: decision.reason, message: denyReasons[decision.reason], trace }
    case 'indeterminate':
      return { outcome, cause: decision.cause, trace }
    default:
      return decision satisfies never
  }
}

function shownPrincipal(principal: Principal): object {
  if (principal.kind === 'service') return principal
  const { kind, id, username } = principal
  return { kind, id, username }
}
