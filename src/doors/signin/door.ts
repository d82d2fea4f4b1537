// The sign-in door: pages on which people prove who they are, for the portal or for another door that sent them. It reads forms,
// asks, and shows the answer; a session is opened by the decision alone, and only where it is yes.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { ConversationId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import { newReference } from '../../core/access/reference.ts'
import type { ClaimedSubject } from '../../core/access/request.ts'
import { sendPage } from '../../net/web/headers.ts'
import { homeOnly } from '../../net/web/home.ts'
import { limitPeers, peerLimit } from '../../net/web/rate.ts'
import { cookiesOf, formOf, refusePost, slugOf, webScope } from '../../net/web/visitor.ts'
import { astrayPage } from '../../web/astray-page.ts'
import { continuePage } from '../../web/continue.ts'
import { brandOf } from '../../web/page.ts'
import { answer } from './answer.ts'
import { type Asking, ask, challenged, isComplete, named, readCode, readPassword, type Typed } from './ask.ts'
import { findBegun, findChallenge } from './begun.ts'
import { codePage, passwordPage, type Under } from './pages.ts'
import { type SigninOptions, signinRate } from './services.ts'
import { signOutRoutes } from './sign-out.ts'
import { startRoutes } from './start.ts'
import { handleErrors, sendTrouble, type Trouble, troubleOf } from './trouble.ts'

const csrfPurpose = 'sign-in'
/** A name, a password of 512 bytes and our own fields, all of it percent-encoded. */
const bodyLimit = 16 * 1024

/** A plugin for a scope of its own: `app.register(signinRoutes, options)`. */
export async function signinRoutes(app: FastifyInstance, options: SigninOptions): Promise<void> {
  const { ground, clock, log, conversations, organizations } = options
  await webScope(app, ground)
  app.addHook(
    'onRequest',
    homeOnly(ground, async (request, astray) => {
      const brand = brandOf(await organizations.findBySlug(slugOf(request)))
      return astrayPage({ ...astray, brand, nonce: request.visitor.nonce })
    }),
  )
  app.setErrorHandler(handleErrors(ground, log))
  const limit = limitPeers(peerLimit(options.rate ?? signinRate, undefined, clock), (request, reply) =>
    sendTrouble(request, reply, 'tooMany', ground),
  )

  startRoutes(app, options)

  app.get('/o/:slug/signin', async (request, reply) => {
    const visit = await begin(request, reply, options, toOfQuery(request))
    if (visit === null) return reply
    const { organization, visitor, pending, session } = visit
    if (pending === null && session !== null) return reply.redirect(`/o/${organization.slug}/portal`, 303)
    const username = pending?.login ?? ''
    const challenge = pending?.challenge ?? null
    const isAwaited =
      challenge !== null && (await findChallenge(challenge, organization, visitor, conversations)) !== null
    if (isAwaited && username !== '') {
      const step = { username, challenge, isAgain: false, isRecovery: false }
      return visit.show(200, codePage({ ...visit.under, ...step }))
    }
    return visit.show(200, passwordPage({ ...visit.under, username }))
  })

  app.post('/o/:slug/signin', { bodyLimit, onRequest: limit }, async (request, reply) => {
    const visit = await begin(request, reply, options, toOfForm(request), csrfPurpose)
    if (visit === null) return reply
    const typed = readPassword(formOf(request))
    if (typed === null) return visit.fail('unreadable')
    if (isComplete(typed)) return decide(visit, typed, named(typed), options)
    const missing = { username: typed.username === '', password: typed.password === '' }
    return visit.show(400, passwordPage({ ...visit.under, username: typed.username, missing }))
  })

  app.post('/o/:slug/signin/code', { bodyLimit, onRequest: limit }, async (request, reply) => {
    const visit = await begin(request, reply, options, toOfForm(request), csrfPurpose)
    if (visit === null) return reply
    const form = formOf(request)
    const typed = readCode(form)
    if (typed === null) return visit.fail('unreadable')
    const { username, challenge, isRecovery } = typed
    const step = { username, challenge, isAgain: false }
    const kind = form.get('kind')
    // Another field for the same challenge: nothing is asked yet.
    if (kind !== null)
      return visit.show(200, codePage({ ...visit.under, ...step, isRecovery: kind === 'recovery' }))
    if (!isComplete(typed))
      return visit.show(400, codePage({ ...visit.under, ...step, isRecovery, isMissing: true }))
    const waiting = await findChallenge(challenge, visit.organization, visit.visitor, conversations)
    // Nobody is asked about: there is no decision, and no record that a reference could lead to.
    if (waiting === null) return visit.refuse(typed, null)
    return decide(visit, typed, challenged(waiting), options)
  })

  signOutRoutes(app, options)
}

