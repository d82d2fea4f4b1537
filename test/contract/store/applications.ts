// Applications and signing keys: found by the name of their protocol, secrets sealed and kept, keys made once.
import type { Test } from 'tap'
import { newId, type ResourceId, type SigningKeyId } from '../../../src/base/ids.ts'
import { Fault } from '../../../src/base/result.ts'
import { Secret } from '../../../src/base/secrets.ts'
import type { OidcApplication, Resource, SamlApplication } from '../../../src/core/directory/types.ts'
import type { SigningKey } from '../../../src/core/ports.ts'
import { createApplications } from '../../../src/store/applications.ts'
import { createResources } from '../../../src/store/records/resources.ts'
import { createSigningKeys } from '../../../src/store/signing-keys.ts'
import { sql } from '../../../src/store/sql.ts'
import { at, auditOf, plantOrganization, type StoreUnderTest } from '../../support/store.ts'

const audit = auditOf('test')
const written = { outcome: 'written' }
const later = (seconds: number) => new Date(at.getTime() + seconds * 1000)

const oidc = (clientId: string, more: Partial<OidcApplication> = {}): OidcApplication => ({
  protocol: 'oidc',
  clientId,
  tokenEndpointAuthMethod: 'client_secret_basic',
  redirectUris: ['https://app.example/cb'],
  postLogoutRedirectUris: [],
  grantTypes: ['authorization_code'],
  pkce: true,
  idTokenSignedResponseAlg: 'RS256',
  jwks: [{ kty: 'RSA', constructor: 'x' }],
  backchannelLogoutUri: null,
  launchUrl: null,
  release: { team: 'department' },
  ...more,
})
const saml = (entityId: string): SamlApplication => ({
  protocol: 'saml',
  entityId,
  assertionConsumerServices: [{ index: 0, url: 'https://sp.example/acs', isDefault: true }],
  singleLogoutServices: [],
  signingCertificates: [],
  encryptionCertificate: null,
  wantsSignedRequests: false,
  nameIdFormat: 'persistent',
  allowIdpInitiated: false,
  launchUrl: null,
  release: {},
})
const resourceOf = (name: string, application: Resource['application']): Resource => ({
  ...{ id: newId<ResourceId>(), name, kind: 'application', enabled: true, network: null, application },
  ...{ version: 1, createdAt: at, updatedAt: at },
})

export async function testApplications(t: Test, store: StoreUnderTest): Promise<void> {
  const { database, sealer } = store
  const { id: org } = await plantOrganization(store, 'applications')
  const { id: other } = await plantOrganization(store, 'applications-elsewhere')
  const resources = createResources(store)
  const applications = createApplications(database, sealer)
  const secretOf = async (clientId: string) =>
    (await applications.find(org, 'oidc', clientId))?.secret?.reveal()

  await t.test('found by the exact name, with its secret', async (t) => {
    const wiki = resourceOf('Wiki', oidc('wiki'))
    t.same(await resources.save(org, wiki, true, {}, audit), { outcome: 'missing', field: 'clientSecret' })
    t.equal(await resources.find(org, wiki.id), null, 'nothing is left of it')
    const secret = new Secret('muster-wiki-secret')
    t.same(await resources.save(org, wiki, true, { client: secret }, audit), written)
    t.same(await resources.find(org, wiki.id), wiki)
    const found = await applications.find(org, 'oidc', 'wiki')
    t.same(found?.resource, wiki)
    t.same(found?.application, wiki.application)
    t.equal(found?.secret?.reveal(), 'muster-wiki-secret')
    for (const name of ['Wiki', 'wiki ', 'wik', '', 'wiki\0', 'x'.repeat(5_000), '\ud800'])
      t.equal(await applications.find(org, 'oidc', name), null, JSON.stringify(name.slice(0, 10)))
    t.equal(await applications.find(org, 'saml', 'wiki'), null, 'nor by another protocol')
    t.equal(await applications.find(other, 'oidc', 'wiki'), null, 'nor in another organization')
    await resources.save(org, { ...wiki, enabled: false }, false, {}, audit)
    t.equal((await applications.find(org, 'oidc', 'wiki'))?.resource.enabled, false, 'also when turned off')

    const [row] = await database.query<{ text: string }>(
      sql`select row_to_json(r)::text as text from resource r where r.org = ${org} and r.id = ${wiki.id}`,
    )
    t.notOk(row?.text.includes('muster-wiki-secret'), 'sealed')
  })

  await t.test('a secret is kept, replaced, and gone with the need for it', async (t) => {
    const app = resourceOf('Kept', oidc('kept'))
    await resources.save(org, app, true, { client: new Secret('first secret of it') }, audit)
    const renamed = { ...app, name: 'Renamed' }
    t.same(await resources.update(org, renamed, audit), written)
    t.equal(await secretOf('kept'), 'first secret of it')
    t.same(
      await resources.save(org, { ...renamed, version: 2 }, false, { client: new Secret('second') }, audit),
      written,
    )
    t.equal(await secretOf('kept'), 'second')
    const open = { ...renamed, version: 3, application: oidc('kept', { tokenEndpointAuthMethod: 'none' }) }
    t.same(await resources.update(org, open, audit), written)
    t.equal((await applications.find(org, 'oidc', 'kept'))?.secret, null)
    t.same(await resources.update(org, { ...renamed, version: 4 }, audit), {
      outcome: 'missing',
      field: 'clientSecret',
    })
    t.same(await resources.update(org, { ...renamed, version: 4, application: null }, audit), written)
    t.equal(await applications.find(org, 'oidc', 'kept'), null, 'without a description there is no client')
    t.same(await resources.find(org, app.id), { ...renamed, version: 5, application: null })
    const moved = resourceOf('Moved', oidc('moved'))
    await resources.save(org, moved, true, { client: new Secret('of this very row') }, audit)
    await database.query(
      sql`update resource set client_secret = (select client_secret from resource where org = ${org} and application_key = 'oidc:moved')
        where org = ${org} and application_key = 'oidc:wiki'`,
    )
    await t.rejects(applications.find(org, 'oidc', 'wiki'), Fault, 'a secret does not open in another row')
  })

  await t.test('names are unique within an organization and a protocol', async (t) => {
    const entity = 'https://sp.example/metadata'
    t.same(await resources.insert(org, resourceOf('One', saml(entity)), audit), written)
    t.same(await resources.insert(org, resourceOf('Two', saml(entity)), audit), {
      outcome: 'taken',
      field: 'application.entityId',
    })
    t.same(await resources.insert(other, resourceOf('One', saml(entity)), audit), written)
    const same = oidc(entity, { tokenEndpointAuthMethod: 'none' })
    t.same(await resources.insert(org, resourceOf('Three', same), audit), written)
    t.same(await resources.insert(org, resourceOf('Four', same), audit), {
      outcome: 'taken',
      field: 'application.clientId',
    })
    t.equal((await applications.find(org, 'saml', entity))?.application.entityId, entity)
  })

  await t.test('signing keys', (t) => testKeys(t, store))
}

