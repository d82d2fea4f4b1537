// Who is at a page of the portal: nobody gets past here without a session for which the decision is yes now. Sign-in left the record;
// a page asks whether it still holds, and leaves none.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Secret } from '../../base/secrets.ts'
import type { User } from '../../core/directory/types.ts'
import { sendPage } from '../../net/web/headers.ts'
import { refusePost, slugOf } from '../../net/web/visitor.ts'
import { type Brand, brandOf } from '../../web/page.ts'
import { type Asking, askForPage } from './ask.ts'
import { proveEnough } from './prove.ts'
import type { PortalOptions } from './services.ts'
import { sendTrouble, type Trouble } from './trouble.ts'

export interface Guest extends Asking {
  readonly reply: FastifyReply
  readonly user: User
  readonly frame: PortalFrame
  show(status: number, page: string): FastifyReply
  fail(what: Trouble): FastifyReply
}

/** What every page of the portal is made with. */
export interface PortalFrame {
  readonly brand: Brand
  readonly nonce: string
  /** `/o/acme/portal` */
  readonly base: string
  /** Of the forms of the portal. */
  readonly csrf: string
  readonly signOut: { readonly action: string; readonly csrf: string }
  /** Who is signed in. */
  readonly name: string
}

export const csrfPurpose = 'portal'
/** That of the sign-in door. */
const signOutPurpose = 'sign-out'

export const displayNameOf = (user: User): string => user.displayName ?? user.username

/** Null: it has been answered, and nothing is to be done. */
export async function enter(
  request: FastifyRequest,
  reply: FastifyReply,
  options: PortalOptions,
): Promise<Guest | null> {
  const { access, ground, organizations, webSessions, clock } = options
  const { visitor } = request
  const isForm = request.method === 'POST'
  const organization = await organizations.findBySlug(slugOf(request))
  const fail = (what: Trouble) => sendTrouble(request, reply, what, ground, organization)
  if (organization === null) return answered(fail('nobody'))
  if (isForm && refusePost(request, ground, csrfPurpose) !== null) return answered(fail('otherPage'))
  const { slug } = organization
  const { sessionToken, nonce, csrf } = visitor
  const session =
    sessionToken === null ? null : await webSessions.resume(organization, new Secret(sessionToken))
  if (session === null) return answered(reply.redirect(`/o/${slug}/signin`, 303))

  const asking = { organization, visitor, session, at: clock.now() }
  const decision = await access.holds(askForPage(asking))
  if (decision.outcome === 'indeterminate') return answered(fail('unavailable'))
  if (decision.outcome === 'deny') return answered(fail('refused'))
  if (decision.outcome === 'challenge') {
    const base = `/o/${slug}/portal`
    const proven = await proveEnough(asking, base, options)
    if (proven.is === 'trouble') return answered(fail(proven.what))
    // Where it is enough, what is demanded has changed since: the page is asked for again.
    return answered(reply.redirect(proven.is === 'missing' ? proven.path : base, 303))
  }
  const { principal } = decision
  if (principal.kind !== 'user') return answered(fail('refused'))
  const { user } = principal
  return {
    ...asking,
    ...{ reply, user, fail },
    frame: {
      ...{ brand: brandOf(organization), nonce, base: `/o/${slug}/portal`, csrf: csrf(csrfPurpose) },
      signOut: { action: `/o/${slug}/signin/out`, csrf: csrf(signOutPurpose) },
      name: displayNameOf(user),
    },
    show: (status, page) => sendPage(reply, status, page, { nonce, publicUrl: ground.publicUrl() }),
  }
}

const answered = (_reply: FastifyReply): null => null
