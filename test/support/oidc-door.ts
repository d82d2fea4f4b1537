// The OIDC door over the real house: store, decision, sessions, keys. The sample organization, a server on loopback, browsers that
// keep cookies, and a sign-in that asks the decision as the sign-in door does.
import { createHash, randomBytes } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type FastifyInstance, fastify } from 'fastify'
import { Client } from 'pg'
import { parse } from 'yaml'
import type { ConversationId } from '../../src/base/ids.ts'
import type { Log } from '../../src/base/log.ts'
import { Secret } from '../../src/base/secrets.ts'
import { cachedApplications } from '../../src/core/access/cached-applications.ts'
import { CachedFacts } from '../../src/core/access/cached-facts.ts'
import { createAccess } from '../../src/core/access/decide.ts'
import type { Decision } from '../../src/core/access/decision.ts'
import type { AccessRequest } from '../../src/core/access/request.ts'
import { startRevocation } from '../../src/core/access/revocation.ts'
import { createWebSessions } from '../../src/core/access/web-sessions.ts'
import { createDirectory } from '../../src/core/directory/directory.ts'
import { importNewOrganization } from '../../src/core/directory/import.ts'
import type { Organization } from '../../src/core/directory/types.ts'
import { OneAtATime } from '../../src/core/factors/one-at-a-time.ts'
import { RememberedPasswords } from '../../src/core/factors/remembered.ts'
import { createKeyRing } from '../../src/core/keys/signing-keys.ts'
import { MembershipEngine } from '../../src/core/membership/change.ts'
import type { PendingSignIn } from '../../src/core/ports.ts'
import { createOidcDoor, type OidcDoorOptions } from '../../src/doors/oidc/door.ts'
import { fetchFor } from '../../src/net/web/fetch.ts'
import { openStore } from '../../src/store/store.ts'
import { freshDatabase, type WithTeardown } from './database.ts'
import { OneTimeCodes } from './one-time-codes.ts'

/** The clock of the house, which may be set back so that what is done then is old afterwards. */
export class ShiftedClock {
  shiftMs = 0
  now = (): Date => new Date(Date.now() + this.shiftMs)
  monotonicMs = (): number => performance.now()
}

export interface Logged {
  readonly level: string
  readonly message: string
  readonly fields: object
}

const seeds = { bob: 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', dave: 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP' }
const sample = new URL('../../config/sample/acme.yaml', import.meta.url)
const by = { kind: 'system', name: 'test' } as const

export type OidcHouse = Awaited<ReturnType<typeof openHouse>>

