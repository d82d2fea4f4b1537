// Records of one kind, from a description of the kind: where its rows lie, who is told of changes, what violated
// constraints mean, and what else belongs to a write.
import type { OrganizationId } from '../../base/ids.ts'
import type { AuditBody } from '../../core/audit/record.ts'
import type { Stored } from '../../core/directory/types.ts'
import type { ChangeKind, RuleRecords, WriteOutcome } from '../../core/ports.ts'
import { type ConditionKind, conditionSql } from '../condition-sql.ts'
import type { Transaction } from '../database.ts'
import { after, readPage } from '../reader.ts'
import type { Mapping } from '../rows.ts'
import { name, nothing, sql } from '../sql.ts'
import {
  type Changed,
  type Constraints,
  conflict,
  type RecordStore,
  taken,
  write,
  written,
} from './writing.ts'

export type Step<T extends { readonly id: string }> =
  | { readonly do: 'insert' | 'update'; readonly row: T }
  | { readonly do: 'remove'; readonly row: { readonly id: T['id']; readonly version: number } }

export interface Definition<T extends Stored & { readonly id: string }> {
  readonly mapping: Mapping<T>
  readonly conditions: ConditionKind
  /** Null: nobody follows changes of this kind. */
  readonly change: ChangeKind | null
  readonly constraints: Constraints
  /** Rules depend on it: every write starts a new epoch, and may ask for the old one. */
  readonly epoch?: true
  /** What else belongs to a write; `proceed` writes the row itself. */
  readonly around?: (
    tx: Transaction,
    organization: OrganizationId,
    step: Step<T>,
    changed: Changed,
    proceed: () => Promise<WriteOutcome>,
  ) => Promise<WriteOutcome>
}

export function createRecords<T extends Stored & { readonly id: string }>(
  store: RecordStore,
  definition: Definition<T>,
): RuleRecords<T> {
  const { mapping, conditions, change, around } = definition
  const table = name(mapping.table)
  const constraints = { [`${mapping.table}_pkey`]: taken('id'), ...definition.constraints }

  const perform: Perform<T> = (organization, step, audit, epoch) =>
    write(store, organization, audit, constraints, async (tx, changed) => {
      // First: of several writers of rules, the others wait here, and then see what this one has left.
      if (definition.epoch && !(await startEpoch(tx, organization, epoch))) return conflict
      const proceed = () => writeRow(tx, organization, step)
      const outcome = await (around ? around(tx, organization, step, changed, proceed) : proceed())
      if (outcome.outcome !== 'written') return outcome
      if (change !== null) changed(change, step.row.id)
      return written
    })

  async function writeRow(
    tx: Transaction,
    organization: OrganizationId,
    step: Step<T>,
  ): Promise<WriteOutcome> {
    const { id, version } = step.row
    if (step.do === 'insert') {
      const { columns, values } = mapping.write(step.row)
      await tx.query(sql`insert into ${table} (org, ${columns}) values (${organization}, ${values})`)
      return written
    }
    const here = sql`org = ${organization} and id = ${id as string} and version = ${version} returning id`
    const found =
      step.do === 'remove'
        ? await tx.query(sql`delete from ${table} where ${here}`)
        : await tx.query(
            sql`update ${table} set ${mapping.write(step.row).set}, version = version + 1 where ${here}`,
          )
    return found.length === 1 ? written : conflict
  }

  return {
    async find(organization, id) {
      const [row] = await store.database.query(
        sql`select ${mapping.select('t')} from ${table} t where t.org = ${organization} and t.id = ${id as string}`,
      )
      return row === undefined ? null : mapping.read(row)
    },
    async list(organization, where, page) {
      const rows = await readPage(
        store.database,
        sql`select ${mapping.select('t')} from ${table} t
          where t.org = ${organization} and ${conditionSql(conditions, where, 't')}${after(sql`t.id`, page)}
          order by t.id limit ${page.limit}`,
        page,
      )
      return rows.map(mapping.read)
    },
    insert: (organization, row, audit, epoch) => perform(organization, { do: 'insert', row }, audit, epoch),
    update: (organization, row, audit, epoch) => perform(organization, { do: 'update', row }, audit, epoch),
    remove: (organization, id, version, audit, epoch) =>
      perform(organization, { do: 'remove', row: { id, version } }, audit, epoch),
  }
}

type Perform<T extends { readonly id: string }> = (
  organization: OrganizationId,
  step: Step<T>,
  audit: AuditBody,
  epoch: bigint | undefined,
) => Promise<WriteOutcome>

/** False when the rules are not of the epoch that is asked for, or not any more once it is this write's turn. */
export async function startEpoch(
  tx: Transaction,
  organization: OrganizationId,
  epoch: bigint | undefined,
): Promise<boolean> {
  const asked = epoch === undefined ? nothing : sql` and epoch = ${epoch}`
  const found = await tx.query(
    sql`update rules_epoch set epoch = epoch + 1 where org = ${organization}${asked} returning org`,
  )
  return found.length === 1 || epoch === undefined
}
