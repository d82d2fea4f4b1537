// Failures by canonical subject, counted before an attempt is evaluated, in single statements that the database makes
// atomic. A lock is for a while only; during it, a place the subject has got in from before has a count of its own, so
// that nobody can be kept out of their own office by guesses from elsewhere.
import { randomBytes } from 'node:crypto'
import type { Change, Lockouts } from '../core/ports.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

/**
 * Whom attempts by unknown names, and work done for its time only, are counted on: never a lock. One of 256, so that
 * a crowd of them does not wait for one row.
 */
const nobody = (): string => `00000000-0000-0000-0000-0000000000${randomBytes(1).toString('hex')}`
const neverReached = 2_147_483_647
/** A pause this long ends a row of failures. */
const forgottenAfter = '1 hour'
const familiarFor = '30 days'

/**
 * A transaction that says this does not wait for the disk by itself. Nothing is answered before the decision's audit record
 * is on it, and so is whatever was committed before: the database writes one log, in order. What a crash can lose is the
 * count of attempts that nobody was told the outcome of.
 */
const withTheNextFlush = sql`set_config('synchronous_commit', 'off', true)`

export function createLockouts(database: Database, announce: (changes: readonly Change[]) => void): Lockouts {
  return {
    async reserve(organization, subject, peer, at, settings) {
      const limit = subject === null ? neverReached : settings.limit
      const id = subject ?? nobody()
      // A row of failures ends with a pause, which a lock is no part of.
      const failures = sql`(case when greatest(l.last_failure, l.locked_until) >= ${at}::timestamptz - ${forgottenAfter}::interval
        then least(l.failures, 1000000) else 0 end + 1)`
      const [row] = await database.query<{ locked: boolean | null; own: number | null }>(sql`
        with own as (
          update familiar_source set failures = failures + 1
          where org = ${organization} and subject_id = ${id} and peer = ${peer}::text
            and last_success > ${at}::timestamptz - ${familiarFor}::interval
          returning failures),
        counted as (
          insert into lockout as l (org, subject_id, failures, last_failure, locked_until)
          values (${organization}, ${id}, 1, ${at}, case when ${limit} <= 1 then ${at}::timestamptz + make_interval(secs => ${settings.firstSeconds}) end)
          on conflict (org, subject_id) do update set
            failures = ${failures},
            last_failure = ${at},
            locked_until = case when ${failures} >= ${limit}
              then ${at}::timestamptz + make_interval(secs => least(${settings.longestSeconds},
                ${settings.firstSeconds} * power(2, least(${failures} - ${limit}, 20)))) end
          where l.locked_until is null or l.locked_until <= ${at}
          returning l.locked_until is not null as locked),
        told as (
          insert into change_log (org, kind, id) select ${organization}::uuid, 'user', ${id}::uuid from counted where locked)
        select (select locked from counted) as locked, (select failures from own) as own, ${withTheNextFlush}`)
      if (row === undefined || row.locked === null) {
        // Locked: one more try only from a place of the subject's own that has not failed too often itself.
        return row?.own != null && row.own <= limit ? 'go' : 'locked'
      }
      if (row.locked && subject !== null) announce([{ organization, kind: 'user', id }])
      return 'go'
    },

    async isFamiliar(organization, subject, peer, at) {
      const found = await database.query(sql`
        select 1 from familiar_source where org = ${organization} and subject_id = ${subject ?? nobody()}
          and peer = ${peer}::text and last_success > ${at}::timestamptz - ${familiarFor}::interval`)
      return found.length > 0
    },

    async isLocked(organization, subject, peer, at, { limit }) {
      const [row] = await database.query<{ own: number | null }>(sql`
        select (select failures from familiar_source where org = ${organization} and subject_id = ${subject}
            and peer = ${peer}::text and last_success > ${at}::timestamptz - ${familiarFor}::interval) as own
        from lockout where org = ${organization} and subject_id = ${subject} and locked_until > ${at}`)
      return row !== undefined && (row.own === null || row.own >= limit)
    },

    async settle(organization, settled, peer, at, how) {
      const subject = settled ?? nobody()
      // In both, the row of lockout is locked before that of familiar_source, as it is in reserve: what is selected from
      // is carried out first.
      if (how === 'returned') {
        // A lock that is in force was not this attempt's doing, if it came from a familiar place: it was let through there.
        await database.query(sql`
          with own as (update familiar_source set failures = greatest(failures - 1, 0)
            where org = ${organization} and subject_id = ${subject} and peer = ${peer}::text),
          counted as (update lockout set failures = greatest(failures - 1, 0), locked_until = null
          where org = ${organization} and subject_id = ${subject} and (locked_until is null or locked_until <= ${at} or not exists (
            select from familiar_source where org = ${organization} and subject_id = ${subject} and peer = ${peer}::text
              and last_success > ${at}::timestamptz - ${familiarFor}::interval))
          returning true)
          select (select count(*) from counted), ${withTheNextFlush}`)
        return
      }
      await database.query(sql`
        with place as (insert into familiar_source (org, subject_id, peer, last_success)
          select ${organization}::uuid, ${subject}::uuid, ${peer}::text, ${at}::timestamptz where ${peer}::text is not null
          on conflict (org, subject_id, peer) do update set last_success = ${at}, failures = 0),
        counted as (update lockout set failures = 0, locked_until = null where org = ${organization} and subject_id = ${subject}
          returning true)
        select (select count(*) from counted), ${withTheNextFlush}`)
    },

    async reserveCode(organization, subject, at, settings) {
      const limit = subject === null ? neverReached : settings.wrongCodesPerDay
      const id = subject ?? nobody()
      const [row] = await database.query<{ wrong_codes: number }>(sql`
        insert into lockout as l (org, subject_id, wrong_codes, wrong_codes_since) values (${organization}, ${id}, 1, ${at})
        on conflict (org, subject_id) do update set
          wrong_codes = case when l.wrong_codes_since > ${at}::timestamptz - interval '24 hours' then l.wrong_codes + 1 else 1 end,
          wrong_codes_since = case when l.wrong_codes_since > ${at}::timestamptz - interval '24 hours' then l.wrong_codes_since else ${at} end
        where l.wrong_codes < ${limit} or l.wrong_codes_since is null
          or l.wrong_codes_since <= ${at}::timestamptz - interval '24 hours'
        returning wrong_codes`)
      return row !== undefined
    },

    async returnCode(organization, subject) {
      await database.query(sql`update lockout set wrong_codes = greatest(wrong_codes - 1, 0)
        where org = ${organization} and subject_id = ${subject}`)
    },
  }
}
