// From what a service provider wants to the one question: may the person whose session this is open the application?
import type { AccessRequest } from '../../core/access/request.ts'
import type { Session } from '../../core/ports.ts'
import type { SignInWish } from './pending.ts'
import type { Visit } from './visit.ts'

export function ask(
  { resource, secondFactor, freshSince }: SignInWish,
  { organization, visitor }: Visit,
  session: Session,
  reference: string,
  at: Date,
): AccessRequest {
  const { peer, secured, browser } = visitor
  return {
    organization: organization.id,
    subject: { by: 'user-id', id: session.userId },
    evidence: [{ kind: 'session', id: session.id }],
    resource: { kind: 'id', id: resource },
    circumstance: { peer, door: 'saml', secured, browser },
    means: ['prompt', 'sign-in'],
    wanted: { secondFactor, freshSince: freshSince === null ? null : new Date(freshSince) },
    reference,
    at,
  }
}
