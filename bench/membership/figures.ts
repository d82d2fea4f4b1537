// How figures are told: quantiles, and rows of a table with the aim beside.

export interface Quantiles {
  readonly count: number
  readonly p50: number
  readonly p95: number
  readonly p99: number
  readonly max: number
}

/** Of milliseconds. */
export function quantiles(times: readonly number[]): Quantiles {
  if (times.length === 0) throw new Error('nothing was measured')
  const sorted = Float64Array.from(times).sort()
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number
  return { count: sorted.length, p50: at(0.5), p95: at(0.95), p99: at(0.99), max: at(1) }
}

export function time(ms: number): string {
  if (ms < 1) return `${(ms * 1000).toFixed(ms < 0.01 ? 2 : 0)} µs`
  if (ms < 10_000) return `${ms.toFixed(ms < 100 ? 2 : 0)} ms`
  return `${(ms / 1000).toFixed(1)} s`
}

export const size = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`

export const tableHead =
  '| what | n | p50 | p95 | p99 | max | aim |\n| --- | ---: | ---: | ---: | ---: | ---: | --- |'

export function row(what: string, times: readonly number[], aim = ''): string {
  const { count, p50, p95, p99, max } = quantiles(times)
  return `| ${[what, count.toLocaleString('en'), ...[p50, p95, p99, max].map(time), aim].join(' | ')} |`
}
