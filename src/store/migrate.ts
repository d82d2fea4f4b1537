// Numbered migrations, each in a transaction of its own, under an advisory lock so that processes that start
// together take turns. A database newer than the program is refused.
import { readdir, readFile } from 'node:fs/promises'
import type { Log } from '../base/log.ts'
import type { Database } from './database.ts'
import { sql } from './sql.ts'

const folder = new URL('./migrations/', import.meta.url)
const lockKey = 7_305_118_266

/** Brings the schema up to date. Throws, with nothing changed, when a migration fails or the database is newer. */
export async function migrate(database: Database, log: Log): Promise<void> {
  const files = (await readdir(folder)).filter((file) => /^\d{4}-[a-z-]+\.sql$/.test(file)).sort()
  const newest = Number.parseInt((files.at(-1) as string).slice(0, 4), 10)
  await database.transaction(async (tx) => {
    // `if not exists` alone lets two that create it at the same time collide.
    await tx.house(sql`select pg_advisory_xact_lock(${lockKey})`)
    await tx.script(
      'create table if not exists migration (number integer primary key, name text not null, at timestamptz not null default now())',
    )
  })
  for (const file of files) {
    const number = Number.parseInt(file.slice(0, 4), 10)
    const text = await readFile(new URL(file, folder), 'utf8')
    await database.transaction(async (tx) => {
      await tx.house(sql`select pg_advisory_xact_lock(${lockKey})`)
      const [row] = await tx.house<{ newest: number | null }>(
        sql`select max(number) as newest from migration`,
      )
      const at = row?.newest ?? 0
      if (at > newest) {
        throw new Error(
          `the database is at migration ${at}, this program knows ${newest} at most: run the newer version of Muster`,
        )
      }
      if (at >= number) return
      await tx.script(text)
      await tx.house(sql`insert into migration (number, name) values (${number}, ${file})`)
      log.info({ migration: file }, 'database migrated')
    })
  }
}
