// The load generators: built from bench/generators with gcc into bench/.build, run with a stated end, read as JSON.
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { programPath } from '../test/support/debian.ts'
import { runOrThrow } from '../test/support/process.ts'

const build = join(import.meta.dirname, '.build')

/** What a generator says about one run. */
export interface LoadReport {
  readonly operations: number
  readonly seconds: number
  readonly opsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Result code (LDAP) or packet code (RADIUS) → how often. */
  readonly codes: Readonly<Record<string, number>>
  readonly timeouts: number
  /** Processor time of the generator itself. */
  readonly cpuSeconds: number
  /** ldapload: searches that did not find exactly the entry asked for. */
  readonly mismatches?: number
  /** radload: replies whose authenticators were wrong. */
  readonly forged?: number
}

export type Generator = 'ldapload' | 'radload'

/** Compiles both generators; half a second. */
export async function buildGenerators(): Promise<void> {
  await mkdir(build, { recursive: true })
  const flags = [
    '-O2',
    '-std=gnu17',
    '-Wall',
    '-Wextra',
    '-Wshadow',
    '-Wconversion',
    '-Wno-sign-conversion',
    '-Werror',
  ]
  for (const name of ['ldapload', 'radload']) {
    const source = join(import.meta.dirname, 'generators', `${name}.c`)
    await runOrThrow(programPath('gcc'), [...flags, '-o', join(build, name), source])
  }
}

/** Runs a generator. Options become `--kebab-case value`; true becomes a flag, false and undefined nothing. */
export async function generate(
  generator: Generator,
  options: Readonly<Record<string, string | number | boolean | undefined>>,
): Promise<LoadReport> {
  const args = Object.entries(options).flatMap(([key, value]) => {
    if (value === undefined || value === false) return []
    const flag = `--${key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
    return value === true ? [flag] : [flag, String(value)]
  })
  const { stdout } = await runOrThrow(join(build, generator), args, { timeoutMs: 900_000 })
  return JSON.parse(stdout) as LoadReport
}

/** Datagrams may be lost on a busy machine; more than this share is a server that does not keep up. */
const tolerableLoss = 0.001

/** Throws unless every answer has `code` and is right, and next to none is missing: no speed for wrong answers. */
export function demandSuccess(report: LoadReport, code: number): LoadReport {
  const right = report.codes[code] === report.operations && report.operations > 0
  const lost = report.timeouts / report.operations > tolerableLoss
  if (right && !lost && !report.mismatches && !report.forged) return report
  throw new Error(`not every answer was right: ${JSON.stringify(report)}`)
}
