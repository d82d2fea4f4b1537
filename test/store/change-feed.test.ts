// The change feed: nothing that was committed is missed, whatever the order of commits, and whoever is behind knows it.
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import t, { type Test } from 'tap'
import { systemClock } from '../../src/base/clock.ts'
import { newId, type UserId } from '../../src/base/ids.ts'
import { silentLog } from '../../src/base/log.ts'
import { Fault } from '../../src/base/result.ts'
import { Secret } from '../../src/base/secrets.ts'
import { DatabaseChangeFeed } from '../../src/store/change-feed.ts'
import { Database } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrate.ts'
import type { Sql } from '../../src/store/sql.ts'
import { noWakeup, PostgresWakeup } from '../../src/store/wakeup.ts'
import { FakeClock } from '../support/access.ts'
import { freshDatabase } from '../support/database.ts'

const organization = newId<never>()

async function until(what: string, done: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  for (let i = 0; i < seconds * 100; i++) {
    if (await done()) return
    await sleep(10)
  }
  throw new Error(`${what}: not within ${seconds} s`)
}

async function served(t: Test) {
  const url = await freshDatabase(t)
  const open = async (connections = 3) => {
    const database = new Database({ kind: 'served', url: new Secret(url), connections }, silentLog)
    return database
  }
  const first = await open()
  await migrate(first, silentLog)
  await first.close()
  const client = async (): Promise<Client> => {
    const made = new Client({ connectionString: url })
    await made.connect()
    return made
  }
  /** A process: its database, its feed, and what it heard. */
  const process = async (clock = systemClock, watch: (values: readonly unknown[]) => void = () => {}) => {
    const database = await open()
    const watched = new Proxy(database, {
      get: (of, key) =>
        key === 'house'
          ? (statement: Sql<'fragment'>) => {
              watch(statement.compile().values)
              return of.house(statement)
            }
          : Reflect.get(of, key),
    })
    const wakeup = new PostgresWakeup(new Secret(url), silentLog)
    const feed = new DatabaseChangeFeed(watched, wakeup, clock, silentLog)
    const heard = new Set<string>()
    feed.subscribe((changes) => {
      for (const { id } of changes) heard.add(id)
    })
    await feed.start()
    let closed = false
    const close = async () => {
      if (closed) return
      closed = true
      await feed.close()
      await database.close()
    }
    return { feed, heard, close }
  }
  return { url, client, process }
}

const insert = 'insert into change_log (org, kind, id) values ($1, $2, $3)'

t.test(
  'a number drawn by the youngest transaction is waited for, although a snapshot would not show it',
  async (t) => {
    const { client, process } = await served(t)
    const { heard, close } = await process()
    const [older, younger] = [await client(), await client()]
    const ids = [newId<UserId>(), newId<UserId>()]
    // The older transaction id, but the later number: once it commits, the younger one lies above every completed id.
    await older.query('begin')
    await older.query('select pg_current_xact_id()')
    await younger.query('begin')
    await younger.query(insert, [organization, 'user', ids[0]])
    await older.query(insert, [organization, 'user', ids[1]])
    await older.query('commit')
    // No wake-up: NOTIFY takes a transaction id, and the younger one would no longer be above all completed ones.
    await until('the older one', () => heard.has(ids[1] as string))
    // Several polls, while nothing else takes a transaction id.
    await sleep(1500)
    await younger.query('commit')
    await until('the younger one', () => heard.has(ids[0] as string), 5)
    t.same([...heard].sort(), [...ids].sort())
    await Promise.all([older.end(), younger.end(), close()])
  },
)

