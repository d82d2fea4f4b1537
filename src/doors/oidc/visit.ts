// What is known of a request beside what oidc-provider sees of it: whose issuer it came to, and who brought it.
import type { IncomingMessage } from 'node:http'
import Provider, { type KoaContextWithOIDC } from 'oidc-provider'
import type { ResourceId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import type { Visitor } from '../../net/web/visitor.ts'
import type { OidcServices } from './services.ts'

export interface Visit {
  readonly organization: Organization
  readonly visitor: Visitor
  /** Muster's session of this browser. Throws Fault. */
  session(): Promise<Session | null>
  /** What was looked at of what is open, by id. */
  readonly opened: Map<string, Promise<ApplicationSession | null>>
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
    opened: new Map(),
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

/** Of the request that is being answered; outside of requests there is none. */
export function visitUnderWay(): Visit | undefined {
  const { ctx } = Provider
  return ctx === undefined ? undefined : visits.get(ctx.req)
}

/** The resource that the client of a request is registered for: see client.ts. */
export function resourceOf({ oidc }: KoaContextWithOIDC): ResourceId {
  const id = oidc.client?.resource_id
  if (typeof id !== 'string') throw new TypeError('a request of no client')
  return id as ResourceId
}
