// The addresses that people type by heart: of the server, and of an organization. They lead to the portal.
import type { FastifyInstance } from 'fastify'
import { sendPage } from '../../net/web/headers.ts'
import { slugOf } from '../../net/web/visitor.ts'
import { startPage } from './pages.ts'
import type { SigninOptions } from './services.ts'
import { sendTrouble } from './trouble.ts'

/** Adds its routes to the scope of sign-in. */
export function startRoutes(app: FastifyInstance, { ground, organizations }: SigninOptions): void {
  app.get('/', async (request, reply) => {
    const [only, ...more] = await organizations.list()
    if (only !== undefined && more.length === 0) return reply.redirect(`/o/${only.slug}/portal`, 303)
    const { nonce } = request.visitor
    const publicUrl = ground.publicUrl()
    return sendPage(reply, 200, startPage(nonce, publicUrl), { nonce, publicUrl })
  })

  app.get('/o/:slug', async (request, reply) => {
    const organization = await organizations.findBySlug(slugOf(request))
    if (organization === null) return sendTrouble(request, reply, 'nobody', ground)
    return reply.redirect(`/o/${organization.slug}/portal`, 303)
  })
}
