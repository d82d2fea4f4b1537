// OpenID Connect: people who are signed in open an application, and what the application does thereafter.
import { withApplication } from '../../test/support/applications.ts'
import type { Contender } from '../measure.ts'
import type { BenchMuster } from '../muster.ts'
import type { Scenario } from '../scenario.ts'
import { type Flow, generateWeb, type OidcEndpoints } from '../web-load.ts'
import { benchClient } from '../web-population.ts'
import { openSessions } from '../web-sessions.ts'

const connections = 8

type Kind = Exclude<Flow['flow'], 'saml'>

const flows: Readonly<Record<Kind, string>> = {
  code: 'OIDC authorization code flow with PKCE, the person being signed in: authorization request, code, tokens',
  refresh: 'OIDC refresh token for new tokens, rotated each time',
  'client-credentials': 'OAuth client credentials grant',
  introspection: 'OAuth introspection of the access token of a person',
}

function contender(
  server: Omit<Contender, 'load'>,
  endpoints: OidcEndpoints,
  flow: Kind,
  cookies: readonly string[],
): Contender {
  return { ...server, load: (seconds) => generateWeb({ flow: { flow, ...endpoints }, seconds, cookies }) }
}

/** The application in Muster, open to the users of the population. */
async function register({ server }: BenchMuster): Promise<OidcEndpoints> {
  const { clientId, clientSecret, redirectUri } = benchClient
  await withApplication(
    server,
    clientId,
    {
      protocol: 'oidc',
      clientId,
      redirectUris: [redirectUri],
      grantTypes: ['authorization_code', 'refresh_token', 'client_credentials'],
      idTokenSignedResponseAlg: 'RS256',
    },
    { groups: ['engineering'], clientSecret },
  )
  // By address: with the name, the generator would look it up for each connection.
  const at = `http://127.0.0.1:${server.ports.http}/o/acme/oidc`
  return {
    authorization: `${at}/authorize`,
    token: `${at}/token`,
    introspection: `${at}/introspect`,
    ...benchClient,
  }
}

export const scenario: Scenario = {
  name: 'web-oidc',
  isOnce: true,
  async *run({ oidcProvider, muster, compare }) {
    const peer = await oidcProvider()
    const at = `http://127.0.0.1:${peer.port}`
    const theirs = {
      authorization: `${at}/auth`,
      token: `${at}/token`,
      introspection: `${at}/token/introspection`,
      ...benchClient,
    }
    const own = await muster()
    const ours = own && (await register(own))
    const sessions = own === undefined ? [] : await openSessions(own.server, connections)
    const nobody = Array.from({ length: connections }, () => '')
    for (const kind of Object.keys(flows) as Kind[]) {
      yield {
        what: `${flows[kind]}; RS256, ${connections} connections`,
        outcomes: await compare([
          contender(peer, theirs, kind, nobody),
          own && ours && contender(own, ours, kind, sessions),
        ]),
      }
    }
  },
}
