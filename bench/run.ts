// `npm run bench`: runs every scenario of bench/scenarios and prints one table for each.
//   npm run bench -- [--users 10000] [--rounds 3] [--seconds 5] [--only ldap-search,radius-pap] [--peers-only]
import { readdir } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { benchPackages, ensurePackages } from '../test/support/debian.ts'
import { buildGenerators } from './generators.ts'
import { calibrate, interleave } from './measure.ts'
import { startBenchMuster } from './muster.ts'
import { startFreeradius } from './peers/freeradius.ts'
import { startSlapd } from './peers/slapd.ts'
import { createPopulation } from './population.ts'
import type { Scenario, Setting } from './scenario.ts'
import { formatTable } from './table.ts'

const { values: options } = parseArgs({
  options: {
    users: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '5' },
    only: { type: 'string' },
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

async function main(): Promise<void> {
  const scenarios = await findScenarios(options.only)
  const users = positive('users', options.users, 1_000_000)
  const effort = {
    rounds: positive('rounds', options.rounds, 99),
    seconds: positive('seconds', options.seconds, 600),
  }
  await ensurePackages(benchPackages)
  await buildGenerators()
  const population = await createPopulation(users)
  const startMuster = lazily(() => startBenchMuster(population))
  const setting: Setting = {
    population,
    slapd: lazily(() => startSlapd(population)),
    freeradius: lazily(() => startFreeradius(population)),
    muster: async () => (options['peers-only'] ? undefined : startMuster()),
    compare: (contenders) =>
      interleave(
        contenders.filter((each) => each !== undefined),
        effort,
      ),
  }
  const processors = cpus()
  console.log(
    `${users.toLocaleString('en')} users; medians of ${effort.rounds} interleaved rounds of ${effort.seconds} s;`,
  )
  console.log(`${processors.length} × ${processors[0]?.model.trim()}, Node ${process.version}.`)
  for (const scenario of scenarios) {
    const before = calibrate()
    const outcomes = await scenario.run(setting)
    console.log(`\n### ${scenario.name}\n\n${scenario.what}.\n\n${formatTable(outcomes)}\n`)
    console.log(`Calibration loop: ${before.toFixed(0)} ms before, ${calibrate().toFixed(0)} ms after.`)
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
