// What a file in bench/scenarios exports, and what it is given.
import type { Contender, Outcome } from './measure.ts'
import type { BenchMuster } from './muster.ts'
import type { Peer } from './peers/peer.ts'
import type { SamlTask } from './peers/samlify.ts'
import type { Population } from './population.ts'

export interface Setting {
  readonly population: Population
  /** Servers are started when first asked for, shared by the scenarios, and stopped at the end. */
  slapd(): Promise<Peer>
  freeradius(): Promise<Peer>
  /** The same, with a row in PostgreSQL for every decision. */
  freeradiusWithLog(): Promise<Peer & { readonly databasePid: number }>
  /** Bare, in memory. */
  oidcProvider(): Promise<Peer>
  samlify(task: SamlTask): Promise<Peer>
  /** Undefined with --peers-only. */
  muster(): Promise<BenchMuster | undefined>
  /** Rounds of the contenders in turn, as long and as many as the command line says. */
  compare(contenders: readonly (Contender | undefined)[]): Promise<Outcome[]>
}

/** A part of a scenario's report, in Markdown. */
export interface Section {
  /** What one operation is, and under which conditions: one sentence without its full stop. */
  readonly what: string
  /** A table; ratios are against the first. */
  readonly outcomes?: readonly Outcome[]
  /** Text beneath it. */
  readonly text?: string
}

export interface Scenario {
  /** Short, for --only and the heading. */
  readonly name: string
  /** Does the number of users make no difference? Then it runs with the first number only. */
  readonly isOnce?: boolean
  run(setting: Setting): AsyncIterable<Section>
}
