// One suite for every store: what the ports promise holds on a served PostgreSQL and on the embedded one alike.
import { join } from 'node:path'
import t from 'tap'
import { openStore, storeKinds } from '../support/store.ts'
import { testApplications } from './store/applications.ts'
import { testConditions } from './store/conditions.ts'
import { testOidcObjects } from './store/oidc-objects.ts'
import { testReading } from './store/reading.ts'
import { testRecords } from './store/records.ts'

const folder = t.testdir({})

for (const kind of storeKinds) {
  t.test(`store: ${kind}`, async (t) => {
    const store = await openStore(t, kind, join(folder, 'data'))
    await t.test('records', (t) => testRecords(t, store))
    await t.test('applications', (t) => testApplications(t, store))
    await t.test('what OpenID Connect keeps', (t) => testOidcObjects(t, store))
    await t.test('reading', (t) => testReading(t, store))
    await t.test('conditions', (t) => testConditions(t, store))
  })
}
