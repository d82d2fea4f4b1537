// Applications and signing keys by the API: secrets that are shown once, metadata from a file and from an address, rotation.
import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { SAML } from '@node-saml/node-saml'
import t from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import type { Log } from '../../src/base/log.ts'
import { makeKey } from '../../src/core/keys/make.ts'
import { createKeyRing } from '../../src/core/keys/signing-keys.ts'
import { type Answer, caller, faults, finder, sampleApi } from '../support/api.ts'

const logged: unknown[] = []
const note = (fields: object, message: string) => void logged.push({ ...fields, message })
const log: Log = { debug: note, info: note, warn: note, error: note }
const { acme, other, app, organization, store } = await sampleApi(t, log)

const find = finder(acme)
const resource = (name: string) => find('/resources', `name eq "${name}"`)
const newRing = () => createKeyRing({ signingKeys: store.signingKeys, feed: store.feed, clock: systemClock })
const secretOf = async (clientId: string) =>
  (await store.applications.find(organization.id, 'oidc', clientId))?.secret?.reveal()
const back = ['https://app.example/callback']
const oidc = (clientId: string, more: object = {}) => ({
  application: { protocol: 'oidc', clientId, redirectUris: back, ...more },
})

t.test('the sample has two clients and a service provider, as the documents say', async (t) => {
  t.match((await resource('wiki')).application, {
    protocol: 'oidc',
    clientId: 'wiki',
    redirectUris: ['http://127.0.0.1:9001/callback', 'http://localhost:9001/callback'],
    pkce: true,
    launchUrl: 'http://127.0.0.1:9001/',
  })
  t.equal(await secretOf('wiki'), 'muster-wiki-secret')
  t.equal(await secretOf('payroll'), 'muster-payroll-secret')
  t.match((await resource('crm')).application, {
    entityId: 'https://crm.acme.example/metadata',
    assertionConsumerServices: [{ index: 0, url: 'http://127.0.0.1:9002/acs', isDefault: true }],
    allowIdpInitiated: false,
  })
  const everywhere = JSON.stringify([
    (await acme('GET', '/resources')).body,
    (await acme('GET', '/audit?limit=500')).body,
  ])
  t.notMatch(everywhere, /muster-(?:wiki|payroll)-secret/)
})

t.test("R13 a client's secret is shown once, kept, and made anew on request", async (t) => {
  const made = await acme('POST', '/resources', { name: 'shop', kind: 'application', ...oidc('shop') })
  t.equal(made.status, 201)
  const first = made.body.clientSecret
  t.equal(Buffer.from(first, 'base64url').length, 24, '192 bits')
  t.equal(await secretOf('shop'), first)
  const path = `/resources/${made.body.id}`
  t.notOk('clientSecret' in (await acme('GET', path)).body)
  const renamed = await acme('PATCH', path, { name: 'Shop', application: { pkce: false } })
  t.match(renamed.body, { name: 'Shop', application: { pkce: false, redirectUris: back } })
  t.notOk('clientSecret' in renamed.body)
  t.equal(await secretOf('shop'), first, 'a patch without a secret keeps it')
  t.notOk('clientSecret' in (await acme('PATCH', path, { clientSecret: null })).body)
  t.equal(await secretOf('shop'), first, 'null says nothing, either')

  const renewed = await acme('POST', `${path}/client-secret`)
  t.equal(renewed.status, 200)
  t.not(renewed.body.clientSecret, first)
  t.equal(await secretOf('shop'), renewed.body.clientSecret)
  t.equal(renewed.body.version, renamed.body.version + 2)
  const stale = await acme('POST', `${path}/client-secret`, undefined, { 'if-match': '"1"' })
  t.equal(stale.status, 412)
  const given = await acme('PATCH', path, { clientSecret: 'brought along by somebody' })
  t.notOk('clientSecret' in given.body, 'who brings one knows it')
  t.equal(await secretOf('shop'), 'brought along by somebody')

  await acme('PATCH', path, { application: { tokenEndpointAuthMethod: 'none', pkce: true } })
  t.equal(await secretOf('shop'), undefined, 'a public client has none')
  t.same(faults(await acme('POST', `${path}/client-secret`)), ['clientSecret: wrong-kind'])
  const again = await acme('PATCH', path, { application: { tokenEndpointAuthMethod: null } })
  t.match(again.body, { clientSecret: /^[A-Za-z0-9_-]{32}$/ }, 'and gets a new one where it needs one again')
  t.equal((await other('POST', `${path}/client-secret`)).status, 404)

  const text = JSON.stringify([logged, (await acme('GET', '/audit?limit=500')).body])
  for (const secret of [
    first,
    renewed.body.clientSecret,
    again.body.clientSecret,
    'brought along by somebody',
  ])
    t.notOk(text.includes(secret), 'in no log')
  t.match(text, '"clientSecret":"set"')
})