interface Visit extends Omit<Asking, 'reference' | 'at'> {
  readonly reply: FastifyReply
  readonly under: Under
  show(status: number, page: string): FastifyReply
  fail(what: Trouble): FastifyReply
  /** The same page for every reason. `reference`: of the record, where there is one. */
  refuse(typed: Typed, reference: string | null): FastifyReply
}

/**
 * What every page begins with: the organization, the form's origin where there is a form, what was begun, and who is here already.
 * Null: it has been answered.
 */
async function begin(
  request: FastifyRequest,
  reply: FastifyReply,
  options: SigninOptions,
  to: string | null,
  purpose?: string,
): Promise<Visit | null> {
  const { ground, organizations, conversations, webSessions, resources } = options
  const { visitor } = request
  const organization = await organizations.findBySlug(slugOf(request))
  const fail = (what: Trouble) => sendTrouble(request, reply, what, ground, { organization })
  if (organization === null) return ended(fail('nobody'))
  const refusal = purpose === undefined ? null : refusePost(request, ground, purpose)
  if (refusal !== null) return ended(fail(troubleOf(refusal, visitor.isBrowserKnown)))
  const pending = to === null ? null : await findBegun(to, organization, visitor, conversations)
  if (to !== null && pending === null) return ended(fail('expired'))
  const { sessionToken, nonce } = visitor
  const session =
    sessionToken === null ? null : await webSessions.resume(organization, new Secret(sessionToken))
  const target = pending === null ? null : await resources.find(organization.id, pending.resource)
  const under: Under = {
    ...{ brand: brandOf(organization), nonce, slug: organization.slug, to },
    target: target?.kind === 'application' ? target.name : null,
    isConfirming: target?.kind === 'portal' && pending?.wanted.freshSince !== null,
    csrf: visitor.csrf(csrfPurpose),
  }
  const show = (status: number, page: string): FastifyReply =>
    sendPage(reply, status, page, { nonce, publicUrl: ground.publicUrl() })
  return {
    ...{ reply, organization, visitor, pending, session, under, show },
    fail: (what) =>
      sendTrouble(request, reply, what, ground, { organization, to: what === 'expired' ? null : to }),
    refuse: ({ step, username }, reference) =>
      show(403, passwordPage({ ...under, username, refusal: { step, reference } })),
  }
}

const ended = (_answered: FastifyReply): null => null

async function decide(
  visit: Visit,
  typed: Typed,
  subject: ClaimedSubject,
  options: SigninOptions,
): Promise<FastifyReply> {
  const reference = newReference()
  const { username } = typed
  const request = ask(typed, subject, { ...visit, reference, at: options.clock.now() })
  const shown = answer(await options.access.decide(request))
  switch (shown.show) {
    case 'signed-in':
      return goOn(visit, shown.token, options)
    case 'code': {
      const { challenge, isAgain } = shown
      const isRecovery = typed.step === 'code' && typed.isRecovery
      const page = codePage({ ...visit.under, username, challenge, isAgain, isRecovery })
      return visit.show(isAgain ? 403 : 200, page)
    }
    case 'refused':
      return visit.refuse(typed, reference)
    case 'insecure':
      return visit.fail('insecure')
    case 'unavailable':
      return visit.fail('unavailable')
    default:
      return shown satisfies never
  }
}

/** The session gets a new token with every sign-in, so that none which somebody else knows or has planted is ever worth anything. */
async function goOn(
  visit: Visit,
  token: Secret,
  { ground, conversations }: SigninOptions,
): Promise<FastifyReply> {
  const { reply, organization, under, pending } = visit
  cookiesOf(ground).setSession(reply, organization.slug, token.reveal())
  if (pending === null) return reply.redirect(`/o/${organization.slug}/portal`, 303)
  const taken = await conversations.take(under.to as ConversationId)
  if (taken?.kind !== 'sign-in') return visit.fail('expired')
  const { brand, nonce } = under
  return visit.show(200, continuePage({ brand, nonce, to: taken.returnTo }))
}

const toOfForm = (request: FastifyRequest): string | null => formOf(request).get('to')

/** What is there but cannot be one is not found, rather than taken for absent. */
function toOfQuery(request: FastifyRequest): string | null {
  const { to } = request.query as { readonly to?: unknown }
  if (to === undefined) return null
  return typeof to === 'string' ? to : ''
}
