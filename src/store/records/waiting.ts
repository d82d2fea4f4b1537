// What waits in cells, as lists: suggestions of review groups, and scheduled states of users. Only read here, because
// cells write both.
import type { StateChange, Suggestion } from '../../core/directory/types.ts'
import type { StateChanges, Suggestions, SuggestionsWanted } from '../../core/ports.ts'
import { after, readPage } from '../reader.ts'
import { stateChanges, suggestions } from '../rows.ts'
import { nothing, sql } from '../sql.ts'
import type { RecordStore } from './writing.ts'

export function createSuggestions({ database }: Pick<RecordStore, 'database'>): Suggestions {
  const wanted = ({ group, rejected, subject }: SuggestionsWanted) => {
    const state = rejected ? sql`s.rejected_at is not null` : sql`s.rejected_at is null`
    const ofSubject = subject === undefined ? nothing : sql` and s.subject_id = ${subject as string}`
    return sql`s.group_id = ${group as string} and ${state}${ofSubject}`
  }
  return {
    async list(organization, where, page): Promise<Suggestion[]> {
      const rows = await readPage(
        database,
        sql`select ${suggestions.select('s')} from suggestion s
          where s.org = ${organization} and ${wanted(where)}${after(sql`s.id`, page)}
          order by s.id limit ${page.limit}`,
        page,
      )
      return rows.map(suggestions.read)
    },
    async count(organization, where) {
      const [row] = await database.query<{ joins: string; leaves: string }>(
        sql`select count(*) filter (where s.operation = 'join') as joins,
            count(*) filter (where s.operation = 'leave') as leaves
          from suggestion s where s.org = ${organization} and ${wanted(where)}`,
      )
      return { joins: Number(row?.joins ?? 0), leaves: Number(row?.leaves ?? 0) }
    },
    async find(organization, ids) {
      const rows = await database.query(
        sql`select ${suggestions.select('s')} from suggestion s
          where s.org = ${organization} and s.id = any(${[...ids]}::uuid[])`,
      )
      return rows.map(suggestions.read)
    },
  }
}

export function createStateChanges({ database }: Pick<RecordStore, 'database'>): StateChanges {
  return {
    async find(organization, id) {
      const [row] = await database.query(
        sql`select ${stateChanges.select('c')} from state_change c where c.org = ${organization} and c.id = ${id}`,
      )
      return row === undefined ? null : stateChanges.read(row)
    },
    async list(organization, { user }, page): Promise<StateChange[]> {
      const ofUser = user === undefined ? nothing : sql` and c.user_id = ${user as string}`
      const rows = await readPage(
        database,
        sql`select ${stateChanges.select('c')} from state_change c
          where c.org = ${organization}${ofUser}${after(sql`c.id`, page)}
          order by c.id limit ${page.limit}`,
        page,
      )
      return rows.map(stateChanges.read)
    },
  }
}
