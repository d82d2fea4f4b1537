// Our metadata, for whoever sets up a service provider: every certificate that a signature may come from, the one in use first.
import type { FastifyInstance } from 'fastify'
import { slugOf } from '../../net/web/visitor.ts'
import { formatMetadata } from '../../wire/saml/metadata.ts'
import { addressesOf, paths } from './addresses.ts'
import type { SamlServices } from './services.ts'
import { offeredFormats } from './subject.ts'

/** Shorter by far than the lead with which a new certificate is published. */
const maxAgeSeconds = 300

/** In a scope without visitors: an answer that is cached must not set a cookie. */
export function metadataRoute({ organizations, keys, ground, clock }: SamlServices) {
  return async (scope: FastifyInstance): Promise<void> => {
    scope.get(`/o/:slug${paths.metadata}`, async (request, reply) => {
      const slug = slugOf(request)
      const organization = slug === '' ? null : await organizations.findBySlug(slug)
      if (organization === null)
        return reply.code(404).type('text/plain').send('There is no such organization.\n')
      const now = clock.now()
      const { key: inUse } = await keys.current(organization, 'saml', 'RS256', now)
      const published = await keys.published(organization, 'saml', now)
      const others = published.filter(({ id, algorithm }) => id !== inUse.id && algorithm === 'RS256')
      const { entityId, sso, slo } = addressesOf(ground.publicUrl(), organization)
      const text = formatMetadata({
        entityId,
        signingCertificates: [inUse, ...others].map(({ publicText }) => publicText),
        singleSignOnUrl: sso,
        singleLogoutUrl: slo,
        nameIdFormats: offeredFormats,
        wantAuthnRequestsSigned: false,
      })
      return reply
        .header('cache-control', `public, max-age=${maxAgeSeconds}`)
        .header('x-content-type-options', 'nosniff')
        .type('application/samlmetadata+xml')
        .send(text)
    })
  }
}
