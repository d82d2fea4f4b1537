// Single logout (Profiles §4.4): a service provider asks, Muster's session ends if it is the one that was named, the others are told one
// after the other through the browser, and the first one hears how it went. A sign-out that begins with us goes the same way.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ApplicationSessionId, isId } from '../../base/ids.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import { cookiesOf, formOf } from '../../net/web/visitor.ts'
import type { LogoutResponse, Status } from '../../wire/saml/messages.ts'
import { type Received, receivePost, receiveRedirect } from '../../wire/saml/receive.ts'
import { nameIdFormats, statusCodes } from '../../wire/saml/vocabulary.ts'
import { addressesOf, paths, resumePath } from './addresses.ts'
import { findSender, prove, refuseRepeated, refuseStray } from './arrival.ts'
import { type Chain, chainOf, type LogoutWish } from './logout-chain.ts'
import { createLogoutMessages, endpointOf } from './logout-messages.ts'
import { type Pending, park, take } from './pending.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { newReference, stop } from './trouble.ts'
import { beginVisit, messageFields, rawQuery, type Visit } from './visit.ts'

const success: Status = { code: statusCodes.success, subcode: null, message: null }
/** Core §3.7.3.2. */
const partial: Status = { ...success, subcode: statusCodes.partialLogout }
const unknownPrincipal: Status = {
  code: statusCodes.requester,
  subcode: statusCodes.unknownPrincipal,
  message: 'This is not a session of the person in front of this browser.',
}

/** Of one request; a session has one index at each service provider. */
const mostIndexes = 20
const mostLookedThrough = 200
const sessionIndex = /^_([0-9a-f-]{36})$/