t.test('nothing is lost between two processes, with late commits and rollbacks', async (t) => {
  const { client, process } = await served(t)
  const [one, two] = [await process(), await process()]
  const committed: string[] = []
  const late = await client()
  const lateId = newId<UserId>()
  await late.query('begin')
  await late.query(insert, [organization, 'user', lateId])
  const writers = Array.from({ length: 8 }, async (_, w) => {
    const mine = await client()
    for (let i = 0; i < 60; i++) {
      const id = newId<UserId>()
      await mine.query('begin')
      await mine.query(insert, [organization, 'user', id])
      if (i % 10 === w) await sleep(5)
      const rolledBack = i % 7 === 3
      await mine.query(rolledBack ? 'rollback' : 'commit')
      if (rolledBack) continue
      committed.push(id)
      // half of the writers die between commit and wake-up
      if (w % 2) one.feed.announce([])
    }
    await mine.end()
  })
  await Promise.all(writers)
  await until('all early ones', () => [one, two].every(({ heard }) => committed.every((id) => heard.has(id))))
  t.notOk(one.heard.has(lateId))
  await sleep(1000)
  await late.query('commit')
  await late.end()
  await until('the late one', () => one.heard.has(lateId) && two.heard.has(lateId))
  t.same(
    [one.heard.size, two.heard.size],
    [committed.length + 1, committed.length + 1],
    'and nothing that was rolled back',
  )
  t.ok(one.feed.stalenessMs() < 2000)
  await one.close()
  await two.close()
})

t.test('numbers that are missing are forgotten when nobody can fill them any more', async (t) => {
  const { client, process } = await served(t)
  let holes = 0
  const one = await process(systemClock, (values) => {
    const list = values.find(Array.isArray)
    if (list !== undefined) holes = (list as unknown[]).length
  })
  const mine = await client()
  for (let i = 0; i < 50; i++) {
    await mine.query('begin')
    await mine.query(insert, [organization, 'user', newId<UserId>()])
    await mine.query('rollback')
  }
  const id = newId<UserId>()
  await mine.query(insert, [organization, 'user', id])
  await until('the one that stayed', () => one.heard.has(id))
  await until('no holes', () => holes === 0)
  await mine.end()
  await one.close()
  t.pass()
})

t.test('a process that starts on a log that was emptied does not look for all that was in it', async (t) => {
  const { client, process } = await served(t)
  const mine = await client()
  await mine.query(`select setval('change_log_seq_seq', 3000000)`)
  let most = 0
  const one = await process(systemClock, (values) => {
    for (const value of values) if (Array.isArray(value)) most = Math.max(most, value.length)
  })
  const ids = [newId<UserId>(), newId<UserId>()]
  for (const id of ids) {
    await mine.query(insert, [organization, 'user', id])
    await until('a change', () => one.heard.has(id))
  }
  t.ok(most <= 1001, `${most} numbers were looked for`)
  await mine.end()
  await one.close()
})

t.test('a transaction that began before a process started is seen when it commits', async (t) => {
  const { client, process } = await served(t)
  const [late, mine] = [await client(), await client()]
  const id = newId<UserId>()
  await late.query('begin')
  await late.query(insert, [organization, 'user', id])
  await mine.query(insert, [organization, 'user', newId<UserId>()])
  const one = await process()
  await sleep(600)
  await late.query('commit')
  await until('the late one', () => one.heard.has(id))
  await Promise.all([late.end(), mine.end(), one.close()])
  t.pass()
})

