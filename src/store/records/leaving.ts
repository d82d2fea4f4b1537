// Who was in a group that has been removed leaves it: some hundred at a time, each with a record of its own, so that nobody who
// has a record to write waits long. The removal itself only notes what is to be told.
import type { GroupId, OrganizationId, SubjectId } from '../../base/ids.ts'
import type { ChangeBody } from '../../core/audit/record.ts'
import { formatAudit } from '../../core/audit/text.ts'
import { leaveRecord } from '../../core/membership/history.ts'
import type { GroupRecords } from '../../core/ports.ts'
import type { Transaction } from '../database.ts'
import { name, sql } from '../sql.ts'
import { type Changed, type RecordStore, write, written } from './writing.ts'

/** Members that leave in one transaction. */
const membersAtOnce = 250
const beforeAll = '00000000-0000-0000-0000-000000000000'
/** Rows without a record that go in one transaction. */
const rowsAtOnce = 2_000

/** For the transaction in which the group goes. */
export async function noteRemoval(
  tx: Transaction,
  organization: OrganizationId,
  group: GroupId,
  removal: ChangeBody,
): Promise<void> {
  await tx.query(sql`insert into removed_group (org, group_id, removal)
    values (${organization}, ${group}, ${JSON.stringify(removal)}::jsonb)`)
}

export function removedGroups({ database }: Pick<RecordStore, 'database'>): GroupRecords['removed'] {
  return async (organization) => {
    const rows = await database.query<{ id: GroupId }>(
      sql`select group_id as id from removed_group where org = ${organization} order by group_id`,
    )
    return rows.map(({ id }) => id)
  }
}

export function takeOut(store: RecordStore): GroupRecords['takeOut'] {
  return async (organization, group, after) => {
    let page: { readonly last: SubjectId | null } | null = null
    await write(store, organization, null, {}, async (tx, changed) => {
      page = null
      // Of several who do this, each takes others out.
      const [noted] = await tx.query<{ removal: ChangeBody }>(
        sql`select removal from removed_group where org = ${organization} and group_id = ${group} for update`,
      )
      if (noted === undefined) return written
      const last = await members(tx, organization, group, after, noted.removal, changed)
      page = { last }
      if (last !== null || after !== null) return written
      // In a transaction without records: nobody waits for it.
      if ((await inputs(tx, organization, group)) > 0) return written
      await tx.query(sql`delete from removed_group where org = ${organization} and group_id = ${group}`)
      page = null
      return written
    })
    return page
  }
}

/** Groups of stored rows, found one after the other in an index that begins with them. */
const groupsOf = (table: 'membership' | 'manual_member' | 'suggestion', organization: OrganizationId) => sql`
  (with recursive found (id) as (
    (select group_id from ${name(table)} where org = ${organization} order by group_id limit 1)
    union all
    select (select t.group_id from ${name(table)} t where t.org = ${organization} and t.group_id > found.id
      order by t.group_id limit 1) from found where found.id is not null
  ) select id from found where id is not null)`

export function noteStrays({ database }: Pick<RecordStore, 'database'>): GroupRecords['noteStrays'] {
  return async (organization, removal) => {
    const rows = await database.query(sql`insert into removed_group (org, group_id, removal)
      select ${organization}::uuid, stored.id, ${JSON.stringify(removal)}::jsonb
        || jsonb_build_object('target', jsonb_build_object('kind', 'group', 'id', stored.id, 'name', ''))
      from (${groupsOf('membership', organization)} union ${groupsOf('manual_member', organization)}
        union ${groupsOf('suggestion', organization)}) stored
      where not exists (select from groups g where g.org = ${organization} and g.id = stored.id)
      on conflict (org, group_id) do nothing returning group_id`)
    return rows.length
  }
}

interface Leaving {
  readonly kind: 'user' | 'device'
  readonly id: SubjectId
  readonly name: string
}

/** Takes the next members out, with their records. Returns the last one; null: there was none. */
async function members(
  tx: Transaction,
  organization: OrganizationId,
  group: GroupId,
  after: SubjectId | null,
  removal: ChangeBody,
  changed: Changed,
): Promise<SubjectId | null> {
  const found = await tx.query<{ id: SubjectId }>(
    sql`select m.subject_id as id from membership m where m.org = ${organization} and m.group_id = ${group}
      and m.subject_id > ${after ?? beforeAll}::uuid order by m.subject_id limit ${membersAtOnce}`,
  )
  const last = found.at(-1)
  if (last === undefined) return null
  const ids = found.map(({ id }) => id)
  // Cells get new versions: who is leaving at this moment has left before, or is told by nobody else. Users before devices, and in
  // the order of their ids, as everybody locks many cells.
  const users = await tx.query<{ id: string }>(
    sql`update users u set cell_version = u.cell_version + 1 from (select t.id from users t
      where t.org = ${organization} and t.id = any(array(select unnest(${ids}::uuid[]) union select d.owner_id
        from devices d where d.org = ${organization} and d.id = any(${ids}::uuid[]))) order by t.id for no key update) locked
    where u.org = ${organization} and u.id = locked.id returning u.id`,
  )
  const devices = await tx.query<{ id: string }>(
    sql`update devices d set cell_version = d.cell_version + 1 from (select t.id from devices t
      where t.org = ${organization} and t.id = any(${ids}::uuid[]) order by t.id for no key update) locked
    where d.org = ${organization} and d.id = locked.id returning d.id`,
  )
  for (const { id } of users) changed('user', id)
  for (const { id } of devices) changed('device', id)
  const left = await tx.query<Leaving>(
    sql`with gone as (delete from membership where org = ${organization} and group_id = ${group}
        and subject_id = any(${ids}::uuid[]) returning subject_id)
      select case when u.id is null then 'device' else 'user' end as kind, gone.subject_id as id,
        coalesce(u.username, d.name, '') as name
      from gone left join users u on u.org = ${organization} and u.id = gone.subject_id
      left join devices d on d.org = ${organization} and d.id = gone.subject_id order by gone.subject_id`,
  )
  const bodies = left.map((member) => formatAudit(leaveRecord(member, removal)))
  // late, because it makes the organization's other writers wait
  await tx.query(sql`select append_audit(${organization}, ${bodies}::text[])`)
  return last.id
}

/** Removes some of what was given beside the rule, and suggested. Returns how many rows. */
async function inputs(tx: Transaction, organization: OrganizationId, group: GroupId): Promise<number> {
  let count = 0
  for (const table of ['manual_member', 'suggestion']) {
    const rows = await tx.query(
      sql`delete from ${name(table)} where org = ${organization} and group_id = ${group} and subject_id = any(
        select subject_id from ${name(table)} where org = ${organization} and group_id = ${group} limit ${rowsAtOnce}) returning subject_id`,
    )
    count += rows.length
  }
  return count
}
