// Load over HTTP: what to send, and the run of the generator that sends it, in a process of its own. Where one operation is
// several requests, each depends on the answer before it, which is why this is not one of the ready-made load generators.
import { join } from 'node:path'
import { runOrThrow } from '../test/support/process.ts'
import type { LoadReport } from './generators.ts'

/** An operation, and what its answer must hold to count. */
export type Flow =
  /** Authorization request with a live session, code, tokens (with PKCE): an ID token of the right length comes out. */
  | ({ readonly flow: 'code' } & OidcEndpoints)
  /** A refresh token for new tokens, again and again; every connection has a chain of its own. */
  | ({ readonly flow: 'refresh' } & OidcEndpoints)
  | ({ readonly flow: 'client-credentials' } & OidcEndpoints)
  /** Of the access token of a person who signed in: must be active. */
  | ({ readonly flow: 'introspection' } & OidcEndpoints)
  /** A fresh request by the Redirect binding, and the page with the signed response. */
  | ({ readonly flow: 'saml' } & SamlEndpoints)

export interface OidcEndpoints {
  readonly authorization: string
  readonly token: string
  readonly introspection: string
  readonly clientId: string
  readonly clientSecret: string
  readonly redirectUri: string
  readonly scope: string
}

export interface SamlEndpoints {
  readonly singleSignOn: string
  /** Its address as the server knows it. */
  readonly destination: string
  readonly entityId: string
  readonly assertionConsumerService: string
}

export interface WebLoad {
  readonly flow: Flow
  readonly seconds: number
  /** One for each connection: the `cookie` header of somebody who signed in, or ''. */
  readonly cookies: readonly string[]
}

const generator = join(import.meta.dirname, 'generators/web/main.ts')

/** Runs the generator. Throws where an answer was not right: no speed for wrong answers. */
export async function generateWeb(load: WebLoad): Promise<LoadReport> {
  const { stdout } = await runOrThrow(process.execPath, [generator], {
    input: JSON.stringify(load),
    timeoutMs: (load.seconds + 60) * 1000,
  })
  return JSON.parse(stdout) as LoadReport
}
