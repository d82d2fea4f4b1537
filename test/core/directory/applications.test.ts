// What may be registered as an OpenID Connect client or a SAML service provider, as tables of what is good and what is not.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import t from 'tap'
import { newId } from '../../../src/base/ids.ts'
import { settleApplication } from '../../../src/core/directory/applications.ts'
import { bindingShape } from '../../../src/core/directory/bindings.ts'
import { reservedClaims } from '../../../src/core/directory/claims.ts'
import { Problems } from '../../../src/core/directory/problem.ts'
import { readResource } from '../../../src/core/directory/resources.ts'
import { readObject } from '../../../src/core/directory/spec.ts'
import type { OidcApplication } from '../../../src/core/directory/types.ts'
import { makeKey } from '../../../src/core/keys/make.ts'

const at = new Date('2026-03-01T12:00:00.000Z')
const problemsOf = (problems: Problems) =>
  Object.fromEntries(problems.list.map(({ field, code }) => [field.replace(/^application\./, ''), code]))

function read(application: unknown, more: object = {}) {
  const problems = new Problems()
  const values = readResource({ name: 'app', kind: 'application', application, ...more }, '', problems)
  t.equal(values === undefined, !problems.none, 'values or problems, never both')
  return { values: values?.application ?? null, faults: problemsOf(problems) }
}

const back = 'https://app.example/callback'
const oidc = (more: object = {}) => ({ protocol: 'oidc', clientId: 'app', redirectUris: [back], ...more })
const acs = 'https://sp.example/acs'
const saml = (more: object = {}) => ({
  ...{ protocol: 'saml', entityId: 'https://sp.example/metadata', assertionConsumerServices: [{ url: acs }] },
  ...more,
})
const jwkOf = (key: KeyObject) => key.export({ format: 'jwk' })

t.test('an OIDC client: what is left out has its default', async (t) => {
  t.same(read(oidc()).values, {
    protocol: 'oidc',
    clientId: 'app',
    tokenEndpointAuthMethod: 'client_secret_basic',
    redirectUris: [back],
    postLogoutRedirectUris: [],
    grantTypes: ['authorization_code', 'refresh_token'],
    pkce: true,
    idTokenSignedResponseAlg: 'RS256',
    jwks: [],
    backchannelLogoutUri: null,
    launchUrl: null,
    release: {},
  })
})

t.test('O01 where browsers are sent to', async (t) => {
  const good = [
    'https://app.example/callback?a=b',
    'https://app.example:8443/cb',
    'http://127.0.0.1:9001/callback',
    'http://127.0.0.1/cb',
    'http://localhost:3000/',
    'http://[::1]:9001/cb',
    'com.example.app:/done',
    'com.example.app://done',
  ]
  const bad = [
    'http://app.example/callback',
    'http://127.0.0.1.evil.example/cb',
    'http://localhost.evil.example/cb',
    'https://app.example/callback#here',
    'https://app.example/callback#',
    'https://user@app.example/callback',
    'https://user:secret@app.example/callback',
    'https://@app.example/callback',
    'http://localhost@evil.example/cb',
    'https://*.app.example/callback',
    'https://app.example/*',
    'https:app.example/callback',
    'https:/app.example/callback',
    'https:///app.example/callback',
    'https:\\\\app.example/callback',
    'https://app.example\\@evil.example/',
    'https://app.example/a b',
    'https://äpp.example/callback',
    'https://',
    'https://?a',
    '/callback',
    '//app.example/callback',
    'app.example/callback',
    'javascript:alert(1)',
    'data:text/html,x',
    'file:///etc/passwd',
    'myapp://done',
    'urn:ietf:wg:oauth:2.0:oob',
    '',
    `https://app.example/${'x'.repeat(2048)}`,
  ]
  for (const uri of good) t.same(read(oidc({ redirectUris: [uri] })).faults, {}, uri)
  for (const uri of bad) {
    const { 'redirectUris[0]': redirect } = read(oidc({ redirectUris: [uri] })).faults
    t.ok(redirect, uri.slice(0, 60))
    const logout = read(oidc({ postLogoutRedirectUris: [uri] })).faults
    t.ok(logout['postLogoutRedirectUris[0]'], `after logout: ${uri.slice(0, 60)}`)
  }
  const many = Array.from({ length: 33 }, (_, n) => `${back}/${n}`)
  t.same(read(oidc({ redirectUris: many })).faults, { redirectUris: 'too-many' })
  for (const url of ['http://app.example/logout', 'com.example.app:/x', 'javascript:x']) {
    t.same(read(oidc({ backchannelLogoutUri: url })).faults, { backchannelLogoutUri: 'bad-format' }, url)
    t.same(read(saml({ assertionConsumerServices: [{ url }] })).faults, {
      'assertionConsumerServices[0].url': 'bad-format',
    })
  }
  t.same(read(oidc({ launchUrl: 'http://wiki.internal/' })).faults, {}, 'a link carries nothing')
  for (const launchUrl of ['javascript:alert(1)', 'com.example.app:/x', 'https://a@b.example/'])
    t.same(read(oidc({ launchUrl })).faults, { launchUrl: 'bad-format' })
})

