// The SAML door beside sign-in over the real house, and service providers that are nothing but keys, messages and what browsers
// bring them; their responses are read by node-saml.
import { randomBytes } from 'node:crypto'
import { SAML, type SamlConfig, ValidateInResponseTo } from '@node-saml/node-saml'
import type { Log } from '../../src/base/log.ts'
import { createKeyRing } from '../../src/core/keys/signing-keys.ts'
import { createSamlDoor, type SamlDoorOptions } from '../../src/doors/saml/door.ts'
import type { WithTeardown } from './database.ts'
import type { Browser, Page } from './form-browser.ts'
import { base64, type KeyPair, redirectQuery, signXml } from './saml-sp.ts'
import { certificatesIn } from './service-provider.ts'
import { groundAt } from './web.ts'
import { openWebDoors, type WebDoors } from './web-doors.ts'

export const publicUrl = 'http://localhost'
export const entityId = `${publicUrl}/o/acme/saml/metadata`
export const ssoUrl = `${publicUrl}/o/acme/saml/sso`
export const sloUrl = `${publicUrl}/o/acme/saml/slo`

export interface Logged {
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

export type SamlDoors = Awaited<ReturnType<typeof openSamlDoor>>

export async function openSamlDoor(
  t: WithTeardown,
  dataFolder: string,
  changes: Partial<SamlDoorOptions> = {},
) {
  const late: { door?: ReturnType<typeof createSamlDoor> } = {}
  const doors: WebDoors = await openWebDoors(t, dataFolder, {
    afterSignOut: (...given) => late.door?.afterSignOut(...given) ?? Promise.resolve(null),
  })
  const { house, app, api } = doors
  const { store, access, webSessions, facts, clock } = house
  const logged: Logged[] = []
  const note = (fields: object, message: string) => void logged.push({ fields: { ...fields }, message })
  const log: Log = { debug() {}, info: note, warn: note, error: note }
  const keys = createKeyRing({ signingKeys: store.signingKeys, feed: store.feed, clock })
  const door = createSamlDoor({
    ...{ access, webSessions, facts, keys, clock, log, limit: null, resumeLimit: null },
    applicationSessions: store.applicationSessions,
    conversations: store.conversations,
    applications: store.applications,
    resources: store.resources,
    usedOnce: store.usedOnce,
    organizations: store.organizations,
    ground: groundAt(publicUrl),
    ...changes,
  })
  late.door = door
  const { afterSignOut } = door
  await app.register(door.plugin)

  /** Registers a service provider, and binds it to a group. */
  const register = async (
    keys: KeyPair,
    application: object = {},
    { group = 'everyone', binding = {} }: { readonly group?: string; readonly binding?: object } = {},
  ): Promise<TestProvider> => {
    const name = `app-${randomBytes(4).toString('hex')}`
    const sp = `https://${name}.example`
    const body = {
      name,
      kind: 'application',
      application: {
        protocol: 'saml',
        entityId: `${sp}/metadata`,
        assertionConsumerServices: [{ url: `${sp}/acs` }],
        signingCertificates: [keys.certificate],
        ...application,
      },
    }
    const made = await api('POST', '/resources', body)
    if (made.status !== 201) throw new Error(JSON.stringify(made.body))
    const groups = await api('GET', `/groups?filter=${encodeURIComponent(`name eq "${group}"`)}`)
    const bound = { groupId: groups.body.items[0].id, resourceId: made.body.id, ...binding }
    const answer = await api('POST', '/bindings', bound)
    if (answer.status !== 201) throw new Error(JSON.stringify(answer.body))
    return new TestProvider(made.body.id, name, keys, () => clock.now(), await certificates())
  }

  const certificates = async () =>
    certificatesIn((await app.inject('/o/acme/saml/metadata')).body) as [string, ...string[]]
  const user = async (username: string): Promise<{ readonly id: string }> => {
    const filter = encodeURIComponent(`username eq "${username}"`)
    return (await api('GET', `/users?filter=${filter}`)).body.items[0]
  }
  return { ...doors, door, afterSignOut, logged, keys, register, user, certificates }
}

const namespaces =
  'xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
export const newRequestId = (): string => `_${randomBytes(16).toString('hex')}`

export interface MessageOptions {
  readonly id?: string
  readonly issueInstant?: Date
  readonly issuer?: string
  readonly destination?: string | null
  /** Further attributes of the root, as text. */
  readonly attributes?: string
  /** Elements after the Issuer, as text. */
  readonly inner?: string
}

export class TestProvider {
  readonly id: string
  readonly name: string
  readonly keys: KeyPair
  readonly url: string
  readonly entityId: string
  readonly acs: string
  readonly slo: string
  readonly #now: () => Date
  readonly #certificates: readonly [string, ...string[]]

