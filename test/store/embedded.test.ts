import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import t from 'tap'
import type { Fault } from '../../src/base/result.ts'
import type { Embedded } from '../../src/store/embedded/embedded.ts'
import { openEmbedded } from '../../src/store/embedded/embedded.ts'
import { FrontendReader } from '../../src/store/embedded/wire.ts'

const root = t.testdir({})
const template = join(root, 'template')
let copies = 0

/** Making a database takes seconds, copying one does not. */
function freshFolder(): string {
  const folder = join(root, `data-${copies++}`)
  cpSync(join(template, 'postgres'), join(folder, 'postgres'), { recursive: true })
  return folder
}

async function open(
  test: { teardown(end: () => Promise<void>): void },
  folder = freshFolder(),
): Promise<{ embedded: Embedded; pool: pg.Pool }> {
  const embedded = await openEmbedded(folder)
  const pool = new pg.Pool(embedded.poolConfig())
  pool.on('error', () => {})
  test.teardown(async () => {
    if (!pool.ended) await pool.end()
    await embedded.close()
  })
  return { embedded, pool }
}

function child(task: 'write' | 'hold', folder: string) {
  const process_ = spawn(process.execPath, [join(import.meta.dirname, 'embedded-child.ts'), task, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: { PATH: process.env.PATH },
  })
  const lines: string[] = []
  const reader = createInterface({ input: process_.stdout })
  reader.on('line', (line) => lines.push(line))
  const firstLine = once(reader, 'line').then(([line]) => line as string)
  const ended = Promise.all([once(process_, 'exit'), once(reader, 'close')])
  return { process: process_ as ChildProcess, lines, firstLine, ended }
}

async function killed(victim: ReturnType<typeof child>): Promise<void> {
  victim.process.kill('SIGKILL')
  await victim.ended
}

t.test('groups are the same however their bytes are cut', async (t) => {
  const { serialize } = await import('pg-protocol')
  const groups = [
    Buffer.concat([
      serialize.parse({ text: 'select 1' }),
      serialize.bind(),
      serialize.execute(),
      serialize.sync(),
    ]),
    serialize.query('select 2'),
    Buffer.concat([serialize.describe({ type: 'S', name: 'n' }), serialize.flush()]),
    Buffer.concat([
      serialize.query('copy t from stdin'),
      serialize.copyData(Buffer.from('1\n')),
      serialize.copyDone(),
    ]),
  ]
  const stream = Buffer.concat([serialize.startup({ user: 'postgres' }), ...groups, serialize.end()])
  const read = (size: number) => {
    const reader = new FrontendReader()
    const said = []
    for (let at = 0; at < stream.length; at += size) said.push(...reader.push(stream.subarray(at, at + size)))
    return said.map((one) => (one.kind === 'group' ? { ...one, bytes: Buffer.from(one.bytes) } : one))
  }
  const expected = [
    { kind: 'startup' },
    { kind: 'group', bytes: groups[0], isCopy: false, isClosed: true },
    { kind: 'group', bytes: groups[1], isCopy: false, isClosed: true },
    { kind: 'group', bytes: groups[2], isCopy: false, isClosed: false },
    { kind: 'copy-begins' },
    { kind: 'group', bytes: groups[3], isCopy: true, isClosed: true },
    { kind: 'terminate' },
  ]
  for (const size of [1, 2, 3, 7, 50, stream.length]) t.same(read(size), expected, `${size} bytes at a time`)
})

