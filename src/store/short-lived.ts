// What is kept for a while only: identifiers that count once, enrolments that wait to be confirmed; and the sweeping away of
// everything whose time is over.

import { createHash } from 'node:crypto'
import type { OrganizationId } from '../base/ids.ts'
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

const pendingPlace = (organization: OrganizationId, owner: string): SealedPlace => ({
  organization,
  table: 'pending_factor',
  row: owner,
  column: 'secret',
})

export function createPendingFactors(database: Database, sealer: Sealer): PendingFactors {
  return {
    async save(organization, owner, kind, secret, until) {
      const sealed = sealer.seal(pendingPlace(organization, owner), Buffer.from(secret.reveal()))
      await database.query(sql`
        insert into pending_factor (org, owner_id, kind, secret, expires_at)
        values (${organization}, ${owner}, ${kind}, ${sealed}, ${until})
        on conflict (org, owner_id, kind) do update set secret = excluded.secret, expires_at = excluded.expires_at`)
    },
    async find(organization, owner, kind, at) {
      const [row] = await database.query<{ secret: Buffer }>(sql`
        select secret from pending_factor
        where org = ${organization} and owner_id = ${owner} and kind = ${kind} and expires_at > ${at}`)
      if (row === undefined) return null
      return new Secret(sealer.open(pendingPlace(organization, owner), row.secret).toString('utf8'))
    },
    async remove(organization, owner, kind) {
      await database.query(
        sql`delete from pending_factor where org = ${organization} and owner_id = ${owner} and kind = ${kind}`,
      )
    },
  }
}

const tables = ['session', 'application_session', 'oidc_object', 'used_once', 'pending_factor']
const sweepEveryMs = 5 * 60_000
/** At once, so that sweeping never holds up what people wait for. */
const mostRows = 5_000

/** Removes what is over, now and then. Nothing relies on it: whoever reads compares with the time. */
export function startSweeping(database: Database, log: Log): { stop(): void } {
  const sweep = async (): Promise<void> => {
    for (const table of tables) {
      await database.house(sql`
        delete from ${name(table)} where ctid = any(array(
          select ctid from ${name(table)} where expires_at < now() - interval '1 minute' limit ${mostRows}))`)
    }
  }
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => log.warn({ err: error }, 'what is over could not be swept away'))
  }, sweepEveryMs)
  timer.unref()
  return { stop: () => clearInterval(timer) }
}