  constructor(
    id: string,
    name: string,
    keys: KeyPair,
    now: () => Date,
    certificates: readonly [string, ...string[]],
  ) {
    this.id = id
    this.name = name
    this.keys = keys
    this.url = `https://${name}.example`
    this.entityId = `${this.url}/metadata`
    this.acs = `${this.url}/acs`
    this.slo = `${this.url}/slo`
    this.#now = now
    this.#certificates = certificates
  }

  /** A message of this kind, not signed. */
  message(
    kind: 'AuthnRequest' | 'LogoutRequest' | 'LogoutResponse',
    {
      id = newRequestId(),
      issueInstant = this.#now(),
      issuer = this.entityId,
      destination = kind === 'AuthnRequest' ? ssoUrl : sloUrl,
      attributes = '',
      inner = '',
    }: MessageOptions = {},
  ): string {
    const to = destination === null ? '' : ` Destination="${destination}"`
    return (
      `<samlp:${kind} ${namespaces} ID="${id}" Version="2.0" IssueInstant="${issueInstant.toISOString()}"${to} ${attributes}>` +
      `<saml:Issuer>${issuer}</saml:Issuer>${inner}</samlp:${kind}>`
    )
  }

  request(options: MessageOptions = {}): string {
    return this.message('AuthnRequest', options)
  }

  sign(xml: string): string {
    return signXml(xml, this.keys.key)
  }

  /** The path to send a browser to by the redirect binding. */
  redirect(
    xml: string,
    {
      relayState,
      key = this.keys.key,
      path = '/o/acme/saml/sso',
      parameter = 'SAMLRequest',
    }: {
      readonly relayState?: string
      /** Null: not signed. */
      readonly key?: string | null
      readonly path?: string
      readonly parameter?: string
    } = {},
  ): string {
    const more = relayState === undefined ? {} : { relayState }
    return `${path}?${redirectQuery(xml, key, { parameter, ...more }).join('&')}`
  }

  /** As another site's form comes: without cookies. */
  post(
    browser: Browser,
    xml: string,
    { path = '/o/acme/saml/sso', parameter = 'SAMLRequest', fields = {} as Record<string, string> } = {},
  ): Promise<Page> {
    const headers = { cookie: '', origin: this.url, 'sec-fetch-site': 'cross-site' }
    return browser.post(path, { [parameter]: base64(xml), ...fields }, headers)
  }

  /** node-saml, which checks the signatures of response and assertion, the audience and the conditions. */
  library(more: Partial<SamlConfig> = {}): SAML {
    return new SAML({
      issuer: this.entityId,
      callbackUrl: this.acs,
      audience: this.entityId,
      idpIssuer: entityId,
      idpCert: [...this.#certificates],
      entryPoint: ssoUrl,
      logoutUrl: sloUrl,
      identifierFormat: null,
      // The clock of the house is ahead of the library's by then.
      acceptedClockSkewMs: -1,
      wantAssertionsSigned: true,
      wantAuthnResponseSigned: true,
      validateInResponseTo: ValidateInResponseTo.never,
      signatureAlgorithm: 'sha256',
      digestAlgorithm: 'sha256',
      disableRequestedAuthnContext: true,
      privateKey: this.keys.key,
      publicCert: this.keys.certificate,
      ...more,
    })
  }
}

/** What the browser is about to bring to the service provider; throws where the page has no such form. */
export interface Delivery {
  readonly to: string
  readonly xml: string
  readonly fields: Readonly<Record<string, string>>
  readonly relayState: string | undefined
  /** The last part of the innermost status code. */
  readonly status: string
}

export function deliveryOf(page: Page): Delivery {
  const [form] = page.forms
  const text = form?.fields.SAMLResponse ?? form?.fields.SAMLRequest
  if (form === undefined || text === undefined)
    throw new Error(`nothing is sent: ${page.status} ${page.heading} ${page.leadsTo} ${page.alert}`)
  const xml = Buffer.from(text, 'base64').toString()
  const codes = [...xml.matchAll(/<samlp:StatusCode Value="[^"]*:(\w+)"/g)].map(([, code]) => code)
  const { RelayState: relayState } = form.fields
  return { to: form.action, xml, fields: form.fields, relayState, status: codes.at(-1) ?? '' }
}

/** The content of the first element of this name. */
export const textIn = (xml: string, name: string): string | null =>
  new RegExp(`<(?:\\w+:)?${name}(?: [^>]*)?>([^<]*)</`).exec(xml)?.[1] ?? null
/** An attribute of the first element of this name. */
export const attributeIn = (xml: string, name: string, attribute: string): string | null =>
  new RegExp(`<(?:\\w+:)?${name} (?:[^>]* )?${attribute}="([^"]*)"`).exec(xml)?.[1] ?? null