t.test('a new folder gets a database that is private, and reopens', async (t) => {
  // What a start leaves that was killed half-way: it is not taken for a database.
  mkdirSync(join(template, 'postgres.new'), { recursive: true })
  writeFileSync(join(template, 'postgres.new', 'PG_VERSION'), '18\n')
  const first = await openEmbedded(template)
  const pool = new pg.Pool(first.poolConfig())
  await pool.query('create table written (id int primary key, filler text)')
  await pool.end()
  await first.close()
  t.equal(statSync(join(template, 'postgres')).mode & 0o777, 0o700)
  t.throws(() => statSync(join(template, 'postgres.new')))

  const again = await open(t, template)
  t.equal((await again.pool.query('select count(*)::int as n from written')).rows[0].n, 0)

  const foreign = join(root, 'foreign')
  mkdirSync(join(foreign, 'postgres'), { recursive: true })
  writeFileSync(join(foreign, 'postgres', 'letter'), 'not a database')
  await t.rejects(openEmbedded(foreign), { name: 'Fault', message: /neither empty nor a database/ })
})

t.test('pg speaks to it as to any server', async (t) => {
  const { pool } = await open(t)

  const both = (await pool.query('select 1 as one; select 2 as two')) as unknown as pg.QueryResult[]
  t.same(
    both.map((result) => result.rows),
    [[{ one: 1 }], [{ two: 2 }]],
  )
  const params = [null, 'ü', 7, new Date(0), Buffer.from([0, 255]), { a: [1] }]
  const { rows } = await pool.query(
    'select $1::text as n, $2::text as s, $3::int as i, $4::timestamptz as d, $5::bytea as b, $6::jsonb as j',
    params,
  )
  t.same(Object.values(rows[0]), params)
  for (const value of [1, 2]) {
    const prepared = { name: 'twice', text: 'select $1::int * 2 as r', values: [value] }
    t.equal((await pool.query(prepared)).rows[0].r, value * 2, 'a named statement, parsed once')
  }
  const long = 'x'.repeat(3_000_000)
  t.equal(
    (await pool.query('select $1::text as long', [long])).rows[0].long,
    long,
    'an answer in many pieces',
  )
  const many = await pool.query('select g from generate_series(1, 50000) g')
  t.equal(many.rows.at(-1).g, 50_000)

  await t.rejects(pool.query('select 1/0'), { code: '22012' })
  await t.rejects(pool.query('selec'), { code: '42601' })
  await t.rejects(pool.query('select $1::int', ['no number']), { code: '22P02' })
  t.equal((await pool.query('select 5 as ok')).rows[0].ok, 5, 'usable after errors')

  const client = await pool.connect()
  await client.query('begin')
  await client.query('insert into written values (1)')
  await t.rejects(client.query('insert into written values (1)'), { code: '23505' })
  await t.rejects(client.query('select 1'), { code: '25P02' }, 'the transaction is aborted')
  await client.query('rollback')
  t.equal((await client.query('select count(*)::int as n from written')).rows[0].n, 0)

  const portal = new pg.Query({
    text: 'select g from generate_series(1, 5) g',
    values: [],
    rows: 2,
  } as pg.QueryConfig)
  const seen: number[] = []
  portal.on('row', (row) => seen.push(row.g))
  client.query(portal)
  await once(portal, 'end')
  t.same(seen, [1, 2, 3, 4, 5], 'a portal read in parts, with Flush between')
  client.release()
})

t.test('pipelined queries fail one by one', async (t) => {
  const { embedded } = await open(t)
  const client = new pg.Client({ ...embedded.poolConfig(), pipeline: true } as pg.ClientConfig)
  await client.connect()
  const outcomes = await Promise.allSettled([
    client.query('insert into written values ($1, $2)', [1, 'a']),
    client.query('insert into written values ($1, $2)', [1, 'again']),
    client.query({ name: 'broken', text: 'select nothing_like_it' }),
    client.query({ name: 'fine', text: 'select id from written where id = $1', values: [1] }),
    client.query({ name: 'fine', text: 'select id from written where id = $1', values: [2] }),
  ])
  t.same(
    outcomes.map((o) => (o.status === 'fulfilled' ? o.value.rowCount : o.reason.code)),
    [1, '23505', '42703', 1, 0],
  )
  const broken = client.query('select 1 / 0')
  const copy = client.query('copy written from stdin')
  await t.rejects(broken, { code: '22012' })
  await t.rejects(copy, { message: /COPY from stdin failed/ }, 'asked for its data in its turn')
  await client.end()
})

