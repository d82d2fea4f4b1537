// An application that people sign in to with SAML: @node-saml/node-saml or samlify behind a small web server, as the wild has
// them. Keeps what arrived, byte for byte, so that others can look at it as well.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { SAML, type SamlConfig, ValidateInResponseTo } from '@node-saml/node-saml'
import samlify from 'samlify'
import { type ApplicationOptions, findByName, webUrl, withApplication } from './applications.ts'
import type { WithTeardown } from './database.ts'
import type { RunningMuster } from './muster.ts'
import { freePort } from './ports.ts'
import { run } from './process.ts'
import { ifFree, listen, redirect, show } from './relying-party.ts'
import { createKeyPair, type KeyPair } from './saml-sp.ts'

/** Someone whom the browser brought to the assertion consumer service. */
export interface SamlArrival {
  /** The response as it arrived. */
  readonly xml: string
  readonly relayState: string | null
  /** Where the library accepted it. */
  readonly nameId?: string
  readonly attributes?: Readonly<Record<string, readonly string[]>>
  readonly sessionIndex?: string
  /** Why it did not. */
  readonly error?: string
}

export interface ServiceProvider {
  /** Its front page, with a link "Sign in". */
  readonly url: string
  readonly entityId: string
  readonly keys: KeyPair
  /** The resource's id. */
  readonly id: string
  /** The metadata of Muster's organization. */
  readonly metadata: string
  readonly arrivals: readonly SamlArrival[]
  last(): SamlArrival
  /** Where signing in begins. */
  signInUrl(options?: SamlSignIn): string
  /** Where signing out begins, of whoever arrived last (node-saml only). */
  readonly signOutUrl: string
  /** Sent here to end a session, or told that a session ended: what was said. */
  readonly logouts: readonly string[]
}

export interface SamlSignIn {
  readonly binding?: 'redirect' | 'post'
  readonly relayState?: string
  readonly forceAuthn?: boolean
  readonly passive?: boolean
  /** `RequestedAuthnContext`, exactly this. */
  readonly context?: string
}

export interface ServiceProviderOptions extends ApplicationOptions {
  readonly library?: 'node-saml' | 'samlify'
  /** Is its certificate registered, and are requests signed? True by default. */
  readonly signs?: boolean
  /** Is its certificate registered for encryption? */
  readonly decrypts?: boolean
  /** One that is registered already: nothing is changed then, unless somebody else listens there. */
  readonly port?: number
}

/** What a library does for it. */
interface Library {
  begin(options: SamlSignIn): Promise<{ readonly url: string } | { readonly form: string }>
  read(body: Readonly<Record<string, string>>): Promise<Omit<SamlArrival, 'xml' | 'relayState'>>
  signOut?(arrival: SamlArrival): Promise<string>
  /** Answers a message at the single logout service: the address to go on to, where it is to be answered. */
  slo?(query: Readonly<Record<string, string>>, text: string): Promise<{ said: string; to: string | null }>
}

/** An application as the resource `name`: one of the sample, or a new one. */
export async function startServiceProvider(
  t: WithTeardown,
  muster: RunningMuster,
  name: string,
  {
    library = 'node-saml',
    signs = true,
    decrypts = false,
    port: wanted,
    ...options
  }: ServiceProviderOptions = {},
): Promise<ServiceProvider> {
  const given = await ifFree(wanted)
  const port = given ?? (await freePort())
  const url = `http://127.0.0.1:${port}`
  const keys = await createKeyPair(`${name}.acme.example`)
  const entityId = `https://${name}.acme.example/metadata`
  const registered = {
    protocol: 'saml',
    entityId,
    assertionConsumerServices: [{ url: `${url}/acs` }],
    singleLogoutServices: [{ binding: 'redirect', url: `${url}/slo` }],
    signingCertificates: signs ? [keys.certificate] : [],
    encryptionCertificate: decrypts ? keys.certificate : null,
    launchUrl: `${url}/signin`,
  }
  const { id } =
    given === undefined
      ? await withApplication(muster, name, registered, options)
      : ((await findByName(muster, 'resources', name)) as { id: string })
  const metadata = await (await fetch(`${webUrl(muster)}/o/acme/saml/metadata`)).text()
  const with_ = { url, entityId, keys, metadata, signs, decrypts }
  const own = library === 'samlify' ? samlifyLibrary(with_) : nodeSaml(with_)

  const arrivals: SamlArrival[] = []
  const logouts: string[] = []
  const last = (): SamlArrival => {
    const arrival = arrivals.at(-1)
    if (arrival === undefined) throw new Error(`nobody arrived at ${name}`)
    return arrival
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const address = new URL(request.url ?? '/', url)
    const query = Object.fromEntries(address.searchParams)
    switch (address.pathname) {
      case '/signin': {
        const { forceAuthn, passive, ...rest } = query
        const begun = await own.begin({
          ...rest,
          forceAuthn: forceAuthn === 'true',
          passive: passive === 'true',
        })
        return 'url' in begun ? redirect(response, begun.url) : show(response, name, begun.form)
      }
      case '/acs': {
        const body = Object.fromEntries(new URLSearchParams(await text(request)))
        const xml = Buffer.from(body.SAMLResponse ?? '', 'base64').toString()
        const read = await own.read(body).catch((error: unknown) => ({ error: String(error) }))
        const arrival = { xml, relayState: body.RelayState ?? null, ...read }
        arrivals.push(arrival)
        return show(response, name, arrivalText(arrival))
      }
      case '/signout': {
        if (own.signOut === undefined) throw new Error('not with this library')
        return redirect(response, await own.signOut(last()))
      }
      case '/slo': {
        if (own.slo === undefined) throw new Error('not with this library')
        const { said, to } = await own.slo(query, address.search.slice(1))
        logouts.push(said)
        return to === null ? show(response, name, '<p>Signed out</p>') : redirect(response, to)
      }
      default:
        return show(response, name, '<a href="/signin">Sign in</a>')
    }
  }
  await listen(t, port, answer)
  const signInUrl = (options: SamlSignIn = {}) =>
    `${url}/signin?${new URLSearchParams(Object.entries(options).map(([key, value]) => [key, String(value)]))}`
  return {
    url,
    entityId,
    keys,
    id,
    metadata,
    arrivals,
    last,
    signInUrl,
    signOutUrl: `${url}/signout`,
    logouts,
  }
}

