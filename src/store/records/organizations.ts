// Organizations themselves: the only records that are found across organizations. A new one begins its rules' epochs
// and its audit chain.
import type { Organizations } from '../../core/ports.ts'
import { organizations } from '../rows.ts'
import { sql } from '../sql.ts'
import { startEpoch } from './records.ts'
import { conflict, type RecordStore, taken, write, written } from './writing.ts'

const constraints = {
  organization_pkey: taken('id'),
  organization_slug_key: taken('slug'),
  organization_domain_key: taken('domain'),
}

export function createOrganizations(store: RecordStore): Organizations {
  const { database } = store
  return {
    async list() {
      const rows = await database.house(
        sql`select ${organizations.select('o')} from organization o order by o.id`,
      )
      return rows.map(organizations.read)
    },

    async findBySlug(slug) {
      if (slug.includes('\0')) return null
      const [row] = await database.house(
        sql`select ${organizations.select('o')} from organization o where o.slug = ${slug}`,
      )
      return row === undefined ? null : organizations.read(row)
    },

    insert(row, audit) {
      const { columns, values } = organizations.write(row)
      return write(store, row.id, audit, constraints, async (tx, changed) => {
        await tx.house(sql`insert into organization (${columns}) values (${values})`)
        await tx.query(sql`insert into rules_epoch (org) values (${row.id})`)
        await tx.query(
          sql`insert into audit_head (org, hash)
            values (${row.id}, sha256(convert_to(${`muster audit chain ${row.id}`}::text, 'UTF8')))`,
        )
        changed('organization', row.id)
        return written
      })
    },

    update(row, audit, epoch) {
      const { set } = organizations.write(row)
      return write(store, row.id, audit, constraints, async (tx, changed) => {
        if (epoch !== undefined && !(await startEpoch(tx, row.id, epoch))) return conflict
        const found = await tx.query(
          sql`update organization set ${set}, version = version + 1
            where id = ${row.id} and version = ${row.version} returning id`,
        )
        if (found.length === 0) return conflict
        changed('organization', row.id)
        return written
      })
    },
  }
}
