// Groups: every write starts a new epoch of the rules, and a new rule waits until no writer of an older one is left.
import { setTimeout as sleep } from 'node:timers/promises'
import { type Clock, systemClock } from '../../base/clock.ts'
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import type { ChangeBody } from '../../core/audit/record.ts'
import type { Group } from '../../core/directory/types.ts'
import type { GroupRecords } from '../../core/ports.ts'
import type { Database, Transaction } from '../database.ts'
import { groups } from '../rows.ts'
import { sql } from '../sql.ts'
import { keepingMembers, membersByRule, someAreLeft } from './keeping.ts'
import { noteRemoval, noteStrays, removedGroups, takeOut } from './leaving.ts'
import { createRecords } from './records.ts'
import { type Changed, conflict, inUse, type RecordStore, taken, write, written } from './writing.ts'

export function createGroups(store: RecordStore, clock: Pick<Clock, 'now'> = systemClock): GroupRecords {
  const { database } = store
  const records = (readers: readonly GroupId[] = [], removal: ChangeBody | null = null) =>
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
        if (readers.length > 0) await carryAgain(tx, organization, readers, changed)
        if (step.do === 'update') return keepingMembers(tx, organization, step.row, clock.now(), proceed)
        if (step.do === 'remove' && removal !== null)
          await noteRemoval(tx, organization, step.row.id, removal)
        return proceed()
      },
    })
  return {
    ...records(),

    remove: (organization, id, version, audit, epoch, readers) =>
      records(readers, audit).remove(organization, id, version, audit, epoch),

    async activate(organization, id, version) {
      const { outcome } = await write(store, organization, null, {}, async (tx, changed) => {
        const found = await tx.query(
          sql`update groups g set status = 'active', keeping = false
            where g.org = ${organization} and g.id = ${id} and g.version = ${version} and not (${someAreLeft}) returning id`,
        )
        if (found.length === 0) return conflict
        changed('group', id)
        return written
      })
      return outcome === 'written'
    },

    barrier: () => barrier(database),

    membersByRule: membersByRule(database),
    removed: removedGroups(store),
    takeOut: takeOut(store),
    noteStrays: noteStrays(store),

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
