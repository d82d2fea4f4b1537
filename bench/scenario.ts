// What a file in bench/scenarios exports, and what it is given.
import type { Contender, Outcome } from './measure.ts'
import type { BenchMuster } from './muster.ts'
import type { Peer } from './peers/peer.ts'
import type { Population } from './population.ts'

export interface Setting {
  readonly population: Population
  /** Servers are started when first asked for, shared by the scenarios, and stopped at the end. */
  slapd(): Promise<Peer>
  freeradius(): Promise<Peer>
  /** Undefined with --peers-only. */
  muster(): Promise<BenchMuster | undefined>
  /** Rounds of the contenders in turn, as long and as many as the command line says. */
  compare(contenders: readonly (Contender | undefined)[]): Promise<Outcome[]>
}

export interface Scenario {
  /** Short, for --only and the table's heading. */
  readonly name: string
  /** What one operation is, and under which conditions: one sentence. */
  readonly what: string
  /** Contenders in the order of the table; ratios are against the first. */
  run(setting: Setting): Promise<Outcome[]>
}