interface With {
  readonly url: string
  readonly entityId: string
  readonly keys: KeyPair
  readonly metadata: string
  readonly signs: boolean
  readonly decrypts: boolean
}

const sha256 = 'http://www.w3.org/2001/04/xmldsig-more#rsa-sha256'
const post = 'urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST'

/** The certificates that the metadata names, as PEM. */
export const certificatesIn = (metadata: string): readonly string[] =>
  [...metadata.matchAll(/<(?:\w+:)?X509Certificate>([^<]+)</g)].map(
    ([, text = '']) =>
      `-----BEGIN CERTIFICATE-----\n${text.replace(/\s/g, '').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
  )

const locationIn = (metadata: string, service: string, binding: string): string => {
  const tags = [...metadata.matchAll(new RegExp(`<(?:\\w+:)?${service}\\b[^>]*>`, 'g'))].map(([tag]) => tag)
  const tag = tags.find((one) => one.includes(`HTTP-${binding}"`)) ?? ''
  return /Location="([^"]*)"/.exec(tag)?.[1] ?? ''
}

function nodeSaml({ url, entityId, keys, metadata, signs, decrypts }: With): Library {
  const inCommon: SamlConfig = {
    issuer: entityId,
    callbackUrl: `${url}/acs`,
    logoutCallbackUrl: `${url}/slo`,
    audience: entityId,
    idpIssuer: /entityID="([^"]*)"/.exec(metadata)?.[1] ?? '',
    idpCert: [...certificatesIn(metadata)],
    entryPoint: locationIn(metadata, 'SingleSignOnService', 'Redirect'),
    logoutUrl: locationIn(metadata, 'SingleLogoutService', 'Redirect'),
    identifierFormat: null,
    acceptedClockSkewMs: 0,
    wantAssertionsSigned: true,
    wantAuthnResponseSigned: true,
    validateInResponseTo: ValidateInResponseTo.always,
    signatureAlgorithm: 'sha256',
    digestAlgorithm: 'sha256',
    ...(signs && { privateKey: keys.key, publicCert: keys.certificate }),
    ...(decrypts && { decryptionPvk: keys.key }),
  }
  // One for each way of asking, with what was asked for remembered in common.
  const plain = new SAML(inCommon)
  const { cacheProvider } = plain.options
  return {
    async begin({ binding = 'redirect', relayState = '', forceAuthn = false, passive = false, context }) {
      const client = new SAML({
        ...inCommon,
        cacheProvider,
        entryPoint: locationIn(metadata, 'SingleSignOnService', binding === 'post' ? 'POST' : 'Redirect'),
        forceAuthn,
        passive,
        skipRequestCompression: binding === 'post',
        disableRequestedAuthnContext: context === undefined,
        ...(context !== undefined && { authnContext: [context], racComparison: 'exact' }),
      })
      if (binding === 'post') return { form: formIn(await client.getAuthorizeFormAsync(relayState)) }
      return { url: await client.getAuthorizeUrlAsync(relayState, undefined, {}) }
    },
    async read(body) {
      const { profile } = await plain.validatePostResponseAsync({ ...body })
      if (profile === null) return { error: 'nobody' }
      const { attributes, nameID, sessionIndex } = profile
      return {
        nameId: nameID,
        attributes: listed((attributes ?? {}) as object),
        ...(sessionIndex !== undefined && { sessionIndex }),
      }
    },
    async signOut({ nameId = '', sessionIndex = '', xml }) {
      const nameIDFormat = /<saml:NameID[^>]* Format="([^"]*)"|<saml:NameID Format="([^"]*)"/.exec(xml)
      const profile = {
        issuer: entityId,
        nameID: nameId,
        nameIDFormat: nameIDFormat?.[1] ?? nameIDFormat?.[2] ?? '',
        sessionIndex,
        ...(xml.includes('SPNameQualifier=') && { spNameQualifier: entityId }),
      }
      return plain.getLogoutUrlAsync(profile, 'bye', {})
    },
    async slo(query, text) {
      const { profile, loggedOut } = await plain.validateRedirectAsync({ ...query }, text)
      if ('SAMLResponse' in query) return { said: `response, logged out: ${loggedOut}`, to: null }
      if (profile === null) throw new Error('a logout of nobody')
      const to = await plain.getLogoutResponseUrlAsync(profile, query.RelayState ?? '', {}, true)
      return { said: `request for ${profile.nameID}`, to }
    },
  }
}

