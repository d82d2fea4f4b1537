// Checked by tsc, never run: statements that name no organization do not compile where one is demanded. Removing the
// guard makes the expected errors go away, and tsc fails. Checklist A18.
import type { OrganizationId, UserId } from '../../src/base/ids.ts'
import type { Queryable, Transaction } from '../../src/store/database.ts'
import { join, sql } from '../../src/store/sql.ts'

declare const database: Queryable
declare const transaction: Transaction
declare const organization: OrganizationId
declare const user: UserId
declare const text: string

export const compiles = [
  database.query(sql`select from users where org = ${organization}`),
  database.query(sql`select from users where id = ${user} and org = ${organization}`),
  database.query(
    sql`select from (${sql`select from users where org = ${organization}`}) own where id = ${user}`,
  ),
  database.house(sql`select from users where username_key = ${text}`),
]

export const doesNotCompile = [
  // @ts-expect-error: no value at all
  database.query(sql`select from users`),
  // @ts-expect-error: an id of something else
  database.query(sql`select from users where id = ${user}`),
  // @ts-expect-error: a text that may be anything
  database.query(sql`select from users where org = ${text}`),
  // @ts-expect-error: a fragment without an organization inside
  database.query(sql`select from users where ${sql`id = ${user}`}`),
  // @ts-expect-error: joined fragments
  database.query(join([sql`select from users`, sql`where id = ${user}`], ' ')),
  // @ts-expect-error: within a transaction too
  transaction.query(sql`delete from users where id = ${user}`),
]