/** A second house on the same database is a second process. */
export async function openHouse(
  t: WithTeardown,
  options: {
    readonly databaseUrl?: string
    readonly dataFolder?: string
    readonly port?: number
    /** Without the listener that ends what is open: what is seen then is the door's own doing. */
    readonly isAlone?: boolean
    readonly change?: (options: OidcDoorOptions) => OidcDoorOptions
  } = {},
) {
  const databaseUrl = options.databaseUrl ?? (await freshDatabase(t))
  const dataFolder = options.dataFolder ?? (await mkdtemp(join(tmpdir(), 'muster-oidc-')))
  if (options.dataFolder === undefined) t.teardown(() => rm(dataFolder, { recursive: true, force: true }))
  const clock = new ShiftedClock()
  const logged: Logged[] = []
  const note = (level: string) => (fields: object, message: string) =>
    void logged.push({ level, message, fields })
  const log: Log = { debug() {}, info: note('info'), warn: note('warn'), error: note('error') }
  const store = await openStore({
    ...{ dataFolder, clock, log },
    databaseUrl: new Secret(databaseUrl),
    redisUrl: null,
    connections: 8,
  })
  const { feed } = store
  const engine = new MembershipEngine({ ...store, clock, log })
  // Quick, because it is not what is tested here.
  const hash = async (password: Secret) =>
    new Secret(createHash('sha256').update(password.reveal()).digest('hex'))
  const hasher = {
    hash,
    matches: async (stored: Secret | null, shown: Secret) =>
      (await hash(shown)).reveal() === stored?.reveal(),
  }
  const facts = new CachedFacts(store.facts, feed)
  const webSessions = createWebSessions({ ...store, clock, log })
  const asked: AccessRequest[] = []
  const access = createAccess({
    ...store,
    ...{ facts, feed, hasher, clock, log },
    remembered: new RememberedPasswords(clock),
    turns: new OneAtATime(),
    ended: webSessions.tellEnded,
    observe: (_decision, request) => void asked.push(request),
  })
  const ports = { ...store, engine, hashPassword: hash, checkAttributes: () => [], clock }
  const directory = createDirectory(ports as never)
  if (options.databaseUrl === undefined) {
    const made = await importNewOrganization(by, parse(await readFile(sample, 'utf8')), ports as never)
    if (!made.ok) throw new Error(JSON.stringify(made.error))
  }
  const acme = (await store.organizations.findBySlug('acme')) as Organization
  const keys = createKeyRing({ signingKeys: store.signingKeys, feed, clock })
  const { sessions, applicationSessions } = store
  const stopRevocation =
    options.isAlone === true
      ? () => {}
      : startRevocation({
          ...{ access, facts, sessions, webSessions, applicationSessions, feed, clock, log },
        })

  const owner = { organization: acme, role: 'owner', actor: by } as const
  let url = ''
  const door = createOidcDoor(
    (options.change ?? ((same) => same))({
      ...{ access, webSessions, applicationSessions, facts, keys, feed, clock, log },
      conversations: store.conversations,
      applications: cachedApplications(store.applications, feed),
      objects: store.oidcObjects,
      usedOnce: store.usedOnce,
      organizations: store.organizations,
      ground: { publicUrl: () => url, trustedProxies: [], csrfKey: randomBytes(32) },
      cookieKey: Buffer.from('a key for cookies that is the same in all houses'),
      fetch: fetchFor({ allow: [], allowLoopback: true }) as typeof fetch,
      limit: null,
      resumeLimit: null,
      afterSignOut: async () => null,
    }),
  )
  const app: FastifyInstance = fastify()
  await app.register(door.plugin)
  await app.listen({ host: '127.0.0.1', port: options.port ?? 0 })
  url = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`

  let isClosed = false
  const close = async (): Promise<void> => {
    if (isClosed) return
    isClosed = true
    stopRevocation()
    app.server.closeAllConnections()
    await app.close()
    await door.close()
    await store.close()
  }
  t.teardown(close)

  /** As the sign-in door asks: for the resource that somebody is on the way to. */
  const decide = (
    browser: Browser,
    pending: PendingSignIn,
    evidence: AccessRequest['evidence'],
    name: string,
  ) =>
    access.decide({
      organization: pending.organization,
      subject: { by: 'login', name },
      evidence,
      resource: { kind: 'id', id: pending.resource },
      circumstance: {
        peer: '127.0.0.1',
        door: 'signin',
        secured: true,
        browser: digestOf(browser.id('acme')),
      },
      means: ['prompt', 'retry'],
      wanted: pending.wanted,
      opening: { replacing: null, userAgent: 'test' },
      at: clock.now(),
    })

  /** Signs in where the browser was sent, and gives the address to go back to. */
  const signIn = async (browser: Browser, location: string, username: string): Promise<string> => {
    const id = new URL(location, url).searchParams.get('to') as ConversationId
    const pending = await store.conversations.find(id)
    if (pending?.kind !== 'sign-in') throw new Error('nothing waits for a sign-in')
    const password = new Secret(`muster-${username}`)
    let decision: Decision = await decide(browser, pending, [{ kind: 'password', password }], username)
    if (decision.outcome === 'challenge' && decision.step.kind === 'code') {
      const code = new Secret(await codesOf(username).next())
      const evidence = [
        { kind: 'conversation', id: decision.step.conversation },
        { kind: 'code', code },
      ] as const
      decision = await decide(browser, pending, evidence, username)
    }
    if (decision.outcome !== 'permit' || decision.session === undefined)
      throw new Error(`${username}: ${JSON.stringify(decision)}`)
    browser.set('muster-session-acme', decision.session.token.reveal())
    return `${url}${pending.returnTo}`
  }

  /** Registers an application, and binds it to a group. */
  const register = async (
    application: object,
    more: object = {},
    group = 'everyone',
    binding: object = {},
  ) => {
    const name = `app-${randomBytes(4).toString('hex')}`
    const body = { name, kind: 'application', application: { protocol: 'oidc', ...application }, ...more }
    const made = await directory.resources.create(owner, body)
    if (!made.ok) throw new Error(JSON.stringify(made.error))
    const groups = await store.reader.groupNames(acme.id)
    const groupId = groups.find((one) => one.name === group)?.id
    const bound = await directory.bindings.create(owner, {
      groupId,
      resourceId: made.value.object.id,
      ...binding,
    })
    if (!bound.ok) throw new Error(JSON.stringify(bound.error))
    return made.value.object
  }
  /** Another organization: the sample once more, under another name. */
  const createOrganization = async (slug: string) => {
    const file = parse((await readFile(sample, 'utf8')).replaceAll(/\bacme\b/g, slug))
    // Addresses of RADIUS clients are one organization's each.
    const resources = file.resources.filter(({ kind }: { kind: string }) => kind !== 'network')
    const bindings = file.bindings.filter(({ resource }: { resource: string }) =>
      resources.some(({ name }: { name: string }) => name === resource),
    )
    const made = await importNewOrganization(by, { ...file, resources, bindings }, ports as never)
    if (!made.ok) throw new Error(JSON.stringify(made.error))
    return made.value
  }
  /** What the tables of the web doors hold, as text. */
  const dump = async (): Promise<string> => {
    const client = new Client({ connectionString: databaseUrl })
    await client.connect()
    try {
      let text = ''
      for (const name of ['session', 'application_session', 'oidc_object', 'used_once']) {
        const { rows } = await client.query(`select t::text as row from ${name} t`)
        text += rows
          .map(
            ({ row }) => `${row}
`,
          )
          .join('')
      }
      return text
    } finally {
      await client.end()
    }
  }
  const user = async (username: string) =>
    (await store.reader.findUserByUsername(acme.id, username)) ?? Promise.reject(new Error(`no ${username}`))

  return {
    ...{ url, store, access, directory, acme, keys, clock, logged, asked, webSessions, door, close, signIn },
    ...{ databaseUrl, dataFolder, app, by: owner, register, user, createOrganization, dump },
    issuer: `${url}/o/acme`,
    decisionsAt: (name: string) => asked.filter(({ circumstance }) => circumstance.door === name).length,
  }
}

const codes = new Map<string, OneTimeCodes>()
/** Shared by all houses of a process: a code counts once in a database, but steps are few. */
function codesOf(username: string): OneTimeCodes {
  const known = codes.get(username) ?? new OneTimeCodes(seeds[username as keyof typeof seeds])
  codes.set(username, known)
  return known
}

/** As the web scope knows a browser. */
const digestOf = (text: string): string => createHash('sha256').update(text).digest('base64url')

interface Cookie {
  readonly value: string
  readonly path: string
}

/** Keeps cookies by their path, and follows nothing by itself. */
export class Browser {
  readonly #cookies = new Map<string, Cookie>()

  set(name: string, value: string, path = '/'): void {
    this.#cookies.set(name, { value, path })
  }
  get(name: string): string | undefined {
    return this.#cookies.get(name)?.value
  }
  remove(name: string): void {
    this.#cookies.delete(name)
  }
  names(): string[] {
    return [...this.#cookies.keys()]
  }
  id(slug: string): string {
    return this.get(`muster-browser-${slug}`) ?? ''
  }

  async fetch(to: string | URL, init: RequestInit = {}): Promise<Response> {
    const url = new URL(to)
    const own = [...this.#cookies].filter(([, { path }]) => isBelow(url.pathname, path))
    const headers = new Headers(init.headers)
    if (!headers.has('accept')) headers.set('accept', 'text/html')
    if (own.length > 0) headers.set('cookie', own.map(([name, { value }]) => `${name}=${value}`).join('; '))
    const response = await fetch(url, { ...init, headers, redirect: 'manual' })
    for (const line of response.headers.getSetCookie()) this.#keep(line)
    return response
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split(/;\s*/)
    const [name = '', value = ''] = [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]
    const path = attributes.find((one) => /^path=/i.test(one))?.slice(5) ?? '/'
    if (value === '' || attributes.some((one) => /^expires=Thu, 01 Jan 1970/i.test(one))) this.remove(name)
    else this.set(name, value, path)
  }
}

const isBelow = (path: string, cookiePath: string): boolean =>
  cookiePath === '/' || path === cookiePath || path.startsWith(`${cookiePath}/`)

export const verifier = 'a-verifier-of-the-length-that-is-demanded-by-the-rfc'
export const challenge = createHash('sha256').update(verifier).digest('base64url')

/** An authorization request of the sample's wiki; null leaves a parameter out. */
export function authorizationUrl(
  issuer: string,
  parameters: Readonly<Record<string, string | null>> = {},
): URL {
  const all = {
    client_id: 'wiki',
    redirect_uri: 'http://127.0.0.1:9001/callback',
    response_type: 'code',
    scope: 'openid profile email groups',
    state: 'a-state',
    nonce: 'a-nonce',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...parameters,
  }
  const url = new URL(`${issuer}/oidc/authorize`)
  for (const [name, value] of Object.entries(all)) if (value !== null) url.searchParams.set(name, value)
  return url
}

export const basic = (id: string, secret = `muster-${id}-secret`): string =>
  `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`

export interface Answer {
  readonly status: number
  readonly body: Readonly<Record<string, unknown>>
}

/** A form to an endpoint, and its JSON. */
export async function post(
  url: string,
  form: Readonly<Record<string, string>>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const response = await fetch(url, { method: 'POST', headers, body: new URLSearchParams(form) })
  const text = await response.text()
  return { status: response.status, body: text === '' ? {} : JSON.parse(text) }
}

/** Signs somebody in to an application; gives the parameters that come back to it. */
export async function authorize(
  house: OidcHouse,
  browser: Browser,
  username: string,
  parameters: Readonly<Record<string, string | null>> = {},
): Promise<URLSearchParams> {
  const first = await browser.fetch(authorizationUrl(house.issuer, parameters))
  let location = first.headers.get('location') ?? ''
  if (location.startsWith('/o/acme/signin')) {
    const back = await browser.fetch(await house.signIn(browser, location, username))
    location = back.headers.get('location') ?? `${house.url}/?error=status-${back.status}`
  }
  return new URL(location, house.url).searchParams
}

/** Redeems a code for the wiki. */
export const redeem = (
  issuer: string,
  code: string,
  client = 'wiki',
  more: Readonly<Record<string, string>> = {},
): Promise<Answer> =>
  post(
    `${issuer}/oidc/token`,
    {
      grant_type: 'authorization_code',
      code,
      redirect_uri: 'http://127.0.0.1:9001/callback',
      code_verifier: verifier,
      ...more,
    },
    { authorization: basic(client) },
  )

export interface Tokens {
  readonly access: string
  readonly refresh: string
  readonly id: string
  readonly claims: Readonly<Record<string, unknown>>
}

/** All the way from no session to tokens. */
export async function tokensOf(
  house: OidcHouse,
  browser: Browser,
  username: string,
  parameters: Readonly<Record<string, string | null>> = {},
): Promise<Tokens> {
  const code = (await authorize(house, browser, username, parameters)).get('code') ?? ''
  const { status, body } = await redeem(house.issuer, code, parameters.client_id ?? 'wiki')
  if (status !== 200) throw new Error(JSON.stringify(body))
  return readTokens(body)
}

export function readTokens(body: Readonly<Record<string, unknown>>): Tokens {
  const id = String(body.id_token)
  return {
    access: String(body.access_token),
    refresh: String(body.refresh_token),
    id,
    claims: payloadOf(id),
  }
}

export const payloadOf = (token: string): Readonly<Record<string, unknown>> =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())

export const refresh = (issuer: string, token: string, client = 'wiki'): Promise<Answer> =>
  post(
    `${issuer}/oidc/token`,
    { grant_type: 'refresh_token', refresh_token: token },
    { authorization: basic(client) },
  )
