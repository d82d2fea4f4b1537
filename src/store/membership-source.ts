// What the keeper of the membership replica reads: users with their memberships and the version of their cells, each page in one
// statement, so that they belong together.
import type { OrganizationId } from '../base/ids.ts'
import type { MembershipSource, StoredRow } from '../core/membership/replica/keeper.ts'
import type { Database } from './database.ts'
import { type Sql, sql } from './sql.ts'

/** Rows of a page. The embedded database answers nobody else meanwhile. */
const rowsOf = { served: 2_000, embedded: 200 } as const

export function createMembershipSource(database: Database): MembershipSource {
  const limit = rowsOf[database.place.kind]
  const read = (organization: OrganizationId, where: Sql<'fragment'>): Promise<StoredRow[]> =>
    database.query<StoredRow>(sql`
      select u.id, u.cell_version::text as version, (
        select coalesce(json_agg(json_build_array(m.group_id, m.reasons)), '[]') from membership m
        where m.org = u.org and m.subject_id = u.id) as memberships
      from users u where u.org = ${organization} and ${where}`)
  return {
    async organizations() {
      const rows = await database.house<{ id: OrganizationId }>(
        sql`select id from organization order by created_at, id`,
      )
      return rows.map(({ id }) => id)
    },
    async groups(organization) {
      const rows = await database.query<{ id: never }>(
        sql`select g.id from groups g where g.org = ${organization}`,
      )
      return rows.map(({ id }) => id)
    },
    page: (organization, after) =>
      read(
        organization,
        sql`u.id > ${after ?? '00000000-0000-0000-0000-000000000000'}::uuid order by u.id limit ${limit}`,
      ),
    rows: (organization, ids) => read(organization, sql`u.id = any(${ids}::uuid[])`),
  }
}
