// The API over a real store, with the sample organization in it: requests are injected, nothing listens.
import { readFileSync } from 'node:fs'
import type { FastifyInstance, InjectOptions } from 'fastify'
import { parse } from 'yaml'
import { systemClock } from '../../src/base/clock.ts'
import { enableLinearRegex } from '../../src/base/linear-regex.ts'
import { type Log, silentLog } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import { createWebSessions } from '../../src/core/access/web-sessions.ts'
import { verifyChain } from '../../src/core/audit/chain.ts'
import { createDirectory } from '../../src/core/directory/directory.ts'
import {
  type ImportPorts,
  importNewOrganization,
  importOrganization,
} from '../../src/core/directory/import.ts'
import { createKeyRing } from '../../src/core/keys/signing-keys.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import { buildApi } from '../../src/doors/console/api.ts'
import type { ApiServices } from '../../src/doors/console/services.ts'
import { checkRadiusAttributes } from '../../src/doors/radius/attribute-check.ts'
import { guardedFetch } from '../../src/net/web/fetch.ts'
import { openStore, type Store } from '../../src/store/store.ts'
import type { WithTeardown } from './database.ts'

export const sample = (): Record<string, unknown> =>
  parse(readFileSync(new URL('../../config/sample/acme.yaml', import.meta.url), 'utf8')) as Record<
    string,
    unknown
  >

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  // biome-ignore lint/suspicious/noExplicitAny: whatever the API answers, for assertions
  readonly body: any
}

export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

/** Hashes that cost nothing: what they look like is all that counts here. */
const hashPassword = async (password: Secret) =>
  new Secret(
    `$argon2id$v=19$m=8,t=1,p=1$${Buffer.from(`salt-${password.reveal()}`).toString('base64url')}$AAAA`,
  )

export function importPorts(store: Store): ImportPorts {
  const clock = systemClock
  const engine = new MembershipEngine({ ...store, clock, log: silentLog })
  return { ...store, engine, hashPassword, checkAttributes: checkRadiusAttributes, clock }
}

export function apiServices(
  store: Store,
  ports: ImportPorts,
  log: Log,
  explain: ApiServices['explain'],
): ApiServices {
  return {
    directory: createDirectory(ports),
    organizations: store.organizations,
    tokens: store.tokens,
    rules: store.rules,
    audit: store.auditReader,
    verifyAudit: (organization) => verifyChain(store.auditReader, organization),
    explain,
    importOrganization: importOrganization(ports),
    keys: createKeyRing({ signingKeys: store.signingKeys, feed: store.feed, clock: systemClock }),
    fetch: (request) => guardedFetch(request, { allow: [], allowLoopback: true }),
    webSessions: createWebSessions({ ...store, clock: systemClock, log }),
    applicationSessions: store.applicationSessions,
    clock: systemClock,
    log,
  }
}

/** A caller with a token of this organization. */
export function caller(app: FastifyInstance, slug: string, token: string | null): Call {
  return async (method, path, body, headers = {}) => {
    const response = await app.inject({
      method: method as NonNullable<InjectOptions['method']>,
      url: `/o/${slug}/api/v1${path}`,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = response.body
    const isJson = String(response.headers['content-type'] ?? '').includes('json')
    return { status: response.statusCode, headers: response.headers, body: isJson ? JSON.parse(text) : text }
  }
}

/** For tests that ask for no decision. */
export const explainsNothing: ApiServices['explain'] = () => Promise.reject(new Error('not joined'))

/** The embedded store in a folder of the test's own, closed when it ends. */
export async function embeddedStore(
  t: WithTeardown & { testdir(content: Record<string, never>): string },
  log: Log = silentLog,
): Promise<Store> {
  enableLinearRegex()
  const store = await openStore({
    ...{ dataFolder: t.testdir({}), databaseUrl: null, redisUrl: null, connections: 2 },
    ...{ clock: systemClock, log },
  })
  t.teardown(() => store.close())
  return store
}

/** On an embedded store, the sample organization and another one; gives a caller for each owner. All is closed when `t` ends. */
export async function sampleApi(
  t: Parameters<typeof embeddedStore>[0],
  log: Log = silentLog,
  explain = explainsNothing,
) {
  const store = await embeddedStore(t)
  const ports = importPorts(store)
  const actor = { kind: 'system', name: 'test' } as const
  const acme = await importNewOrganization(actor, sample(), ports)
  if (!acme.ok) throw new Error(JSON.stringify(acme.error))
  const other = await importNewOrganization(
    actor,
    {
      organization: { slug: 'other', name: 'Other', domain: 'other.example' },
      users: [{ username: 'alice' }],
      tokens: [{ name: 'admin', role: 'owner' }],
    },
    ports,
  )
  if (!other.ok) throw new Error(JSON.stringify(other.error))
  const app = await buildApi(apiServices(store, ports, log, explain), { version: '0.0.0' })
  t.teardown(() => app.close())
  const token = acme.value.tokens[0]?.token ?? ''
  const otherToken = other.value.tokens[0]?.token ?? ''
  return {
    ...{ store, app, ports, token, otherToken },
    organization: acme.value.organization,
    acme: caller(app, 'acme', token),
    other: caller(app, 'other', otherToken),
  }
}

/** The first object at `path` that a filter fits. */
export const finder =
  (call: Call) =>
  async (path: string, filter: string): Promise<Answer['body']> =>
    (await call('GET', `${path}?filter=${encodeURIComponent(filter)}`)).body.items[0]

/** Fields and codes of an answer's errors, each as `field: code`. */
export const faults = ({ body }: Answer): string[] =>
  (body.errors ?? []).map((e: { field: string; code: string }) => `${e.field}: ${e.code}`)

/** The audit records of one action, newest first, of the last 200 changes. */
export const changeRecords =
  (call: Call) =>
  async (action: string): Promise<Answer['body'][]> =>
    (await call('GET', '/audit?kind=change&limit=200')).body.items
      .map(({ body }: { body: { action: string } }) => body)
      .filter((body: { action: string }) => body.action === action)
