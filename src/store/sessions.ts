// Web sessions, and what is open at applications because of them. A session's cookie is known here by its digest only.
import type { OrganizationId, SessionId, UserId } from '../base/ids.ts'
import type { Proof } from '../core/access/request.ts'
import type { AuditBody } from '../core/audit/record.ts'
import { formatAudit } from '../core/audit/text.ts'
import type { ApplicationSession, ApplicationSessions, Session, Sessions } from '../core/ports.ts'
import type { Database, Transaction } from './database.ts'
import { after } from './reader.ts'
import { type Sql, sql } from './sql.ts'

type Stored<T extends { proof: readonly Proof[] }> = Omit<T, 'proof'> & { proof: readonly StoredProof[] }
type StoredProof = Omit<Proof, 'at'> & { readonly at: string }

const withProof = <T extends { proof: readonly Proof[] }>(row: Stored<T>): T =>
  ({ ...row, proof: row.proof.map((one) => ({ ...one, at: new Date(one.at) })) }) as unknown as T

const sessionColumns = sql`id, user_id as "userId", proof, peer, user_agent as "userAgent", created_at as "createdAt",
  seen_at as "seenAt", expires_at as "expiresAt"`
const applicationColumns = sql`id, user_id as "userId", resource_id as "resourceId", session_id as "sessionId", door, proof,
  details, opened_at as "openedAt", expires_at as "expiresAt"`

const alive = (at: Date, idleSeconds: number): Sql<'fragment'> =>
  sql`expires_at > ${at} and seen_at > ${new Date(at.getTime() - idleSeconds * 1000)}`

export function createSessions(database: Database): Sessions {
  const findBy = async (
    organization: OrganizationId,
    where: Sql<'fragment'>,
    at: Date,
    idleSeconds: number,
  ) => {
    const [row] = await database.query<Stored<Session>>(
      sql`select ${sessionColumns} from session where org = ${organization} and ${where} and ${alive(at, idleSeconds)}`,
    )
    return row === undefined ? null : withProof<Session>(row)
  }
  return {
    findByDigest: (organization, digest, at, idle) => findBy(organization, sql`digest = ${digest}`, at, idle),
    find: (organization, id, at, idle) => findBy(organization, sql`id = ${id as string}`, at, idle),

    async list(organization, user, at, idleSeconds) {
      const rows = await database.query<Stored<Session>>(
        sql`select ${sessionColumns} from session
          where org = ${organization} and user_id = ${user} and ${alive(at, idleSeconds)} order by seen_at desc limit 200`,
      )
      return rows.map((row) => withProof<Session>(row))
    },

    open: (organization, session, digest, replacing) =>
      database.transaction(async (tx) => {
        const { userId, proof, peer, userAgent, createdAt, seenAt, expiresAt } = session
        if (replacing !== null) {
          const kept = await tx.query(sql`
            update session set digest = ${digest}, proof = ${JSON.stringify(proof)}::jsonb, peer = ${peer}, user_agent = ${userAgent},
              created_at = ${createdAt}, seen_at = ${seenAt}, expires_at = ${expiresAt}
            where org = ${organization} and id = ${replacing} and user_id = ${userId} returning id`)
          if (kept.length > 0) return { id: replacing, ended: [] }
        }
        await tx.query(sql`
          insert into session (org, id, user_id, digest, proof, peer, user_agent, created_at, seen_at, expires_at)
          values (${organization}, ${session.id}, ${userId}, ${digest}, ${JSON.stringify(proof)}::jsonb, ${peer}, ${userAgent},
            ${createdAt}, ${seenAt}, ${expiresAt})`)
        const ended = replacing === null ? [] : await remove(tx, organization, replacing, sql`true`)
        return { id: session.id, ended: ended ?? [] }
      }),

    async seen(organization, id, at) {
      await database.query(
        sql`update session set seen_at = ${at} where org = ${organization} and id = ${id} and seen_at < ${at}`,
      )
    },

    end: (organization, id, user, audit) =>
      database.transaction(async (tx) => {
        const ended = await remove(tx, organization, id, sql`user_id = ${user as string}`)
        if (ended !== null) await record(tx, organization, audit)
        return ended
      }),
  }
}

/** Null: there was no such session. */
async function remove(
  tx: Transaction,
  organization: OrganizationId,
  id: SessionId,
  where: Sql<'fragment'>,
): Promise<ApplicationSession[] | null> {
  const found = await tx.query(
    sql`delete from session where org = ${organization} and id = ${id} and ${where} returning id`,
  )
  if (found.length === 0) return null
  const ended = await tx.query<Stored<ApplicationSession>>(
    sql`delete from application_session where org = ${organization} and session_id = ${id} returning ${applicationColumns}`,
  )
  return ended.map((row) => withProof<ApplicationSession>(row))
}

const record = (tx: Transaction, organization: OrganizationId, audit: AuditBody) =>
  tx.query(sql`select append_audit(${organization}, ${[formatAudit(audit)]}::text[])`)

export function createApplicationSessions(database: Database): ApplicationSessions {
  return {
    async save(organization, one) {
      // Locked, so that whoever ends the session at this moment either finds what is opened through it, or it is not opened.
      await database.query(sql`
        with through as (select 1 from session where org = ${organization} and id = ${one.sessionId}::uuid for key share)
        insert into application_session (org, id, user_id, resource_id, session_id, door, proof, details, opened_at, expires_at)
        select ${organization}::uuid, ${one.id}::uuid, ${one.userId}::uuid, ${one.resourceId}::uuid, ${one.sessionId}::uuid,
          ${one.door}::text, ${JSON.stringify(one.proof)}::jsonb, ${JSON.stringify(one.details)}::jsonb,
          ${one.openedAt}::timestamptz, ${one.expiresAt}::timestamptz
        where ${one.sessionId}::uuid is null or exists (select from through)
        on conflict (org, id) do update set session_id = excluded.session_id, proof = excluded.proof, details = excluded.details,
          expires_at = excluded.expires_at`)
    },

    async find(organization, id, at) {
      const [row] = await database.query<Stored<ApplicationSession>>(
        sql`select ${applicationColumns} from application_session
          where org = ${organization} and id = ${id} and expires_at > ${at}`,
      )
      return row === undefined ? null : withProof<ApplicationSession>(row)
    },

    async list(organization, of, at, page) {
      const where =
        'session' in of
          ? sql`session_id = ${of.session as string}`
          : 'user' in of
            ? sql`user_id = ${of.user as string}`
            : 'keptBy' in of
              ? sql`user_id = ${of.keptBy as string} and session_id is null`
              : sql`resource_id = ${of.resource as string}`
      const rows = await database.query<Stored<ApplicationSession>>(
        sql`select ${applicationColumns} from application_session
          where org = ${organization} and ${where} and expires_at > ${at}${after(sql`id`, page)} order by id limit ${page.limit}`,
      )
      return rows.map((row) => withProof<ApplicationSession>(row))
    },

    async usersWithSessions(organization, users) {
      const of = sql`org = ${organization} and user_id = any(${users as readonly string[]}::uuid[])`
      const rows = await database.query<{ id: UserId }>(
        sql`select user_id as id from session where ${of} union select user_id from application_session where ${of}`,
      )
      return rows.map(({ id }) => id)
    },

    end: (organization, id, audit) =>
      database.transaction(async (tx) => {
        const found = await tx.query(
          sql`delete from application_session where org = ${organization} and id = ${id} returning id`,
        )
        if (found.length > 0 && audit !== null) await record(tx, organization, audit)
        return found.length > 0
      }),
  }
}
