// Ending one's own sessions in other browsers, and what applications keep without one. Somebody else's is not there.
import type { FastifyInstance } from 'fastify'
import { enter, type Guest } from '../enter.ts'
import type { PortalOptions } from '../services.ts'

const reason = 'ended by its user'
const actorOf = ({ user: { id, username } }: Guest) => ({ kind: 'user', id, name: username }) as const

export function sessionRoutes(app: FastifyInstance, options: PortalOptions): void {
  const { webSessions } = options

  app.post('/o/:slug/portal/sessions/:session/end', async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { organization, user, frame } = guest
    const { session: wanted } = request.params as { readonly session: string }
    const own = await webSessions.list(organization, user.id)
    const session = own.find(({ id }) => id === wanted)
    if (session === undefined) return guest.fail('notFound')
    await webSessions.end(organization.id, session.id, user, actorOf(guest), reason)
    return reply.redirect(`${frame.base}?done=session-ended`, 303)
  })

  app.post('/o/:slug/portal/sessions/end-others', async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { organization, user, session: current, frame } = guest
    await webSessions.endAll(organization.id, user, actorOf(guest), reason, current.id)
    return reply.redirect(`${frame.base}?done=sessions-ended`, 303)
  })

  app.post('/o/:slug/portal/applications/:session/end', async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { organization, user, frame } = guest
    const { session: wanted } = request.params as { readonly session: string }
    const kept = (await webSessions.listKept(organization.id, user.id)).find(({ id }) => id === wanted)
    if (kept === undefined) return guest.fail('notFound')
    await webSessions.endApplication(organization.id, kept, user, actorOf(guest), reason)
    return reply.redirect(`${frame.base}?done=access-ended`, 303)
  })
}
