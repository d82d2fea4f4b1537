// Many new users with their devices, factors and memberships in one transaction, each table in one statement: for imports.
import { randomUUID } from 'node:crypto'
import type { OrganizationId } from '../base/ids.ts'
import { nameKey } from '../core/directory/names.ts'
import type { CellBatch } from '../core/membership/cell.ts'
import type { Cells, Change, WriteOutcome } from '../core/ports.ts'
import { bodies } from './cell-writing.ts'
import { refusal } from './cells.ts'
import type { Database, Transaction } from './database.ts'
import { factorPlace } from './factors.ts'
import { fromReasons } from './reasons.ts'
import { devices, type Mapping, users } from './rows.ts'
import type { Sealer } from './sealing.ts'
import { join, name, type Sql, sql } from './sql.ts'

export function createInsertMany(
  database: Database,
  sealer: Sealer,
  announce: (changes: readonly Change[]) => void,
): Cells['insertMany'] {
  return async (organization, batch) => {
    try {
      const outcome = await database.transaction((tx) => insert(tx, organization, batch, sealer))
      if (outcome.outcome !== 'written') return outcome
    } catch (error) {
      return refusal(error)
    }
    announce([
      ...batch.users.map(({ id }) => ({ organization, kind: 'user' as const, id })),
      ...batch.devices.map(({ id }) => ({ organization, kind: 'device' as const, id })),
    ])
    return { outcome: 'written' }
  }
}

/** A `conflict`, with nothing written, when the rules are of another epoch by now. */
async function insert(
  tx: Transaction,
  organization: OrganizationId,
  batch: CellBatch,
  sealer: Sealer,
): Promise<WriteOutcome> {
  // Shared lock: no rule changes until this is committed.
  const epoch = await tx.query(
    sql`select from rules_epoch where org = ${organization} and epoch = ${batch.epoch} for share`,
  )
  if (epoch.length === 0) return { outcome: 'conflict' }
  const named = [...new Set(batch.manual.map((one) => one.groupId))]
  const there = await tx.query(
    sql`select from groups where org = ${organization} and id = any(${named}::uuid[])`,
  )
  if (there.length < named.length) return { outcome: 'missing', field: 'groupId' }
  const dues = new Map(batch.dues.map(({ subject, due }) => [subject.id as string, due]))
  if (batch.users.length > 0) await tx.query(rowsOf(users, organization, batch.users, dues))
  if (batch.devices.length > 0) await tx.query(rowsOf(devices, organization, batch.devices, dues))
  await tx.query(sql`insert into manual_member (org, subject_id, group_id, approved)
    select ${organization}::uuid, p.* from unnest(${batch.manual.map((one) => one.subjectId)}::uuid[],
      ${batch.manual.map((one) => one.groupId)}::uuid[], ${batch.manual.map((one) => one.approved === true)}::boolean[]) as p`)
  const { exemptions = [], stateChanges = [] } = batch
  if (exemptions.length > 0)
    await tx.query(sql`insert into exemption (org, id, group_id, subject_id, kind, reason, expires_at, created_at)
      select ${organization}::uuid, p.* from unnest(${exemptions.map((one) => one.id)}::uuid[],
        ${exemptions.map((one) => one.groupId)}::uuid[], ${exemptions.map((one) => one.subjectId)}::uuid[],
        ${exemptions.map((one) => one.kind)}::text[], ${exemptions.map((one) => one.reason)}::text[],
        ${exemptions.map((one) => one.expiresAt)}::timestamptz[], ${exemptions.map((one) => one.createdAt)}::timestamptz[]) as p`)
  if (stateChanges.length > 0)
    await tx.query(sql`insert into state_change (org, id, user_id, state, at, reason, created_at)
      select ${organization}::uuid, p.* from unnest(${stateChanges.map((one) => one.id)}::uuid[],
        ${stateChanges.map((one) => one.userId)}::uuid[], ${stateChanges.map((one) => one.state)}::text[],
        ${stateChanges.map((one) => one.at)}::timestamptz[], ${stateChanges.map((one) => one.reason)}::text[],
        ${stateChanges.map((one) => one.createdAt)}::timestamptz[]) as p`)
  const { memberships } = batch
  await tx.query(sql`insert into membership (org, subject_id, group_id, reasons, since)
    select ${organization}::uuid, p.subject_id, p.group_id, p.reasons, ${batch.at}::timestamptz
    from unnest(${memberships.map((one) => one.subjectId)}::uuid[], ${memberships.map((one) => one.groupId)}::uuid[],
      ${memberships.map((one) => fromReasons(one.reasons))}::smallint[]) as p (subject_id, group_id, reasons)`)
  const { suggestions = [] } = batch
  if (suggestions.length > 0)
    await tx.query(sql`insert into suggestion (org, subject_id, group_id, operation, since, rejected_at)
      select ${organization}::uuid, p.subject_id, p.group_id, p.operation, ${batch.at}::timestamptz,
        case when p.rejected then ${batch.at}::timestamptz end
      from unnest(${suggestions.map((one) => one.subjectId)}::uuid[], ${suggestions.map((one) => one.groupId)}::uuid[],
        ${suggestions.map((one) => one.operation)}::text[], ${suggestions.map((one) => one.rejected === true)}::boolean[])
        as p (subject_id, group_id, operation, rejected)`)
  const factors = batch.factors.map((one) => {
    const id = randomUUID()
    return {
      ...one,
      id,
      sealed: sealer.seal(factorPlace(organization, id), Buffer.from(one.secret.reveal())),
    }
  })
  await tx.query(sql`insert into factor (org, id, owner_id, kind, secret, version, created_at)
    select ${organization}::uuid, f.id, f.owner, f.kind, f.secret, gen_random_uuid(), ${batch.at}::timestamptz
    from unnest(${factors.map((one) => one.id)}::uuid[], ${factors.map((one) => one.owner)}::uuid[],
      ${factors.map((one) => one.kind)}::text[], ${factors.map((one) => one.sealed)}::bytea[]) as f (id, owner, kind, secret)`)
  await tx.query(sql`insert into change_log (org, kind, id)
    select ${organization}::uuid, 'user', u from unnest(${batch.users.map(({ id }) => id)}::uuid[]) as u
    union all select ${organization}::uuid, 'device', d from unnest(${batch.devices.map(({ id }) => id)}::uuid[]) as d`)
  await tx.query(sql`select append_audit(${organization}, ${bodies(batch.audit)}::text[])`)
  return { outcome: 'written' }
}

