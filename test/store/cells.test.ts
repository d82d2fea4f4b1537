// Cells on both databases: written whole or not at all, on the versions and the epoch they were read at.
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { silentLog } from '../../src/base/log.ts'
import { DatabaseChangeFeed } from '../../src/store/change-feed.ts'
import { noWakeup } from '../../src/store/wakeup.ts'
import { openStore, type StoreUnderTest, storeKinds } from '../support/store.ts'
import { testInsertMany, testReadWhileReowned, testRefusals, testRewrite } from './cells/refusals.ts'
import { begin, insertUser } from './cells/world.ts'
import { testWrites } from './cells/writes.ts'

const folder = t.testdir({})

for (const kind of storeKinds) {
  t.test(`cells: ${kind}`, async (t) => {
    const store = await openStore(t, kind, join(folder, 'data'))
    await t.test('write', (t) => testWrites(t, store))
    await t.test('refusals', (t) => testRefusals(t, store))
    await t.test('rewrite', (t) => testRewrite(t, store))
    await t.test('a device that changes its owner meanwhile', (t) => testReadWhileReowned(t, store))
    await t.test('insertMany', (t) => testInsertMany(t, store))
    await t.test('the change feed', (t) => testFeed(t, store))
  })
}

/** Another process, which is not told and not woken, reads of it in the log. */
async function testFeed(t: Test, store: StoreUnderTest) {
  const world = await begin(store, 'feed')
  const feed = new DatabaseChangeFeed(store.database, noWakeup, systemClock, silentLog)
  const heard = new Set<string>()
  feed.subscribe((changes) => {
    for (const { organization, kind, id } of changes) heard.add(`${organization} ${kind} ${id}`)
  })
  await feed.start()
  const { user } = await insertUser(world, 'alice')
  for (let i = 0; i < 500 && heard.size === 0; i++) await sleep(10)
  t.same([...heard], [`${world.organization} user ${user.id}`])
  t.ok(feed.stalenessMs() < 5000)
  await feed.close()
}
