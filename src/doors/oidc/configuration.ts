// How oidc-provider is set up for one organization: what it offers, and where it asks the house. Whatever is not used is turned off.
import type { ClientAuthMethod, Configuration, KoaContextWithOIDC, ResponseType } from 'oidc-provider'
import { errors } from 'oidc-provider'
import type { Organization } from '../../core/directory/types.ts'
import { createAccounts, remainingSeconds } from './accounts.ts'
import { createAdapter, tokenBits } from './adapter.ts'
import { findClient, ownMetadata } from './client.ts'
import { isCompact } from './compact.ts'
import { createGrants } from './grants.ts'
import type { IssuerKeys } from './keys.ts'
import { renderError } from './pages.ts'
import { createPrompt } from './prompt.ts'
import type { OidcServices } from './services.ts'
import { claimsOfScopes, levels, lifetimes, routes, scopes } from './terms.ts'

const off = { enabled: false } as const
const on = { enabled: true } as const
const clientAuthMethods: readonly ClientAuthMethod[] = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
]

export function configurationFor(
  organization: Organization,
  { jwks }: IssuerKeys,
  services: OidcServices,
): Configuration {
  const { objects, usedOnce, applications, clock, cookieKey, ground } = services
  const grants = createGrants(services)
  const prompt = createPrompt({ ...services, grants })
  const accounts = createAccounts({ ...services, grants })
  const isSecure = ground.publicUrl().startsWith('https:')
  const cookie = { httpOnly: true, sameSite: 'lax', secure: isSecure, signed: true, overwrite: true } as const
  const named = (what: string) => `${isSecure ? '__Secure-' : ''}muster-oidc-${what}-${organization.slug}`
  return {
    adapter: (model) =>
      createAdapter(model, {
        organization: organization.id,
        ...{ objects, usedOnce, clock },
        findClient: (clientId) => findClient(applications, organization.id, clientId),
        findGrant: (grantId) => grants.payload(organization.id, grantId),
        endGrant: (grantId, reason) => grants.end(organization.id, grantId, reason),
      }),
    jwks,
    formats: { bitsOfOpaqueRandomness: (_ctx, { kind }) => tokenBits[kind] ?? 256 },
    routes,
    scopes: [...scopes],
    claims: { ...claimsOfScopes, acr: null, sid: null, auth_time: null, iss: null },
    acrValues: [...levels],
    responseTypes: ['code'] as ResponseType[],
    subjectTypes: ['public'],
    clientAuthMethods,
    enabledJWA: {
      clientAuthSigningAlgValues: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      idTokenSigningAlgValues: ['RS256', 'ES256'],
    },
    extraClientMetadata: { properties: ownMetadata, validator() {} },
    features: {
      devInteractions: off,
      registration: off,
      registrationManagement: off,
      deviceFlow: off,
      dPoP: off,
      resourceIndicators: off,
      requestObjects: off,
      encryption: off,
      // Muster has a page of its own for it: logout.ts.
      rpInitiatedLogout: off,
      claimsParameter: on,
      clientCredentials: on,
      backchannelLogout: on,
      pushedAuthorizationRequests: on,
      introspection: {
        enabled: true,
        allowedPolicy: (ctx, client, token) => accounts.tellsOf(ctx, client.clientId, token),
      },
      revocation: {
        enabled: true,
        // RFC 7009 §2.1: somebody else's token is refused, and stays.
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
    },
    pkce: { required: (_ctx, client) => client.pkce === true },
    conformIdTokenClaims: false,
    // Other sites' forms would come without our cookie, and so without anybody.
    enableHttpPostMethods: false,
    findAccount: accounts.find,
    // A grant belongs to one request: nothing is taken over from an earlier one.
    loadExistingGrant: async () => undefined,
    // Core ends what was opened through a session; the library's own session has no part in it.
    expiresWithSession: async () => false,
    issueRefreshToken: async (_ctx, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: () => true,
    interactions: { policy: prompt.policy, url: prompt.url },
    cookies: {
      names: { session: named('unused'), interaction: named('sign-in'), resume: named('resume') },
      keys: [cookieKey.toString('base64url')],
      long: cookie,
      short: cookie,
    },
    ttl: {
      AccessToken: lifetimes.accessToken,
      AuthorizationCode: lifetimes.authorizationCode,
      ClientCredentials: lifetimes.clientCredentials,
      IdToken: lifetimes.idToken,
      Interaction: lifetimes.interaction,
      RefreshToken: (ctx) => remainingSeconds(ctx as KoaContextWithOIDC, clock.now()),
      // Neither is kept: see adapter.ts.
      Grant: lifetimes.offline,
      Session: lifetimes.interaction,
    },
    clockTolerance: 5,
    clientBasedCORS: (_ctx, origin, client) =>
      client.redirectUris?.some((uri) => URL.canParse(uri) && new URL(uri).origin === origin) ?? false,
    assertJwtClientAuthClaimsAndHeader: async (ctx, claims, header) =>
      refuseLooseAssertion(ctx.oidc.params?.client_assertion, claims, header, clock.now()),
    fetch: services.fetch,
    renderError: (ctx, out, error) => renderError(ctx, out, error, services),
  }
}

/** Checklist O12, O10: an assertion is for this issuer alone, for a while only, and brings no key of its own. */
function refuseLooseAssertion(
  text: unknown,
  claims: Readonly<Record<string, unknown>>,
  header: Readonly<Record<string, unknown>>,
  now: Date,
): void {
  const refuse = (why: string): never => {
    throw new errors.InvalidClientAuth(why as never)
  }
  if (!isCompact(text)) refuse('the assertion is not a JWS in compact form')
  if (typeof claims.aud !== 'string') refuse('the assertion must have a single audience')
  if (Number(claims.exp) > now.getTime() / 1000 + lifetimes.clientAssertion)
    refuse('the assertion is valid for too long')
  for (const name of ['jwk', 'jku', 'x5u', 'x5c', 'crit'])
    if (name in header) refuse(`the header ${name} is not accepted`)
}
