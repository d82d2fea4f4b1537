// An application that people sign in to with OpenID Connect: openid-client behind a small web server. It checks all that a
// careful application checks (state, nonce, PKCE, iss, the signature of the ID token), and remembers everybody who arrived.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import * as client from 'openid-client'
import { type ApplicationOptions, webUrl, withApplication } from './applications.ts'
import type { WithTeardown } from './database.ts'
import type { RunningMuster } from './muster.ts'
import { accepts, freePort } from './ports.ts'

export type Tokens = client.TokenEndpointResponse & client.TokenEndpointResponseHelpers

/** Someone who came back to the redirect URI. */
export interface Arrival {
  /** What the address held. */
  readonly parameters: URLSearchParams
  /** Where all was right. */
  readonly tokens?: Tokens
  readonly claims?: Readonly<Record<string, unknown>>
  /** `error` of the authorization or token endpoint, or the code of what openid-client objected to. */
  readonly error?: string
}

export interface RelyingParty {
  /** Its front page, with a link "Sign in". */
  readonly url: string
  readonly config: client.Configuration
  readonly arrivals: readonly Arrival[]
  /** Whoever arrived last; throws where nobody did. */
  last(): Arrival
  /** Where signing in begins, with further parameters for the authorization request. */
  signInUrl(parameters?: Readonly<Record<string, string>>): string
  /** Where signing out begins: RP-initiated, with the last ID token as hint. */
  readonly signOutUrl: string
  /** By default with the newest refresh token. */
  refresh(token?: string): Promise<Tokens>
  userinfo(token?: string): Promise<client.UserInfoResponse>
  introspect(token?: string): Promise<client.IntrospectionResponse>
  revoke(token?: string): Promise<void>
  /** The last code that was brought here, as a form for the token endpoint: for those who send it by themselves. */
  codeForm(): URLSearchParams
  /** Sends such a form, as this client, to the token endpoint or elsewhere. */
  post(
    form: URLSearchParams,
    to?: string,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }>
}

interface Begun {
  readonly nonce: string
  readonly verifier: string
  readonly maxAge: number | undefined
}

export interface RelyingPartyOptions extends ApplicationOptions {
  /** One that is registered already: nothing is changed then, unless somebody else listens there. */
  readonly port?: number
  readonly secret?: string
  readonly scope?: string
  /** Are codes redeemed when they arrive? True by default. */
  readonly redeems?: boolean
}

/**
 * An application as the resource `name`: one of the sample, or a new one. Its redirect URI becomes that of this server, since
 * several tests run at once; not where a `port` is given.
 */
