// What an application is registered for may change between a request and its answer. The library looks when a request comes; here it
// is looked at again when somebody comes back from signing in, and when a code is redeemed.
import { type Client, errors, type KoaContextWithOIDC, type ResponseType } from 'oidc-provider'

/** Throws what is to be said of a request that would not be taken any more. */
export function refuseUnregistered({ client, params }: KoaContextWithOIDC['oidc']): void {
  if (client === undefined) throw new TypeError('a request of no client')
  // Checklist O01: nothing is sent to an address that is not theirs now, errors included.
  if (!client.redirectUriAllowed(String(params?.redirect_uri))) throw new errors.InvalidRedirectUri()
  if (!client.responseTypeAllowed(params?.response_type as ResponseType))
    throw new errors.UnauthorizedClient('the client is not registered for this flow any more')
  if (client.pkce === true && typeof params?.code_challenge !== 'string')
    throw new errors.InvalidRequest('the client has to use PKCE by now')
}

/** Would this code, or token, be given out by the same request today? */
export function isRegistered(client: Client | undefined, token: unknown): boolean {
  const { kind, redirectUri, codeChallenge } = token as {
    readonly kind?: string
    readonly redirectUri?: string
    readonly codeChallenge?: string
  }
  if (kind !== 'AuthorizationCode') return true
  const isTheirs = redirectUri !== undefined && client?.redirectUriAllowed(redirectUri) === true
  return isTheirs && (client.pkce !== true || codeChallenge !== undefined)
}
