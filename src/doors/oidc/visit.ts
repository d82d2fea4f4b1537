// What is known of a request beside what oidc-provider sees of it: whose issuer it came to, and who brought it.
import type { IncomingMessage } from 'node:http'
import type { KoaContextWithOIDC } from 'oidc-provider'
import type { ResourceId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { Session } from '../../core/ports.ts'
import type { Visitor } from '../../net/web/visitor.ts'
import type { OidcServices } from './services.ts'

export interface Visit {
  readonly organization: Organization
  readonly visitor: Visitor
  /** Muster's session of this browser. Throws Fault. */
  session(): Promise<Session | null>
}

const visits = new WeakMap<IncomingMessage, Visit>()

export function beginVisit(
  request: IncomingMessage,
  organization: Organization,
  visitor: Visitor,
  { webSessions }: Pick<OidcServices, 'webSessions'>,
): void {
  let session: Promise<Session | null> | undefined
  visits.set(request, {
    organization,
    visitor,
    session() {
      session ??=
        visitor.sessionToken === null
          ? Promise.resolve(null)
          : webSessions.resume(organization, new Secret(visitor.sessionToken))
      return session
    },
  })
}

export function visitOf({ req }: KoaContextWithOIDC): Visit {
  const visit = visits.get(req)
  if (visit === undefined) throw new TypeError('a request of no organization')
  return visit
}

/** The resource that the client of a request is registered for: see client.ts. */
export function resourceOf({ oidc }: KoaContextWithOIDC): ResourceId {
  const id = oidc.client?.resource_id
  if (typeof id !== 'string') throw new TypeError('a request of no client')
  return id as ResourceId
}
