// What an application is: an OpenID Connect client or a SAML service provider, described by its administrator. What could
// send a code, a token or an assertion to the wrong place is refused here, before it is stored.
import { newId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import { claims } from './claims.ts'
import { isAttributeName } from './names.ts'
import { inside, type Problems } from './problem.ts'
import { certificate, publicJwk } from './public-keys.ts'
import { newSharedSecret } from './shared-secrets.ts'
import {
  describe,
  isPlainObject,
  nullable,
  optional,
  otherwise,
  own,
  readObject,
  required,
  type Shape,
  type Spec,
  schemaOf,
  type Values,
} from './spec.ts'
import {
  type Application,
  clientAuthentications,
  grantTypes,
  nameIdFormats,
  type OidcApplication,
  type SamlApplication,
  samlBindings,
  userTexts,
} from './types.ts'
import { boolean, choice, integer, list, object, set, text } from './values.ts'
import { link, redirectUri, secureUrl } from './web-addresses.ts'

const mostAddresses = 32
const userAttributes: readonly string[] = ['username', 'email', ...userTexts]

/** What is released: a standard attribute of users, or `attributes.` and a custom one. */
const attributePath = text({
  most: 96,
  check: (value) =>
    userAttributes.includes(value) ||
    (value.startsWith('attributes.') && isAttributeName(value.slice('attributes.'.length))),
  wanted: `${userAttributes.join(', ')}, or attributes. and the name of a custom attribute`,
})

const common = { launchUrl: nullable(link), release: claims(attributePath) } satisfies Shape

const oidcShape = {
  protocol: choice(['oidc']),
  clientId: optional(
    text({ most: 128, check: (value) => /^[\x21-\x7e]+$/.test(value), wanted: 'visible ASCII characters' }),
  ),
  tokenEndpointAuthMethod: otherwise(choice(clientAuthentications), 'client_secret_basic'),
  redirectUris: set(redirectUri, mostAddresses),
  postLogoutRedirectUris: set(redirectUri, mostAddresses),
  grantTypes: otherwise(set(choice(grantTypes)), ['authorization_code', 'refresh_token']),
  pkce: otherwise(boolean(), true),
  idTokenSignedResponseAlg: otherwise(choice(['RS256', 'ES256']), 'RS256'),
  jwks: list(publicJwk, 16),
  backchannelLogoutUri: nullable(secureUrl),
  ...common,
} satisfies Shape

const samlShape = {
  protocol: choice(['saml']),
  entityId: text({
    most: 1024,
    check: (value) => /^[\x21-\x7e]+$/.test(value),
    wanted: 'the entity ID, as in the metadata of the service provider',
  }),
  assertionConsumerServices: required(
    list(
      object({ index: optional(integer(0, 65_535)), url: secureUrl, isDefault: optional(boolean()) }),
      mostAddresses,
    ),
  ),
  singleLogoutServices: list(object({ binding: choice(samlBindings), url: secureUrl }), samlBindings.length),
  signingCertificates: list(certificate(['rsa', 'ec']), 8),
  encryptionCertificate: nullable(certificate(['rsa'])),
  wantsSignedRequests: otherwise(boolean(), false),
  nameIdFormat: otherwise(choice(nameIdFormats), 'persistent'),
  allowIdpInitiated: otherwise(boolean(), false),
  ...common,
} satisfies Shape

/** As it was sent: an OIDC client need not bring a client id. */
export type ApplicationValues =
  | (Omit<OidcApplication, 'clientId'> & { readonly clientId: string | undefined })
  | SamlApplication

export const application: Spec<ApplicationValues> = {
  schema: { oneOf: [schemaOf(oidcShape), schemaOf(samlShape)] },
  absent: 'required',
  read(value, field, problems) {
    if (!isPlainObject(value)) {
      return problems.add(field, 'wrong-type', `an object is expected here, not ${describe(value)}`)
    }
    const protocol = choice(['oidc', 'saml']).read(
      own(value, 'protocol'),
      inside(field, 'protocol'),
      problems,
    )
    if (protocol === 'oidc') return readOidc(value, field, problems)
    return protocol && readSaml(value, field, problems)
  },
}

function readOidc(value: object, field: string, problems: Problems): ApplicationValues | undefined {
  const read = readObject(oidcShape, value, field, problems)
  if (!read) return undefined
  const { redirectUris, grantTypes: grants, tokenEndpointAuthMethod: method } = read
  const before = problems.list.length
  const wrong = (name: string, code: string, message: string) =>
    problems.add(inside(field, name), code, message)
  if (grants.length === 0) wrong('grantTypes', 'required', 'at least one is needed')
  if (grants.includes('authorization_code') && redirectUris.length === 0) {
    wrong(
      'redirectUris',
      'required',
      'people come back to one of these after sign-in: at least one is needed',
    )
  }
  if (grants.includes('refresh_token') && !grants.includes('authorization_code')) {
    wrong('grantTypes', 'not-alone', 'refresh tokens are for those who sign in: add authorization_code')
  }
  if (method === 'none' && !read.pkce) {
    wrong('pkce', 'required', 'a client without a secret needs PKCE: set it to true (RFC 9700 §2.1.1)')
  }
  if (method === 'none' && grants.includes('client_credentials')) {
    wrong('grantTypes', 'no-credentials', 'a client without a secret cannot use client_credentials')
  }
  if (method === 'private_key_jwt' && read.jwks.length === 0) {
    wrong('jwks', 'required', 'the public keys of the client are needed for private_key_jwt')
  }
  const kids = read.jwks.flatMap(({ kid }) => kid ?? [])
  if (new Set(kids).size < kids.length) wrong('jwks', 'twice', 'two keys have the same "kid"')
  return problems.list.length === before ? read : undefined
}

function readSaml(value: object, field: string, problems: Problems): SamlApplication | undefined {
  const read = readObject(samlShape, value, field, problems)
  if (!read) return undefined
  const before = problems.list.length
  const wrong = (name: string, code: string, message: string) =>
    problems.add(inside(field, name), code, message)
  const services = settleServices(read.assertionConsumerServices)
  if (services.length === 0) {
    wrong(
      'assertionConsumerServices',
      'required',
      'assertions are sent to one of these: at least one is needed',
    )
  }
  if (new Set(services.map(({ index }) => index)).size < services.length) {
    wrong('assertionConsumerServices', 'twice', 'two of them have the same index')
  }
  if (services.filter(({ isDefault }) => isDefault).length > 1) {
    wrong('assertionConsumerServices', 'twice', 'only one can be the default')
  }
  const bindings = read.singleLogoutServices.map(({ binding }) => binding)
  if (new Set(bindings).size < bindings.length) {
    wrong('singleLogoutServices', 'twice', 'two of them have the same binding')
  }
  if (read.wantsSignedRequests && read.signingCertificates.length === 0) {
    wrong('signingCertificates', 'required', 'signed requests need a certificate to be checked with')
  }
  return problems.list.length === before ? { ...read, assertionConsumerServices: services } : undefined
}

/** The lowest free index where none is given; the first is the default where none is said to be (SAML metadata §2.4.4.1). */
function settleServices(
  sent: Values<typeof samlShape>['assertionConsumerServices'],
): SamlApplication['assertionConsumerServices'] {
  const given = new Set(sent.map(({ index }) => index))
  let free = 0
  const nextFree = (): number => {
    while (given.has(free)) free++
    return free++
  }
  const byDefault =
    sent.find(({ isDefault }) => isDefault === true) ??
    sent.find(({ isDefault }) => isDefault === undefined) ??
    sent[0]
  return sent.map((each) => ({
    index: each.index ?? nextFree(),
    url: each.url,
    isDefault: each.isDefault === true || each === byDefault,
  }))
}

/** Does it prove itself by a secret that it shares with us? */
export function hasSecret(application: ApplicationValues | null): boolean {
  return (
    application?.protocol === 'oidc' &&
    (application.tokenEndpointAuthMethod === 'client_secret_basic' ||
      application.tokenEndpointAuthMethod === 'client_secret_post')
  )
}

/** The name by which its protocol knows it. */
export const applicationName = (application: Application): string =>
  application.protocol === 'oidc' ? application.clientId : application.entityId

/**
 * The application as it is stored, and its secret where a new one is to be stored: the one that was sent, or a new one where it
 * needs one and has none. `generated`: it must be shown now, because it never is again.
 */
export function settleApplication(
  values: ApplicationValues | null,
  sent: string | undefined,
  current: Application | null,
): { readonly application: Application | null; readonly secret: Secret | null; readonly generated: boolean } {
  const application =
    values?.protocol === 'oidc' ? { ...values, clientId: values.clientId ?? newId() } : values
  if (sent !== undefined) return { application, secret: new Secret(sent), generated: false }
  const generated = hasSecret(values) && !hasSecret(current)
  return { application, secret: generated ? newSharedSecret() : null, generated }
}