async function testKeys(t: Test, store: StoreUnderTest): Promise<void> {
  const { database, announced } = store
  const { id: org } = await plantOrganization(store, 'keys')
  const { id: other } = await plantOrganization(store, 'keys-elsewhere')
  const keys = createSigningKeys(store, store.sealer)
  const make = (values: Partial<SigningKey> = {}) => ({
    ...({ id: newId<SigningKeyId>(), purpose: 'oidc', algorithm: 'RS256', publicText: 'public' } as const),
    ...{ createdAt: at, activeFrom: at, retiredAt: null, privateKey: new Secret('private part'), ...values },
  })
  const shown = ({ privateKey: _private, ...key }: ReturnType<typeof make>) => key

  const [rsa, ec] = [make(), make({ algorithm: 'ES256', activeFrom: later(-1) })]
  t.same(await keys.add(org, [rsa, ec], [], true, audit), written)
  t.same(
    announced
      .slice(-2)
      .map(({ kind, id }) => `${kind} ${id}`)
      .sort(),
    [rsa, ec].map(({ id }) => `signing-key ${id}`).sort(),
  )
  t.same(await keys.list(org, 'oidc', at), [rsa, ec].map(shown), 'the newest first')
  t.same(await keys.list(org, 'saml', at), [])
  t.same(await keys.list(other, 'oidc', at), [])
  t.equal((await keys.open(org, rsa.id)).reveal(), 'private part')
  await t.rejects(keys.open(other, rsa.id), Fault, 'not for another organization')
  t.same(await keys.add(org, [make()], [], true, audit), { outcome: 'conflict' }, 'there are some')
  t.same(
    await keys.add(org, [make({ purpose: 'saml' })], [], true, audit),
    written,
    'of this purpose none yet',
  )

  const next = make({ activeFrom: later(100) })
  t.same(await keys.add(org, [next], [{ id: rsa.id, at: later(200) }], false, audit), written)
  const retiring = { ...shown(rsa), retiredAt: later(200) }
  t.same(await keys.list(org, 'oidc', later(199)), [shown(next), retiring, shown(ec)])
  t.same(await keys.list(org, 'oidc', later(200)), [next, ec].map(shown), 'withdrawn at its instant')

  const tries = await Promise.all(Array.from({ length: 8 }, () => keys.add(other, [make()], [], true, audit)))
  t.equal(
    tries.filter(({ outcome }) => outcome === 'written').length,
    1,
    'of eight that try at once one adds',
  )
  t.equal((await keys.list(other, 'oidc', at)).length, 1)

  const [row] = await database.query<{ sealed: Buffer }>(
    sql`select private_key as sealed from signing_key where org = ${org} and id = ${rsa.id}`,
  )
  t.equal(row?.sealed.includes('private part'), false, 'sealed')
  await database.query(
    sql`update signing_key set private_key = (select private_key from signing_key where org = ${org} and id = ${rsa.id})
      where org = ${org} and id = ${ec.id}`,
  )
  await t.rejects(keys.open(org, ec.id), Fault, 'a private key does not open in another row')
}
