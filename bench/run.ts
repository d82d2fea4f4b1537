// `npm run bench`: runs every scenario of bench/scenarios with each number of users and prints what it found.
//   npm run bench -- [--users 10000,100000] [--rounds 5] [--seconds 10] [--only ldap-search,radius-pap]
//                    [--profile] [--peers-only]
import { readdir } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchPackages, ensurePackages } from '../test/support/debian.ts'
import { buildGenerators } from './generators.ts'
import { calibrate, type Effort, interleave } from './measure.ts'
import { startBenchMuster } from './muster.ts'
import { startFreeradius, startFreeradiusWithLog } from './peers/freeradius.ts'
import { startOidcProvider } from './peers/oidc-provider.ts'
import { startSamlify } from './peers/samlify.ts'
import { startSlapd } from './peers/slapd.ts'
import { createPopulation } from './population.ts'
import type { Scenario, Setting } from './scenario.ts'
import { formatTable } from './table.ts'

const { values: options } = parseArgs({
  options: {
    users: { type: 'string', default: '10000,100000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
    only: { type: 'string' },
    profile: { type: 'boolean', default: false },
    'peers-only': { type: 'boolean', default: false },
  },
})

function positive(name: string, text: string, most: number): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1 || value > most)
    throw new Error(`--${name}: a number from 1 to ${most}`)
  return value
}

async function findScenarios(only: string | undefined): Promise<Scenario[]> {
  const folder = join(import.meta.dirname, 'scenarios')
  const files = (await readdir(folder)).filter((file) => file.endsWith('.ts')).sort()
  const all = await Promise.all(
    files.map(async (file) => (await import(join(folder, file))).scenario as Scenario),
  )
  const wanted = only?.split(',')
  const unknown = wanted?.filter((name) => !all.some((scenario) => scenario.name === name)) ?? []
  if (unknown.length > 0) {
    throw new Error(
      `--only: no scenario ${unknown.join(', ')}; there are ${all.map(({ name }) => name).join(', ')}`,
    )
  }
  return wanted === undefined ? all : all.filter(({ name }) => wanted.includes(name))
}

const cleanups: (() => Promise<unknown>)[] = []

/** Starts a server at the first call, returns the same one afterwards, and stops it at the end. */
function lazily<T extends { stop(): Promise<void> }>(start: () => Promise<T>): () => Promise<T> {
  let server: Promise<T> | undefined
  return () => {
    server ??= start().then((started) => {
      cleanups.push(started.stop)
      return started
    })
    return server
  }
}

async function cleanUp(): Promise<void> {
  for (const action of cleanups.splice(0).reverse()) await action().catch((error) => console.error(error))
}

async function measure(users: number, scenarios: readonly Scenario[], effort: Effort): Promise<void> {
  const population = await createPopulation(users)
  const startMuster = lazily(() => startBenchMuster(population))
  const setting: Setting = {
    population,
    slapd: lazily(() => startSlapd(population)),
    freeradius: lazily(() => startFreeradius(population)),
    freeradiusWithLog: lazily(() => startFreeradiusWithLog(population)),
    oidcProvider: lazily(startOidcProvider),
    samlify: async (task) => lazily(() => startSamlify(task))(),
    muster: async () => (options['peers-only'] ? undefined : startMuster()),
    compare: (contenders) =>
      interleave(
        contenders.filter((each) => each !== undefined),
        effort,
      ),
  }
  for (const scenario of scenarios) {
    const before = calibrate()
    console.log(`\n### ${scenario.name}, ${users.toLocaleString('en')} users`)
    for await (const { what, outcomes, text } of scenario.run(setting)) {
      console.log(`\n${what}.`)
      if (outcomes !== undefined) console.log(`\n${formatTable(outcomes)}`)
      if (text !== undefined) console.log(`\n${text}`)
    }
    console.log(`\nCalibration loop: ${before.toFixed(0)} ms before, ${calibrate().toFixed(0)} ms after.`)
  }
}

async function main(): Promise<void> {
  const scenarios = await findScenarios(options.only)
  const sizes = options.users.split(',').map((text) => positive('users', text, 1_000_000))
  const effort = {
    rounds: positive('rounds', options.rounds, 99),
    seconds: positive('seconds', options.seconds, 600),
    profile: options.profile,
  }
  await ensurePackages(benchPackages)
  await buildGenerators()
  const processors = cpus()
  console.log(`Medians of ${effort.rounds} interleaved rounds of ${effort.seconds} s;`)
  console.log(`${processors.length} × ${processors[0]?.model.trim()}, Node ${process.version}.`)
  for (const [index, users] of sizes.entries()) {
    const wanted = scenarios.filter(({ isOnce }) => index === 0 || !isOnce)
    if (wanted.length > 0) await measure(users, wanted, effort)
    await cleanUp()
  }
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => void cleanUp().then(() => process.exit(1)))
}
try {
  await main()
} catch (error) {
  console.error(error instanceof Error ? error.message : error)
  process.exitCode = 1
} finally {
  await cleanUp()
}
