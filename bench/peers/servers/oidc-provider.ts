// oidc-provider with nothing around it: its own adapter in memory, one client, and whoever comes is signed in. The library that
// Muster's door rests on, without Muster. Run by bench/peers/oidc-provider.ts; arguments are the port and the client as JSON.
import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import { exportJWK } from 'jose'
import { Provider } from 'oidc-provider'
import type { BenchClient } from '../../web-population.ts'

const [, , port = '', clientText = ''] = process.argv
const { clientId, clientSecret, redirectUri, scope } = JSON.parse(clientText) as BenchClient
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })

const account = {
  name: 'User Number0',
  given_name: 'User',
  family_name: 'Number0',
  preferred_username: 'u000000',
  updated_at: 1_790_000_000,
  email: 'u000000@acme.example',
  email_verified: false,
  groups: ['engineering'],
}

const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: clientId,
      client_secret: clientSecret,
      redirect_uris: [redirectUri],
      grant_types: ['authorization_code', 'refresh_token', 'client_credentials'],
      response_types: ['code'],
      token_endpoint_auth_method: 'client_secret_basic',
      id_token_signed_response_alg: 'RS256',
    },
  ],
  jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'bench' }] },
  scopes: ['openid', 'profile', 'email', 'groups', 'offline_access'],
  claims: {
    openid: ['sub', 'auth_time', 'acr', 'amr'],
    profile: ['name', 'given_name', 'family_name', 'preferred_username', 'updated_at'],
    email: ['email', 'email_verified'],
    groups: ['groups'],
  },
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    introspection: { enabled: true },
  },
  issueRefreshToken: async () => true,
  rotateRefreshToken: () => true,
  findAccount: async (_ctx, accountId) => ({
    accountId,
    claims: async () => ({ sub: accountId, ...account }),
  }),
  interactions: { url: (_ctx, { uid }) => `/interaction/${uid}` },
  cookies: { keys: ['bench'] },
})

const handle = provider.callback()
createServer((request, response) => {
  if (!request.url?.startsWith('/interaction/')) return void handle(request, response)
  // Once for each connection: its session lasts.
  const finish = async () => {
    const grant = new provider.Grant({ accountId: 'u000000', clientId })
    grant.addOIDCScope(scope)
    const result = { login: { accountId: 'u000000' }, consent: { grantId: await grant.save() } }
    await provider.interactionFinished(request, response, result)
  }
  finish().catch((error: unknown) => response.writeHead(500).end(String(error)))
}).listen(Number(port), '127.0.0.1')
