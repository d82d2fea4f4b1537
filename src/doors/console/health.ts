// Is the process alive, is it ready for traffic, and its metrics. Nothing here tells anything about an
// organization, or where the database is: whoever reaches the port may ask.
import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

export interface Readiness {
  readonly ready: boolean
  /** By part (`ldap`, `radius`, `database` …): `ok`, or what is missing. */
  readonly parts: Readonly<Record<string, string>>
}

export interface HealthParts {
  readonly readiness: () => Promise<Readiness>
  readonly registry: Pick<Registry, 'metrics' | 'contentType'>
}

export function healthRoutes(app: FastifyInstance, { readiness, registry }: HealthParts): void {
  const schema = { hide: true }

  app.get('/health/live', { schema }, () => ({ live: true }))

  app.get('/health/ready', { schema }, async (_request, reply) => {
    const state = await readiness().catch((): Readiness => ({ ready: false, parts: { readiness: 'failed' } }))
    return reply.code(state.ready ? 200 : 503).send(state)
  })

  app.get('/metrics', { schema }, async (_request, reply) => {
    // A text of its own kind: not to be made JSON of.
    return reply
      .type(registry.contentType)
      .serializer(String)
      .send(await registry.metrics())
  })
}
