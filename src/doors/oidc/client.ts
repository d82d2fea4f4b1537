// An application as oidc-provider wants to know it (RFC 7591 §2).
import type { AdapterPayload } from 'oidc-provider'
import type { OrganizationId } from '../../base/ids.ts'
import type { OidcApplication } from '../../core/directory/types.ts'
import type { Applications, KnownApplication } from '../../core/ports.ts'

/** Metadata of our own, which the library keeps with the client. */
export const ownMetadata = ['resource_id', 'pkce']

/** An application that is turned off is not there. */
export async function findClient(
  applications: Applications,
  organization: OrganizationId,
  clientId: string,
): Promise<AdapterPayload | undefined> {
  const known = await applications.find(organization, 'oidc', clientId)
  return known?.resource.enabled ? metadataOf(known) : undefined
}

export function metadataOf({
  resource,
  application,
  secret,
}: KnownApplication<OidcApplication>): AdapterPayload {
  const { tokenEndpointAuthMethod: method, grantTypes, redirectUris, jwks } = application
  const isPublic = method === 'none'
  return {
    client_id: application.clientId,
    ...(secret !== null && { client_secret: secret.reveal() }),
    token_endpoint_auth_method: method,
    redirect_uris: [...redirectUris],
    // A client that proves nothing gets nothing by itself.
    grant_types: grantTypes.filter((type) => !(isPublic && type === 'client_credentials')),
    response_types: grantTypes.includes('authorization_code') ? ['code'] : [],
    response_modes: ['query', 'form_post'],
    // A private scheme (RFC 8252 §7.1) makes it native; what may be sent there is compared as a whole text all the same.
    application_type: redirectUris.every((uri) => /^https?:/i.test(uri)) ? 'web' : 'native',
    id_token_signed_response_alg: application.idTokenSignedResponseAlg,
    ...(jwks.length > 0 && { jwks: { keys: jwks.map((key) => ({ ...key })) } }),
    ...(application.backchannelLogoutUri !== null && {
      backchannel_logout_uri: application.backchannelLogoutUri,
      backchannel_logout_session_required: true,
    }),
    client_name: resource.name,
    resource_id: resource.id,
    pkce: isPublic || application.pkce,
  } as AdapterPayload
}
