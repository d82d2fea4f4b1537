// Everybody leaves a group that is removed, each with a record of its own, in the transaction of the removal.
import type { GroupId, OrganizationId } from '../../base/ids.ts'
import type { ChangeBody } from '../../core/audit/record.ts'
import { formatAudit } from '../../core/audit/text.ts'
import { leaveRecord } from '../../core/membership/history.ts'
import type { Transaction } from '../database.ts'
import { sql } from '../sql.ts'

export interface Leaving {
  readonly kind: 'user' | 'device'
  readonly id: string
  readonly name: string
}

/** Records that are made, sent and chained at once: of a large group there are more than one statement should carry. */
const recordsAtOnce = 1_000

/**
 * Takes all members out, and gives them in the order of their ids. The group is locked first: nobody joins any more. Then cells
 * get new versions: who is leaving at this moment has left before, or is told by nobody else.
 */
export async function takeOut(
  tx: Transaction,
  organization: OrganizationId,
  group: GroupId,
): Promise<readonly Leaving[]> {
  await tx.query(sql`select from groups where org = ${organization} and id = ${group} for update`)
  const member = sql`select m.subject_id from membership m where m.org = ${organization} and m.group_id = ${group}`
  // Users before devices, and in the order of their ids, as everybody locks many cells.
  await tx.query(
    sql`update users u set cell_version = u.cell_version + 1 from (select t.id from users t
      where t.org = ${organization} and (t.id in (${member}) or t.id in (select d.owner_id from devices d
        where d.org = ${organization} and d.id in (${member}))) order by t.id for no key update) locked
    where u.org = ${organization} and u.id = locked.id`,
  )
  await tx.query(
    sql`update devices d set cell_version = d.cell_version + 1 from (select t.id from devices t
      where t.org = ${organization} and t.id in (${member}) order by t.id for no key update) locked
    where d.org = ${organization} and d.id = locked.id`,
  )
  return tx.query<Leaving>(
    sql`with gone as (delete from membership where org = ${organization} and group_id = ${group} returning subject_id)
      select case when u.id is null then 'device' else 'user' end as kind, gone.subject_id as id,
        coalesce(u.username, d.name, '') as name
      from gone left join users u on u.org = ${organization} and u.id = gone.subject_id
      left join devices d on d.org = ${organization} and d.id = gone.subject_id order by gone.subject_id`,
  )
}

/** Records that they have left, because of what `removal` tells of. */
export async function recordLeaves(
  tx: Transaction,
  organization: OrganizationId,
  members: readonly Leaving[],
  removal: ChangeBody,
): Promise<void> {
  for (let from = 0; from < members.length; from += recordsAtOnce) {
    const page = members.slice(from, from + recordsAtOnce)
    const bodies = page.map((member) => formatAudit(leaveRecord(member, removal)))
    await tx.query(sql`select append_audit(${organization}, ${bodies}::text[])`)
  }
}
