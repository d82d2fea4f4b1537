// From a decision to what OpenID Connect has to say. Applications learn that somebody was refused, never why; a person who could get
// further by signing in is sent there, or the application is told that this is missing.
import { errors } from 'oidc-provider'
import { Fault } from '../../base/result.ts'
import type { Deny, Indeterminate } from '../../core/access/decision.ts'

/** OIDC Core §3.1.2.6, RFC 6749 §4.1.2.1. Most applications show the description: under the reference the audit log has the reason. */
export function refusal(decision: Deny | Indeterminate, reference: string): errors.OIDCProviderError {
  switch (decision.outcome) {
    case 'deny':
      return new errors.AccessDenied(`access was not granted (reference ${reference})`)
    case 'indeterminate':
      return unavailable()
    default:
      return decision satisfies never
  }
}

/** The answer where nothing could be decided: never a refusal, never a yes. */
export function unavailable(cause?: unknown): errors.OIDCProviderError {
  const error = new errors.TemporarilyUnavailable('try again in a moment', { cause })
  return Object.assign(error, { status: 503, statusCode: 503 })
}

/** Infrastructure that fails is told as such. */
export async function answering<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof Fault && error.reason !== 'internal') throw unavailable(error)
    throw error
  }
}
