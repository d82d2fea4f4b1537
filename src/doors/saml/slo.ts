// Single logout (Profiles §4.4): a service provider asks, Muster's session ends if it is the one that was named, the others are told one
// after the other through the browser, and the first one hears how it went. A sign-out that begins with us goes the same way.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { newReference } from '../../core/access/reference.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import { sendPage } from '../../net/web/headers.ts'
import { cookiesOf, formOf } from '../../net/web/visitor.ts'
import { continuePage } from '../../web/continue.ts'
import { brandOf } from '../../web/page.ts'
import type { Status } from '../../wire/saml/messages.ts'
import { receivePost, receiveRedirect } from '../../wire/saml/receive.ts'
import { statusCodes } from '../../wire/saml/vocabulary.ts'
import { paths, resumePath } from './addresses.ts'
import { createLogoutArrivals } from './logout-arrival.ts'
import { type Chain, chainOf, type LogoutWish } from './logout-chain.ts'
import { createLogoutMessages, endpointOf } from './logout-messages.ts'
import { named } from './logout-named.ts'
import { park, take } from './pending.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { stop } from './trouble.ts'
import { beginVisit, messageFields, rawQuery, type Visit } from './visit.ts'

const success: Status = { code: statusCodes.success, subcode: null, message: null }
/** Core §3.7.3.2. */
const partial: Status = { ...success, subcode: statusCodes.partialLogout }
const unknownPrincipal: Status = {
  code: statusCodes.requester,
  subcode: statusCodes.unknownPrincipal,
  message: 'This is not a session of the person in front of this browser.',
}

export function createSlo(services: SamlServices) {
  const { applications, webSessions, facts, ground, log } = services
  const messages = createLogoutMessages(services)
  const accept = createLogoutArrivals(services)

  const carryOut = (visit: Visit, next: LogoutWish | Chain): Promise<FastifyReply> =>
    next.what === 'chain' ? advance(visit, next) : end(visit, next)

  const end = async (visit: Visit, wish: LogoutWish): Promise<FastifyReply> => {
    const { organization, reply } = visit
    const { entityId, requestId, relayState } = wish
    const sp = await applications.find(organization.id, 'saml', entityId)
    if (sp === null) stop('unknownApplication', `${entityId} was removed meanwhile`)
    const session = await visit.session()
    const initiator = { entityId, requestId, relayState }
    const whose = await named(wish, organization, sp, session, services)
    if (session === null || whose !== 'own') {
      const told = { organization: organization.slug, application: sp.resource.name, session: whose }
      log.info({ reference: newReference(), ...told }, 'a logout request ended nothing')
      return finish(visit, initiator, whose === 'none' ? success : unknownPrincipal)
    }
    const ended = await endSession(organization, session, sp)
    cookiesOf(ground).clearSession(reply, organization.slug)
    return advance(visit, chainOf(ended, initiator))
  }

  const endSession = async (
    { id: organization }: Organization,
    { id, userId }: Session,
    sp: ServiceProvider,
  ): Promise<readonly ApplicationSession[]> => {
    const subject = await facts.findSubject(organization, { by: 'user-id', id: userId })
    const username = subject?.kind === 'user' ? subject.user.username : userId
    const actor = { kind: 'user', id: userId, name: username } as const
    const reason = `signed out at ${sp.resource.name}`
    return webSessions.end(organization, id, { id: userId, username }, actor, reason)
  }

  /** Sends the browser to the next one that can be told, or back. */
  const advance = async (visit: Visit, chain: Chain): Promise<FastifyReply> => {
    const { organization, visitor } = visit
    const [next, ...waiting] = chain.waiting
    if (next === undefined)
      return chain.initiator === null
        ? leave(visit, chain.returnTo)
        : finish(visit, chain.initiator, chain.isPartial ? partial : success)
    const sp = await applications.find(organization.id, 'saml', next.entityId)
    const endpoint = sp === null ? null : endpointOf(sp.application)
    if (sp === null || endpoint === null) return advance(visit, { ...chain, waiting, isPartial: true })
    const step: Chain = { ...chain, waiting, asked: next.entityId }
    const id = await park(step, organization, visitor.browser, services)
    return messages.tell(visit, sp, endpoint, next, `_${id}`)
  }

  /** Everybody has been told: on to where the sign-out began. */
  const leave = (
    { organization, visitor: { nonce }, reply }: Visit,
    returnTo: string | null,
  ): FastifyReply => {
    if (returnTo === null) return reply.redirect(`/o/${organization.slug}/signin/out`, 303)
    const frame = { brand: brandOf(organization), nonce }
    const text = continuePage({ ...frame, to: returnTo, title: 'You are signed out' })
    return sendPage(reply, 200, text, { nonce, publicUrl: ground.publicUrl() })
  }

  const finish = async (
    visit: Visit,
    initiator: NonNullable<Chain['initiator']>,
    status: Status,
  ): Promise<FastifyReply> => {
    const { organization } = visit
    const sp = await applications.find(organization.id, 'saml', initiator.entityId)
    const endpoint = sp === null ? null : endpointOf(sp.application)
    if (sp === null || endpoint === null) return leave(visit, null)
    return messages.reply(visit, sp, endpoint, initiator, status)
  }

  const byRedirect = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const { next } = await accept(
      receiveRedirect(rawQuery(request)),
      visit.organization,
      visit.visitor.browser,
    )
    return carryOut(visit, next)
  }

  /** Another site's form comes without cookies (SameSite=Lax), so it goes on with a GET, which has them. */
  const byPost = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const received = receivePost(messageFields(formOf(request)))
    const { next, browser } = await accept(received, visit.organization, null)
    const id = await park(next, visit.organization, browser, services)
    return reply.redirect(resumePath(visit.organization, 'sloResume', id), 303)
  }

  const resume = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const { request: id } = request.query as { readonly request?: unknown }
    const isHere = ({ what, asked = null }: { readonly what: string; readonly asked?: string | null }) =>
      (what === 'logout' || what === 'chain') && asked === null
    const { browser } = visit.visitor
    const text = typeof id === 'string' ? id : ''
    const taken = await take(text, visit.organization, browser, services, isHere)
    if (taken === null || taken.pending.what === 'sign-in')
      stop('signOutOver', 'no logout of this browser waits under this address')
    return carryOut(visit, taken.pending)
  }

  return {
    async routes(scope: FastifyInstance): Promise<void> {
      // A look at the headers alone must not use up a request.
      const exposeHeadRoute = false
      scope.get(`/o/:slug${paths.slo}`, { exposeHeadRoute }, byRedirect)
      scope.post(`/o/:slug${paths.slo}`, byPost)
      scope.get(`/o/:slug${paths.sloResume}`, { exposeHeadRoute }, resume)
    },

    /** Parks the way to those that can be told, and on to `returnTo`; null where there is none. */
    async afterSignOut(
      organization: Organization,
      ended: readonly ApplicationSession[],
      browser: string,
      returnTo: string | null = null,
    ): Promise<string | null> {
      const chain = chainOf(ended, null, returnTo)
      const found = await Promise.all(
        chain.waiting.map(({ entityId }) => applications.find(organization.id, 'saml', entityId)),
      )
      const waiting = chain.waiting.filter((_, index) => {
        const application = found[index]?.application
        return application !== undefined && endpointOf(application) !== null
      })
      if (waiting.length === 0) return null
      const id = await park({ ...chain, waiting }, organization, browser, services)
      return resumePath(organization, 'sloResume', id)
    },
  }
}