function samlifyLibrary({ url, entityId, keys, metadata, signs, decrypts }: With): Library {
  // It insists on one; an XSD validator would need a Java or native program.
  samlify.setSchemaValidator({ validate: async () => 'not looked at' })
  // It signs requests only for identity providers that demand it of everybody; we demand it where it was agreed.
  const demanding = metadata.replace('WantAuthnRequestsSigned="false"', `WantAuthnRequestsSigned="${signs}"`)
  const idp = samlify.IdentityProvider({
    metadata: demanding,
    ...(decrypts && { isAssertionEncrypted: true, messageSigningOrder: 'encrypt-then-sign' }),
  })
  const sp = samlify.ServiceProvider({
    entityID: entityId,
    authnRequestsSigned: signs,
    wantAssertionsSigned: true,
    wantMessageSigned: true,
    privateKey: keys.key,
    signingCert: keys.certificate,
    requestSignatureAlgorithm: sha256,
    ...(decrypts && { encPrivateKey: keys.key, encryptCert: keys.certificate }),
    signatureConfig: {
      prefix: 'ds',
      location: { reference: "/*/*[local-name(.)='Issuer']", action: 'after' },
    },
    assertionConsumerService: [{ Binding: post, Location: `${url}/acs` }],
  })
  return {
    async begin({ binding = 'redirect', relayState = '', forceAuthn = false }) {
      const request = sp.createLoginRequest(idp, binding, { relayState, forceAuthn })
      if (binding === 'redirect') return { url: request.context }
      const { entityEndpoint } = request as { entityEndpoint: string }
      return { form: form(entityEndpoint, { SAMLRequest: request.context, RelayState: relayState }) }
    },
    async read(body) {
      const { extract } = await sp.parseLoginResponse(idp, 'post', { body })
      const index = extract.sessionIndex?.sessionIndex
      return {
        nameId: extract.nameID ?? '',
        attributes: listed(extract.attributes ?? {}),
        ...(typeof index === 'string' && { sessionIndex: index }),
      }
    },
  }
}

function listed(attributes: object): Record<string, readonly string[]> {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(String) : [String(value)],
    ]),
  )
}

const escaped = (text: string): string => text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`)

const form = (action: string, fields: Readonly<Record<string, string>>): string =>
  `<form method="post" action="${escaped(action)}">${Object.entries(fields)
    .map(([name, value]) => `<input type="hidden" name="${name}" value="${escaped(value)}">`)
    .join('')}<button type="submit">Continue</button></form>`

/** Without the script that would send it at once. */
function formIn(page: string): string {
  const action = /action="([^"]*)"/.exec(page)?.[1] ?? ''
  const fields = [...page.matchAll(/<input[^>]*name="(\w+)"[^>]*value="([^"]*)"/g)]
  return `<form method="post" action="${action}">${fields
    .map(([, name = '', value = '']) => `<input type="hidden" name="${name}" value="${value}">`)
    .join('')}<button type="submit">Continue</button></form>`
}

const arrivalText = ({ nameId, error }: SamlArrival): string =>
  error === undefined
    ? `<p>Signed in as ${escaped(nameId ?? '')}</p>`
    : `<p role="alert">${escaped(error)}</p>`

/** Does xmlsec1 accept the signature of this element (`Response`, `Assertion`)? Its exit code and what it said. */
export async function xmlsec1(
  xml: string,
  element: 'Response' | 'Assertion',
  metadata: string,
): Promise<{ readonly code: number | null; readonly said: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'muster-saml-'))
  try {
    await writeFile(join(folder, 'message.xml'), xml)
    await writeFile(join(folder, 'idp.pem'), certificatesIn(metadata)[0] ?? '')
    const saml = 'urn:oasis:names:tc:SAML:2.0'
    const { code, stdout, stderr } = await run('xmlsec1', [
      ...['--verify', '--pubkey-cert-pem', join(folder, 'idp.pem')],
      ...['--id-attr:ID', `${saml}:protocol:Response`, '--id-attr:ID', `${saml}:assertion:Assertion`],
      ...['--node-xpath', `//*[local-name()='${element}']/*[local-name()='Signature']`],
      join(folder, 'message.xml'),
    ])
    return { code, said: stdout + stderr }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
