// Factors of users and service accounts as administrators set them, and API tokens. Secrets are sealed on the way in;
// of a token only the digest is stored. Checking them is not done here.
import { randomUUID } from 'node:crypto'
import { type FactorId, newId, type OrganizationId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import type { FactorKind } from '../../core/directory/types.ts'
import type { ApiToken, CellStamp, ChangeKind, Credentials, Tokens } from '../../core/ports.ts'
import type { Transaction } from '../database.ts'
import { factorPlace } from '../factors.ts'
import { apiTokens } from '../rows.ts'
import { sql } from '../sql.ts'
import { createRecords } from './records.ts'
import { conflict, missing, type RecordStore, taken, write, written } from './writing.ts'

/** Two that set the same kind for the first time. */
const raced = { factor_org_owner_id_kind_key: conflict }

export function createCredentials(store: RecordStore): Credentials {
  const { database } = store
  return {
    async list(organization, owner) {
      return database.query(
        sql`select id, kind, created_at as "createdAt" from factor
          where org = ${organization} and owner_id = ${owner as string} order by kind`,
      )
    },

    save(organization, owner, kind, secret, audit, as = null) {
      return write(store, organization, audit, raced, async (tx, changed) => {
        if (as !== null && !(await isStill(tx, organization, owner, as))) return conflict
        const ownerKind = await lockOwner(tx, organization, owner)
        if (ownerKind === null) return missing('owner')
        changed(ownerKind, owner)
        await replaceFactor(store, tx, organization, owner, kind, secret)
        // What was guessed at is gone.
        if (kind === 'password') {
          await tx.query(
            sql`delete from lockout where org = ${organization} and subject_id = ${owner as string}`,
          )
        }
        return written
      })
    },

    saveRecoveryCodes(organization, owner, digests, audit) {
      return write(store, organization, audit, raced, async (tx, changed) => {
        if ((await lockOwner(tx, organization, owner)) !== 'user') return missing('owner')
        changed('user', owner)
        // The codes lie in a table of their own, where each can be used up by itself.
        const factor = await replaceFactor(store, tx, organization, owner, 'recovery-code', new Secret(''))
        await tx.query(sql`delete from recovery_code where org = ${organization} and factor_id = ${factor}`)
        await tx.query(sql`
          insert into recovery_code (org, factor_id, digest)
          select ${organization}::uuid, ${factor}::uuid, digest from unnest(${digests}::bytea[]) code (digest)`)
        return written
      })
    },

    async remove(organization, owner, kind, audit) {
      // Recovery codes stand in for one-time codes, and go with them.
      const kinds = kind === 'totp' ? [kind, 'recovery-code'] : [kind]
      const { outcome } = await write(store, organization, audit, {}, async (tx, changed) => {
        const found = await tx.query(
          sql`delete from factor
            where org = ${organization} and owner_id = ${owner as string} and kind = any(${kinds}::text[]) returning id`,
        )
        if (found.length === 0) return conflict
        changed((await lockOwner(tx, organization, owner)) ?? 'user', owner)
        return written
      })
      return outcome === 'written'
    },
  }
}

/** Is it so, and stays so until the transaction ends? Rules first, in the order in which they and users are written. */
async function isStill(
  tx: Transaction,
  organization: OrganizationId,
  owner: string,
  { version, epoch }: CellStamp,
): Promise<boolean> {
  const rules = await tx.query(
    sql`select from rules_epoch where org = ${organization} and epoch = ${epoch} for share`,
  )
  if (rules.length === 0) return false
  const users = await tx.query(
    sql`select from users where org = ${organization} and id = ${owner} and cell_version = ${version} for share`,
  )
  return users.length > 0
}

/** Gives the owner this factor of this kind, with a new version; the one before is no more. */
async function replaceFactor(
  { seal }: Pick<RecordStore, 'seal'>,
  tx: Transaction,
  organization: OrganizationId,
  owner: string,
  kind: FactorKind,
  secret: Secret,
): Promise<FactorId> {
  const [old] = await tx.query<{ id: FactorId }>(
    sql`select id from factor where org = ${organization} and owner_id = ${owner} and kind = ${kind} for update`,
  )
  const id = old?.id ?? newId<FactorId>()
  const sealed = seal(factorPlace(organization, id), Buffer.from(secret.reveal()))
  await tx.query(
    sql`insert into factor (org, id, owner_id, kind, secret, version, created_at)
      values (${organization}, ${id}, ${owner}, ${kind}, ${sealed}, ${randomUUID()}, now())
      on conflict (org, id) do update set secret = excluded.secret, version = excluded.version,
        created_at = excluded.created_at`,
  )
  return id
}

/** What the owner is, and that it stays until the transaction ends; null when there is none. */
async function lockOwner(
  tx: Transaction,
  organization: OrganizationId,
  owner: string,
): Promise<ChangeKind | null> {
  const users = await tx.query(
    sql`select from users where org = ${organization} and id = ${owner} for key share`,
  )
  if (users.length > 0) return 'user'
  const accounts = await tx.query(
    sql`select from service_account where org = ${organization} and id = ${owner} for key share`,
  )
  return accounts.length > 0 ? 'service-account' : null
}

export function createTokens(store: RecordStore): Tokens {
  const { insert: _, ...records } = createRecords<ApiToken>(store, {
    mapping: apiTokens,
    conditions: 'tokens',
    change: null,
    constraints: {},
  })
  const constraints = { api_token_pkey: taken('id'), api_token_digest_key: taken('digest') }
  return {
    ...records,
    insert(organization, row, audit) {
      const { columns, values } = apiTokens.write(row)
      return write(store, organization, audit, constraints, async (tx) => {
        await tx.query(
          sql`insert into api_token (org, ${columns}, digest) values (${organization}, ${values}, ${row.digest})`,
        )
        return written
      })
    },
    async organizationOf(digest) {
      const [row] = await store.database.house<{ org: OrganizationId }>(
        sql`select org from api_token where digest = ${digest}`,
      )
      return row?.org ?? null
    },
    async findByDigest(organization, digest) {
      const [row] = await store.database.query(
        sql`select ${apiTokens.select('t')} from api_token t
          where t.org = ${organization} and t.digest = ${digest} and (t.expires_at is null or t.expires_at > now())`,
      )
      return row === undefined ? null : apiTokens.read(row)
    },
  }
}
