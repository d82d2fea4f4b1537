// Reading the audit log: newest first for people, in chain order for whoever verifies it. Never writes.
import type { OrganizationId } from '../base/ids.ts'
import { isId } from '../base/ids.ts'
import type { AuditRecord } from '../core/audit/record.ts'
import type { AuditFilter, AuditReader } from '../core/ports.ts'
import type { Database } from './database.ts'
import { join, type Sql, sql } from './sql.ts'

interface Row {
  readonly sequence: string
  readonly body: string
  readonly previous: string
  readonly hash: string
}

const columns = sql`a.sequence, a.body, encode(a.previous, 'hex') as previous, encode(a.hash, 'hex') as hash`

const toRecord = (row: Row): AuditRecord => ({ ...row, sequence: BigInt(row.sequence) })

export class AuditRows implements AuditReader {
  readonly #database: Database

  constructor(database: Database) {
    this.#database = database
  }

  async list(
    organization: OrganizationId,
    where: AuditFilter,
    page: { readonly limit: number; readonly before?: bigint },
  ): Promise<AuditRecord[]> {
    const { kind, outcome, subject, target, group, reference, from, to } = where
    // records name subjects, targets and groups by id: nothing else can be found
    if (
      [subject, target, group].some((id) => id !== undefined && !isId(id)) ||
      `${outcome}${reference}`.includes('\0')
    )
      return []
    const conditions: Sql<'fragment'>[] = []
    if (kind !== undefined) conditions.push(sql` and a.kind = ${kind}::text`)
    if (outcome !== undefined) conditions.push(sql` and a.outcome = ${outcome}::text`)
    if (subject !== undefined) conditions.push(sql` and a.subject_id = ${subject}::uuid`)
    if (target !== undefined) conditions.push(sql` and a.target_id = ${target}::uuid`)
    if (group !== undefined) conditions.push(sql` and a.group_ids @> array[${group}::uuid]`)
    if (reference !== undefined) conditions.push(sql` and a.reference = ${reference}::text`)
    if (from !== undefined) conditions.push(sql` and a.at >= ${from}::timestamptz`)
    if (to !== undefined) conditions.push(sql` and a.at < ${to}::timestamptz`)
    if (page.before !== undefined) conditions.push(sql` and a.sequence < ${page.before}::bigint`)
    const found = await this.#database.query<Row>(
      sql`select ${columns} from audit a where a.org = ${organization}${join(conditions, '')}
        order by a.sequence desc limit ${page.limit}`,
    )
    return found.map(toRecord)
  }

  async scan(organization: OrganizationId, after: bigint, limit: number): Promise<AuditRecord[]> {
    const found = await this.#database.query<Row>(
      sql`select ${columns} from audit a where a.org = ${organization} and a.sequence > ${after}::bigint
        order by a.sequence limit ${limit}`,
    )
    return found.map(toRecord)
  }

  /** Throws where the organization has no chain: nobody has created it. */
  async head(organization: OrganizationId): Promise<{ sequence: bigint; hash: string }> {
    const [row] = await this.#database.query<{ sequence: string; hash: string }>(
      sql`select sequence, encode(hash, 'hex') as hash from audit_head where org = ${organization}`,
    )
    if (row === undefined) throw new Error(`organization ${organization} has no audit chain`)
    return { sequence: BigInt(row.sequence), hash: row.hash }
  }
}
