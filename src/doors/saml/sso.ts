// Single sign-on (Profiles §4.1): a request comes, the decision is asked, and the answer goes to the service provider. Where the person
// has to prove more they are sent to sign in, and the same is asked again when they are back.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type ConversationId, isId, newId, type ResourceId } from '../../base/ids.ts'
import { newReference } from '../../core/access/reference.ts'
import { formOf } from '../../net/web/visitor.ts'
import type { AuthnRequest } from '../../wire/saml/messages.ts'
import { type Received, receivePost, receiveRedirect } from '../../wire/saml/receive.ts'
import { nameIdFormats } from '../../wire/saml/vocabulary.ts'
import { addressesOf, paths, resumePath } from './addresses.ts'
import { type Answer, answer, askPerson } from './answer.ts'
import { type Arrival, findSender, prove, refuseRepeated, refuseStray } from './arrival.ts'
import { ask } from './ask.ts'
import { type Understood, understand, unsolicited } from './authn-request.ts'
import { type Pending, park, type SignInWish, take } from './pending.ts'
import { createResponses } from './response.ts'
import type { SamlServices, ServiceProvider } from './services.ts'
import { sendTrouble, stop } from './trouble.ts'
import { beginVisit, messageFields, rawQuery, type Visit } from './visit.ts'

/** What waits for the sign-in door is kept as long as our own. */
const signInSeconds = 600
const longestLogin = 256