/** All rows of one table from one JSON document: one parameter, whatever their number. */
function rowsOf<T extends { readonly id: string }>(
  of: Mapping<T>,
  organization: OrganizationId,
  objects: readonly T[],
  dues: ReadonlyMap<string, Date | null>,
): Sql<'organization'> {
  const json = objects.map((object) => {
    const row: Record<string, unknown> = { next_due: dues.get(object.id) ?? null }
    for (const { column, key, value } of of.columns) {
      const stored = value(object)
      row[column] = column === 'posix_id' && stored === 0 ? null : stored
      if (key !== null) row[key] = typeof stored === 'string' ? nameKey(stored) : null
    }
    return row
  })
  const columns = of.columns
    .flatMap(({ column, type, key }) => [
      { column, type },
      ...(key === null ? [] : [{ column: key, type: 'text' as const }]),
    ])
    .concat({ column: 'next_due', type: 'timestamptz' })
  const typed = columns.map(({ column, type }) => sql`${name(column)} ${types[type]}`)
  const values = columns.map(({ column }) =>
    column === 'posix_id' ? sql`coalesce(x.posix_id, nextval('posix_id')::integer)` : sql`x.${name(column)}`,
  )
  return sql`insert into ${name(of.table)} (org, ${join(
    columns.map(({ column }) => name(column)),
    ', ',
  )}) select ${organization}::uuid, ${join(values, ', ')} from jsonb_to_recordset(${JSON.stringify(json)}::jsonb) as x (${join(typed, ', ')})`
}

const types = {
  uuid: sql`uuid`,
  text: sql`text`,
  integer: sql`integer`,
  boolean: sql`boolean`,
  timestamptz: sql`timestamptz`,
  'text[]': sql`text[]`,
  jsonb: sql`jsonb`,
} satisfies Record<Mapping<unknown>['columns'][number]['type'], Sql<'fragment'>>
