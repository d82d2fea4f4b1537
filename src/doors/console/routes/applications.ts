// What applications have beyond other resources: metadata that describes them, and secrets that are made anew.
import type { FastifyInstance, FastifySchema } from 'fastify'
import { Type } from 'typebox'
import { renewClientSecret, resourceDocument, resourceShape } from '../../../core/directory/resources.ts'
import { schemaOf } from '../../../core/directory/spec.ts'
import type { Resource } from '../../../core/directory/types.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import { render } from '../kinds.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { ifMatch, pathId } from '../request.ts'
import { metadataShape, readMetadata } from '../saml-metadata.ts'
import type { ApiServices } from '../services.ts'
import { tagged } from './collections.ts'

const tag = 'resources'
const missing = notFound('resource').error
const show = (object: Resource) => render(object, resourceDocument(object), resourceShape)

export function applicationRoutes(
  app: FastifyInstance,
  services: Pick<ApiServices, 'directory' | 'fetch' | 'clock' | 'log'>,
): void {
  const { resources } = services.directory
  const shown = document.shownAs(resourceShape)
  const fromMetadata = document.operation(
    'saveSamlMetadata',
    "Makes or changes an application as a SAML service provider's metadata says",
    tag,
    { body: schemaOf(metadataShape), created: shown },
  )

  const schema: FastifySchema = {
    ...fromMetadata,
    response: { 200: shown, ...(fromMetadata.response as object) },
  }
  app.post('/resources/saml-metadata', { schema }, async (request, reply) => {
    const by = caller(request)
    const read = await readMetadata(request.body, services)
    if (!read.ok) return sendProblem(reply, 'invalid', read.error)
    const { resourceId, name, application } = read.value
    const named = name === undefined ? {} : { name }
    const saved =
      resourceId === undefined
        ? await resources.create(by, { ...named, kind: 'application', application })
        : await resources.update(by, resourceId, { ...named, application })
    if (!saved.ok) return sendRefusal(reply, saved.error)
    const { object } = saved.value
    if (resourceId === undefined) {
      reply.code(201).header('location', `/o/${by.organization.slug}/api/v1/resources/${object.id}`)
    }
    return tagged(reply, object, show(object))
  })

  app.post(
    '/resources/:id/client-secret',
    {
      schema: document.operation(
        'renewClientSecret',
        'Makes a new secret; the old one is void at once',
        tag,
        {
          params: document.params('id'),
          answer: Type.Intersect([
            shown,
            Type.Object({ clientSecret: Type.String({ description: 'Shown now and never again' }) }),
          ]),
        },
      ),
    },
    async (request, reply) => {
      const own = pathId(request)
      if (!own) return sendRefusal(reply, missing)
      const renewed = await renewClientSecret(resources, caller(request), own, ifMatch(request))
      if (!renewed.ok) return sendRefusal(reply, renewed.error)
      const { object, once } = renewed.value
      return tagged(reply, object, { ...show(object), ...once })
    },
  )
}
