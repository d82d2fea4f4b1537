// Cells on both databases: written whole or not at all, on the versions and the epoch they were read at.
import { join } from 'node:path'
import t from 'tap'
import { openStore, storeKinds } from '../support/store.ts'
import { testInsertMany, testRefusals, testRewrite } from './cells/refusals.ts'
import { testWrites } from './cells/writes.ts'

const folder = t.testdir({})

for (const kind of storeKinds) {
  t.test(`cells: ${kind}`, async (t) => {
    const store = await openStore(t, kind, join(folder, 'data'))
    await t.test('write', (t) => testWrites(t, store))
    await t.test('refusals', (t) => testRefusals(t, store))
    await t.test('rewrite', (t) => testRewrite(t, store))
    await t.test('insertMany', (t) => testInsertMany(t, store))
  })
}
