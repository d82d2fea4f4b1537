// `npm run bench:membership`: what the membership engine costs, on a PostgreSQL of its own and, for imports, on the embedded one.
//   npm run bench:membership -- [--users 100000] [--rules 1000] [--changes 2000] [--embedded] [--moves]
import { mkdtemp, rm } from 'node:fs/promises'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Client } from 'pg'
import { ensurePackages, testPackages } from '../../test/support/debian.ts'
import { startPostgres } from '../../test/support/postgres.ts'
import { calibrate } from '../measure.ts'
import { databaseSettings } from '../muster.ts'
import { committing, evaluating, throughput } from './changes.ts'
import { openElsewhere } from './elsewhere.ts'
import { quantiles, row, size, tableHead, time } from './figures.ts'
import { checkSample, type Filled, fill } from './fill.ts'
import { type House, openHouse, untilReadable } from './house.ts'
import { pick, randomFrom } from './random.ts'
import { reading } from './reading.ts'
import { everybodyMoves, previews, reconcile, withLag } from './sets.ts'

const { values: options } = parseArgs({
  options: {
    users: { type: 'string', default: '100000' },
    rules: { type: 'string', default: '1000' },
    changes: { type: 'string', default: '2000' },
    embedded: { type: 'boolean', default: false },
    moves: { type: 'boolean', default: false },
  },
})

function positive(name: 'users' | 'rules' | 'changes', most: number): number {
  const value = Number(options[name])
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`--${name}: a number from 1 to ${most.toLocaleString('en')}`)
  return value
}

const users = positive('users', 2_000_000)
const rules = positive('rules', 20_000)
const changes = positive('changes', 100_000)
const whole = (count: number): string => Math.round(count).toLocaleString('en')
const say = (text: string): void => console.log(text)

const cleanups: (() => Promise<unknown>)[] = []
async function cleanUp(): Promise<void> {
  for (const action of cleanups.splice(0).reverse()) await action().catch((error) => console.error(error))
}

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'muster-bench-'))
  cleanups.push(() => rm(path, { recursive: true, force: true }))
  return path
}

async function filled(house: House): Promise<Filled> {
  const { value: all, lag } = await withLag(() => fill(house, users, rules))
  const { devices, memberships, evaluating: evaluated, importing } = all
  say(
    `\n${whole(users)} users, ${whole(devices)} devices and ${whole(memberships)} memberships (${(memberships / users).toFixed(1)} for each user and its devices) imported in ${time(importing)}, of which evaluated in ${time(evaluated)} (${time(evaluated / users)} for each user) while the chunk before was written; main thread late by p99 ${time(lag.p99)}, max ${time(lag.max)}.`,
  )
  const random = randomFrom(5)
  const ids = new Set(Array.from({ length: 2_000 }, () => pick(random, all.users)))
  const checked = await checkSample(house, all.organization.id, [...ids])
  say(`${whole(checked)} users taken at random: their memberships are what every rule, evaluated anew, says.`)
  return all
}

