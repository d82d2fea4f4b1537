// Measuring one server against another: rounds interleaved (A B A B), medians, memory and processor time from /proc.
import { readdir, readFile } from 'node:fs/promises'
import type { LoadReport } from './generators.ts'
import type { CpuProfile } from './profile.ts'

/** One side of a comparison. */
export interface Contender {
  readonly name: string
  /** The server process. */
  readonly pid: number
  /** The first process of the PostgreSQL that the server writes to. */
  readonly databasePid?: number
  /** One round of load, without a warm-up of its own. */
  load(seconds: number): Promise<LoadReport>
  /** How late the event loop was since the last call, 99th percentile in milliseconds; for servers that have one. */
  lagMs?(): Promise<number>
  readonly profiler?: { start(): Promise<void>; stop(): Promise<CpuProfile> }
}

export interface Outcome {
  readonly name: string
  readonly opsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Resident memory of the server process after the last round; for slapd this includes the mapped database file. */
  readonly rssMiB: number
  /** Processor time of the server for one operation, in microseconds. */
  readonly serverCpuUs: number
  /** The same of its database. */
  readonly databaseCpuUs: number | null
  /** Share of one processor that the generator used: near 1, it is what was measured. */
  readonly generatorLoad: number
  /** Slowest and fastest round. */
  readonly range: readonly [number, number]
  /** Operations of all rounds that were never answered. */
  readonly timeouts: number
  /** Median of the rounds. */
  readonly lagMs: number | null
  /** Of one more round, which counts for nothing else. */
  readonly profile: CpuProfile | null
}

export interface Effort {
  readonly rounds: number
  readonly seconds: number
  readonly profile: boolean
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  const upper = sorted[middle] ?? Number.NaN
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? upper) + upper) / 2
}

/** Resident memory of a process in MiB. */
export async function residentMiB(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024
}

const warmUpSeconds = 2
const ticksPerSecond = 100 // USER_HZ: fixed by Linux's interface to programs

/** proc(5): the name in parentheses may hold spaces; what follows it begins with field 3. */
async function statOf(pid: number | string): Promise<readonly string[]> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ')
}

/** utime and stime, fields 14 and 15, and with `children` those of children that have ended, 16 and 17. In seconds. */
const cpuIn = (fields: readonly string[], children: boolean): number =>
  fields.slice(11, children ? 15 : 13).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond

/** Processor time that a process and all its threads have used, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  return cpuIn(await statOf(pid), false)
}

/** Processor time of a process and its children, living and ended: PostgreSQL has one for each connection. In seconds. */
export async function cpuSecondsOfFamily(pid: number): Promise<number> {
  let sum = cpuIn(await statOf(pid), true)
  for (const other of await readdir('/proc')) {
    if (!/^\d+$/.test(other)) continue
    const fields = await statOf(other).catch(() => null)
    if (fields !== null && fields[1] === String(pid)) sum += cpuIn(fields, true)
  }
  return sum
}

/** Milliseconds that a fixed piece of arithmetic takes: tells whether two tables were made on an equally free machine. */
export function calibrate(): number {
  const started = performance.now()
  let state = 1
  for (let i = 0; i < 100_000_000; i++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  if (state === 0) throw new Error('unreachable: the sum of this loop is not 0')
  return performance.now() - started
}

interface Seen {
  readonly reports: LoadReport[]
  readonly lags: number[]
  cpu: number
  databaseCpu: number
}

async function round(contender: Contender, seconds: number, seen: Seen): Promise<void> {
  const used = async () => [
    await cpuSecondsOf(contender.pid),
    contender.databasePid === undefined ? 0 : await cpuSecondsOfFamily(contender.databasePid),
  ]
  await contender.lagMs?.()
  const [cpu = 0, databaseCpu = 0] = await used()
  seen.reports.push(await contender.load(seconds))
  const [cpuAfter = 0, databaseCpuAfter = 0] = await used()
  seen.cpu += cpuAfter - cpu
  seen.databaseCpu += databaseCpuAfter - databaseCpu
  if (contender.lagMs !== undefined) seen.lags.push(await contender.lagMs())
}

async function profiled(contender: Contender, seconds: number): Promise<CpuProfile | null> {
  if (contender.profiler === undefined) return null
  await contender.profiler.start()
  await contender.load(seconds)
  return contender.profiler.stop()
}

/** Warms each contender up, then runs `rounds` rounds of `seconds` of each in turn. */
export async function interleave(contenders: readonly Contender[], effort: Effort): Promise<Outcome[]> {
  for (const contender of contenders) await contender.load(warmUpSeconds)
  const all = contenders.map((): Seen => ({ reports: [], lags: [], cpu: 0, databaseCpu: 0 }))
  for (let count = 0; count < effort.rounds; count++) {
    for (const [index, contender] of contenders.entries()) await round(contender, effort.seconds, all[index]!)
  }
  const outcomes: Outcome[] = []
  for (const [index, contender] of contenders.entries()) {
    const rssMiB = await residentMiB(contender.pid)
    const profile = effort.profile ? await profiled(contender, effort.seconds) : null
    outcomes.push({ ...summary(contender, all[index]!), rssMiB, profile })
  }
  return outcomes
}

function summary(
  { name, databasePid }: Contender,
  { reports, lags, cpu, databaseCpu }: Seen,
): Omit<Outcome, 'rssMiB' | 'profile'> {
  const of = (key: 'opsPerSecond' | 'p50Ms' | 'p99Ms' | 'operations' | 'timeouts') =>
    reports.map((report) => report[key])
  const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0)
  const speeds = of('opsPerSecond')
  const operations = sum(of('operations'))
  return {
    name,
    opsPerSecond: median(speeds),
    p50Ms: median(of('p50Ms')),
    p99Ms: median(of('p99Ms')),
    serverCpuUs: (cpu * 1e6) / operations,
    databaseCpuUs: databasePid === undefined ? null : (databaseCpu * 1e6) / operations,
    generatorLoad: median(reports.map((report) => report.cpuSeconds / report.seconds)),
    timeouts: sum(of('timeouts')),
    range: [Math.min(...speeds), Math.max(...speeds)],
    lagMs: lags.length === 0 ? null : median(lags),
  }
}
