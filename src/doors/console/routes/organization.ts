// The caller's own organization: its name and settings.
import type { FastifyInstance } from 'fastify'
import { organizationDocument, organizationShape } from '../../../core/directory/organizations.ts'
import { schemaOf } from '../../../core/directory/spec.ts'
import type { Organization } from '../../../core/directory/types.ts'
import { caller } from '../authenticate.ts'
import { render } from '../kinds.ts'
import * as document from '../openapi.ts'
import { sendRefusal } from '../problem-document.ts'
import { ifMatch } from '../request.ts'
import type { ApiServices } from '../services.ts'
import { tagged } from './collections.ts'

export function organizationRoutes(
  app: FastifyInstance,
  { directory }: Pick<ApiServices, 'directory'>,
): void {
  const answer = document.shownAs(organizationShape)
  const show = (object: Organization) => render(object, organizationDocument(object), organizationShape)

  app.get(
    '/organization',
    { schema: document.operation('readOrganization', 'Name and settings', 'organization', { answer }) },
    (request, reply) => {
      const { organization } = caller(request)
      return tagged(reply, organization, show(organization))
    },
  )

  app.patch(
    '/organization',
    {
      schema: document.operation(
        'changeOrganization',
        'Changes name or settings by a merge patch',
        'organization',
        {
          body: schemaOf(organizationShape, true),
          answer,
        },
      ),
    },
    async (request, reply) => {
      const changed = await directory.updateOrganization(caller(request), request.body, ifMatch(request))
      if (!changed.ok) return sendRefusal(reply, changed.error)
      const { object } = changed.value
      return tagged(reply, object, show(object))
    },
  )
}
