// One oidc-provider for each organization, made when it is first needed and kept while it is in use. A change of the organization or
// its keys makes a new one; requests under way end on the old.
import type { EventEmitter } from 'node:events'
import Provider, { type errors, type KoaContextWithOIDC } from 'oidc-provider'
import type { OrganizationId } from '../../base/ids.ts'
import type { Organization } from '../../core/directory/types.ts'
import { letReleasedThrough } from './claims.ts'
import { configurationFor } from './configuration.ts'
import { issuerKeys } from './keys.ts'
import type { OidcServices } from './services.ts'
import { logoutRoute } from './terms.ts'

export interface Issuer {
  readonly organization: Organization
  readonly provider: Provider
  readonly handle: ReturnType<Provider['callback']>
  readonly changesAt: Date | null
}

export interface Issuers {
  /** Null where there is no such organization. Throws Fault. */
  find(slug: string): Promise<Issuer | null>
  close(): void
}

/** About 100 kB each. */
const mostKept = 200

export function createIssuers(services: OidcServices): Issuers {
  const { organizations, keys, feed, ground, clock } = services
  const kept = new Map<string, Promise<Issuer | null>>()
  const slugs = new Map<OrganizationId, string>()
  let changeCount = 0
  const unsubscribe = feed.subscribe((changes) => {
    for (const { organization, kind } of changes) {
      if (kind !== 'organization' && kind !== 'signing-key') continue
      changeCount++
      kept.delete(slugs.get(organization) ?? '')
    }
  })

  const make = async (slug: string): Promise<Issuer | null> => {
    const organization = await organizations.findBySlug(slug)
    if (organization === null) return null
    slugs.set(organization.id, slug)
    const published = await issuerKeys(keys, organization, clock.now())
    const configuration = configurationFor(organization, published, services)
    const provider = new Provider(`${ground.publicUrl()}/o/${slug}`, configuration)
    // Its own headers, which the mount sets from what is known to be true.
    provider.proxy = true
    letReleasedThrough(provider)
    compareWholeAddresses(provider)
    provider.use((ctx, next) => finish(ctx as KoaContextWithOIDC, next))
    report(provider, organization, services)
    return { organization, provider, handle: provider.callback(), changesAt: published.changesAt }
  }

  const find = async (slug: string): Promise<Issuer | null> => {
    const known = kept.get(slug)
    const issuer = await known
    if (issuer && (issuer.changesAt === null || issuer.changesAt > clock.now())) {
      // The one that has not been asked for longest is at the front.
      if (kept.get(slug) === known) {
        kept.delete(slug)
        kept.set(slug, known as Promise<Issuer>)
      }
      return issuer
    }
    if (kept.get(slug) !== known) return find(slug)
    const before = changeCount
    const making = make(slug)
    kept.set(slug, making)
    for (const [old] of kept) {
      if (kept.size <= mostKept) break
      kept.delete(old)
    }
    const isToBeKept = await making.then(
      // What changed while it was made may be in it or not.
      (made) => made !== null && changeCount === before,
      () => false,
    )
    if (!isToBeKept && kept.get(slug) === making) kept.delete(slug)
    return making
  }

  return {
    find,
    close() {
      unsubscribe()
      kept.clear()
    },
  }
}

/** Checklist O01: for native clients the library would let any port of the loopback pass. */
function compareWholeAddresses(provider: Provider): void {
  const { prototype } = provider.Client
  prototype.redirectUriAllowed = function isRegistered(this: { redirectUris?: readonly string[] }, uri) {
    return this.redirectUris?.includes(uri) ?? false
  }
}

/** What is to be said beside the library's answer. */
async function finish(ctx: KoaContextWithOIDC, next: () => Promise<unknown>): Promise<void> {
  ctx.set({ 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' })
  // For the one page of the library that is in use, that of response_mode=form_post: it adds the hash of its script.
  ctx.set(
    'content-security-policy',
    "default-src 'none'; script-src; base-uri 'none'; frame-ancestors 'none'",
  )
  await next()
  const { oidc } = ctx
  if (oidc !== undefined) leaveOut(ctx, oidc.provider.cookieName('interaction'))
  if (oidc?.route === 'discovery' && typeof ctx.body === 'object') {
    Object.assign(ctx.body as object, {
      end_session_endpoint: `${oidc.issuer}${logoutRoute}`,
      response_modes_supported: ['query', 'form_post'],
      request_parameter_supported: false,
    })
  }
}

/** The cookie by which the library tells sign-in what waits: here the conversation does, which the address names. */
function leaveOut({ response }: KoaContextWithOIDC, name: string): void {
  // Undefined where there is none, whatever its type says.
  const set = [response.get('set-cookie') ?? []].flat()
  const needed = set.filter((line) => !line.startsWith(`${name}=`) && !line.startsWith(`${name}.sig=`))
  if (needed.length === set.length) return
  if (needed.length === 0) response.remove('set-cookie')
  else response.set('set-cookie', needed)
}

function report(provider: Provider, { slug }: Organization, { log }: OidcServices): void {
  provider.on('server_error', (ctx, error) =>
    log.error({ err: error, organization: slug, route: ctx.oidc?.route }, 'an OpenID Connect request failed'),
  )
  // As its types know them, two handlers could not be one.
  const emitter: EventEmitter = provider
  // What whoever connects an application to this issuer wants to know.
  const told = ['grant.error', 'pushed_authorization_request.error', 'authorization.error'] as const
  for (const event of told) {
    emitter.on(event, ({ oidc }: KoaContextWithOIDC, error: errors.OIDCProviderError) => {
      const { error: code, error_description: description, error_detail: detail } = error
      const fields = { organization: slug, client: oidc?.client?.clientId, error: code, description, detail }
      log.info(fields, 'an application was refused')
    })
  }
  // Koa's own: a client that went away, mostly.
  emitter.on('error', (error: unknown) =>
    log.warn({ err: error, organization: slug }, 'an OpenID Connect request was broken off'),
  )
}
