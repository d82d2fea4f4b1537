// What the house counts, in Prometheus' words. The doors know only the small interfaces that they declare themselves.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Decision } from './core/access/decision.ts'
import type { AccessRequest } from './core/access/request.ts'
import type { RadiusMetrics } from './doors/radius/metrics.ts'

export function createMetrics() {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  const of = <const L extends string>(name: string, help: string, ...labelNames: L[]) =>
    new Counter({ name, help, labelNames, registers: [registry] })

  const decisions = of(
    'muster_decisions_total',
    'Decisions by door, outcome and reason',
    'door',
    'outcome',
    'reason',
  )
  const duration = new Histogram({
    name: 'muster_decision_seconds',
    help: 'How long a decision took',
    labelNames: ['door'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
    registers: [registry],
  })
  const datagrams = of('muster_radius_datagrams_total', 'RADIUS datagrams by what became of them', 'fate')
  const troubles = of(
    'muster_radius_attribute_troubles_total',
    'Reply attributes that could not be sent',
    'trouble',
  )
  const radius: RadiusMetrics = {
    datagram: (fate) => datagrams.inc({ fate }),
    attribute: (trouble) => troubles.inc({ trouble }),
  }

  return {
    registry,
    radius,
    decision(decision: Decision, request: AccessRequest, elapsedMs: number): void {
      const { door } = request.circumstance
      const reason =
        decision.outcome === 'deny'
          ? decision.reason
          : decision.outcome === 'indeterminate'
            ? decision.cause
            : ''
      decisions.inc({ door, outcome: decision.outcome, reason })
      duration.observe({ door }, elapsedMs / 1000)
    },
    /** A figure that is read when it is asked for. */
    gauge(name: string, help: string, read: () => number): void {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read())
        },
      })
    },
  }
}

export type Metrics = ReturnType<typeof createMetrics>
