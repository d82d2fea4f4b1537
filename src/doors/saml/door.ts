// The SAML door: an identity provider for each organization under `/o/<slug>/saml`. It receives messages, asks, and answers; what was
// opened at service providers ends with the session that it hangs on, and they are told of it through the browser.
import type { FastifyInstance } from 'fastify'
import type { Organization } from '../../core/directory/types.ts'
import type { ApplicationSession } from '../../core/ports.ts'
import { sparseLog } from '../../net/limits.ts'
import { limitPeers, type PeerLimit } from '../../net/web/rate.ts'
import { webScope } from '../../net/web/visitor.ts'
import { launchPath } from './addresses.ts'
import { metadataRoute } from './metadata.ts'
import type { SamlServices } from './services.ts'
import { createSlo } from './slo.ts'
import { createSso } from './sso.ts'
import { handleErrors, sendTrouble } from './trouble.ts'

export interface SamlDoorOptions extends SamlServices {
  /** How often one peer may bring messages; null: without limit. */
  readonly limit: PeerLimit | null
  /** How often one peer may come back from sign-in or from a service provider; null: without limit. */
  readonly resumeLimit: PeerLimit | null
}

export interface SamlDoor {
  /** Registers the routes. */
  readonly plugin: (app: FastifyInstance) => Promise<void>
  /** Where the browser has to go because service providers must be told through it: a path of ours, or null. */
  afterSignOut(
    organization: Organization,
    ended: readonly ApplicationSession[],
    browser: string,
    returnTo?: string | null,
  ): Promise<string | null>
  /** Where the portal opens an application that has to be opened from here; null where that is nowhere. */
  readonly launchPath: typeof launchPath
}

/** A message with a signature and certificates, in base64, percent-encoded. */
const bodyLimit = 192 * 1024
/** What strangers can cause. */
const logRate = { perSecond: 5, burst: 200 }

export function createSamlDoor({ limit, resumeLimit, ...options }: SamlDoorOptions): SamlDoor {
  const { ground, clock } = options
  const services = { ...options, log: sparseLog(options.log, logRate, clock) }
  const sso = createSso(services)
  const slo = createSlo(services)
  const browsers = async (scope: FastifyInstance): Promise<void> => {
    scope.addHook('onRoute', (route) => {
      route.bodyLimit ??= bodyLimit
    })
    await webScope(scope, ground)
    scope.setErrorHandler(handleErrors(services))
    const limitTo = (bucket: PeerLimit) =>
      limitPeers(bucket, (request, reply) => sendTrouble(request, reply, 'tooMany', services))
    const beginning = limit === null ? null : limitTo(limit)
    const comingBack = resumeLimit === null ? null : limitTo(resumeLimit)
    // Whoever could begin can also come back, whatever others behind the same address begin.
    scope.addHook('onRequest', async (request, reply) => {
      const isBack = request.routeOptions.url?.endsWith('/resume') === true
      return (isBack ? comingBack : beginning)?.(request, reply)
    })
    await sso(scope)
    await slo.routes(scope)
  }
  return {
    plugin: async (app) => {
      await app.register(metadataRoute(services))
      await app.register(browsers)
    },
    afterSignOut: slo.afterSignOut,
    launchPath,
  }
}
