// Which organization does a token belong to? The only question outside of /o/{slug}: programs that hold a token and
// nothing else ask it to find their way.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { Secret } from '../../../base/secrets.ts'
import { tokenDigest } from '../../../core/directory/tokens.ts'
import { bearerOf, refuseToken } from '../authenticate.ts'
import { problems } from '../openapi.ts'
import type { ApiServices } from '../services.ts'

const text = Type.String()
const found = Type.Object({ slug: text, name: text, domain: text, role: text })

export function organizationsRoutes(
  app: FastifyInstance,
  { organizations, tokens }: Pick<ApiServices, 'organizations' | 'tokens'>,
): void {
  app.get(
    '/api/v1/organizations',
    {
      schema: {
        operationId: 'listOrganizations',
        summary: 'The organization that the token belongs to',
        tags: ['organization'],
        response: { 200: Type.Object({ items: Type.Array(found), next: Type.Null() }), ...problems },
      },
    },
    async (request, reply) => {
      const token = bearerOf(request)
      const digest = token === undefined ? null : tokenDigest(new Secret(token))
      const id = digest && (await tokens.organizationOf(digest))
      const held = id && digest ? await tokens.findByDigest(id, digest) : null
      const organization = held && (await organizations.list()).find((each) => each.id === id)
      if (!held || !organization) return refuseToken(request, reply)
      const { slug, name, domain } = organization
      reply.header('cache-control', 'no-store')
      return { items: [{ slug, name, domain, role: held.role }], next: null }
    },
  )
}
