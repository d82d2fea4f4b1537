// The rules of an organization as they are stored: groups, attribute schema, and the epoch they belong to.
import type { GroupId } from '../base/ids.ts'
import type { RuleSource } from '../core/ports.ts'
import type { Database } from './database.ts'
import { attributeDefinitions, groups as groupRows } from './rows.ts'
import { sql } from './sql.ts'

export function createRuleSource(database: Database, epochs: Pick<RuleSource, 'epoch'>): RuleSource {
  return {
    epoch: epochs.epoch,
    async read(organization) {
      // The epoch first: what is read after it is at least as new.
      const epoch = await epochs.epoch(organization)
      const [groups, attributes] = await Promise.all([
        database.query<{ id: GroupId; keeping: boolean }>(
          sql`select ${groupRows.select('g')}, g.keeping from groups g where g.org = ${organization} order by g.id`,
        ),
        database.query(
          sql`select ${attributeDefinitions.select('a')} from attribute_definition a where a.org = ${organization}`,
        ),
      ])
      return {
        epoch,
        groups: groups.map(groupRows.read),
        attributes: attributes.map(attributeDefinitions.read),
        keeping: groups.flatMap(({ id, keeping }) => (keeping ? [id] : [])),
      }
    },
  }
}