export async function startRelyingParty(
  t: WithTeardown,
  muster: RunningMuster,
  name: string,
  {
    port: wanted,
    secret = `muster-${name}-secret`,
    scope = 'openid profile email groups offline_access',
    redeems = true,
    ...options
  }: RelyingPartyOptions = {},
): Promise<RelyingParty> {
  const given = await ifFree(wanted)
  const port = given ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const redirectUri = `${url}/callback`
  const goodbye = `${url}/goodbye`
  const addresses = {
    redirectUris: [redirectUri],
    postLogoutRedirectUris: [goodbye],
    launchUrl: `${url}/signin`,
  }
  const { clientId } =
    given === undefined
      ? await withApplication(
          muster,
          name,
          { protocol: 'oidc', clientId: name, ...addresses },
          { ...options, clientSecret: secret },
        )
      : { clientId: name }
  const config = await client.discovery(
    new URL(`${webUrl(muster)}/o/acme`),
    clientId,
    undefined,
    client.ClientSecretBasic(secret),
    { execute: [client.allowInsecureRequests] },
  )

  const begun = new Map<string, Begun>()
  const arrivals: Arrival[] = []
  const last = (): Arrival => {
    const arrival = arrivals.at(-1)
    if (arrival === undefined) throw new Error(`nobody arrived at ${name}`)
    return arrival
  }
  /** The newest of each kind, from arrivals and refreshes. */
  const newest = new Map<keyof Tokens, string>()
  const remember = (tokens: Tokens): Tokens => {
    for (const kind of ['refresh_token', 'access_token', 'id_token'] as const)
      if (tokens[kind] !== undefined) newest.set(kind, tokens[kind])
    return tokens
  }
  const token = (kind: 'refresh_token' | 'access_token' | 'id_token'): string => {
    const found = newest.get(kind)
    if (found === undefined) throw new Error(`${name} was given no ${kind}`)
    return found
  }

  async function begin(further: URLSearchParams): Promise<URL> {
    const [state, nonce, verifier] = [
      client.randomState(),
      client.randomNonce(),
      client.randomPKCECodeVerifier(),
    ]
    const maxAge = further.get('max_age')
    begun.set(state, { nonce, verifier, maxAge: maxAge === null ? undefined : Number(maxAge) })
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope,
      state,
      nonce,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      ...Object.fromEntries(further),
    })
  }

  async function arrive(address: URL): Promise<Arrival> {
    const parameters = address.searchParams
    const state = parameters.get('state') ?? ''
    const expected = begun.get(state)
    if (!redeems) return { parameters }
    begun.delete(state)
    if (expected === undefined) return { parameters, error: 'a state that was never sent' }
    try {
      const tokens = await client.authorizationCodeGrant(config, address, {
        pkceCodeVerifier: expected.verifier,
        expectedState: state,
        expectedNonce: expected.nonce,
        idTokenExpected: true,
        ...(expected.maxAge !== undefined && { maxAge: expected.maxAge }),
      })
      return { parameters, tokens: remember(tokens), claims: tokens.claims() ?? {} }
    } catch (error) {
      return { parameters, error: nameOf(error) }
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = new URL(request.url ?? '/', url)
    if (address.pathname === '/signin') return redirect(response, await begin(address.searchParams))
    if (address.pathname === '/callback') {
      // `response_mode=form_post` (OAuth 2.0 Form Post Response Mode §2): the same, in the body.
      if (request.method === 'POST') address.search = await text(request)
      const arrival = await arrive(address)
      arrivals.push(arrival)
      return show(response, name, arrivalText(arrival))
    }
    if (address.pathname === '/signout') {
      const parameters = { id_token_hint: token('id_token'), post_logout_redirect_uri: goodbye, state: 'bye' }
      return redirect(response, client.buildEndSessionUrl(config, parameters))
    }
    if (address.pathname === '/goodbye') return show(response, name, '<p>Signed out</p>')
    return show(response, name, '<a href="/signin">Sign in</a>')
  }

  await listen(t, port, answer)
  return {
    url,
    config,
    arrivals,
    last,
    signInUrl: (parameters = {}) => `${url}/signin?${new URLSearchParams(parameters)}`,
    signOutUrl: `${url}/signout`,
    refresh: async (given = token('refresh_token')) =>
      remember(await client.refreshTokenGrant(config, given)),
    userinfo: (given = token('access_token')) => client.fetchUserInfo(config, given, client.skipSubjectCheck),
    introspect: (given = token('access_token')) => client.tokenIntrospection(config, given),
    revoke: (given = token('refresh_token')) => client.tokenRevocation(config, given),
    codeForm() {
      const { parameters } = last()
      return new URLSearchParams({
        grant_type: 'authorization_code',
        code: parameters.get('code') ?? '',
        redirect_uri: redirectUri,
        code_verifier: begun.get(parameters.get('state') ?? '')?.verifier ?? '',
      })
    },
    async post(form, to = config.serverMetadata().token_endpoint ?? '') {
      const response = await fetch(to, {
        method: 'POST',
        body: form,
        headers: { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` },
      })
      return { status: response.status, body: (await response.json()) as Record<string, unknown> }
    },
  }
}

/** What went wrong, in one word. */
export function nameOf(error: unknown): string {
  if (error instanceof client.ResponseBodyError || error instanceof client.AuthorizationResponseError)
    return error.error
  const cause = error instanceof Error ? error.cause : undefined
  if (cause instanceof Response) return `status ${cause.status}`
  return error instanceof Error
    ? `${(error as { code?: string }).code ?? error.name}: ${error.message}`
    : String(error)
}

const arrivalText = ({ claims, error }: Arrival): string =>
  error === undefined ? `<p>Signed in as ${claims?.preferred_username}</p>` : `<p role="alert">${error}</p>`

/** The port, where nobody listens on it: the applications of the sample may be running on this machine. */
export const ifFree = async (port: number | undefined): Promise<number | undefined> =>
  port === undefined || (await accepts(port)) ? undefined : port

/** A web server of an application, on loopback; it closes with `t`. */
export async function listen(
  t: WithTeardown,
  port: number,
  answer: (request: IncomingMessage, response: ServerResponse) => Promise<void>,
): Promise<void> {
  const server = createServer((request, response) => {
    answer(request, response).catch((error: unknown) => {
      response.statusCode = 500
      response.end(String(error))
    })
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
}

export function redirect(response: ServerResponse, to: string | URL): void {
  response.writeHead(302, { location: String(to) }).end()
}

export function show(response: ServerResponse, title: string, body: string): void {
  response.setHeader('content-type', 'text/html; charset=utf-8')
  response.end(
    `<!doctype html><html lang="en"><head><title>${title}</title><link rel="icon" href="data:,"></head><body><h1>${title}</h1>${body}</body></html>`,
  )
}