t.test('COPY FROM STDIN', async (t) => {
  const { pool } = await open(t)
  await t.rejects(
    pool.query('copy written from stdin'),
    { message: /COPY from stdin failed/ },
    'pg sends CopyFail',
  )

  const client = await pool.connect()
  const copy = (sql: string, chunks: string[]) =>
    new Promise<void>((done, failed) => {
      const submittable = {
        submit: (connection: pg.Connection) => connection.query(sql),
        handleCopyInResponse(
          connection: pg.Connection & { sendCopyFromChunk(b: Buffer): void; endCopyFrom(): void },
        ) {
          for (const chunk of chunks) connection.sendCopyFromChunk(Buffer.from(chunk))
          connection.endCopyFrom()
        },
        handleCommandComplete() {},
        handleError: failed,
        handleReadyForQuery: () => done(),
      }
      client.query(submittable as unknown as pg.Submittable)
    })
  await copy('copy written from stdin', ['1\ton', 'e\n2\ttwo\n'])
  t.same(
    (await client.query('select filler from written order by id')).rows.map((r) => r.filler),
    ['one', 'two'],
  )
  await t.rejects(copy('copy missing from stdin', ['1\tone\n']), { code: '42P01' })
  t.equal((await client.query('select 6 as ok')).rows[0].ok, 6, 'usable afterwards')
  client.release()
})

t.test('one session: a second connection is refused, a later one finds it clean', async (t) => {
  const { embedded, pool } = await open(t)
  const first = await pool.connect()
  const second = new pg.Client(embedded.poolConfig())
  await t.rejects(second.connect(), { name: 'Fault', reason: 'busy', message: /one session/ })
  t.equal((await first.query('select 1 as ok')).rows[0].ok, 1, 'the first is not disturbed')

  await first.query({ name: 'kept', text: 'select 1' })
  await first.query("set application_name = 'first'; create temp table left_over (); begin")
  await first.query('insert into written values (1)')
  first.release(true)
  const { rows } =
    await pool.query(`select current_setting('application_name') as name, to_regclass('left_over') as temp,
    (select count(*)::int from pg_prepared_statements) as prepared, (select count(*)::int from written) as rows`)
  t.same(rows, [{ name: '', temp: null, prepared: 0, rows: 0 }])

  const hasty = await pool.connect()
  const lost = hasty.query('select pg_sleep(0.2)')
  hasty.release(true) // pg cuts the stream off in the middle of the query
  await t.rejects(lost)
  t.equal((await pool.query('select 2 as ok')).rows[0].ok, 2)
})

t.test('queries do not block the event loop', async (t) => {
  const { pool } = await open(t)
  await pool.query('select 1')
  const order: string[] = []
  const query = pool
    .query('select count(*) from generate_series(1, 1000000)')
    .then(() => order.push('answer'))
  setImmediate(() => setImmediate(() => setImmediate(() => order.push('event loop'))))
  await query
  t.same(order, ['event loop', 'answer'])
})

t.test('every commit is synced to the disk', async (t) => {
  const { embedded, pool } = await open(t)
  await pool.query('select 1')
  const before = embedded.syncCount()
  for (let id = 1; id <= 50; id++) await pool.query('insert into written values ($1)', [id])
  const after = embedded.syncCount()
  t.ok(after - before >= 50, `${after - before} syncs for 50 commits`)
  await pool.query('select * from written')
  t.equal(embedded.syncCount(), after, 'reading syncs nothing')
})

