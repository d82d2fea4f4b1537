// Applications of a running server, registered through its API as an administrator would.
import type { RunningMuster } from './muster.ts'

export interface ApplicationOptions {
  /** Members of these groups may open it, where it is new; everyone by default. */
  readonly groups?: readonly string[]
  /** Demanded by the bindings, where it is new. */
  readonly factors?: readonly string[]
  /** Changes to what is registered: `tokenEndpointAuthMethod`, `release` … */
  readonly application?: Readonly<Record<string, unknown>>
}

/** The address of the pages: cookies are of `localhost`, and so is the issuer. */
export const webUrl = (muster: RunningMuster): string => `http://localhost:${muster.ports.http}`

interface Found {
  readonly id: string
  readonly application: Readonly<Record<string, unknown>>
}

/** The only one of its kind with this name. */
export async function findByName(
  muster: RunningMuster,
  kind: string,
  name: string,
): Promise<Found | undefined> {
  const attribute = kind === 'users' ? 'username' : 'name'
  const { body } = await muster.api(
    'GET',
    `/${kind}?filter=${encodeURIComponent(`${attribute} eq "${name}"`)}`,
  )
  return (body as { items: Found[] }).items[0]
}

export async function idByName(muster: RunningMuster, kind: string, name: string): Promise<string> {
  const found = await findByName(muster, kind, name)
  if (found === undefined) throw new Error(`no ${kind} named ${name}`)
  return found.id
}

/** Sends a change and expects it to be taken. */
export async function demand<T>(
  muster: RunningMuster,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const answer = await muster.api(method, path, body)
  if (answer.status >= 300)
    throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  return answer.body as T
}

/** Makes `name` an application like this: changes the one that is there, or adds one with its bindings. */
export async function withApplication(
  muster: RunningMuster,
  name: string,
  registered: Readonly<Record<string, unknown>>,
  {
    groups = ['everyone'],
    factors = [],
    application = {},
    clientSecret,
  }: ApplicationOptions & { readonly clientSecret?: string } = {},
): Promise<{ readonly id: string; readonly clientId: string }> {
  const wanted = { ...registered, ...application }
  const found = await findByName(muster, 'resources', name)
  const { clientId = name } = (found?.application ?? wanted) as { clientId?: string }
  if (found !== undefined) {
    const { clientId: _, ...changed } = wanted as { clientId?: string }
    await demand(muster, 'PATCH', `/resources/${found.id}`, {
      application: { ...found.application, ...changed },
    })
    return { id: found.id, clientId }
  }
  const secret = registered.protocol === 'oidc' && clientSecret !== undefined ? { clientSecret } : {}
  const resource = { name, kind: 'application', application: wanted, ...secret }
  const { id } = await demand<{ id: string }>(muster, 'POST', '/resources', resource)
  for (const group of groups) {
    const groupId = await idByName(muster, 'groups', group)
    await demand(muster, 'POST', '/bindings', { groupId, resourceId: id, factors })
  }
  return { id, clientId }
}
