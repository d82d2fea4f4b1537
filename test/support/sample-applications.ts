// `npm run applications`: the applications of the sample organization, for trying: wiki and payroll (OpenID Connect, openid-client)
// on port 9001, crm (SAML, node-saml) on port 9002. They show what they were told of whoever signed in, and keep nothing.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { SAML, ValidateInResponseTo } from '@node-saml/node-saml'
import * as client from 'openid-client'

const muster = new URL(process.env.MUSTER_URL ?? 'http://localhost:8080').origin
const issuer = new URL(`${muster}/o/acme`)
const [oidcPort, samlPort] = [9001, 9002]
const redirectUri = `http://127.0.0.1:${oidcPort}/callback`
const acs = `http://127.0.0.1:${samlPort}/acs`

const escaped = (text: string): string =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
const page = (title: string, body: string): string => `<!doctype html><html lang="en"><meta charset="utf-8">
<title>${escaped(title)}</title><style>body{font:16px/1.5 system-ui;max-width:44rem;margin:4rem auto;padding:0 1rem}
pre{background:#f4f5f7;padding:1rem;overflow:auto}</style><h1>${escaped(title)}</h1>${body}`
const shown = (value: unknown): string => `<pre>${escaped(JSON.stringify(value, null, 2))}</pre>`

/** Serves until the process ends; what a handler throws is shown. */
function serve(port: number, handle: (request: IncomingMessage, url: URL) => Promise<string | URL>): void {
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    try {
      const said = await handle(request, new URL(request.url ?? '/', `http://127.0.0.1:${port}`))
      if (said instanceof URL) response.writeHead(302, { location: said.href }).end()
      else response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(said)
    } catch (error) {
      const { message, error: code, error_description: why } = error as Error & Record<string, string>
      const said = code === undefined ? message : `${code}: ${why ?? ''}`
      const text = page('Not signed in', `<p>${escaped(said)}</p><p><a href="/">Back</a></p>`)
      response.writeHead(400, { 'content-type': 'text/html; charset=utf-8' }).end(text)
    }
  }
  createServer((request, response) => void answer(request, response)).listen(port, '127.0.0.1')
}

interface Begun {
  readonly name: string
  readonly config: client.Configuration
  readonly verifier: string
}

async function serveOidc(): Promise<void> {
  const clients = new Map<string, client.Configuration>()
  for (const name of ['wiki', 'payroll']) {
    const secret = `muster-${name}-secret`
    const options = { execute: [client.allowInsecureRequests] }
    clients.set(name, await client.discovery(issuer, name, secret, client.ClientSecretBasic(secret), options))
  }
  const begun = new Map<string, Begun>()

  const begin = async (name: string, config: client.Configuration): Promise<URL> => {
    const [state, verifier] = [client.randomState(), client.randomPKCECodeVerifier()]
    begun.set(state, { name, config, verifier })
    return client.buildAuthorizationUrl(config, {
      redirect_uri: redirectUri,
      scope: 'openid profile email groups',
      state,
      code_challenge: await client.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    })
  }
  const arrive = async (url: URL): Promise<string> => {
    const state = url.searchParams.get('state') ?? ''
    const one = begun.get(state)
    begun.delete(state)
    if (one === undefined) throw new Error('nobody has begun to sign in with this')
    const tokens = await client.authorizationCodeGrant(one.config, url, {
      pkceCodeVerifier: one.verifier,
      expectedState: state,
    })
    const again = `<p><a href="/sign-in/${one.name}">Sign in again</a></p>`
    return page(`${one.name} knows of you`, `${shown(tokens.claims())}${again}`)
  }

  serve(oidcPort, async (_request, url) => {
    if (url.pathname === '/callback') return arrive(url)
    const name = /^\/sign-in\/(\w+)$/.exec(url.pathname)?.[1] ?? ''
    const config = clients.get(name)
    if (config !== undefined) return begin(name, config)
    const links = [...clients.keys()].map(
      (each) => `<li><a href="/sign-in/${each}">Sign in to ${each}</a></li>`,
    )
    return page('Applications of Acme', `<ul>${links.join('')}</ul>`)
  })
}

async function serveSaml(): Promise<void> {
  const metadata = await (await fetch(`${issuer}/saml/metadata`)).text()
  const idpCert = [...metadata.matchAll(/<ds:X509Certificate>([^<]+)</g)].map(([, text = '']) => text)
  const saml = new SAML({
    entryPoint: `${issuer}/saml/sso`,
    issuer: 'https://crm.acme.example/metadata',
    audience: 'https://crm.acme.example/metadata',
    callbackUrl: acs,
    idpCert,
    idpIssuer: `${issuer}/saml/metadata`,
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: true,
    validateInResponseTo: ValidateInResponseTo.always,
    identifierFormat: null,
    disableRequestedAuthnContext: true,
  })
  serve(samlPort, async (request, url) => {
    if (url.pathname === '/acs' && request.method === 'POST') {
      const form = new URLSearchParams(await textOf(request))
      const { profile } = await saml.validatePostResponseAsync({
        SAMLResponse: form.get('SAMLResponse') ?? '',
      })
      const { nameID, attributes } = profile ?? { nameID: null, attributes: null }
      return page(
        'crm knows of you',
        `${shown({ nameID, attributes })}<p><a href="/sign-in">Sign in again</a></p>`,
      )
    }
    if (url.pathname === '/sign-in') return new URL(await saml.getAuthorizeUrlAsync('', undefined, {}))
    return page('crm of Acme', '<p><a href="/sign-in">Sign in to crm</a></p>')
  })
}

async function textOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString()
}

try {
  await serveOidc()
  await serveSaml()
  console.log(`wiki, payroll  http://127.0.0.1:${oidcPort}`)
  console.log(`crm            http://127.0.0.1:${samlPort}`)
} catch (error) {
  const reason = error instanceof Error ? error.message : String(error)
  console.error(`no answer from Muster with the sample organization at ${issuer} (npm start): ${reason}`)
  process.exitCode = 1
}
