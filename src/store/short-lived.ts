// What is kept for a while only: identifiers that count once, enrolments that wait to be confirmed; and the sweeping away of
// everything whose time is over.

import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { OrganizationId, SessionId } from '../base/ids.ts'
import type { Log } from '../base/log.ts'
import { Secret } from '../base/secrets.ts'
import type { PendingFactors, UsedOnce } from '../core/ports.ts'
import type { Database } from './database.ts'
import type { SealedPlace, Sealer } from './sealing.ts'
import { name, sql } from './sql.ts'

export function createUsedOnce(database: Database): UsedOnce {
  return {
    async use(organization, kind, value, until) {
      const digest = createHash('sha256').update(value).digest()
      const first = await database.query(sql`
        insert into used_once (org, kind, digest, expires_at) values (${organization}, ${kind}, ${digest}, ${until})
        on conflict do nothing returning digest`)
      return first.length > 0
    },
  }
}

const pendingPlace = (organization: OrganizationId, session: SessionId): SealedPlace => ({
  organization,
  table: 'pending_factor',
  row: session,
  column: 'secret',
})

export function createPendingFactors(database: Database, sealer: Sealer): PendingFactors {
  return {
    async save(organization, session, kind, secret, until) {
      const sealed = sealer.seal(pendingPlace(organization, session), Buffer.from(secret.reveal()))
      const saved = await database.query(sql`
        insert into pending_factor (org, session_id, kind, secret, expires_at)
        select org, id, ${kind}::text, ${sealed}::bytea, ${until}::timestamptz from session
        where org = ${organization} and id = ${session} for key share
        on conflict (org, session_id, kind) do update set secret = excluded.secret, expires_at = excluded.expires_at
        returning kind`)
      return saved.length > 0
    },
    async find(organization, session, kind, at) {
      const [row] = await database.query<{ secret: Buffer }>(sql`
        select secret from pending_factor
        where org = ${organization} and session_id = ${session} and kind = ${kind} and expires_at > ${at}`)
      if (row === undefined) return null
      return new Secret(sealer.open(pendingPlace(organization, session), row.secret).toString('utf8'))
    },
    async remove(organization, session, kind) {
      await database.query(
        sql`delete from pending_factor where org = ${organization} and session_id = ${session} and kind = ${kind}`,
      )
    },
  }
}

const tables = ['session', 'application_session', 'oidc_object', 'used_once', 'pending_factor']
const sweepEveryMs = 60_000
/** At once, with a pause after it, so that sweeping never holds up what people wait for. */
const mostRows = 5_000
const pauseMs = 200

/** Removes what is over, now and then. Nothing relies on it: whoever reads compares with the time. */
export function startSweeping(database: Database, log: Log): { stop(): void } {
  let isStopped = false
  const sweep = async (): Promise<void> => {
    for (const table of tables) {
      for (let isFull = true; isFull && !isStopped; ) {
        const gone = await database.house(sql`
          delete from ${name(table)} where ctid = any(array(
            select ctid from ${name(table)} where expires_at < now() - interval '1 minute' limit ${mostRows})) returning 1`)
        isFull = gone.length === mostRows
        if (isFull) await sleep(pauseMs)
      }
    }
  }
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => log.warn({ err: error }, 'what is over could not be swept away'))
  }, sweepEveryMs)
  timer.unref()
  return {
    stop() {
      isStopped = true
      clearInterval(timer)
    },
  }
}
