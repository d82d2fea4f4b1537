// One write of the directory: rows, change log and audit record in one transaction, and what its errors mean to whoever
// asked. Which rows, the callers say.
import type { OrganizationId } from '../../base/ids.ts'
import type { AuditBody } from '../../core/audit/record.ts'
import { formatAudit } from '../../core/audit/text.ts'
import type { Change, ChangeKind, WriteOutcome } from '../../core/ports.ts'
import { type Database, DatabaseError, type Transaction } from '../database.ts'
import type { SealedPlace } from '../sealing.ts'
import { type Sql, sql } from '../sql.ts'

export interface RecordStore {
  readonly database: Database
  /** Told of every committed change before the write returns. */
  readonly announce: (changes: readonly Change[]) => void
  readonly seal: (place: SealedPlace, plain: Buffer) => Buffer
}

/** Notes what the change log is to tell. */
export type Changed = (kind: ChangeKind, id: string) => void

/** What a violated constraint means, by its name. */
export type Constraints = Readonly<Record<string, WriteOutcome>>

export const written: WriteOutcome = { outcome: 'written' }
export const conflict: WriteOutcome = { outcome: 'conflict' }
export const taken = (field: string): WriteOutcome => ({ outcome: 'taken', field })
export const missing = (field: string): WriteOutcome => ({ outcome: 'missing', field })
export const inUse = (field: string): WriteOutcome => ({ outcome: 'in-use', field })

class Refused extends Error {
  readonly outcome: WriteOutcome
  constructor(outcome: WriteOutcome) {
    super(outcome.outcome)
    this.outcome = outcome
  }
}

/**
 * Runs `work`, then writes its changes and the audit record. Any outcome but `written` undoes all of it. `work` may run
 * more than once.
 */
export async function write(
  { database, announce }: Pick<RecordStore, 'database' | 'announce'>,
  organization: OrganizationId,
  audit: AuditBody | null,
  constraints: Constraints,
  work: (tx: Transaction, changed: Changed) => Promise<WriteOutcome>,
): Promise<WriteOutcome> {
  let changes: Change[] = []
  try {
    await database.transaction(async (tx) => {
      changes = []
      const outcome = await work(tx, (kind, id) => changes.push({ organization, kind, id }))
      if (outcome.outcome !== 'written') throw new Refused(outcome)
      if (changes.length > 0) await tx.query(log(organization, changes))
      // last, because it makes the organization's other writers wait
      if (audit) await tx.query(sql`select append_audit(${organization}, ${[formatAudit(audit)]}::text[])`)
    })
  } catch (error) {
    const outcome = meaning(error, constraints)
    if (outcome === null) throw error
    return outcome
  }
  if (changes.length > 0) announce(changes)
  return written
}

function log(organization: OrganizationId, changes: readonly Change[]): Sql<'organization'> {
  const kinds = changes.map(({ kind }) => kind)
  const ids = changes.map(({ id }) => id)
  return sql`insert into change_log (org, kind, id)
    select distinct ${organization}::uuid, kind, id from unnest(${kinds}::text[], ${ids}::uuid[]) told (kind, id)`
}

function meaning(error: unknown, constraints: Constraints): WriteOutcome | null {
  if (error instanceof Refused) return error.outcome
  if (!(error instanceof DatabaseError) || error.constraint === null) return null
  return Object.hasOwn(constraints, error.constraint) ? (constraints[error.constraint] ?? null) : null
}
