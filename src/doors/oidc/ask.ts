// From a request of OpenID Connect to the one question: for the person in front of the browser, and later, with every code and token
// that is used, for what was opened then.
import type { ResourceId } from '../../base/ids.ts'
import type { AccessRequest, Wanted } from '../../core/access/request.ts'
import { standingRequest } from '../../core/access/revocation.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import type { Visitor } from '../../net/web/visitor.ts'

/** May the person whose session this is open the application? */
export function askForSession(
  { id: organization }: Organization,
  { peer, secured, browser }: Visitor,
  session: Session,
  resource: ResourceId,
  wanted: Wanted,
  reference: string,
  at: Date,
): AccessRequest {
  return {
    organization,
    subject: { by: 'user-id', id: session.userId },
    evidence: [{ kind: 'session', id: session.id }],
    resource: { kind: 'id', id: resource },
    circumstance: { peer, door: 'oidc', secured, browser },
    means: ['prompt', 'sign-in'],
    wanted,
    reference,
    at,
  }
}

/** Does it still hold, with the level that was asked for then? */
export function askForStanding({ id }: Organization, opened: ApplicationSession, at: Date): AccessRequest {
  const isTwo = opened.details.secondFactor === 'demanded'
  return {
    ...standingRequest(id, opened, at),
    wanted: { secondFactor: isTwo ? 'demanded' : null, freshSince: null },
  }
}