t.test('what an OIDC client says must fit together', async (t) => {
  const cases: [object, Record<string, string>][] = [
    [{ clientId: undefined }, {}],
    [{ clientId: 'a b' }, { clientId: 'bad-format' }],
    [{ clientId: 'x'.repeat(129) }, { clientId: 'too-long' }],
    [{ protocol: undefined }, { protocol: 'unknown-value' }],
    [{ protocol: 'ldap' }, { protocol: 'unknown-value' }],
    [{ entityId: 'x' }, { entityId: 'unknown-field' }],
    [{ client_id: 'x' }, { client_id: 'unknown-field' }],
    [{ redirectUris: [] }, { redirectUris: 'required' }],
    [{ redirectUris: [], grantTypes: ['client_credentials'] }, {}],
    [{ grantTypes: [] }, { grantTypes: 'required' }],
    [{ redirectUris: [], grantTypes: ['refresh_token'] }, { grantTypes: 'not-alone' }],
    [{ grantTypes: ['implicit'] }, { 'grantTypes[0]': 'unknown-value' }],
    [{ grantTypes: ['password'] }, { 'grantTypes[0]': 'unknown-value' }],
    [{ tokenEndpointAuthMethod: 'none' }, {}],
    [{ tokenEndpointAuthMethod: 'none', pkce: false }, { pkce: 'required' }],
    [
      { tokenEndpointAuthMethod: 'none', grantTypes: ['authorization_code', 'client_credentials'] },
      { grantTypes: 'no-credentials' },
    ],
    [{ tokenEndpointAuthMethod: 'client_secret_jwt' }, { tokenEndpointAuthMethod: 'unknown-value' }],
    [{ tokenEndpointAuthMethod: 'private_key_jwt' }, { jwks: 'required' }],
    [{ idTokenSignedResponseAlg: 'none' }, { idTokenSignedResponseAlg: 'unknown-value' }],
    [{ idTokenSignedResponseAlg: 'HS256' }, { idTokenSignedResponseAlg: 'unknown-value' }],
    [{ clientSecret: 'x' }, { clientSecret: 'unknown-field' }],
  ]
  for (const [more, expected] of cases) {
    t.same(read(oidc(more)).faults, expected, JSON.stringify(more).slice(0, 70))
  }
  for (const value of ['oidc', [], 1]) t.same(read(value).faults, { application: 'wrong-type' })
  const elsewhere = new Problems()
  readResource({ name: 'n', kind: 'network', application: oidc() }, '', elsewhere)
  t.same(problemsOf(elsewhere), { application: 'wrong-kind' })
})