export function createSlo(services: SamlServices) {
  const { applications, applicationSessions, webSessions, facts, clock, ground, log } = services
  const messages = createLogoutMessages(services)
  const addressOf = (organization: Organization) => addressesOf(ground.publicUrl(), organization).slo

  /** What arrives: a request to begin, or the answer to a step. */
  const accept = async (
    received: Received,
    visit: Visit,
    browser: string | null,
  ): Promise<{ readonly next: LogoutWish | Chain; readonly browser: string | null }> => {
    const { kind } = received.message
    const sp = await findSender(received, visit.organization, services)
    if (kind === 'LogoutRequest') return { next: await acceptRequest(received, visit, sp), browser }
    if (kind === 'LogoutResponse') return acceptResponse(received, received.message, visit, sp, browser)
    return stop('unsupported', `a ${kind} does not belong here`)
  }

  const acceptRequest = async (
    received: Received,
    { organization }: Visit,
    sp: ServiceProvider,
  ): Promise<LogoutWish> => {
    const message = prove(received, sp, true)
    if (message.kind !== 'LogoutRequest') stop('unsupported', `a ${message.kind} does not belong here`)
    const now = clock.now()
    refuseStray(message, addressOf(organization), now)
    const { id, nameId, sessionIndexes, notOnOrAfter } = message
    if (notOnOrAfter !== null && notOnOrAfter <= now)
      stop('outdated', `the request was valid until ${notOnOrAfter.toISOString()}`)
    if (sessionIndexes.length > mostIndexes) stop('unsupported', 'the request names too many sessions')
    await refuseRepeated(message, organization, services)
    return {
      what: 'logout',
      entityId: sp.application.entityId,
      requestId: id,
      relayState: received.relayState,
      nameId: nameId.value,
      nameIdFormat: nameId.format,
      sessionIndexes,
    }
  }

  /** The ID of what is answered is where the step is parked: nobody knows it but the one who was asked. */
  const acceptResponse = async (
    received: Received,
    { inResponseTo }: LogoutResponse,
    { organization }: Visit,
    sp: ServiceProvider,
    browser: string | null,
  ): Promise<{ readonly next: Chain; readonly browser: string }> => {
    const isAsked = (pending: Pending) =>
      pending.what === 'chain' && pending.asked === sp.application.entityId
    const taken = await take(inResponseTo?.slice(1) ?? '', organization, browser, services, isAsked)
    if (taken?.pending.what !== 'chain') stop('signOutOver', `nothing was asked under the ID ${inResponseTo}`)
    const { pending } = taken
    const isPartial = pending.isPartial || !isConfirmed(received, organization, sp)
    return { next: { ...pending, asked: null, isPartial }, browser: taken.browser }
  }

  /** Whatever is wrong with an answer, the others are told all the same. */
  const isConfirmed = (received: Received, organization: Organization, sp: ServiceProvider): boolean => {
    try {
      const message = prove(received, sp, sp.application.signingCertificates.length > 0)
      refuseStray(message, addressOf(organization), clock.now())
      const { code, subcode } = (message as LogoutResponse).status
      return code === statusCodes.success && subcode === null
    } catch (error) {
      log.warn(
        { err: error, organization: organization.slug, application: sp.resource.name },
        'an answer to a logout does not count',
      )
      return false
    }
  }

  const carryOut = (visit: Visit, next: LogoutWish | Chain): Promise<FastifyReply> =>
    next.what === 'chain' ? advance(visit, next) : end(visit, next)

  /** Checklist S17: a session ends because this very service provider names what it has of this very browser. */
  const end = async (visit: Visit, wish: LogoutWish): Promise<FastifyReply> => {
    const { organization, reply } = visit
    const { entityId, requestId, relayState } = wish
    const sp = await applications.find(organization.id, 'saml', entityId)
    if (sp === null) stop('unknownApplication', `${entityId} was removed meanwhile`)
    const session = await visit.session()
    const open = await openOf(organization, sp, wish, session)
    const initiator = { entityId, requestId, relayState }
    if (session === null || !open.some((one) => isNamed(one, sp, wish) && one.sessionId === session.id)) {
      const status = open.length === 0 ? success : unknownPrincipal
      const told = {
        reference: newReference(),
        organization: organization.slug,
        application: sp.resource.name,
      }
      log.info({ ...told, status: status.subcode }, 'a logout request ended nothing')
      return finish(visit, initiator, status)
    }
    const ended = await endSession(organization, session, sp)
    cookiesOf(ground).clearSession(reply, organization.slug)
    return advance(visit, chainOf(ended, initiator))
  }

  /** What is open under the names that the request gives. */
  const openOf = async (
    { id: organization }: Organization,
    sp: ServiceProvider,
    wish: LogoutWish,
    session: Session | null,
  ): Promise<readonly ApplicationSession[]> => {
    const now = clock.now()
    if (wish.sessionIndexes.length === 0) {
      // Core §3.7.1: all of that person's; here, those of this browser.
      const of = session === null ? null : { session: session.id }
      const page = { limit: mostLookedThrough }
      const open = of === null ? [] : await applicationSessions.list(organization, of, now, page)
      return open.filter((one) => isNamed(one, sp, wish))
    }
    const ids = wish.sessionIndexes.map((each) => sessionIndex.exec(each)?.[1] ?? '').filter(isId)
    const found = await Promise.all(
      ids.map((id) => applicationSessions.find(organization, id as ApplicationSessionId, now)),
    )
    return found.filter((one) => one !== null)
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
    if (next === undefined) return finish(visit, chain.initiator, chain.isPartial ? partial : success)
    const sp = await applications.find(organization.id, 'saml', next.entityId)
    const endpoint = sp === null ? null : endpointOf(sp.application)
    if (sp === null || endpoint === null) return advance(visit, { ...chain, waiting, isPartial: true })
    const step: Chain = { ...chain, waiting, asked: next.entityId }
    const id = await park(step, organization, visitor.browser, services)
    return messages.tell(visit, sp, endpoint, next, `_${id}`)
  }

  const finish = async (
    visit: Visit,
    initiator: Chain['initiator'],
    status: Status,
  ): Promise<FastifyReply> => {
    const { organization, reply } = visit
    const sp =
      initiator === null ? null : await applications.find(organization.id, 'saml', initiator.entityId)
    const endpoint = sp === null ? null : endpointOf(sp.application)
    if (initiator === null || sp === null || endpoint === null)
      return reply.redirect(`/o/${organization.slug}/signin/out`, 303)
    return messages.reply(visit, sp, endpoint, initiator, status)
  }

  const byRedirect = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const { next } = await accept(receiveRedirect(rawQuery(request)), visit, visit.visitor.browser)
    return carryOut(visit, next)
  }

  /** Another site's form comes without cookies (SameSite=Lax), so it goes on with a GET, which has them. */
  const byPost = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const received = receivePost(messageFields(formOf(request)))
    const { next, browser } = await accept(received, visit, null)
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

    /** Parks the way to those that can be told; null where there is none. */
    async afterSignOut(
      organization: Organization,
      ended: readonly ApplicationSession[],
      browser: string,
    ): Promise<string | null> {
      const chain = chainOf(ended, null)
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

/** Is this what the service provider calls its own, and is it this person's? */
function isNamed(
  { door, resourceId, details }: ApplicationSession,
  { resource }: ServiceProvider,
  { nameId, nameIdFormat }: LogoutWish,
): boolean {
  const isFormat =
    nameIdFormat === null ||
    nameIdFormat === nameIdFormats.unspecified ||
    nameIdFormat === details.nameIdFormat
  return door === 'saml' && resourceId === resource.id && details.nameId === nameId && isFormat
}
