// The operations. `prepare` is what a connection does before the clock runs; what it gives does one operation and throws where
// the answer is not the right one.
import { createHash, randomBytes } from 'node:crypto'
import { deflateRawSync } from 'node:zlib'
import type { Flow, OidcEndpoints, SamlEndpoints } from '../../web-load.ts'
import type { Answer, Connection } from './connection.ts'

type Operation = () => Promise<void>

export async function prepare(flow: Flow, connection: Connection): Promise<Operation> {
  switch (flow.flow) {
    case 'code':
      return async () => void (await signIn(flow, connection))
    case 'refresh': {
      let { refresh_token: token } = await signIn(flow, connection)
      return async () => {
        const form = { grant_type: 'refresh_token', refresh_token: token ?? '' }
        const answer = await tokens(flow, connection, form)
        if (answer.refresh_token === undefined || answer.refresh_token === token)
          throw new Error('the refresh token was not rotated')
        token = answer.refresh_token
      }
    }
    case 'client-credentials':
      return async () => {
        const answer = await connection.post(flow.token, { grant_type: 'client_credentials' }, basic(flow))
        if (json<Tokens>(answer).access_token === undefined) throw new Error(answer.body)
      }
    case 'introspection': {
      const { access_token: token = '' } = await signIn(flow, connection)
      return async () => {
        const answer = await connection.post(flow.introspection, { token }, basic(flow))
        if (json<{ active?: boolean }>(answer).active !== true) throw new Error(answer.body)
      }
    }
    case 'saml':
      return () => assertion(flow, connection)
    default:
      throw new Error(`no such flow: ${JSON.stringify(flow satisfies never)}`)
  }
}

interface Tokens {
  readonly access_token?: string
  readonly refresh_token?: string
  readonly id_token?: string
}

const random = (): string => randomBytes(24).toString('base64url')

const basic = ({ clientId, clientSecret }: OidcEndpoints): string =>
  `Basic ${Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`).toString('base64')}`

function json<T>(answer: Answer): T {
  if (answer.status !== 200) throw new Error(`status ${answer.status}: ${answer.body.slice(0, 500)}`)
  return JSON.parse(answer.body) as T
}

/** The whole flow: RFC 6749 §4.1 with PKCE. */
async function signIn(flow: OidcEndpoints, connection: Connection): Promise<Tokens> {
  const [state, nonce, verifier] = [random(), random(), random() + random()]
  const parameters = new URLSearchParams({
    response_type: 'code',
    client_id: flow.clientId,
    redirect_uri: flow.redirectUri,
    scope: flow.scope,
    state,
    nonce,
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  })
  const end = await connection.browse(`${flow.authorization}?${parameters}`)
  if (!('left' in end)) throw new Error(`a page instead of a code: ${end.page.status} at ${end.at}`)
  const { searchParams } = end.left
  const code = searchParams.get('code')
  if (code === null || searchParams.get('state') !== state) throw new Error(`no code: ${end.left}`)
  const form = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: flow.redirectUri,
    code_verifier: verifier,
  }
  return tokens(flow, connection, form)
}

async function tokens(
  flow: OidcEndpoints,
  connection: Connection,
  form: Readonly<Record<string, string>>,
): Promise<Tokens> {
  const answer = json<Tokens>(await connection.post(flow.token, form, basic(flow)))
  if (answer.id_token?.split('.').length !== 3) throw new Error('no ID token')
  return answer
}

/** Profiles §4.1 by the Redirect and the POST binding, up to the form that the browser would send on. */
async function assertion(flow: SamlEndpoints, connection: Connection): Promise<void> {
  const request =
    `<samlp:AuthnRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion" ` +
    `ID="_${random()}" Version="2.0" IssueInstant="${new Date().toISOString()}" Destination="${flow.destination}" ` +
    `ProtocolBinding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" AssertionConsumerServiceURL="${flow.assertionConsumerService}">` +
    `<saml:Issuer>${flow.entityId}</saml:Issuer></samlp:AuthnRequest>`
  const parameters = new URLSearchParams({
    SAMLRequest: deflateRawSync(request).toString('base64'),
    RelayState: 'bench',
  })
  const end = await connection.browse(`${flow.singleSignOn}?${parameters}`)
  if ('left' in end) throw new Error(`led away to ${end.left}`)
  const response = /name="SAMLResponse" value="([^"]*)"/.exec(end.page.body)?.[1]
  if (response === undefined) throw new Error(`no response: ${end.page.status} at ${end.at}`)
  const xml = Buffer.from(response, 'base64').toString()
  if (!xml.includes('status:Success') || xml.match(/<(?:\w+:)?SignatureValue>/g)?.length !== 2)
    throw new Error(`not two signatures: ${xml}`)
}
