// The way out: asked for with GET, done with POST. What was open at applications through the session ends with it; where they can
// only be told through the browser, it goes on to them.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Secret } from '../../base/secrets.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { Session } from '../../core/ports.ts'
import { sendPage } from '../../net/web/headers.ts'
import { cookiesOf, refusePost, slugOf } from '../../net/web/visitor.ts'
import { continuePage } from '../../web/continue.ts'
import { brandOf } from '../../web/page.ts'
import { signedOutPage, signOutPage } from './pages.ts'
import type { SigninOptions } from './services.ts'
import { sendTrouble, troubleOf } from './trouble.ts'

/** The portal has a button of this purpose, too. */
const csrfPurpose = 'sign-out'
const path = '/o/:slug/signin/out'

/** Adds its routes to the scope of sign-in. */
export function signOutRoutes(app: FastifyInstance, options: SigninOptions): void {
  const { ground, organizations, webSessions, facts, afterSignOut } = options

  const sessionOf = async (request: FastifyRequest, organization: Organization): Promise<Session | null> => {
    const { sessionToken } = request.visitor
    return sessionToken === null ? null : webSessions.resume(organization, new Secret(sessionToken))
  }
  const show = (request: FastifyRequest, reply: FastifyReply, page: string): FastifyReply =>
    sendPage(reply, 200, page, { nonce: request.visitor.nonce, publicUrl: ground.publicUrl() })

  app.get(path, async (request, reply) => {
    const organization = await organizations.findBySlug(slugOf(request))
    if (organization === null) return sendTrouble(request, reply, 'nobody', ground)
    const { nonce, csrf } = request.visitor
    const frame = { brand: brandOf(organization), nonce, slug: organization.slug }
    const isIn = (await sessionOf(request, organization)) !== null
    return show(
      request,
      reply,
      isIn ? signOutPage({ ...frame, csrf: csrf(csrfPurpose) }) : signedOutPage(frame),
    )
  })

  app.post(path, async (request, reply) => {
    const organization = await organizations.findBySlug(slugOf(request))
    if (organization === null) return sendTrouble(request, reply, 'nobody', ground)
    const { slug } = organization
    const { nonce, browser, isBrowserKnown } = request.visitor
    const refusal = refusePost(request, ground, csrfPurpose)
    if (refusal !== null)
      return sendTrouble(request, reply, troubleOf(refusal, isBrowserKnown), ground, { organization })
    const session = await sessionOf(request, organization)
    cookiesOf(ground).clearSession(reply, slug)
    const next = session === null ? null : await end(organization, session, browser)
    if (next === null) return reply.redirect(`/o/${slug}/signin/out`, 303)
    return show(request, reply, continuePage({ brand: brandOf(organization), nonce, to: next }))
  })

  const end = async (
    organization: Organization,
    { id, userId }: Session,
    browser: string,
  ): Promise<string | null> => {
    const subject = await facts.findSubject(organization.id, { by: 'user-id', id: userId })
    const username = subject?.kind === 'user' ? subject.user.username : userId
    const user = { id: userId, username }
    const actor = { kind: 'user', id: userId, name: username } as const
    const ended = await webSessions.end(organization.id, id, user, actor, 'signed out')
    return afterSignOut(organization, ended, browser)
  }
}
