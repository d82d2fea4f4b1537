// Joins the doors that browsers and their applications use: sign-in, portal, OpenID Connect and SAML, on one ground of
// cookies, forms and headers. Part of app.ts, which starts them.
import type { FastifyInstance } from 'fastify'
import type { Core } from './app.ts'
import { systemClock } from './base/clock.ts'
import type { Log } from './base/log.ts'
import type { Organization, Resource } from './core/directory/types.ts'
import { createOidcDoor } from './doors/oidc/door.ts'
import { portalRoutes } from './doors/portal/door.ts'
import { createSamlDoor } from './doors/saml/door.ts'
import { signinRoutes } from './doors/signin/door.ts'
import { type FetchGuard, fetchFor } from './net/web/fetch.ts'
import { peerLimit } from './net/web/rate.ts'
import type { WebGround } from './net/web/visitor.ts'
import type { Store } from './store/store.ts'

export interface WebDoors {
  /** Registers every route. */
  register(app: FastifyInstance): Promise<void>
  /** Resolves once what was under way beyond the requests is done. */
  close(): Promise<void>
}

/** Beginnings of sign-ins at applications, for each peer: an office behind one address opens many at once. */
const applicationRate = { perSecond: 10, burst: 500 }

export function createWebDoors({
  store,
  core,
  ground,
  guard,
  log,
}: {
  readonly store: Store
  readonly core: Core
  readonly ground: WebGround
  readonly guard: FetchGuard
  readonly log: Log
}): WebDoors {
  const clock = systemClock
  const shared = { ...store, ...core, ground, clock, log }
  const saml = createSamlDoor({
    ...shared,
    limit: peerLimit(applicationRate),
    resumeLimit: peerLimit(applicationRate),
  })
  const { afterSignOut } = saml
  const oidc = createOidcDoor({
    ...shared,
    afterSignOut,
    objects: store.oidcObjects,
    cookieKey: store.deriveKey('oidc cookies'),
    fetch: fetchFor(guard),
    limit: peerLimit(applicationRate),
    resumeLimit: peerLimit(applicationRate),
  })
  /** Where the portal sends people who open this application; null where that is nowhere. */
  const launchPath = (organization: Organization, resource: Resource): string | null =>
    resource.application?.launchUrl ?? saml.launchPath(organization, resource)
  return {
    async register(app) {
      await app.register(signinRoutes, { ...shared, afterSignOut })
      await app.register(portalRoutes, { ...shared, launchPath })
      await app.register(oidc.plugin)
      await app.register(saml.plugin)
    },
    close: () => oidc.close(),
  }
}