t.test('public keys: strong ones, and public ones', async (t) => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const keys = (...jwks: object[]) =>
    read(oidc({ tokenEndpointAuthMethod: 'private_key_jwt', jwks: jwks.map((jwk) => ({ ...jwk })) }))
  const good = { ...jwkOf(rsa.publicKey), kid: 'one', use: 'sig', alg: 'RS256', x5c: ['ignored'] }
  const { values, faults } = keys(good, jwkOf(ec.publicKey))
  t.same(faults, {})
  const { x5c: _x5c, ...kept } = good
  t.same((values as OidcApplication).jwks[0], kept, 'other members are not kept')
  const cases: [object, Record<string, string>][] = [
    [jwkOf(rsa.privateKey), { 'jwks[0].d': 'private-key' }],
    [jwkOf(ec.privateKey), { 'jwks[0].d': 'private-key' }],
    [{ kty: 'oct', k: 'c2VjcmV0' }, { 'jwks[0].k': 'private-key' }],
    [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }, { 'jwks[0]': 'bad-key' }],
    [{ ...good, e: 'A'.repeat(300) }, { 'jwks[0]': 'bad-key' }],
    [{ ...good, e: '_'.repeat(300) }, { 'jwks[0]': 'bad-key' }],
    [jwkOf(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), { 'jwks[0]': 'bad-key' }],
    [jwkOf(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey), { 'jwks[0]': 'bad-key' }],
    [jwkOf(generateKeyPairSync('x25519').publicKey), { 'jwks[0]': 'bad-key' }],
    [{ ...good, use: 'enc' }, { 'jwks[0].use': 'unknown-value' }],
    [{ ...good, alg: 'HS256' }, { 'jwks[0].alg': 'unknown-value' }],
    [{ ...good, alg: 'none' }, { 'jwks[0].alg': 'unknown-value' }],
    [{}, { 'jwks[0]': 'bad-key' }],
  ]
  for (const [jwk, expected] of cases) t.same(keys(jwk).faults, expected, JSON.stringify(expected))
  t.same(keys(good, { ...jwkOf(ec.publicKey), kid: 'one' }).faults, { jwks: 'twice' })
})

t.test('a SAML service provider', async (t) => {
  t.same(read(saml()).values, {
    protocol: 'saml',
    entityId: 'https://sp.example/metadata',
    assertionConsumerServices: [{ index: 0, url: acs, isDefault: true }],
    singleLogoutServices: [],
    signingCertificates: [],
    encryptionCertificate: null,
    wantsSignedRequests: false,
    nameIdFormat: 'persistent',
    allowIdpInitiated: false,
    launchUrl: null,
    release: {},
  })
  const { publicText: pem } = await makeKey('saml', 'RS256', 'sp', at, at)
  const base64 = pem.replace(/-----.*-----|\s/g, '')
  const { values } = read(saml({ signingCertificates: [base64], encryptionCertificate: pem }))
  t.match(values, { signingCertificates: [pem], encryptionCertificate: pem }, 'base64 becomes PEM')
  const services = (...list: object[]) => ({ assertionConsumerServices: list })
  const cases: [object, Record<string, string>][] = [
    [{ entityId: undefined }, { entityId: 'required' }],
    [{ entityId: 'a b' }, { entityId: 'bad-format' }],
    [{ assertionConsumerServices: undefined }, { assertionConsumerServices: 'required' }],
    [services(), { assertionConsumerServices: 'required' }],
    [services({ url: acs, index: 1 }, { url: acs, index: 1 }), { assertionConsumerServices: 'twice' }],
    [
      services({ url: acs, isDefault: true }, { url: acs, isDefault: true }),
      { assertionConsumerServices: 'twice' },
    ],
    [
      { singleLogoutServices: [0, 1].map(() => ({ binding: 'post', url: acs })) },
      { singleLogoutServices: 'twice' },
    ],
    [
      { singleLogoutServices: [{ binding: 'soap', url: acs }] },
      { 'singleLogoutServices[0].binding': 'unknown-value' },
    ],
    [{ wantsSignedRequests: true }, { signingCertificates: 'required' }],
    [{ wantsSignedRequests: true, signingCertificates: [pem] }, {}],
    [{ signingCertificates: ['MIIB'] }, { 'signingCertificates[0]': 'bad-certificate' }],
    [{ signingCertificates: [pem + pem] }, { 'signingCertificates[0]': 'bad-certificate' }],
    [
      { signingCertificates: [pem.replaceAll('CERTIFICATE', 'PRIVATE KEY')] },
      { 'signingCertificates[0]': 'bad-certificate' },
    ],
    [{ nameIdFormat: 'transient' }, { nameIdFormat: 'unknown-value' }],
  ]
  for (const [more, expected] of cases) {
    t.same(read(saml(more)).faults, expected, JSON.stringify(more).slice(0, 70))
  }
  const chosen = (...list: object[]) => {
    const settled = read(saml(services(...list))).values
    return settled?.protocol === 'saml' && settled.assertionConsumerServices.map((one) => one.isDefault)
  }
  const numbered = read(saml(services({ url: acs }, { url: acs, index: 0 }, { url: acs }))).values
  t.match(numbered, { assertionConsumerServices: [{ index: 1 }, { index: 0 }, { index: 2 }] })
  t.same(chosen({ url: acs, isDefault: false }, { url: acs }), [false, true], 'the first that may be')
  t.same(chosen({ url: acs, isDefault: false }), [true], 'one there is always')
})