t.test('the wake-up connection is lost: polling goes on, and it is opened again, once', async (t) => {
  const { client, process } = await served(t)
  const mine = await client()
  const connections = async () =>
    (
      await mine.query(
        `select pid from pg_stat_activity where datname = current_database() and application_name = 'muster-wakeup'`,
      )
    ).rowCount ?? 0
  const [one, two] = [await process(), await process()]
  await until('two connections', async () => (await connections()) === 2)
  for (let round = 0; round < 2; round++) {
    await mine.query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'muster-wakeup'`,
    )
    const id = newId<UserId>()
    await mine.query(insert, [organization, 'user', id])
    one.feed.announce([])
    await until('the change, without a wake-up', () => one.heard.has(id) && two.heard.has(id), 3)
    await until('both are back', async () => (await connections()) >= 2)
    await sleep(1200)
    t.equal(await connections(), 2, 'one connection for each')
  }
  await Promise.all([one.close(), two.close()])
  await until('closed', async () => (await connections()) === 0, 3)
  await mine.end()
})

t.test('closed while it connects: nothing is left', async (t) => {
  const { url, client } = await served(t)
  for (let i = 0; i < 5; i++) {
    const wakeup = new PostgresWakeup(new Secret(url), silentLog)
    wakeup.listen(() => {})
    await sleep(i * 4)
    await wakeup.close()
  }
  const mine = await client()
  await until(
    'no connection',
    async () =>
      (
        await mine.query(
          `select from pg_stat_activity where datname = current_database() and application_name = 'muster-wakeup'`,
        )
      ).rowCount === 0,
    3,
  )
  await mine.end()
  t.pass()
})

t.test('own changes are heard at once, and a listener that throws harms nobody', async (t) => {
  const feed = new DatabaseChangeFeed({} as Database, noWakeup, systemClock, silentLog)
  const heard: string[] = []
  feed.subscribe(() => {
    throw new Error('a bug')
  })
  const leave = feed.subscribe((changes) => heard.push(...changes.map(({ id }) => id)))
  feed.announce([{ organization, kind: 'user', id: 'a' }])
  leave()
  feed.announce([{ organization, kind: 'user', id: 'b' }])
  t.same(heard, ['a'])
})

t.test('who cannot read the log is behind, and knows by how much', async (t) => {
  const clock = new FakeClock()
  let away = false
  let polls = 0
  const none = { seq: null, org: null, kind: null, id: null, xmin: '1', xmax: '1' }
  const database = {
    house: async () => {
      polls++
      if (away) throw new Fault('unavailable', 'away')
      return polls === 1 ? [{ high: '0' }] : polls === 2 ? [] : [none]
    },
  } as unknown as Database
  const feed = new DatabaseChangeFeed(database, noWakeup, clock, silentLog)
  clock.ms += 60_000
  t.equal(feed.stalenessMs(), 60_000, 'before the start nothing was seen')
  await feed.start()
  const pollTwice = async () => {
    const before = polls
    await until('polls', () => polls > before + 1)
  }
  t.equal(feed.stalenessMs(), 0)
  clock.ms += 3000
  await pollTwice()
  t.equal(feed.stalenessMs(), 0)
  away = true
  await pollTwice()
  clock.ms += 11_000
  await pollTwice()
  t.ok(feed.stalenessMs() >= 11_000)
  away = false
  await pollTwice()
  t.equal(feed.stalenessMs(), 0, 'and catches up')
  await feed.close()
})

t.test(
  'settled: whatever was committed before the question has been told, late commits included',
  async (t) => {
    const { client, process } = await served(t)
    const one = await process()
    const [mine, late] = [await client(), await client()]
    const lateId = newId<UserId>()
    await late.query('begin')
    await late.query(insert, [organization, 'user', lateId])
    for (let i = 0; i < 30; i++) {
      const id = newId<UserId>()
      await mine.query(insert, [organization, 'user', id])
      if (i === 20) await late.query('commit')
      await one.feed.settled()
      if (!one.heard.has(id)) t.fail(`change ${i} was not told`)
      if (i >= 20 && !one.heard.has(lateId)) t.fail('the late one was not told')
    }
    const waiting = one.feed.settled()
    const closed = one.close()
    await waiting.catch(() => undefined)
    await closed
    await t.rejects(one.feed.settled(), Fault)
    await Promise.all([mine.end(), late.end()])
  },
)

t.test('settled waits until the log can be read again', async (t) => {
  let away = true
  const rows = [{ seq: null, xmin: '1', high: '0' }]
  const database = {
    house: async () => {
      if (away) throw new Fault('unavailable', 'away')
      return rows
    },
  } as unknown as Database
  const feed = new DatabaseChangeFeed(database, noWakeup, systemClock, silentLog)
  let settled = false
  const waiting = feed.settled().then(() => {
    settled = true
  })
  await sleep(400)
  t.notOk(settled)
  away = false
  await until('settled', () => settled)
  await waiting
  away = true
  const never = feed.settled()
  const [outcome] = await Promise.all([never.catch((error: unknown) => error), feed.close()])
  t.type(outcome, Fault, 'whoever waits when it is closed is told')
})
