// What memberships give access to, and what looks wrong with them, in plain SQL. Never writes.

import type { ManualMember } from '../core/membership/cell.ts'
import type { AccessChain, Found, GroupShare, Insight } from '../core/ports.ts'
import type { Database } from './database.ts'
import { after, readPage } from './reader.ts'
import { fromReasons, toReasons } from './reasons.ts'
import { type Sql, sql } from './sql.ts'

const timeoutMs = 10_000
const byHandOnly = fromReasons(['manual'])

interface ChainRow extends Omit<AccessChain, 'reasons'> {
  readonly reasons: number
}

interface FoundRow {
  readonly count: string
  readonly group: Found['items'][number]['group']
  readonly subject: Found['items'][number]['subject']
}

const groupJson = sql`json_build_object('id', g.id, 'name', g.name)`
const userJson = sql`json_build_object('kind', 'user', 'id', u.id, 'name', u.username)`
/** Of a group's subject, where it is joined as user or as device. */
const subjectJson = sql`case when u.id is not null then ${userJson}
  else json_build_object('kind', 'device', 'id', d.id, 'name', d.name) end`
const grants = sql`exists (select from binding b where b.org = g.org and b.group_id = g.id)`

export function createInsight(database: Database): Insight {
  return {
    async chains(organization, user, limit) {
      const rows = await database.query<ChainRow>(
        sql`select ${groupJson} as "group", m.reasons,
            json_build_object('id', b.id, 'attributes', b.attributes, 'factors', b.factors, 'order', b.position) as binding,
            json_build_object('id', r.id, 'name', r.name, 'kind', r.kind, 'enabled', r.enabled) as resource
          from membership m
          join binding b on b.org = m.org and b.group_id = m.group_id
          join resource r on r.org = b.org and r.id = b.resource_id
          join groups g on g.org = m.org and g.id = m.group_id
          where m.org = ${organization} and m.subject_id = ${user}
          order by r.name, r.id, b.position, b.created_at, b.id limit ${limit}`,
      )
      return rows.map((row) => ({ ...row, reasons: toReasons(row.reasons) }))
    },

    manualMembers(organization, group, page) {
      const statement = sql`select h.subject_id as "subjectId", h.group_id as "groupId", h.approved from manual_member h
        where h.org = ${organization} and h.group_id = ${group}${after(sql`h.subject_id`, page)}
        order by h.subject_id limit ${page.limit}`
      return readPage<ManualMember>(database, statement, page)
    },

    async findings(organization, olderThan, shown) {
      const statements = {
        'empty-group': sql`select count(*) over () as count, ${groupJson} as "group", null as subject from groups g
          where g.org = ${organization} and ${grants}
            and not exists (select from membership m where m.org = g.org and m.group_id = g.id)
          order by g.name_key limit ${shown}`,
        'user-without-group': sql`select count(*) over () as count, null as "group", ${userJson} as subject from users u
          where u.org = ${organization}
            and not exists (select from membership m join groups g on g.org = m.org and g.id = m.group_id
              where m.org = u.org and m.subject_id = u.id)
          order by u.username_key limit ${shown}`,
        'old-exemption': sql`select count(*) over () as count, ${groupJson} as "group", ${subjectJson} as subject
          from exemption e join groups g on g.org = e.org and g.id = e.group_id
          left join users u on u.org = e.org and u.id = e.subject_id
          left join devices d on d.org = e.org and d.id = e.subject_id
          where e.org = ${organization} and e.created_at < ${olderThan}::timestamptz
            and coalesce(u.id, d.id) is not null
          order by g.name_key, e.subject_id limit ${shown}`,
        'manual-access': sql`select count(*) over () as count, ${groupJson} as "group", ${subjectJson} as subject
          from groups g join membership m on m.org = g.org and m.group_id = g.id and m.reasons = ${byHandOnly}
          left join users u on u.org = m.org and u.id = m.subject_id
          left join devices d on d.org = m.org and d.id = m.subject_id
          where g.org = ${organization} and ${grants} and coalesce(u.id, d.id) is not null
          order by g.name_key, m.subject_id limit ${shown}`,
      } satisfies Record<Found['code'], Sql<'organization'>>
      return database.transaction(
        async (tx) => {
          const all: Found[] = []
          for (const [code, statement] of Object.entries(statements)) {
            const rows = await tx.query<FoundRow>(statement)
            const items = rows.map(({ group, subject }) => ({ group, subject }))
            all.push({ code: code as Found['code'], count: Number(rows[0]?.count ?? 0), items })
          }
          return all
        },
        { timeoutMs },
      )
    },

    async shares(organization, user, least, limit) {
      const statement = sql`
        with mine as (
          select v.attribute, v.value from users u cross join lateral (values ('department', u.department),
            ('title', u.title), ('location', u.location), ('employeeType', u.employee_type), ('company', u.company),
            ('costCenter', u.cost_center)) v (attribute, value)
          where u.org = ${organization} and u.id = ${user} and v.value is not null
        ), peer as (
          select mine.attribute, mine.value, o.id from mine
          join users o on o.org = ${organization} and o.id <> ${user} and lower(mine.value) = lower(case mine.attribute
            when 'department' then o.department when 'title' then o.title when 'location' then o.location
            when 'employeeType' then o.employee_type when 'company' then o.company else o.cost_center end)
        ), counted as (
          select attribute, count(*) as people from peer group by attribute
        ), share as (
          select distinct on (g.id) g.id, g.name, p.attribute, p.value, c.people, count(*) as members
          from peer p join counted c on c.attribute = p.attribute
          join membership m on m.org = ${organization} and m.subject_id = p.id
          join groups g on g.org = m.org and g.id = m.group_id and g.mode = 'static' and g.of = 'users'
          where not exists (select from membership own
            where own.org = g.org and own.group_id = g.id and own.subject_id = ${user})
            and not exists (select from exemption e where e.org = g.org and e.group_id = g.id and e.subject_id = ${user}
              and e.kind = 'never' and (e.expires_at is null or e.expires_at > now()))
          group by g.id, g.name, p.attribute, p.value, c.people
          having count(*) >= ${least.members} and count(*) * 100 >= c.people * ${least.percent}
          order by g.id, count(*)::numeric / c.people desc, count(*) desc, p.attribute
        )
        select json_build_object('id', s.id, 'name', s.name) as "group", s.attribute, s.value,
          s.people::integer as people, s.members::integer as members
        from share s order by s.members::numeric / s.people desc, s.members desc, s.name limit ${limit}`
      return database.transaction((tx) => tx.query<GroupShare>(statement), { timeoutMs })
    },
  }
}
