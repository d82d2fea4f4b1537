// From a page to the one question: may whoever this session belongs to use the portal, and have they shown so much and so lately?
import { type AccessRequest, nothingWanted, type Wanted } from '../../core/access/request.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { Session } from '../../core/ports.ts'
import type { Visitor } from '../../net/web/visitor.ts'

const means = ['prompt', 'sign-in'] as const

export interface Asking {
  readonly organization: Organization
  readonly visitor: Visitor
  readonly session: Session
  readonly at: Date
}

/** Does what sign-in permitted still hold? For every page, and without a record. */
export function askForPage({ session, ...about }: Asking): AccessRequest {
  return { ...basis(session, about), evidence: [{ kind: 'standing', proof: session.proof }] }
}

/** Is what has been proven enough? */
export function askForMore({ session, ...about }: Asking, wanted: Wanted = nothingWanted): AccessRequest {
  return { ...basis(session, about), evidence: [{ kind: 'session', id: session.id }], wanted }
}

function basis(
  { userId }: Session,
  { organization, visitor: { peer, secured, browser }, at }: Omit<Asking, 'session'>,
): Omit<AccessRequest, 'evidence'> {
  return {
    organization: organization.id,
    subject: { by: 'user-id', id: userId },
    resource: { kind: 'portal' },
    circumstance: { peer, door: 'portal', secured, browser },
    means,
    at,
  }
}
