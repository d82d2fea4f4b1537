// Measuring one server against another: rounds interleaved (A B A B), medians, memory and processor time from /proc.
import { readFile } from 'node:fs/promises'
import type { LoadReport } from './generators.ts'

/** One side of a comparison. */
export interface Contender {
  readonly name: string
  /** The server process. */
  readonly pid: number
  /** One round of load, without a warm-up of its own. */
  load(seconds: number): Promise<LoadReport>
  /** Further figures to show beside the last round, for example event-loop lag. */
  remarks?(): Promise<string>
}

export interface Outcome {
  readonly name: string
  readonly opsPerSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Resident memory after the last round; for slapd this includes the mapped database file. */
  readonly rssMiB: number
  /** Processor time of the server for one operation, in microseconds. */
  readonly serverCpuUs: number
  /** Share of one processor that the generator used: near 1, it is what was measured. */
  readonly generatorLoad: number
  /** Slowest and fastest round. */
  readonly range: readonly [number, number]
  /** Operations of all rounds that were never answered. */
  readonly timeouts: number
  readonly remarks: string
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

/** Processor time that a process and all its threads have used, in seconds. */
export async function cpuSecondsOf(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // proc(5): the name in parentheses may hold spaces; utime and stime are fields 14 and 15.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond
}

/** Milliseconds that a fixed piece of arithmetic takes: tells whether two tables were made on an equally free machine. */
export function calibrate(): number {
  const started = performance.now()
  let state = 1
  for (let i = 0; i < 100_000_000; i++) state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0
  if (state === 0) throw new Error('unreachable: the sum of this loop is not 0')
  return performance.now() - started
}

/** Warms each contender up, then runs `rounds` rounds of `seconds` of each in turn. */
export async function interleave(
  contenders: readonly Contender[],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<Outcome[]> {
  for (const contender of contenders) await contender.load(warmUpSeconds)
  const seen = contenders.map(() => ({ reports: [] as LoadReport[], cpu: 0 }))
  for (let round = 0; round < rounds; round++) {
    for (const [index, contender] of contenders.entries()) {
      const one = seen[index]!
      const before = await cpuSecondsOf(contender.pid)
      one.reports.push(await contender.load(seconds))
      one.cpu += (await cpuSecondsOf(contender.pid)) - before
    }
  }
  return Promise.all(
    contenders.map(async (contender, index) => {
      const { reports, cpu } = seen[index]!
      const of = (key: 'opsPerSecond' | 'p50Ms' | 'p99Ms' | 'operations' | 'timeouts') =>
        reports.map((report) => report[key])
      const sum = (values: readonly number[]) => values.reduce((total, each) => total + each, 0)
      const speeds = of('opsPerSecond')
      return {
        name: contender.name,
        opsPerSecond: median(speeds),
        p50Ms: median(of('p50Ms')),
        p99Ms: median(of('p99Ms')),
        rssMiB: await residentMiB(contender.pid),
        serverCpuUs: (cpu * 1e6) / sum(of('operations')),
        generatorLoad: median(reports.map((report) => report.cpuSeconds / report.seconds)),
        timeouts: sum(of('timeouts')),
        range: [Math.min(...speeds), Math.max(...speeds)],
        remarks: (await contender.remarks?.()) ?? '',
      }
    }),
  )
}
