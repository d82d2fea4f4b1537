// `npm test`: makes the machine ready, starts PostgreSQL and Redis of its own, runs the checks and the tests, cleans up
// and closes with the count. Arguments go to tap: `npm test -- test/wire/ldap.test.ts`.
import { spawn } from 'node:child_process'
import { existsSync, statSync, utimesSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensurePackages, testPackages } from './support/debian.ts'
import { startPostgres } from './support/postgres.ts'
import { guarded, run, runOrThrow } from './support/process.ts'
import { startRedis } from './support/redis.ts'
import { TapOutput } from './support/tap-output.ts'

const root = join(import.meta.dirname, '..')
const programs = join(root, 'node_modules/.bin')
process.env.PATH = `${programs}:${process.env.PATH}`

const counts = { passed: 0, failed: 0, skipped: 0 }
const say = (line: string) => console.log(line)

/** What has to be undone, newest first. */
const cleanups: (() => Promise<unknown>)[] = []

async function cleanUp(): Promise<void> {
  for (;;) {
    const action = cleanups.pop()
    if (action === undefined) return
    await action().catch((error) => console.error('cleaning up:', error))
  }
}

/**
 * tap's plugins are linked into .tap, and compiled into tap itself, by `tap build`, which npm's install scripts would do if they
 * were allowed. It has to be done again after each installation.
 */
async function buildTap(): Promise<void> {
  const folder = join(root, '.tap/plugins')
  const installed = join(root, 'node_modules/.package-lock.json')
  if (existsSync(folder) && statSync(folder).mtimeMs >= statSync(installed).mtimeMs) return
  await runOrThrow(join(programs, 'tap'), ['build'], { cwd: root, timeoutMs: 300_000 })
  utimesSync(folder, new Date(), new Date())
}

/** A check of the whole source, counted as one test. */
async function check(name: string, command: string, args: string[]): Promise<void> {
  const started = performance.now()
  const finished = await run(join(programs, command), args, { cwd: root, timeoutMs: 300_000 })
  const milliseconds = Math.round(performance.now() - started)
  say(`${finished.code === 0 ? '✓' : '✗'} ${name} ${milliseconds}ms`)
  if (finished.code === 0) counts.passed++
  else {
    counts.failed++
    say(`${finished.stdout}${finished.stderr}`)
  }
}

async function startServers(): Promise<Record<string, string>> {
  const starting = [startPostgres(), startRedis()].map(async (server) => {
    const { url, stop } = await server
    cleanups.push(stop)
    return url
  })
  // Both are waited for, so that what did start is stopped when the other one failed.
  await Promise.allSettled(starting)
  const [postgres = '', redis = ''] = await Promise.all(starting)
  return { MUSTER_TEST_DATABASE_URL: postgres, MUSTER_TEST_REDIS_URL: redis }
}

async function runTap(env: Record<string, string>): Promise<void> {
  const args = ['run', '--reporter=tap', '--no-color', ...process.argv.slice(2)]
  // In a process group of its own: test files do not end by themselves when tap is told to.
  const tap = spawn(...guarded(join(programs, 'tap'), args), {
    cwd: root,
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  })
  const code = new Promise<number | null>((resolve) => tap.once('exit', resolve))
  cleanups.push(async () => {
    signalGroup(tap.pid, 'SIGTERM')
    for (let waits = 0; waits < 50 && signalGroup(tap.pid, 0); waits++) await sleep(100)
    signalGroup(tap.pid, 'SIGKILL')
  })
  const output = new TapOutput(say)
  for await (const line of createInterface({ input: tap.stdout })) output.line(line)
  output.end()
  for (const key of ['passed', 'failed', 'skipped'] as const) counts[key] += output.counts[key]
  if (output.counts.passed + output.counts.failed === 0) fail('no test ran')
  else if ((await code) !== 0 && output.counts.failed === 0)
    fail(`tap ended with ${await code}, yet no test failed`)
}

/** Signals every process of a group that was started here; false when none is left. */
function signalGroup(leader: number | undefined, signal: NodeJS.Signals | 0): boolean {
  try {
    return leader !== undefined && process.kill(-leader, signal)
  } catch {
    return false
  }
}

function fail(why: string): void {
  counts.failed++
  say(`✗ ${why}`)
}

async function main(): Promise<void> {
  await ensurePackages(testPackages)
  await buildTap()
  const checks = async () => {
    await check('types (tsc --noEmit)', 'tsc', ['--noEmit'])
    await check('format and lint (biome check)', 'biome', ['check', '--diagnostic-level=warn'])
  }
  const [env] = await Promise.all([startServers(), checks()])
  await runTap(env)
}

let interrupted = false
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, async () => {
    if (interrupted) return
    interrupted = true
    await cleanUp()
    console.error(`muster: stopped by ${signal}`)
    process.exit(128 + constants.signals[signal])
  })
}

try {
  await main()
} catch (error) {
  fail(error instanceof Error ? error.message : String(error))
}
if (!interrupted) {
  await cleanUp()
  if (counts.skipped > 0) say(`${counts.skipped} skipped or to do`)
  say(`${counts.passed} passed, ${counts.failed} failed`)
  process.exitCode = counts.failed > 0 ? 1 : 0
}
