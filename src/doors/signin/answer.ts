// From a decision to what is shown. Whoever guesses learns nothing: every refusal is the same page, whatever its reason, but for
// the one that comes before anything was looked at. The reference on it is for the administrator, who finds the reason under it.
import type { ConversationId } from '../../base/ids.ts'
import type { Secret } from '../../base/secrets.ts'
import type { Decision } from '../../core/access/decision.ts'

export type Answer =
  | { readonly show: 'signed-in'; readonly token: Secret }
  /** `isAgain`: the code before was not accepted. */
  | { readonly show: 'code'; readonly challenge: ConversationId; readonly isAgain: boolean }
  | { readonly show: 'refused' }
  /** No password is accepted in clear: what was typed has not been looked at. */
  | { readonly show: 'insecure' }
  | { readonly show: 'unavailable' }

export function answer(decision: Decision): Answer {
  switch (decision.outcome) {
    case 'permit': {
      const { session } = decision
      // Without a session nobody is in, whatever was decided.
      if (session === undefined) throw new TypeError('a sign-in without a session')
      return { show: 'signed-in', token: session.token }
    }
    case 'challenge': {
      const { step } = decision
      return step.kind === 'code'
        ? { show: 'code', challenge: step.conversation, isAgain: step.because !== null }
        : { show: 'refused' }
    }
    case 'deny':
      return { show: decision.reason === 'transport-not-secure' ? 'insecure' : 'refused' }
    case 'indeterminate':
      return { show: 'unavailable' }
    default:
      return decision satisfies never
  }
}