t.test('names are unique, protocols are for good, mistakes are named', async (t) => {
  const taken = await acme('POST', '/resources', { name: 'wiki2', kind: 'application', ...oidc('wiki') })
  t.equal(taken.status, 409)
  t.same(faults(taken), ['application.clientId: taken'])
  t.equal(
    (await acme('POST', '/resources', { name: 'WIKI', kind: 'application', ...oidc('WIKI') })).status,
    409,
    'the name',
  )
  const upper = await acme('POST', '/resources', { name: 'wiki3', kind: 'application', ...oidc('WIKI') })
  t.equal(upper.status, 201, 'client ids tell upper from lower case')
  const path = `/resources/${(await resource('wiki')).id}`
  const saml = {
    protocol: 'saml',
    entityId: 'https://x.example',
    assertionConsumerServices: [{ url: 'https://x.example/acs' }],
  }
  t.same(faults(await acme('PATCH', path, { application: saml })), ['application.protocol: fixed'])
  t.same(faults(await acme('PATCH', path, { application: { redirectUris: ['http://evil.example/'] } })), [
    'application.redirectUris[0]: bad-format',
  ])
  const guess = await acme('PATCH', path, { application: { redirectUri: 'https://app.example/' } })
  t.match(guess.body.errors, [{ field: 'application.redirectUri', message: /did you mean "redirectUris"/ }])
  t.same(faults(await acme('POST', '/resources', { name: 'n', kind: 'portal', ...oidc('n') })), [
    'application: wrong-kind',
  ])
  const crm = await resource('crm')
  t.same(faults(await acme('PATCH', `/resources/${crm.id}`, { clientSecret: 'long enough a secret' })), [
    'clientSecret: wrong-kind',
  ])
  const cleared = await acme('PATCH', `/resources/${upper.body.id}`, { application: null })
  t.equal(cleared.body.application, null, 'the description goes, the resource stays')
  const binding = { groupId: (await acme('GET', '/groups?limit=1')).body.items[0].id, resourceId: crm.id }
  const forged = await acme('POST', '/bindings', { ...binding, attributes: { claims: { sub: 'erin' } } })
  t.ok(faults(forged).includes('attributes.claims.sub: reserved'), 'A11')
})

t.test('an organization file carries applications', async (t) => {
  const file = {
    resources: [
      { name: 'made', kind: 'application', ...oidc('made') },
      { name: 'given', kind: 'application', ...oidc('given'), clientSecret: 'a secret of its own' },
    ],
  }
  const report = await acme('POST', '/import', file)
  t.match(report.body.applicationSecrets, [{ clientId: 'made', secret: /^[A-Za-z0-9_-]{32}$/ }])
  t.equal(report.body.applicationSecrets.length, 1)
  t.equal(await secretOf('made'), report.body.applicationSecrets[0].secret)
  t.equal(await secretOf('given'), 'a secret of its own')
  const twice = [
    { name: 'a', kind: 'application', ...oidc('same') },
    { name: 'b', kind: 'application', ...oidc('same') },
    { name: 'c', kind: 'application', ...oidc('wiki') },
  ]
  t.same(faults(await acme('POST', '/import', { resources: twice })), [
    'resources[1].application.clientId: taken',
    'resources[2].application.clientId: taken',
  ])
})

const provider = (more: object = {}) =>
  new SAML({
    issuer: 'https://hr.example/saml',
    callbackUrl: 'https://hr.example/saml/acs',
    idpCert: 'MIIB',
    wantAuthnResponseSigned: false,
    ...more,
  })

