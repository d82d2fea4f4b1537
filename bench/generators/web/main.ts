// Reads what to do from standard input, does it over and over on every connection until the time is up, and prints a report.
import { text } from 'node:stream/consumers'
import type { LoadReport } from '../../generators.ts'
import type { WebLoad } from '../../web-load.ts'
import { openConnection } from './connection.ts'
import { prepare } from './flows.ts'

const { flow, seconds, cookies } = JSON.parse(await text(process.stdin)) as WebLoad

const connections = cookies.map(openConnection)
const operations = await Promise.all(connections.map((each) => prepare(flow, each)))

const tookMs: number[] = []
const began = performance.now()
const end = began + seconds * 1000
const cpuBefore = process.cpuUsage()
await Promise.all(
  operations.map(async (operation) => {
    for (let now = performance.now(); now < end; ) {
      await operation()
      const after = performance.now()
      tookMs.push(after - now)
      now = after
    }
  }),
)
const { user, system } = process.cpuUsage(cpuBefore)
const elapsed = (performance.now() - began) / 1000
for (const each of connections) each.close()

tookMs.sort((a, b) => a - b)
const percentile = (share: number) =>
  tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * share))] ?? 0
const report: LoadReport = {
  operations: tookMs.length,
  seconds: elapsed,
  opsPerSecond: tookMs.length / elapsed,
  p50Ms: percentile(0.5),
  p99Ms: percentile(0.99),
  codes: { 200: tookMs.length },
  timeouts: 0,
  cpuSeconds: (user + system) / 1e6,
}
console.log(JSON.stringify(report))
