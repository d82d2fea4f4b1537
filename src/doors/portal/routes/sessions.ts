// Ending one's own sessions in other browsers. Somebody else's is not there.
import type { FastifyInstance } from 'fastify'
import { enter, type Guest } from '../enter.ts'
import type { PortalOptions } from '../services.ts'

const reason = 'ended by its user'

export function sessionRoutes(app: FastifyInstance, options: PortalOptions): void {
  const { webSessions } = options
  const end = async ({ organization, user }: Guest, session: Guest['session']): Promise<void> => {
    const { id, username } = user
    const actor = { kind: 'user', id, name: username } as const
    await webSessions.end(organization.id, session.id, { id, username }, actor, reason)
  }

  app.post('/o/:slug/portal/sessions/:session/end', async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { session: wanted } = request.params as { readonly session: string }
    const own = await webSessions.list(guest.organization, guest.user.id)
    const session = own.find(({ id }) => id === wanted)
    if (session === undefined) return guest.fail('notFound')
    await end(guest, session)
    return reply.redirect(`${guest.frame.base}?done=session-ended`, 303)
  })

  app.post('/o/:slug/portal/sessions/end-others', async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { organization, user, session: current } = guest
    // A list has its bound, "everywhere" has none.
    for (;;) {
      const others = (await webSessions.list(organization, user.id)).filter(({ id }) => id !== current.id)
      if (others.length === 0) break
      for (const session of others) await end(guest, session)
    }
    return reply.redirect(`${guest.frame.base}?done=sessions-ended`, 303)
  })
}
