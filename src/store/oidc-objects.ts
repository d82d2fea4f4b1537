// What the OIDC door keeps between requests. An identifier is a secret for most of it (a code, a token), so that the digest is all
// there is at rest.
import { createHash } from 'node:crypto'
import type { OrganizationId } from '../base/ids.ts'
import type { OidcObject, OidcObjects } from '../core/ports.ts'
import type { Database } from './database.ts'
import { type Sql, sql } from './sql.ts'

const digestOf = (id: string): Buffer => createHash('sha256').update(id).digest()

export function createOidcObjects(database: Database): OidcObjects {
  const findBy = async (
    organization: OrganizationId,
    model: string,
    where: Sql<'fragment'>,
    at: Date,
  ): Promise<OidcObject | null> => {
    const [row] = await database.query<OidcObject>(sql`
      select payload, consumed_at as "consumedAt" from oidc_object
      where org = ${organization} and model = ${model} and ${where} and (expires_at is null or expires_at > ${at})`)
    return row ?? null
  }
  return {
    async save(organization, model, id, { payload, grantId, uid, expiresAt }) {
      // What was used stays used, whoever saves it again.
      await database.query(sql`
        insert into oidc_object (org, model, digest, payload, grant_id, uid, expires_at)
        values (${organization}, ${model}, ${digestOf(id)}, ${JSON.stringify(payload)}::jsonb, ${grantId}, ${uid}, ${expiresAt})
        on conflict (org, model, digest) do update set payload = excluded.payload, grant_id = excluded.grant_id,
          uid = excluded.uid, expires_at = excluded.expires_at`)
    },

    find: (organization, model, id, at) => findBy(organization, model, sql`digest = ${digestOf(id)}`, at),

    findByUid: (organization, model, uid, at) => findBy(organization, model, sql`uid = ${uid}`, at),

    async consume(organization, model, id, at) {
      const first = await database.query(sql`
        update oidc_object set consumed_at = ${at}
        where org = ${organization} and model = ${model} and digest = ${digestOf(id)} and consumed_at is null
          and (expires_at is null or expires_at > ${at}) returning 1 as first`)
      return first.length > 0
    },

    async remove(organization, model, id) {
      await database.query(
        sql`delete from oidc_object where org = ${organization} and model = ${model} and digest = ${digestOf(id)}`,
      )
    },

    async withTokens(organization, grantIds) {
      const rows = await database.query<{ id: string }>(sql`
        select distinct grant_id as id from oidc_object where org = ${organization} and grant_id = any(${grantIds}::text[])
          and model in ('AccessToken', 'RefreshToken')`)
      return new Set(rows.map(({ id }) => id))
    },

    async removeGrants(organization, grantIds) {
      await database.query(
        sql`delete from oidc_object where org = ${organization} and grant_id = any(${grantIds}::text[])`,
      )
    },
  }
}
