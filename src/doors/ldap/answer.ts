// From a decision to the result of a bind. Whoever guesses learns nothing: every refusal is the same 49 without a text
// (RFC 4511 §4.1.9), whatever its reason, but for the one that comes before anything was looked at.
import type { Decision } from '../../core/access/decision.ts'
import { type ResultCode, resultCodes } from '../../wire/ldap/result-codes.ts'

export function answer(decision: Decision): { readonly code: ResultCode; readonly text: string } {
  switch (decision.outcome) {
    case 'permit':
      return { code: resultCodes.success, text: '' }
    case 'deny':
      return decision.reason === 'transport-not-secure'
        ? { code: resultCodes.confidentialityRequired, text: 'TLS is required' }
        : { code: resultCodes.invalidCredentials, text: '' }
    // A bind has no way to ask for more, so no challenge is ever given to it.
    case 'challenge':
      return { code: resultCodes.invalidCredentials, text: '' }
    case 'indeterminate':
      return decision.cause === 'busy'
        ? { code: resultCodes.busy, text: '' }
        : { code: resultCodes.unavailable, text: '' }
    default:
      return decision satisfies never
  }
}
