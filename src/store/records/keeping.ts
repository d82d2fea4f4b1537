// A dynamic group that becomes static or review keeps its members: the write marks it, and whoever carries it through makes
// approved manual members of its members by rule, cell by cell. Here: when it may be marked, and who is left.
import type { DeviceId, GroupId, OrganizationId, SubjectId, UserId } from '../../base/ids.ts'
import type { Group, SubjectKind } from '../../core/directory/types.ts'
import type { GroupRecords, WriteOutcome } from '../../core/ports.ts'
import type { Database, Transaction } from '../database.ts'
import { fromReasons } from '../reasons.ts'
import { type Sql, sql } from '../sql.ts'
import { conflict } from './writing.ts'

const byRule = fromReasons(['rule'])
const beforeAll = '00000000-0000-0000-0000-000000000000'

interface StoredMode extends Pick<Group, 'mode' | 'rule'> {
  readonly keeping: boolean
}

/** Writes the row by `proceed`, and marks the group where its members are to be kept; see `GroupRecords.update`. */
export async function keepingMembers(
  tx: Transaction,
  organization: OrganizationId,
  row: Group,
  now: Date,
  proceed: () => Promise<WriteOutcome>,
): Promise<WriteOutcome> {
  const [stored] = await tx.query<StoredMode>(
    sql`select mode, rule, keeping from groups where org = ${organization} and id = ${row.id} for no key update`,
  )
  if (stored === undefined) return proceed()
  const { mode, rule, keeping } = stored
  if (keeping && (mode !== row.mode || rule !== row.rule)) return conflict
  const leavesRule = mode === 'dynamic' && row.mode !== 'dynamic'
  if (leavesRule && !(await isSettled(tx, organization, row.id, now))) return conflict
  const outcome = await proceed()
  if (outcome.outcome === 'written' && (keeping || leavesRule))
    await tx.query(
      sql`update groups set keeping = true, status = 'activating' where org = ${organization} and id = ${row.id}`,
    )
  return outcome
}

/** Are the members by rule that are stored those that the rule gives at this instant? */
async function isSettled(
  tx: Transaction,
  organization: OrganizationId,
  id: GroupId,
  now: Date,
): Promise<boolean> {
  const isMember = (subject: Sql<'fragment'>) => sql`exists (select from membership m
    where m.org = ${organization} and m.subject_id = ${subject} and m.group_id = ${id} and m.reasons & ${byRule} > 0)`
  const [found] = await tx.query<{ unsettled: boolean }>(sql`
    select exists (select from groups where org = ${organization} and status = 'activating')
      or exists (select from users u where u.org = ${organization} and u.next_due <= ${now} and (${isMember(sql`u.id`)}
        or exists (select from devices d where d.org = ${organization} and d.owner_id = u.id and ${isMember(sql`d.id`)})))
      or exists (select from devices d where d.org = ${organization} and d.owner_id is null and d.next_due <= ${now}
        and ${isMember(sql`d.id`)}) as unsettled`)
  return found?.unsettled === false
}

/** Is anybody who is there still to be kept in the group `g`? */
export const someAreLeft = sql`g.keeping and exists (select from membership m
  where m.org = g.org and m.group_id = g.id and m.reasons & ${byRule} > 0
    and (exists (select from users u where u.org = m.org and u.id = m.subject_id)
      or exists (select from devices d where d.org = m.org and d.id = m.subject_id)))`

export function membersByRule(database: Database): GroupRecords['membersByRule'] {
  return async (organization, id, after, limit) => {
    const rows = await database.query<{ subject: SubjectId; owner: UserId | null; of: SubjectKind }>(sql`
      select m.subject_id as subject, d.owner_id as owner, g.of from groups g
      join membership m on m.org = g.org and m.group_id = g.id
      left join devices d on g.of = 'devices' and d.org = m.org and d.id = m.subject_id
      where g.org = ${organization} and g.id = ${id} and m.reasons & ${byRule} > 0
        and m.org = ${organization} and m.group_id = ${id} and m.subject_id > ${after ?? beforeAll}::uuid
      order by m.subject_id limit ${limit}`)
    return rows.map(({ subject, owner, of }) => ({
      subjectId: subject,
      cell:
        of === 'devices' && owner === null
          ? { kind: 'device', id: subject as DeviceId }
          : { kind: 'user', id: owner ?? (subject as UserId) },
    }))
  }
}
