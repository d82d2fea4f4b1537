// Prints outcomes as a Markdown table; ratios are against the first row.
import type { Outcome } from './measure.ts'
import { formatShares, sharesOf } from './profile.ts'

const whole = (value: number): string => Math.round(value).toLocaleString('en')
const cpu = (us: number): string => (us >= 1000 ? `${(us / 1000).toFixed(1)} ms` : `${us.toFixed(0)} µs`)

const columns: readonly [string, (outcome: Outcome, first: Outcome) => string][] = [
  ['server', (o) => o.name],
  ['operations/s', (o) => whole(o.opsPerSecond)],
  ['ratio', (o, first) => (o.opsPerSecond / first.opsPerSecond).toFixed(2)],
  ['slowest to fastest round', (o) => o.range.map(whole).join(' to ')],
  ['p50', (o) => `${o.p50Ms.toFixed(2)} ms`],
  ['p99', (o) => `${o.p99Ms.toFixed(2)} ms`],
  ['operations/s of one core', (o) => whole(1e6 / o.serverCpuUs)],
  ['CPU per operation', (o) => cpu(o.serverCpuUs)],
  ['its database', (o) => (o.databaseCpuUs === null ? '' : cpu(o.databaseCpuUs))],
  ['memory (RSS)', (o) => `${whole(o.rssMiB)} MiB`],
  ['event-loop lag p99', (o) => (o.lagMs === null ? '' : `${o.lagMs.toFixed(1)} ms`)],
  ['generator', (o) => `${Math.round(o.generatorLoad * 100)} % of a core`],
  ['lost', (o) => String(o.timeouts)],
]

/** The table as text, with a line about each profile under it; without an end of line. */
export function formatTable(outcomes: readonly Outcome[]): string {
  const [first] = outcomes
  if (first === undefined) return '(nothing measured)'
  const rows = outcomes.map((outcome) => columns.map(([, cell]) => cell(outcome, first)))
  const lines = [
    columns.map(([title]) => title),
    columns.map((_, index) => (index === 0 ? '---' : '---:')),
    ...rows,
  ].map((cells) => `| ${cells.join(' | ')} |`)
  const profiles = outcomes.flatMap(({ name, profile }) =>
    profile === null ? [] : ['', `Profile of ${name}. ${formatShares(sharesOf(profile))}`],
  )
  return [...lines, ...profiles].join('\n')
}
