// The OIDC door: an issuer for each organization under `/o/<slug>`, and the end of what it opened. Requests are handed to oidc-provider
// as they came, with the address and the browser that we know of in place of what headers claim.
import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Fault } from '../../base/result.ts'
import type { PeerLimit } from '../../net/web/rate.ts'
import { cookiesOf, slugOf, webScope } from '../../net/web/visitor.ts'
import { startBackChannel } from './back-channel.ts'
import { createGrants } from './grants.ts'
import { createIssuers } from './issuers.ts'
import { logoutRoutes } from './logout.ts'
import { sendError, unknownOrganization } from './pages.ts'
import type { OidcServices } from './services.ts'
import { routes } from './terms.ts'
import { beginVisit } from './visit.ts'

export interface OidcDoorOptions extends OidcServices {
  /** How often one peer may begin a sign-in; null: without limit. */
  readonly limit: PeerLimit | null
  /** How often it may come back from one: apart, so that whoever has begun can also end. */
  readonly resumeLimit: PeerLimit | null
}

export interface OidcDoor {
  /** Registers the routes. */
  readonly plugin: (app: FastifyInstance) => Promise<void>
  /** Resolves once applications that are being told of an end have been. */
  settled(): Promise<void>
  /** The same, and nothing is begun any more. */
  close(): Promise<void>
}

const longestBody = 64 * 1024
/** Where people are sent: they get pages, programs get JSON. */
const resumePath = `${routes.authorization}/:uid`
const peoplePaths: readonly string[] = [routes.authorization, resumePath]
/** As the library makes them; where it is empty, the library would take the request for a new one. */
const uidPattern = /^[\w-]{1,64}$/
const programPaths = [
  '/.well-known/openid-configuration',
  routes.token,
  routes.jwks,
  routes.userinfo,
  routes.introspection,
  routes.revocation,
  routes.pushed_authorization_request,
]

export function createOidcDoor({ limit, resumeLimit, ...services }: OidcDoorOptions): OidcDoor {
  const { ground, log } = services
  const issuers = createIssuers(services)
  const backChannel = startBackChannel(services, issuers, createGrants(services))
  const limits: Readonly<Record<string, PeerLimit | null>> = {
    [routes.authorization]: limit,
    [routes.pushed_authorization_request]: limit,
    [resumePath]: resumeLimit,
  }

  const refuse = (
    { visitor }: FastifyRequest,
    reply: FastifyReply,
    isForPeople: boolean,
    [status, error, title, text]: readonly [number, string, string, string],
  ): FastifyReply =>
    isForPeople
      ? sendError(reply, status, visitor, null, { title, text }, ground.publicUrl())
      : reply.code(status).send({ error, error_description: title })

  const handler = (path: string) => async (request: FastifyRequest, reply: FastifyReply) => {
    const { raw, visitor } = request
    const isForPeople = peoplePaths.includes(path)
    const slug = slugOf(request)
    const { title, text } = unknownOrganization
    const notFound = [404, 'invalid_request', title, text] as const
    const wait = limits[path]?.take(visitor.peer) ?? null
    if (wait !== null) {
      reply.header('retry-after', String(wait))
      return refuse(request, reply, isForPeople, tooMany)
    }
    if (Number(raw.headers['content-length'] ?? 0) > longestBody)
      return refuse(request, reply, isForPeople, tooLarge)
    // What the router has decoded and what the library will see are the same text, or it is not ours.
    const prefix = `/o/${slug}`
    if (slug === '' || raw.url?.split('?', 1)[0] !== `${prefix}${pathOf(path, request)}`)
      return refuse(request, reply, isForPeople, notFound)
    const issuer = await issuers.find(slug).catch((error: unknown) => {
      if (!(error instanceof Fault)) throw error
      log.error({ err: error, organization: slug }, 'the issuer of an organization could not be set up')
      return 'unavailable' as const
    })
    if (issuer === 'unavailable') return refuse(request, reply, isForPeople, unavailable)
    if (issuer === null) return refuse(request, reply, isForPeople, notFound)

    beginVisit(raw, issuer.organization, visitor, services)
    passOff(raw, prefix, new URL(ground.publicUrl()), visitor.peer)
    reply.hijack()
    // A browser that comes back has one already, or has begun nothing.
    if (path === routes.authorization && visitor.newBrowser !== null)
      giveBrowser(request, reply, slug, visitor.newBrowser)
    await issuer.handle(raw, reply.raw)
    return reply
  }

  /** What Fastify would have sent with the answer. */
  const giveBrowser = (
    { server }: FastifyRequest,
    reply: FastifyReply,
    slug: string,
    browser: string,
  ): void => {
    const setCookie = (...given: Parameters<FastifyInstance['serializeCookie']>) =>
      reply.raw.appendHeader('set-cookie', server.serializeCookie(...given))
    cookiesOf(ground).setBrowser({ setCookie } as never, slug, browser)
  }

  const passOn = async (scope: FastifyInstance): Promise<void> => {
    await webScope(scope, ground)
    // The library reads bodies itself.
    scope.removeAllContentTypeParsers()
    scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
    for (const path of [...peoplePaths, ...programPaths]) {
      const url = `/o/:slug${path}`
      scope.route({ method: ['GET', 'POST', 'OPTIONS'], url, handler: handler(path) })
    }
  }

  return {
    plugin: async (app) => {
      await app.register(passOn)
      await app.register(logoutRoutes(services, issuers))
    },
    settled: () => backChannel.settled(),
    async close() {
      issuers.close()
      await backChannel.close()
    },
  }
}

/** The one spelling in which a path is answered; null where it is none. */
function pathOf(path: string, { params }: FastifyRequest): string | null {
  const { uid } = params as { readonly uid?: string }
  if (uid === undefined) return path
  return uidPattern.test(uid) ? path.replace(':uid', uid) : null
}

const tooMany = [
  429,
  'temporarily_unavailable',
  'Too many requests',
  'Wait for a moment, and try again.',
] as const
const tooLarge = [413, 'invalid_request', 'This request is too large', 'Go back and try again.'] as const
const unavailable = [
  503,
  'temporarily_unavailable',
  'Not available at the moment',
  'Try again in a moment.',
] as const

/**
 * Makes the request one to the issuer: its path begins where the issuer's ends, and the library takes scheme, host and address from
 * headers, which are ours now. What the client wrote there is gone.
 */
function passOff(raw: IncomingMessage, prefix: string, publicUrl: URL, peer: string | null): void {
  Object.assign(raw, { originalUrl: raw.url, url: raw.url?.slice(prefix.length) })
  const { headers } = raw
  delete headers.forwarded
  headers['x-forwarded-host'] = publicUrl.host
  headers['x-forwarded-proto'] = publicUrl.protocol.slice(0, -1)
  headers['x-forwarded-for'] = peer ?? ''
}