t.test('a service provider from its metadata', async (t) => {
  const own = await makeKey('saml', 'RS256', 'hr', new Date(), new Date())
  const pem = own.publicText
  const keys = { privateKey: own.privateKey.reveal(), decryptionPvk: own.privateKey.reveal() }
  const metadata = provider({
    ...keys,
    logoutCallbackUrl: 'https://hr.example/saml/slo',
    identifierFormat: 'urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress',
  }).generateServiceProviderMetadata(pem, pem)
  const made = await acme('POST', '/resources/saml-metadata', { metadata })
  t.equal(made.status, 201, JSON.stringify(made.body))
  t.match(made.body, {
    name: 'hr.example',
    kind: 'application',
    application: {
      entityId: 'https://hr.example/saml',
      assertionConsumerServices: [{ url: 'https://hr.example/saml/acs', isDefault: true }],
      singleLogoutServices: [{ binding: 'post', url: 'https://hr.example/saml/slo' }],
      signingCertificates: [pem],
      encryptionCertificate: pem,
      nameIdFormat: 'email',
    },
  })
  t.equal(made.headers.location, `/o/acme/api/v1/resources/${made.body.id}`)
  const path = `/resources/${made.body.id}`
  const again = await acme('POST', '/resources/saml-metadata', { metadata })
  t.equal(again.status, 409)
  const release = { team: 'department' }
  await acme('PATCH', path, { name: 'HR', application: { release, wantsSignedRequests: true } })

  const moved = provider({
    privateKey: own.privateKey.reveal(),
    callbackUrl: 'https://hr.example/new/acs',
  }).generateServiceProviderMetadata(null, pem)
  const changed = await acme('POST', '/resources/saml-metadata', {
    metadata: moved,
    resourceId: made.body.id,
  })
  t.equal(changed.status, 200)
  t.match(
    changed.body,
    {
      name: 'HR',
      application: {
        assertionConsumerServices: [{ url: 'https://hr.example/new/acs' }],
        singleLogoutServices: [],
        encryptionCertificate: null,
        wantsSignedRequests: true,
        release,
      },
    },
    'what metadata does not say stays',
  )
  const wiki = await resource('wiki')
  const wrong = await acme('POST', '/resources/saml-metadata', { metadata, resourceId: wiki.id })
  t.same(faults(wrong), ['application.protocol: fixed'])
  t.equal((await other('POST', '/resources/saml-metadata', { metadata, resourceId: wiki.id })).status, 404)
})

t.test('metadata that is no good is refused in words', async (t) => {
  const send = (body: object) => acme('POST', '/resources/saml-metadata', body)
  const valid = provider().generateServiceProviderMetadata(null)
  const cases: [object, string][] = [
    [{}, 'metadata: required'],
    [{ metadata: valid, metadataUrl: 'https://x.example' }, 'metadata: required'],
    [{ metadata: 'hello' }, 'metadata: '],
    [{ metadata: '<a/>' }, 'metadata: metadata-not-entity'],
    [{ metadata: valid.replace(/<AssertionConsumerService[^>]*>/, '') }, 'metadata: metadata-no-acs'],
    [{ metadata: `<!DOCTYPE x [<!ENTITY y SYSTEM "file:///etc/passwd">]>${valid}` }, 'metadata: '],
    [
      { metadata: valid.replace('entityID', 'validUntil="2020-01-01T00:00:00Z" entityID') },
      'metadata: expired',
    ],
    [
      { metadata: valid.replaceAll('https://hr.example/saml/acs', 'http://hr.example/acs') },
      'application.assertionConsumerServices[0].url: bad-format',
    ],
    [{ metadataUrl: 'file:///etc/passwd' }, 'metadataUrl: not-fetched'],
    [{ metadataUrl: 'https://10.0.0.1/metadata' }, 'metadataUrl: not-fetched'],
    [{ metadataUrl: 'https://[::ffff:169.254.169.254]/latest' }, 'metadataUrl: not-fetched'],
  ]
  for (const [body, expected] of cases) {
    const refused = await send(body)
    t.equal(refused.status, 422, expected)
    t.ok(faults(refused)[0]?.startsWith(expected), `${faults(refused)} for ${expected}`)
  }
  const hidden = await send({ metadataUrl: 'https://10.0.0.1/metadata' })
  t.notMatch(JSON.stringify(hidden.body), '10.0.0.1', 'O14 nothing is told of addresses within')
})

t.test('metadata from an address', async (t) => {
  const answers: Record<string, [number, string]> = {
    '/metadata': [200, provider({ issuer: 'https://fetched.example' }).generateServiceProviderMetadata(null)],
    '/gone': [404, 'no'],
    '/moved': [302, ''],
    '/large': [200, 'x'.repeat(70_000)],
  }
  const server = createServer((request, response) => {
    const [status, body] = answers[request.url ?? ''] ?? [500, '']
    response.writeHead(status, status === 302 ? { location: '/metadata' } : {}).end(body)
  }).listen(0, '127.0.0.1')
  await new Promise((listening) => server.once('listening', listening))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const send = (path: string) =>
    acme('POST', '/resources/saml-metadata', { name: 'fetched', metadataUrl: `${url}${path}` })
  const made = await send('/metadata')
  t.match(made.body, { name: 'fetched', application: { entityId: 'https://fetched.example' } })
  for (const [path, message] of [
    ['/gone', /404/],
    ['/moved', /302.*redirects are not followed/],
    ['/large', /too large/],
  ] as const)
    t.match((await send(path)).body.errors, [{ field: 'metadataUrl', message }])
})

