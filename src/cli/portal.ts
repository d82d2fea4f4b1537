// Where people of an organization sign in: what administrators pass on to them.
import { call } from './api.ts'

const timeoutMs = 5_000

/**
 * Address of the portal. The server knows by which origin browsers reach it, which may be another than the command line's own
 * way to it: the issuer in its discovery document (OIDC Discovery §3) says it.
 */
export async function portalAddress(url: string, slug: string): Promise<string> {
  const below = `/o/${encodeURIComponent(slug)}`
  const discovery = `${below}/.well-known/openid-configuration`
  const found = (await call(url, discovery, { timeoutMs }).catch(() => null)) as { issuer?: unknown } | null
  const issuer = typeof found?.issuer === 'string' ? found.issuer : `${url}${below}`
  return `${issuer}/portal`
}
