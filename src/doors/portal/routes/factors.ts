// Changing how one signs in: the authenticator and the recovery codes. Each page and each form asks for fresh proof first.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { formOf } from '../../../net/web/visitor.ts'
import { enter, type Guest } from '../enter.ts'
import { authenticatorPage, removePage } from '../pages/authenticator.ts'
import { proveAgainPage } from '../pages/prove-again.ts'
import { codesPage, renewPage } from '../pages/recovery-codes.ts'
import { proveAgain } from '../prove.ts'
import type { PortalOptions } from '../services.ts'

const longestCode = 64

export function factorRoutes(app: FastifyInstance, options: PortalOptions): void {
  const { enrolment } = options

  /** Null where they still have to prove that it is them; they come back to `page` for it. */
  const enterAfresh = async (
    request: FastifyRequest,
    reply: FastifyReply,
    page: string,
  ): Promise<Guest | null> => {
    const guest = await enter(request, reply, options)
    if (guest === null) return null
    const proven = await proveAgain(guest, `${guest.frame.base}/${page}`, options)
    if (proven.is === 'enough') return guest
    if (proven.is === 'trouble') guest.fail(proven.what)
    else if (request.method === 'POST') guest.show(403, proveAgainPage(guest.frame, proven.path))
    else reply.redirect(proven.path, 303)
    return null
  }
  const hasAuthenticator = async ({ organization, user }: Guest): Promise<boolean> =>
    (await enrolment.list(organization, user)).some(({ kind }) => kind === 'totp')
  const showEnrolment = async (
    guest: Guest,
    status: number,
    problem: string | null,
  ): Promise<FastifyReply> => {
    const { organization, user, session, frame } = guest
    const pending = await enrolment.begin(organization, user, session.id)
    const isReplacing = await hasAuthenticator(guest)
    return guest.show(status, authenticatorPage(frame, { ...pending, isReplacing, problem }))
  }

  app.get('/o/:slug/portal/authenticator', async (request, reply) => {
    const guest = await enterAfresh(request, reply, 'authenticator')
    return guest === null ? reply : showEnrolment(guest, 200, null)
  })

  app.post('/o/:slug/portal/authenticator', async (request, reply) => {
    const guest = await enterAfresh(request, reply, 'authenticator')
    if (guest === null) return reply
    const code = (formOf(request).get('code') ?? '').slice(0, longestCode)
    const { organization, user, session } = guest
    const confirmed = await enrolment.confirm(organization, user, session.id, code)
    if (confirmed.ok) return guest.show(200, codesPage(guest.frame, confirmed.value, true))
    return showEnrolment(guest, 400, problems[confirmed.error])
  })

  app.get('/o/:slug/portal/authenticator/remove', async (request, reply) => {
    const guest = await enterAfresh(request, reply, 'authenticator/remove')
    if (guest === null) return reply
    return (await hasAuthenticator(guest))
      ? guest.show(200, removePage(guest.frame))
      : guest.fail('noAuthenticator')
  })

  app.post('/o/:slug/portal/authenticator/remove', async (request, reply) => {
    const guest = await enterAfresh(request, reply, 'authenticator/remove')
    if (guest === null) return reply
    const isGone = await enrolment.removeAuthenticator(guest.organization, guest.user)
    return isGone
      ? reply.redirect(`${guest.frame.base}?done=authenticator-removed`, 303)
      : guest.fail('noAuthenticator')
  })

  app.get('/o/:slug/portal/recovery-codes', async (request, reply) => {
    const guest = await enterAfresh(request, reply, 'recovery-codes')
    if (guest === null) return reply
    return (await hasAuthenticator(guest))
      ? guest.show(200, renewPage(guest.frame))
      : guest.fail('noAuthenticator')
  })

  app.post('/o/:slug/portal/recovery-codes', async (request, reply) => {
    const guest = await enterAfresh(request, reply, 'recovery-codes')
    if (guest === null) return reply
    if (!(await hasAuthenticator(guest))) return guest.fail('noAuthenticator')
    const codes = await enrolment.renewRecoveryCodes(guest.organization, guest.user)
    return guest.show(200, codesPage(guest.frame, codes, false))
  })
}

const problems = {
  'wrong-code':
    'That code did not work. Check that the clock of your phone is right, and enter the code that it shows now.',
  expired: 'That took too long. This is a new key: scan it again.',
} as const
