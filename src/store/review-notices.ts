// Up to which suggestion the reviewers of each organization have been told. The row is locked while one process decides.
import type { ReviewClaim, ReviewNotices } from '../core/ports.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

export function createReviewNotices(database: Database): ReviewNotices {
  return {
    claim: (organization, notAfter) =>
      database.transaction(async (tx): Promise<ReviewClaim | null> => {
        await tx.query(
          sql`insert into review_notice (org, told_until, told_at) values (${organization}, '-infinity', '-infinity') on conflict do nothing`,
        )
        const [row] = await tx.query<{ before: Date | null; rests: boolean }>(sql`
          select case when isfinite(told_until) then told_until end as before, told_at > ${notAfter}::timestamptz as rests
          from review_notice where org = ${organization} for update skip locked`)
        if (row === undefined || row.rests) return null
        const counts = await tx.query<ReviewClaim['counts'][number] & { until: Date }>(sql`
          select g.name as "group", count(*) filter (where s.operation = 'join')::integer as joins,
            count(*) filter (where s.operation = 'leave')::integer as leaves, max(s.since) as until
          from suggestion s join groups g on g.org = s.org and g.id = s.group_id
          where s.org = ${organization} and s.rejected_at is null
            and s.since > coalesce(${row.before}::timestamptz, '-infinity')
          group by g.id, g.name order by g.name limit 100`)
        if (counts.length === 0) return null
        const until = new Date(Math.max(...counts.map((one) => one.until.getTime())))
        // The database keeps microseconds, a Date milliseconds: up to the end of this one.
        await tx.query(sql`update review_notice set told_until = ${until}::timestamptz + interval '1 millisecond', told_at = now()
          where org = ${organization}`)
        return {
          counts: counts.map(({ group, joins, leaves }) => ({ group, joins, leaves })),
          before: row.before,
          until,
        }
      }),

    async release(organization, { before }) {
      await database.query(sql`update review_notice set told_at = '-infinity', told_until = coalesce(${before}::timestamptz, '-infinity')
        where org = ${organization}`)
    },
  }
}