async function served(): Promise<void> {
  const postgres = await startPostgres(databaseSettings)
  cleanups.push(postgres.stop)
  const data = await folder()
  const house = await openHouse(data, postgres.url)
  cleanups.push(() => house.close())
  const all = await filled(house)
  const readable = await untilReadable(house, all.organization.id)
  say(`All memberships were in shared memory ${time(readable)} after the import.`)
  await tidy(postgres.url)
  if (options.moves) return everybody(house, all)
  const random = randomFrom(11)

  const few = rules <= 1_000
  const { inFull, inPart } = await evaluating(house, all, random)
  say(`\n${tableHead}`)
  say(row('one attribute changes, evaluated in full', inFull))
  say(row('the same, what it can concern', inPart, few ? 'p99 < 0.3 ms' : 'p99 < 3 ms'))
  const committed = await committing(house, all, postgres.url, changes, random)
  say(
    row(
      'changed and committed with memberships, change log and audit',
      committed.changes,
      'p50 < 1.5 ms, p95 < 5 ms',
    ),
  )
  say(row('bare UPDATE of the same row', committed.updates))
  const other = await openElsewhere(
    house,
    all,
    { dataFolder: data, url: postgres.url, organization: all.organization.id },
    random,
  )
  const alone = await other.follow(Math.min(1_000, users / 2), 1)
  say(
    row(
      'heard of in another process (from then on it is not read older)',
      alone.heard,
      'p50 < 3 ms, p99 < 25 ms',
    ),
  )
  say(row('read from memory in another process', alone.readable))
  const together = await other.follow(Math.min(2_000, users / 2), 8)
  say(row('heard of in another process, 8 writers at once', together.heard))
  say(row('read from memory in another process, 8 writers at once', together.readable))
  const read = await reading(house, all, postgres.url, random)
  say(
    row(`groups of a user, from memory (${read.groupsOfEach.toFixed(1)} groups)`, read.memory, 'p99 < 20 µs'),
  )
  say(
    row(
      `resources that these are bound to, from memory (${read.resourcesOfEach.toFixed(1)} resources)`,
      read.reached,
      'p99 < 20 µs',
    ),
  )
  say(row('groups of a user, by SQL', read.sql, 'p50 < 1 ms'))
  const asked = await previews(house, all, 300, random)
  say(
    row(
      'preview of another rule, columns loaded',
      asked.times,
      'at 1,000,000: p50 < 10 ms, p99 < 50 ms, max < 150 ms',
    ),
  )
  const { p50, p50Bare } = { p50: median(committed.changes), p50Bare: median(committed.updates) }
  say(
    `\nA change costs ${(p50 / p50Bare).toFixed(2)} bare UPDATEs (medians); ${((committed.moved / changes) * 100).toFixed(1)} % of the changes moved a membership. ${(read.found * 100).toFixed(1)} % of the reads were answered from memory.`,
  )
  say(`${whole(await throughput(house, all, 8, 5, random))} changes a second with 8 at once.`)
  say(
    `First preview, which reads everybody into columns: ${time(asked.first)}. Slowest of the others: ${time(asked.slowest.ms)}, ${asked.slowest.rule}`,
  )
  say(
    `Main thread late while previews ran: p99 ${time(asked.lag.p99)}, max ${time(asked.lag.max)} (aim < 10 ms).`,
  )
  const compared = await reconcile(house, all)
  say(
    `All rules compared with everything that is stored: ${time(compared.took)}, ${compared.value.length} cells differ, which time has turned; main thread late by ${time(compared.lag.max)} at most (aim at 1,000,000 users: < 10 s).`,
  )
  const [first] = all.groups
  if (first !== undefined) {
    const memory = await other.preview(first)
    const { opened } = other
    say(
      `Another process: ready to read from memory ${time(opened.took)} after it began to open the database, replica ${size(opened.replica)}, RSS ${size(opened.rss)}; after its first preview (${time(memory.took)}) columns ${size(memory.columns)}, RSS ${size(memory.rss)} (aims at 1,000,000 users: replica < 100 MB, with columns < 400 MB).`,
    )
  }
  await other.close()
  await everybody(house, all)
  const ids = Array.from({ length: 500 }, () => pick(random, all.users))
  say(`${whole(await checkSample(house, all.organization.id, ids))} users checked again at the end.`)
  if (house.wrong > 0) throw new Error(`${house.wrong} changes evaluated in part were wrong`)
}

/** Everybody joins a group, and leaves it again. */
async function everybody(house: House, all: Filled): Promise<void> {
  const { move, remove } = await everybodyMoves(house, all)
  const records = (times: readonly number[]): string => {
    const { p50, p99, max } = quantiles(times)
    return `a sign-in's record took ${time(p50)} meanwhile, p99 ${time(p99)}, max ${time(max)}`
  }
  const moved = await move()
  say(
    `A rule that every user fulfils, saved: carried through in ${time(moved.took)} (${time(moved.took / users)} a user); main thread late by p99 ${time(moved.lag.p99)}, max ${time(moved.lag.max)} (aim < 10 ms); ${records(moved.value)}.`,
  )
  const removed = await remove()
  say(
    `That group, removed: everybody had left it after ${time(removed.took)} (${time(removed.took / users)} a user); main thread late by p99 ${time(removed.lag.p99)}, max ${time(removed.lag.max)}; ${records(removed.value)}.`,
  )
}

const median = (times: readonly number[]): number =>
  times.toSorted((a, b) => a - b)[times.length >> 1] as number

/** What an administrator's PostgreSQL does by itself in the hours after an import: no figure is to hang on when it begins. */
async function tidy(url: string): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  await client.query('vacuum (analyze)')
  await client.query('checkpoint')
  await client.end()
}

async function embedded(): Promise<void> {
  const house = await openHouse(await folder(), null)
  cleanups.push(() => house.close())
  await filled(house)
  say(`RSS ${size(process.memoryUsage.rss())}.`)
}

async function main(): Promise<void> {
  await ensurePackages(testPackages.filter(({ name }) => name === 'postgresql'))
  const processors = cpus()
  say(
    `${whole(users)} users, ${whole(rules)} rules${options.embedded ? ', embedded database' : ', PostgreSQL, fsync on'};`,
  )
  say(`${processors.length} × ${processors[0]?.model.trim()}, Node ${process.version}.`)
  const before = calibrate()
  await (options.embedded ? embedded() : served())
  say(`\nCalibration loop: ${before.toFixed(0)} ms before, ${calibrate().toFixed(0)} ms after.`)
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(1)))
}
try {
  await main()
} catch (error) {
  console.error(error)
  process.exitCode = 1
} finally {
  await cleanUp()
}