export function createSso(services: SamlServices) {
  const { access, applications, conversations, resources, clock, ground, log } = services
  const responses = createResponses(services)

  const accept = async (received: Received, { organization }: Visit): Promise<Arrival<AuthnRequest>> => {
    const sp = await findSender(received, organization, services)
    const message = prove(received, sp, sp.application.wantsSignedRequests)
    if (message.kind !== 'AuthnRequest') stop('unsupported', `a ${message.kind} does not belong here`)
    refuseStray(message, addressesOf(ground.publicUrl(), organization).sso, clock.now())
    return { sp, message, relayState: received.relayState }
  }

  /** Null: it has been answered with a status already. */
  const begin = async (
    received: Received,
    visit: Visit,
  ): Promise<(Understood & Pick<Arrival, 'sp'>) | null> => {
    const arrival = await accept(received, visit)
    const understood = understand(arrival, clock.now())
    await refuseRepeated(arrival.message, visit.organization, services)
    const { wish, refusal } = understood
    if (refusal === null) return { ...understood, sp: arrival.sp }
    await responses.sendStatus(visit, arrival.sp, wish, refusal)
    return null
  }

  const goOn = async (
    request: FastifyRequest,
    visit: Visit,
    sp: ServiceProvider,
    wish: SignInWish,
  ): Promise<FastifyReply> => {
    const session = await visit.session()
    if (session === null) return carryOut(request, visit, sp, wish, askPerson(wish, hintOf(wish), null))
    const reference = newReference()
    const decision = await access.decide(ask(wish, visit, session, reference, clock.now()))
    const said = answer(decision, wish, sp, reference)
    if (said.say === 'statement') {
      if (said.unwritable.length > 0) {
        const told = { reference, application: sp.resource.name, attributes: said.unwritable }
        log.warn(told, 'values that XML cannot carry were left out of an assertion')
      }
      return responses.sendStatement(visit, sp, wish, session, said)
    }
    return carryOut(request, visit, sp, wish, said, reference)
  }

  const carryOut = async (
    request: FastifyRequest,
    visit: Visit,
    sp: ServiceProvider,
    wish: SignInWish,
    said: Exclude<Answer, { say: 'statement' }>,
    reference = newReference(),
  ): Promise<FastifyReply> => {
    switch (said.say) {
      case 'status': {
        const { subcode } = said.status
        log.info(
          { reference, application: sp.resource.name, subcode },
          'a SAML request was answered with a status',
        )
        return responses.sendStatus(visit, sp, wish, said.status)
      }
      case 'sign-in':
        return sendToSignIn(visit, wish, said)
      case 'unavailable':
        return offerAgain(request, visit, wish, reference)
      default:
        return said satisfies never
    }
  }

  /** The request is used up, and nobody is to lose it because a database was away. */
  const offerAgain = async (
    request: FastifyRequest,
    { organization, visitor, reply }: Visit,
    wish: SignInWish,
    reference: string,
  ): Promise<FastifyReply> => {
    const id = await park(wish, organization, visitor.browser, services).catch(() => null)
    const href = id === null ? null : resumePath(organization, 'resume', id)
    const more = { reference, ...(href !== null && { action: { label: 'Try again', href } }) }
    return sendTrouble(request, reply, 'unavailable', services, more)
  }

  const sendToSignIn = async (
    { organization, visitor, reply }: Visit,
    wish: SignInWish,
    { login, challenge }: Extract<Answer, { say: 'sign-in' }>,
  ): Promise<FastifyReply> => {
    const { browser } = visitor
    const { resource, secondFactor, freshSince } = wish
    const request = await park(wish, organization, browser, services)
    const id = newId<ConversationId>()
    const pending = {
      kind: 'sign-in',
      organization: organization.id,
      ...{ browser, resource, login, challenge },
      wanted: { secondFactor, freshSince: freshSince === null ? null : new Date(freshSince) },
      returnTo: resumePath(organization, 'resume', request),
    } as const
    await conversations.park(id, pending, signInSeconds)
    return reply.redirect(`/o/${organization.slug}/signin?to=${id}`, 303)
  }

  const byRedirect = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const begun = await begin(receiveRedirect(rawQuery(request)), visit)
    return begun === null ? reply : goOn(request, visit, begun.sp, begun.wish)
  }

  /** Another site's form comes without cookies (SameSite=Lax), so it goes on with a GET, which has them. */
  const byPost = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const begun = await begin(receivePost(messageFields(formOf(request))), visit)
    if (begun === null) return reply
    const id = await park(begun.wish, visit.organization, null, services)
    return reply.redirect(resumePath(visit.organization, 'resume', id), 303)
  }

  const resume = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const { organization, visitor } = visit
    const { request: id } = request.query as { readonly request?: unknown }
    const text = typeof id === 'string' ? id : ''
    const isHere = ({ what }: Pending) => what === 'sign-in'
    const taken = await take(text, organization, visitor.browser, services, isHere)
    if (taken?.pending.what !== 'sign-in')
      stop('expired', 'no request of this browser waits under this address')
    const wish = taken.pending
    const sp = await applications.find(organization.id, 'saml', wish.entityId)
    // It may have been changed meanwhile.
    const isSame =
      sp?.resource.id === wish.resource &&
      sp.resource.enabled &&
      sp.application.assertionConsumerServices.some(({ url }) => url === wish.acs)
    if (sp === null || !isSame)
      stop('unknownApplication', `${wish.entityId} was changed or turned off meanwhile`)
    return goOn(request, visit, sp, wish)
  }

  /** Nobody has asked (Profiles §4.1.5): only where the service provider takes that. */
  const launch = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const visit = await beginVisit(request, reply, services)
    const { organization } = visit
    const { resource: given } = request.params as { readonly resource: string }
    const resource = isId(given) ? await resources.find(organization.id, given as ResourceId) : null
    const registered = resource?.application
    if (registered?.protocol !== 'saml' || !registered.allowIdpInitiated)
      stop('notFromHere', 'no application is registered here with allowIdpInitiated')
    const sp = await applications.find(organization.id, 'saml', registered.entityId)
    if (sp === null || !sp.resource.enabled)
      stop('unknownApplication', `${registered.entityId} is turned off`)
    return goOn(request, visit, sp, unsolicited(sp))
  }

  return async (scope: FastifyInstance): Promise<void> => {
    // A look at the headers alone must not use up a request.
    const exposeHeadRoute = false
    scope.get(`/o/:slug${paths.sso}`, { exposeHeadRoute }, byRedirect)
    scope.post(`/o/:slug${paths.sso}`, byPost)
    scope.get(`/o/:slug${paths.resume}`, { exposeHeadRoute }, resume)
    scope.get(`/o/:slug${paths.launch}/:resource`, { exposeHeadRoute }, launch)
  }
}

/** Fills in the name of the person that is meant; an id would help nobody. */
function hintOf({ subject }: SignInWish): string | null {
  return subject === null || subject.format === nameIdFormats.persistent
    ? null
    : subject.value.slice(0, longestLogin)
}
