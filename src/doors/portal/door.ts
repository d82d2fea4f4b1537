// The portal: what somebody may open, and what they look after themselves. A door like the others: each page asks, and each form
// that changes how one signs in asks for fresh proof.
import type { FastifyInstance } from 'fastify'
import { homeOnly } from '../../net/web/home.ts'
import { slugOf, webScope } from '../../net/web/visitor.ts'
import { astrayPage } from '../../web/astray-page.ts'
import { brandOf } from '../../web/page.ts'
import { enter } from './enter.ts'
import { homePage } from './pages/home.ts'
import { detailRoutes } from './routes/details.ts'
import { factorRoutes } from './routes/factors.ts'
import { sessionRoutes } from './routes/sessions.ts'
import type { PortalOptions } from './services.ts'
import { handleErrors } from './trouble.ts'

/** Forms of a code and our own fields. */
const bodyLimit = 4 * 1024

const notices: Readonly<Record<string, string>> = {
  'details-changed': 'Your details are saved.',
  'authenticator-removed': 'Your authenticator and your recovery codes are removed.',
  'session-ended': 'That browser is signed out.',
  'sessions-ended': 'You are signed out everywhere else, and no application keeps access.',
  'access-ended': 'That application does not keep access any more.',
}

/** A plugin for a scope of its own: `app.register(portalRoutes, options)`. */
export async function portalRoutes(app: FastifyInstance, options: PortalOptions): Promise<void> {
  const {
    ground,
    log,
    organizations,
    webSessions,
    enrolment,
    openable,
    directory,
    resources: records,
    launchPath,
  } = options
  app.addHook('onRoute', (route) => {
    route.bodyLimit ??= bodyLimit
  })
  await webScope(app, ground)
  app.addHook(
    'onRequest',
    homeOnly(ground, async (request, astray) => {
      const brand = brandOf(await organizations.findBySlug(slugOf(request)))
      return astrayPage({ ...astray, brand, nonce: request.visitor.nonce })
    }),
  )
  app.setErrorHandler(handleErrors(ground, log))

  // People mistype addresses, and are told in a page.
  app.get('/o/:slug/portal/*', async (request, reply) => {
    const guest = await enter(request, reply, options)
    return guest === null ? reply : guest.fail('notFound')
  })

  app.get('/o/:slug/portal', async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { organization, visitor, session, user, at, frame } = guest
    const { peer, secured, browser } = visitor
    const [resources, factors, sessions, kept, details] = await Promise.all([
      openable(organization.id, session, { peer, door: 'portal', secured, browser }, at),
      enrolment.list(organization, user),
      webSessions.list(organization, user.id),
      webSessions.listKept(organization.id, user.id),
      directory.ownDetails.of(organization, user.id),
    ])
    const applications = resources.flatMap((resource) => {
      const href = launchPath(organization, resource)
      return href === null ? [] : [{ name: resource.name, href }]
    })
    const names = new Map<string, string>()
    for (const id of new Set(kept.map(({ resourceId }) => resourceId))) {
      const resource = await records.find(organization.id, id)
      if (resource !== null) names.set(id, resource.name)
    }
    const keeping = kept.map(({ id, resourceId, openedAt }) => ({
      ...{ id, name: names.get(resourceId) ?? 'An application', since: openedAt },
    }))
    const { done } = request.query as { readonly done?: unknown }
    const notice = typeof done === 'string' && Object.hasOwn(notices, done) ? (notices[done] ?? null) : null
    return guest.show(
      200,
      homePage(frame, {
        applications,
        details,
        factors,
        sessions,
        keeping,
        current: session,
        notice,
        now: at,
      }),
    )
  })

  detailRoutes(app, options)
  factorRoutes(app, options)
  sessionRoutes(app, options)
}