t.test('signing keys are listed and rotated', async (t) => {
  const ring = newRing()
  const before = await ring.current(organization, 'oidc', 'RS256', new Date())
  const [again] = await ring.published(organization, 'oidc', new Date())
  t.ok(again)
  await ring.published(organization, 'saml', new Date())
  const ofOidc = (answer: Answer) =>
    answer.body.items
      .filter(({ purpose }: { purpose: string }) => purpose === 'oidc')
      .map(({ algorithm, state }: { algorithm: string; state: string }) => `${algorithm} ${state}`)
      .sort()
  const listed = await acme('GET', '/keys')
  t.same(ofOidc(listed), ['ES256 signing', 'RS256 signing'])
  t.notMatch(JSON.stringify(listed.body), /PRIVATE/)
  const saml = listed.body.items.find(({ purpose }: { purpose: string }) => purpose === 'saml')
  t.equal(new X509Certificate(saml.certificate).subject, 'CN=Muster SAML Acme')

  const rotated = await acme('POST', '/keys/rotate', { purpose: 'oidc' })
  t.equal(rotated.status, 200)
  t.same(ofOidc(rotated), ['ES256 next', 'ES256 signing', 'RS256 next', 'RS256 signing'])
  t.equal((await ring.published(organization, 'oidc', new Date())).length, 4, 'heard of at once')
  t.equal((await ring.current(organization, 'oidc', 'RS256', new Date())).key.id, before.key.id)
  const hour = new Date(Date.now() + 3_601_000)
  const next = await ring.current(organization, 'oidc', 'RS256', hour)
  t.not(next.key.id, before.key.id, 'an hour later the new one signs')
  t.notSame(next.privateKey.export({ format: 'jwk' }), before.privateKey.export({ format: 'jwk' }))
  t.equal((await ring.published(organization, 'oidc', hour)).length, 4)
  const dayAfter = new Date(hour.getTime() + 24 * 3_600_000)
  t.equal((await ring.published(organization, 'oidc', dayAfter)).length, 2)

  const now = await acme('POST', '/keys/rotate', { purpose: 'oidc', activateAfterSeconds: 0 })
  t.same(ofOidc(now), ['ES256 retiring', 'ES256 signing', 'RS256 retiring', 'RS256 signing'])
  const body = { purpose: 'oidc', compromised: true }
  t.same(faults(await acme('POST', '/keys/rotate', { ...body, activateAfterSeconds: 5 })), [
    'activateAfterSeconds: out-of-range',
  ])
  t.same(
    ofOidc(await acme('POST', '/keys/rotate', body)),
    ['ES256 signing', 'RS256 signing'],
    'all others are gone',
  )
  const week = await acme('POST', '/keys/rotate', { purpose: 'saml' })
  const start = week.body.items.find(({ state }: { state: string }) => state === 'next').activeFrom
  t.ok(Math.abs(new Date(start).getTime() - Date.now() - 7 * 86_400_000) < 60_000, 'a week for SAML')

  t.same(faults(await acme('POST', '/keys/rotate', {})), ['purpose: required'])
  t.same(faults(await acme('POST', '/keys/rotate', { purpose: 'tls' })), ['purpose: unknown-value'])
  t.same(faults(await acme('POST', '/keys/rotate', { purpose: 'oidc', activateAfterSeconds: -1 })), [
    'activateAfterSeconds: out-of-range',
  ])
  const administrator = await acme('POST', '/tokens', { name: 'helper', role: 'administrator' })
  const helper = caller(app, 'acme', administrator.body.token)
  t.equal((await helper('POST', '/keys/rotate', { purpose: 'oidc' })).status, 403)
  t.equal((await helper('GET', '/keys')).status, 200)
  t.same((await other('GET', '/keys')).body.items, [], 'looking makes no keys')
  const owner = (await store.organizations.findBySlug('other')) ?? organization
  const others = await Promise.all(
    Array.from({ length: 4 }, () => newRing().published(owner, 'oidc', new Date())),
  )
  t.equal(new Set(others.flat().map(({ id }) => id)).size, 2, 'four that need keys at once find the same two')
  const first = await other('POST', '/keys/rotate', { purpose: 'saml' })
  t.match(first.body.items, [{ state: 'signing' }], 'where there was none, the first one signs at once')
  t.equal((await acme('GET', '/audit?outcome=signing-key.rotate')).body.items.length, 4)
})