t.test('maintenance waits for the open transaction, then vacuums and takes a checkpoint', async (t) => {
  const { embedded, pool } = await open(t)
  await pool.query('insert into written select g from generate_series(1, 1000) g')
  await pool.query('delete from written where id > 10')
  const redo = async () =>
    (await pool.query('select redo_lsn::text as at from pg_control_checkpoint()')).rows[0].at as string
  const before = await redo()
  const client = await pool.connect()
  await client.query('begin')
  let isDone = false
  const maintenance = embedded.maintenance().then(() => (isDone = true))
  await client.query('select 1')
  await client.query('select 1')
  t.notOk(isDone)
  await client.query('commit')
  client.release()
  await maintenance
  const { rows } = await pool.query(
    "select reltuples::int as rows, relallvisible > 0 as vacuumed from pg_class where relname = 'written'",
  )
  t.same(rows, [{ rows: 10, vacuumed: true }])
  t.not(await redo(), before)
})

t.test('a folder serves one process, and is free when that is killed', async (t) => {
  const folder = freshFolder()
  const holder = child('hold', folder)
  t.teardown(() => holder.process.kill('SIGKILL'))
  t.equal(await holder.firstLine, 'open')
  const named = new RegExp(
    `${folder} is in use by process ${holder.process.pid} on host .*MUSTER_DATA.*MUSTER_DATABASE_URL`,
  )
  await t.rejects(openEmbedded(folder), { name: 'Fault', reason: 'unavailable', message: named })
  await killed(holder)

  const racers = [child('hold', folder), child('hold', folder)]
  t.teardown(() => racers.map((racer) => racer.process.kill('SIGKILL')))
  const said = (await Promise.all(racers.map((racer) => racer.firstLine))).sort()
  t.match(said, ['open', /^refused: .* is in use by /], 'of two at once, one')
  await Promise.all(racers.map(killed))

  const { embedded, pool } = await open(t, folder)
  await t.rejects(
    openEmbedded(folder),
    { message: new RegExp(`process ${process.pid} `) },
    'nor twice in a process',
  )
  await pool.end()
  await embedded.close()
  const after = await openEmbedded(folder)
  await after.close()
})

t.test('what was acknowledged survives kill -9', async (t) => {
  const folder = freshFolder()
  let acknowledged = 0
  for (let round = 1; round <= 4; round++) {
    const writer = child('write', folder)
    t.teardown(() => writer.process.kill('SIGKILL'))
    t.equal(await writer.firstLine, 'open')
    const enough = 2 + Math.random() * 200 // one line says `open`
    while (writer.lines.length < enough) await sleep(1)
    await killed(writer)
    acknowledged = Math.max(
      acknowledged,
      Number(writer.lines.filter((line) => /^\d+$/.test(line)).at(-1) ?? 0),
    )
  }
  t.ok(acknowledged > 4, `${acknowledged} rows were acknowledged`)
  const { pool } = await open(t, folder)
  const { rows } = await pool.query(
    'select count(*)::int as found, bool_and(length(filler) = id % 500) as whole from written where id <= $1',
    [acknowledged],
  )
  t.same(rows, [{ found: acknowledged, whole: true }])
})

t.test('when the database dies, everyone is told and nobody waits', async (t) => {
  const folder = freshFolder()
  const { embedded, pool } = await open(t, folder)
  const client = await pool.connect()
  client.on('error', () => {})
  const told = new Promise<Fault>((resolve) => embedded.onFailed(resolve))
  // Postgres ends a session whose COPY data breaks off; the comment hides the COPY from the code that would collect it.
  const dying = client.query('/* */ copy written from stdin')
  const behind = client.query('select 1')
  await t.rejects(dying, { message: /protocol synchronization was lost|has failed/ })
  await t.rejects(behind, { message: /has failed|not queryable/ })
  t.match(await told, {
    name: 'Fault',
    reason: 'unavailable',
    message: /has failed: exit with status 1.*FATAL/,
  })
  t.equal(embedded.failure, await told)
  client.release(true)
  await t.rejects(pool.query('select 1'), { message: /has failed/ })
  await t.rejects(embedded.maintenance(), { message: /has failed/ })
  await pool.end()
  await embedded.close()
  const again = await open(t, folder)
  t.equal((await again.pool.query('select 1 as ok')).rows[0].ok, 1, 'a new one can be opened')
})
