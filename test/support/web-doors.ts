// Sign-in and portal over the real house, and what people do there, in a few words.
import { createHash } from 'node:crypto'
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify'
import { type ConversationId, newId, type ResourceId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { nothingWanted, type Wanted } from '../../src/core/access/request.ts'
import { buildApi } from '../../src/doors/console/api.ts'
import { portalRoutes } from '../../src/doors/portal/door.ts'
import { signinRoutes } from '../../src/doors/signin/door.ts'
import type { SigninOptions } from '../../src/doors/signin/services.ts'
import { apiServices, type Call, caller } from './api.ts'
import type { WithTeardown } from './database.ts'
import { Browser, type Page } from './form-browser.ts'
import { codeOfStep } from './one-time-codes.ts'
import { groundAt, type House, openHouse, webServices } from './web.ts'

export interface WebDoors {
  readonly house: House
  readonly app: FastifyInstance
  /** `METHOD /path` of every route. */
  readonly routes: readonly string[]
  /** The API, as the owner. */
  readonly api: Call
  /** The API, with this token; null: without one. */
  apiAs(token: string | null): Call
  browser(peer?: string): Browser
  /** Signed in at the portal; throws where that fails. */
  signedIn(username: string, peer?: string): Promise<Browser>
  /** What another door does: parks a sign-in for a resource, and gives the path to send the browser to. */
  begin(browser: Browser, resource: string, wanted?: Wanted): Promise<string>
  /** A code of this seed that was not given before; moves the clock. */
  code(seed: string): string
}

export const returnTo = '/o/acme/back?from=sign-in'

export async function openWebDoors(
  t: WithTeardown,
  dataFolder: string,
  { publicUrl = 'http://localhost', ...changes }: Partial<SigninOptions> & { publicUrl?: string } = {},
  given?: House,
): Promise<WebDoors> {
  const house = given ?? (await openHouse(t, dataFolder))
  const { store, organization, clock } = house
  const services = webServices(house, groundAt(publicUrl))
  const app = Fastify()
  t.teardown(() => app.close())
  const routes: string[] = []
  app.addHook('onRoute', ({ method, url }: RouteOptions) => void routes.push(`${method} ${url}`))
  await app.register(signinRoutes, { ...services, ...changes })
  await app.register(portalRoutes, services)
  const { access, webSessions } = house
  const api = await buildApi(
    { ...apiServices(store, house.ports, silentLog, access.explain), webSessions, clock },
    { version: '0' },
  )
  t.teardown(() => api.close())

  const browser = (peer?: string) => new Browser(app, peer, publicUrl)
  return {
    ...{ house, app, routes, browser },
    api: caller(api, 'acme', house.token),
    apiAs: (token) => caller(api, 'acme', token),
    async signedIn(username, peer) {
      const one = browser(peer)
      const page = await one.submit(await one.get('/o/acme/signin'), typed(username))
      if (page.leadsTo !== '/o/acme/portal') throw new Error(`${username}: ${page.status} ${page.alert}`)
      return one
    },
    async begin(one, resource, wanted = nothingWanted) {
      if (one.cookies.size === 0) await one.get('/o/acme/signin')
      const id = newId<ConversationId>()
      await store.conversations.park(
        id,
        {
          ...{ kind: 'sign-in', organization: organization.id, wanted, returnTo },
          browser: browserIdOf(one),
          resource: await resourceId(house, resource),
          ...{ login: null, challenge: null },
        },
        600,
      )
      return `/o/acme/signin?to=${id}`
    },
    code(seed) {
      clock.pass(30)
      return codeOfStep(seed, Math.floor(clock.now().getTime() / 30_000))
    },
  }
}

export const typed = (username: string, password = `muster-${username}`) => ({ username, password })

/** What this browser is known by: the digest of its cookie. */
export function browserIdOf(browser: Browser): string {
  const token = [...browser.cookies].find(([name]) => name.includes('muster-browser-acme'))?.[1] ?? ''
  return createHash('sha256').update(token).digest('base64url')
}
export const sessionTokenOf = (browser: Browser): string | null =>
  [...browser.cookies].find(([name]) => name.includes('muster-session-acme'))?.[1] ?? null

/** The reference that a refusal shows. */
export const referenceOn = ({ text }: Page): string =>
  /<code>([0-9A-Z]{4}-[0-9A-Z]{4})<\/code>/.exec(text)?.[1] ?? ''

export async function resourceId({ store, organization }: House, name: string): Promise<ResourceId> {
  const all = await store.resources.list(
    organization.id,
    { op: 'eq', field: { standard: 'name' }, value: name },
    { limit: 1 },
  )
  const [found] = all
  if (found === undefined) throw new Error(`no resource ${name}`)
  return found.id
}