t.test('A11 nobody who registers an application or a binding can forge who somebody is', async (t) => {
  for (const name of ['sub', 'iss', 'aud', 'acr', 'amr', 'auth_time', 'groups', 'nonce', 'sid']) {
    t.ok(reservedClaims.has(name), name)
    const release = { [name]: 'department' }
    t.same(read(oidc({ release })).faults, { [`release.${name}`]: 'reserved' })
    t.same(read(saml({ release })).faults, { [`release.${name}`]: 'reserved' })
    const problems = new Problems()
    const binding = { groupId: newId(), resourceId: newId(), attributes: { claims: { [name]: 'x' } } }
    readObject(bindingShape, binding, '', problems)
    t.same(problemsOf(problems), { [`attributes.claims.${name}`]: 'reserved' })
  }
  const good = { team: 'department', badge: 'attributes.badge', 'urn:oid:2.5.4.42': 'givenName' }
  t.same(read(oidc({ release: good })).faults, {})
  for (const path of [
    'password',
    'id',
    '__proto__',
    'attributes',
    'attributes.',
    'attributes.a.b',
    'constructor',
  ])
    t.same(read(oidc({ release: { x: path } })).faults, { 'release.x': 'bad-format' }, path)
  const proto = JSON.parse('{"__proto__":"email"}') as object
  t.same(read(oidc({ release: proto })).faults, { 'release.__proto__': 'bad-name' })
})

t.test('R13 secrets of clients', async (t) => {
  const secret = (clientSecret: string, more: object = {}) => read(oidc(more), { clientSecret }).faults
  for (const weak of [
    'fifteen-letters',
    'client-secret-client-secret',
    'abababababababababab',
    'gutes-geheimnis-ä',
  ])
    t.same(secret(weak), { clientSecret: 'bad-format' }, weak)
  for (const good of ['muster-wiki-secret', 'muster-payroll-secret', 'Zm9vYmFyYmF6cXV4MTIz'])
    t.same(secret(good), {}, good)
  t.same(secret('muster-wiki-secret', { tokenEndpointAuthMethod: 'none' }), { clientSecret: 'wrong-kind' })
  t.same(read(saml(), { clientSecret: 'muster-wiki-secret' }).faults, { clientSecret: 'wrong-kind' })

  const withSecret = read(oidc()).values as OidcApplication
  const without = { ...withSecret, tokenEndpointAuthMethod: 'none' } as const
  const cases: [Parameters<typeof settleApplication>, boolean, boolean][] = [
    [[withSecret, undefined, null], true, true],
    [[withSecret, 'muster-wiki-secret', null], true, false],
    [[withSecret, undefined, withSecret], false, false],
    [[withSecret, undefined, without], true, true],
    [[without, undefined, withSecret], false, false],
    [[null, undefined, withSecret], false, false],
  ]
  for (const [given, isSet, isGenerated] of cases) {
    const { secret: made, generated } = settleApplication(...given)
    t.equal(made !== null, isSet)
    t.equal(generated, isGenerated)
    if (generated) t.equal(Buffer.from(made?.reveal() ?? '', 'base64url').length, 24, '192 bits')
  }
  t.match(
    (
      settleApplication({ ...withSecret, clientId: undefined }, undefined, null)
        .application as OidcApplication
    ).clientId,
    /^[0-9a-f-]{36}$/,
  )
})
