// What OpenID Connect keeps: digests only, used once, gone with its grant, one organization's own.
import type { Test } from 'tap'
import { createOidcObjects } from '../../../src/store/oidc-objects.ts'
import { sql } from '../../../src/store/sql.ts'
import { at, plantOrganization, type StoreUnderTest } from '../../support/store.ts'

const later = (seconds: number) => new Date(at.getTime() + seconds * 1000)
const object = (more: object = {}) => ({
  ...{ payload: { scope: 'openid' }, grantId: null, uid: null, expiresAt: later(60) },
  ...more,
})

export async function testOidcObjects(t: Test, store: StoreUnderTest): Promise<void> {
  const objects = createOidcObjects(store.database)
  const acme = await plantOrganization(store, 'objects-of-acme')
  const beta = await plantOrganization(store, 'objects-of-beta')

  await t.test('found by model and identifier, until it is over', async (t) => {
    await objects.save(acme.id, 'AccessToken', 'one', object({ uid: 'u' }))
    const expected = { payload: { scope: 'openid' }, consumedAt: null }
    t.same(await objects.find(acme.id, 'AccessToken', 'one', at), expected)
    t.same(await objects.findByUid(acme.id, 'AccessToken', 'u', at), expected)
    t.equal(await objects.find(acme.id, 'RefreshToken', 'one', at), null, 'another model')
    t.equal(await objects.find(beta.id, 'AccessToken', 'one', at), null, 'another organization')
    t.equal(await objects.findByUid(beta.id, 'AccessToken', 'u', at), null)
    t.equal(await objects.find(acme.id, 'AccessToken', 'ONE', at), null)
    t.equal(await objects.find(acme.id, 'AccessToken', 'one', later(60)), null)
    await objects.save(acme.id, 'AccessToken', 'one', object({ payload: { scope: 'more' }, expiresAt: null }))
    t.match(await objects.find(acme.id, 'AccessToken', 'one', later(1e6)), { payload: { scope: 'more' } })
    const rows = await store.database.house<{ row: string }>(sql`select t::text as row from oidc_object t`)
    t.match(JSON.stringify(rows), /more/)
    t.notMatch(JSON.stringify(rows), /\bone\b/, 'a digest is all that is stored of the identifier')
    await objects.remove(beta.id, 'AccessToken', 'one')
    t.ok(await objects.find(acme.id, 'AccessToken', 'one', at))
    await objects.remove(acme.id, 'AccessToken', 'one')
    t.equal(await objects.find(acme.id, 'AccessToken', 'one', at), null)
  })

  await t.test('used up by one of many', async (t) => {
    await objects.save(acme.id, 'AuthorizationCode', 'code', object())
    const use = () => objects.consume(acme.id, 'AuthorizationCode', 'code', at)
    const used = await Promise.all(Array.from({ length: 30 }, use))
    t.equal(used.filter(Boolean).length, 1)
    t.same((await objects.find(acme.id, 'AuthorizationCode', 'code', at))?.consumedAt, at)
    await objects.save(acme.id, 'AuthorizationCode', 'code', object())
    t.notOk(await use(), 'stored again it is still used')
    await objects.save(acme.id, 'AuthorizationCode', 'late', object())
    t.notOk(await objects.consume(acme.id, 'AuthorizationCode', 'late', later(60)))
    t.notOk(await objects.consume(beta.id, 'AuthorizationCode', 'late', at))
    t.notOk(await objects.consume(acme.id, 'AuthorizationCode', 'nothing', at))
  })

  await t.test('gone with the grant', async (t) => {
    for (const organization of [acme, beta]) {
      await objects.save(organization.id, 'AccessToken', 'a', object({ grantId: 'g' }))
      await objects.save(organization.id, 'RefreshToken', 'r', object({ grantId: 'g' }))
      await objects.save(organization.id, 'RefreshToken', 'other', object({ grantId: 'h' }))
    }
    await objects.save(acme.id, 'AccessToken', 'third', object({ grantId: 'third' }))
    await objects.save(acme.id, 'AuthorizationCode', 'c', object({ grantId: 'unused' }))
    const used = await objects.withTokens(acme.id, ['g', 'unused', 'nothing'])
    t.same([...used], ['g'], 'for which somebody came with the code')
    await objects.removeGrants(acme.id, [])
    t.ok(await objects.find(acme.id, 'AccessToken', 'a', at))
    await objects.removeGrants(acme.id, ['g', 'third', 'nothing'])
    t.equal(await objects.find(acme.id, 'AccessToken', 'third', at), null)
    t.equal(await objects.find(acme.id, 'AccessToken', 'a', at), null)
    t.equal(await objects.find(acme.id, 'RefreshToken', 'r', at), null)
    t.ok(await objects.find(acme.id, 'RefreshToken', 'other', at))
    t.ok(await objects.find(beta.id, 'AccessToken', 'a', at))
  })
}
