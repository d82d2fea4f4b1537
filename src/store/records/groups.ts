// Groups: every write starts a new epoch of the rules, and a new rule waits until no writer of an older one is left.
import { setTimeout as sleep } from 'node:timers/promises'
import type { Group } from '../../core/directory/types.ts'
import type { GroupRecords } from '../../core/ports.ts'
import type { Database } from '../database.ts'
import { groups } from '../rows.ts'
import { sql } from '../sql.ts'
import { createRecords } from './records.ts'
import { conflict, inUse, type RecordStore, taken, write, written } from './writing.ts'

export function createGroups(store: RecordStore): GroupRecords {
  const { database } = store
  return {
    ...createRecords<Group>(store, {
      mapping: groups,
      conditions: 'groups',
      change: 'group',
      epoch: true,
      constraints: {
        groups_org_name_key_key: taken('name'),
        groups_org_posix_id_key: taken('posixId'),
        binding_org_group_id_fkey: inUse('bindings'),
      },
    }),

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
