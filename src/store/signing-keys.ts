// The keys that sign for an organization. Private keys are sealed, each for its own row, and opened one by one.
import type { SigningKeyId } from '../base/ids.ts'
import { Fault } from '../base/result.ts'
import { Secret } from '../base/secrets.ts'
import type { SigningKey, SigningKeys } from '../core/ports.ts'
import { conflict, type RecordStore, write, written } from './records/writing.ts'
import type { SealedPlace, Sealer } from './sealing.ts'
import { sql } from './sql.ts'

/** Where a private key lies. */
export function signingKeyPlace(organization: string, key: string): SealedPlace {
  return { organization, table: 'signing_key', row: key, column: 'private_key' }
}

const columns = sql`k.id, k.purpose, k.algorithm, k.public_text as "publicText", k.created_at as "createdAt",
  k.active_from as "activeFrom", k.retired_at as "retiredAt"`

export function createSigningKeys(store: RecordStore, sealer: Sealer): SigningKeys {
  const { database } = store
  return {
    // Not by created_at: the clock of the process that made a key may be ahead of this one's.
    list: (organization, purpose, at) =>
      database.query<SigningKey>(
        sql`select ${columns} from signing_key k
          where k.org = ${organization} and k.purpose = ${purpose} and (k.retired_at is null or k.retired_at > ${at})
          order by k.active_from desc, k.id`,
      ),

    async open(organization, key) {
      const [row] = await database.query<{ sealed: Buffer }>(
        sql`select private_key as sealed from signing_key where org = ${organization} and id = ${key}`,
      )
      if (row === undefined) throw new Fault('internal', `there is no signing key ${key}`)
      return new Secret(sealer.open(signingKeyPlace(organization, key), row.sealed).toString())
    },

    add(organization, keys, retire, ifNone, audit) {
      return write(store, organization, audit, {}, async (tx, changed) => {
        // One at a time within an organization: whether there is none is asked below.
        await tx.query(sql`select from organization where id = ${organization} for no key update`)
        for (const purpose of ifNone ? new Set(keys.map((key) => key.purpose)) : []) {
          const there = await tx.query(
            sql`select from signing_key where org = ${organization} and purpose = ${purpose} and retired_at is null limit 1`,
          )
          if (there.length > 0) return conflict
        }
        const ids: SigningKeyId[] = []
        for (const { privateKey, ...key } of keys) {
          const sealed = store.seal(signingKeyPlace(organization, key.id), Buffer.from(privateKey.reveal()))
          await tx.query(
            sql`insert into signing_key
                (org, id, purpose, algorithm, private_key, public_text, created_at, active_from, retired_at)
              values (${organization}, ${key.id}, ${key.purpose}, ${key.algorithm}, ${sealed}, ${key.publicText},
                ${key.createdAt}, ${key.activeFrom}, ${key.retiredAt})`,
          )
          ids.push(key.id)
        }
        for (const { id, at } of retire) {
          await tx.query(
            sql`update signing_key set retired_at = ${at} where org = ${organization} and id = ${id}`,
          )
          ids.push(id)
        }
        for (const id of ids) changed('signing-key', id)
        return written
      })
    },
  }
}
