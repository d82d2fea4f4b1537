// What the house counts, in Prometheus' words. The doors know only the small interfaces that they declare themselves.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { Decision } from './core/access/decision.ts'
import type { AccessRequest } from './core/access/request.ts'
import type { MembershipReplica } from './core/membership/replica/replica.ts'
import type { LdapMetrics } from './doors/ldap/metrics.ts'
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

  const operations = of(
    'muster_ldap_operations_total',
    'LDAP operations by kind and result',
    'operation',
    'code',
  )
  const lookUps = of(
    'muster_ldap_look_ups_total',
    'Look-ups of one user by a unique key, by where it was found',
    'from',
  )
  const batches = of('muster_ldap_batches_total', 'Statements that answered many look-ups at once')
  const ldap: LdapMetrics = {
    operation: (operation, code) => operations.inc({ operation, code }),
    lookUp: (from) => lookUps.inc({ from }),
    batch: () => batches.inc(),
  }

  const repairs = of(
    'muster_membership_repairs_total',
    'Users and devices whose memberships were not what the rules say, found by comparing all of them once a day',
  )

  const checks = of(
    'muster_membership_checks_total',
    'Changes that were evaluated in part and in full, by whether both gave the same',
    'result',
  )

  /** A figure that is read when it is asked for. */
  const gauge = (name: string, help: string, read: () => number): void => {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read())
      },
    })
  }

  return {
    registry,
    radius,
    ldap,
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
    gauge,
    repaired: (cells: number): void => repairs.inc(cells),
    evaluation: {
      checked: (agrees: boolean): void => checks.inc({ result: agrees ? 'same' : 'different' }),
    },
    membership(
      replica: Pick<MembershipReplica, 'bytes' | 'pending' | 'ready'>,
      thread: { readonly columnBytes: number },
    ): void {
      gauge(
        'muster_membership_columns_bytes',
        'Memory that facts are kept in for previews and for comparing everything with the rules',
        () => thread.columnBytes,
      )
      gauge('muster_membership_replica_bytes', 'Memory that memberships are read from', () => replica.bytes)
      gauge(
        'muster_membership_replica_pending',
        'Users whose memberships are read from the database until memory has caught up',
        () => replica.pending,
      )
      gauge(
        'muster_membership_replica_ready',
        'Organizations whose memberships can be read from memory',
        () => replica.ready,
      )
    },
  }
}

export type Metrics = ReturnType<typeof createMetrics>
