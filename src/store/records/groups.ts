// Groups: every write starts a new epoch of the rules, and a new rule waits until no writer of an older one is left.
import { setTimeout as sleep } from 'node:timers/promises'
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import type { AuditBody } from '../../core/audit/record.ts'
import type { Group } from '../../core/directory/types.ts'
import type { GroupRecords } from '../../core/ports.ts'
import type { Database, Transaction } from '../database.ts'
import { fromReasons } from '../reasons.ts'
import { groups } from '../rows.ts'
import { sql } from '../sql.ts'
import { recordLeaves, takeOut } from './leaving.ts'
import { createRecords } from './records.ts'
import { type Changed, conflict, inUse, type RecordStore, taken, write, written } from './writing.ts'

const byRule = fromReasons(['rule'])

export function createGroups(store: RecordStore): GroupRecords {
  const { database } = store
  const records = (readers: readonly GroupId[] = [], removal: AuditBody | null = null) =>
    createRecords<Group>(store, {
      mapping: groups,
      conditions: 'groups',
      change: 'group',
      epoch: true,
      constraints: {
        groups_org_name_key_key: taken('name'),
        groups_org_posix_id_key: taken('posixId'),
        binding_org_group_id_fkey: inUse('bindings'),
      },
      async around(tx, organization, step, changed, proceed) {
        if (step.do === 'update' && step.row.mode !== 'dynamic')
          await keepMembers(tx, organization, step.row.id)
        if (readers.length > 0) await carryAgain(tx, organization, readers, changed)
        if (step.do !== 'remove' || removal?.kind !== 'change') return proceed()
        const members = await takeOut(tx, organization, step.row.id)
        const outcome = await proceed()
        if (outcome.outcome === 'written') await recordLeaves(tx, organization, members, removal)
        return outcome
      },
    })
  return {
    ...records(),

    remove: (organization, id, version, audit, epoch, readers) =>
      records(readers, audit).remove(organization, id, version, audit, epoch),

    async activate(organization, id, version) {
      const { outcome } = await write(store, organization, null, {}, async (tx, changed) => {
        const found = await tx.query(
          sql`update groups set status = 'active'
            where org = ${organization} and id = ${id} and version = ${version} returning id`,
        )
        if (found.length === 0) return conflict
        changed('group', id)
        return written
      })
      return outcome === 'written'
    },

    barrier: () => barrier(database),

    async unfinished(organization) {
      const rows = await database.query(
        sql`select ${groups.select('g')} from groups g
          where g.org = ${organization} and g.status = 'activating' order by g.id`,
      )
      return rows.map(groups.read)
    },
  }
}

/** A new version, so that whoever carries one of them through already does not call it active. */
async function carryAgain(
  tx: Transaction,
  organization: OrganizationId,
  readers: readonly GroupId[],
  changed: Changed,
): Promise<void> {
  const rows = await tx.query<{ id: GroupId }>(
    sql`update groups set status = 'activating', version = version + 1
      where org = ${organization} and id = any(${[...readers]}::uuid[]) and mode <> 'static' returning id`,
  )
  for (const { id } of rows) changed('group', id)
}

/**
 * Of a group whose rule decides no longer: who was a member by it stays, by hand. Their cells get new versions, so that
 * nobody who has read one before writes that they have left.
 */
async function keepMembers(tx: Transaction, organization: OrganizationId, id: GroupId): Promise<void> {
  const [dynamic] = await tx.query(
    sql`select from groups where org = ${organization} and id = ${id} and mode = 'dynamic' for update`,
  )
  if (dynamic === undefined) return
  await tx.query(sql`with kept as (insert into manual_member (org, subject_id, group_id, approved)
      select m.org, m.subject_id, m.group_id, true from membership m
      where m.org = ${organization} and m.group_id = ${id} and m.reasons & ${byRule} > 0
      on conflict (org, subject_id, group_id) do nothing returning subject_id),
    owned as (update devices d set cell_version = d.cell_version + 1 from kept
      where d.org = ${organization} and d.id = kept.subject_id returning d.owner_id)
    update users u set cell_version = u.cell_version + 1
    where u.org = ${organization} and (u.id in (select subject_id from kept) or u.id in (select owner_id from owned))`)
}

/**
 * Waits for every transaction that has an id by now, and for every statement of ours that still sees the database as it was
 * before now. Comparing snapshots alone would miss two kinds of writers: one whose id is above all completed ones (it is not
 * below the snapshot's xmax), and one that has read the epoch and has no id yet. The latter shows as backend_xmin.
 */
async function barrier(database: Database): Promise<void> {
  const [row] = await database.house<{ mine: string }>(sql`select pg_current_xact_id()::text as mine`)
  const mine = row?.mine as string
  for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
    const [state] = await database.house<{ gone: boolean }>(sql`
      select pg_snapshot_xmin(pg_current_snapshot()) > ${mine}::xid8 and not exists (
        select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
          and application_name = current_setting('application_name')
          and age(backend_xmin) >= age(${mine}::xid8::xid)) as gone`)
    if (state?.gone) return
    await sleep(waitMs)
  }
}
