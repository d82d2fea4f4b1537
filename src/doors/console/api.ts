// The HTTP API: every route below /o/{slug}/api/v1 and its OpenAPI document. Listening is for app.ts.
import swagger from '@fastify/swagger'
import Fastify, { type FastifyInstance } from 'fastify'
import { authenticate } from './authenticate.ts'
import { type HealthParts, healthRoutes } from './health.ts'
import { apiKinds } from './kinds.ts'
import { errorHandler, sendProblem } from './problem-document.ts'
import { acceptJson } from './request.ts'
import { accessRoutes } from './routes/access.ts'
import { applicationRoutes } from './routes/applications.ts'
import { auditRoutes } from './routes/audit.ts'
import { collectionRoutes } from './routes/collections.ts'
import { exemptionRoutes } from './routes/exemptions.ts'
import { factorRoutes } from './routes/factors.ts'
import { importRoutes } from './routes/import.ts'
import { insightRoutes } from './routes/insights.ts'
import { keyRoutes } from './routes/keys.ts'
import { memberRoutes } from './routes/members.ts'
import { organizationRoutes } from './routes/organization.ts'
import { organizationsRoutes } from './routes/organizations.ts'
import { previewRoutes } from './routes/preview.ts'
import { sessionRoutes } from './routes/sessions.ts'
import { stateChangeRoutes } from './routes/state-changes.ts'
import { suggestionRoutes } from './routes/suggestions.ts'
import type { ApiServices } from './services.ts'
import { type Setup, setupRoutes } from './setup.ts'

const prefix = '/o/:slug/api/v1'
const bodyLimit = 1024 * 1024

export interface ApiOptions {
  readonly version: string
  /** Health and metrics on the same port, where the caller wants them there. */
  readonly health?: HealthParts
  /** Where there is no organization yet. */
  readonly setup?: Setup
}

/** An instance with all routes, ready for `inject` or `listen`. */
export async function buildApi(services: ApiServices, options: ApiOptions): Promise<FastifyInstance> {
  const app = Fastify({
    bodyLimit,
    logger: false,
    routerOptions: { ignoreTrailingSlash: false, maxParamLength: 200 },
    // A slow sender must not hold a connection for ever.
    requestTimeout: 60_000,
    keepAliveTimeout: 65_000,
    return503OnClosing: true,
  })
  app.setErrorHandler(errorHandler(services.log))
  app.setNotFoundHandler((_request, reply) => sendProblem(reply, 'not-found'))
  // Schemas describe; core decides, from the same descriptions.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (data) => JSON.stringify(data))
  acceptJson(app)
  app.decorateRequest('by', null)
  app.addHook('onResponse', async (request, reply) => {
    const { method, routeOptions, by } = request
    // The route, not the address: filters name people. No headers: they carry tokens.
    const fields = {
      method,
      route: routeOptions.url,
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime),
    }
    services.log.info({ ...fields, ...(by && { token: by.actor }) }, 'request')
  })
  await app.register(swagger, {
    // The pages and endpoints of other doors are no part of the API.
    hideUntagged: true,
    openapi: {
      openapi: '3.1.0',
      info: { title: 'Muster', version: options.version },
      components: { securitySchemes: { token: { type: 'http', scheme: 'bearer' } } },
      security: [{ token: [] }],
    },
  })
  await app.register(
    async (scope) => {
      scope.get('/openapi.json', { schema: { hide: true } }, () => app.swagger())
    },
    { prefix },
  )
  await app.register(async (scope) => apiRoutes(scope, services), { prefix })
  await app.register(async (scope) => organizationsRoutes(scope, services))
  const { setup } = options
  if (setup) await app.register(async (scope) => setupRoutes(scope, setup))
  if (options.health) healthRoutes(app, options.health)
  return app
}

function apiRoutes(scope: FastifyInstance, services: ApiServices): void {
  scope.addHook('onRequest', authenticate(services))
  // What administrators see is nobody else's, and no cache's.
  scope.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
  for (const kind of apiKinds(services)) collectionRoutes(scope, kind, services)
  applicationRoutes(scope, services)
  keyRoutes(scope, services)
  exemptionRoutes(scope, services)
  memberRoutes(scope, services)
  insightRoutes(scope, services)
  suggestionRoutes(scope, services)
  stateChangeRoutes(scope, services)
  previewRoutes(scope, services)
  factorRoutes(scope, 'users', 'User', services.directory.userFactors)
  factorRoutes(scope, 'service-accounts', 'ServiceAccount', services.directory.serviceAccountFactors)
  sessionRoutes(scope, services)
  accessRoutes(scope, services)
  auditRoutes(scope, services)
  organizationRoutes(scope, services)
  importRoutes(scope, services)
}
