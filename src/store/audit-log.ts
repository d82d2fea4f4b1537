// Audit records of decisions, written in groups: whoever waits is told when its record is committed. Many decisions at
// once share one commit; the chain itself is made by the database (append_audit).
import type { OrganizationId } from '../base/ids.ts'
import { Fault } from '../base/result.ts'
import type { AuditBody } from '../core/audit/record.ts'
import { formatAudit } from '../core/audit/text.ts'
import type { AuditLog } from '../core/ports.ts'
import { type Database, DatabaseError, isRetryable, isTimeout } from './database.ts'
import { sql } from './sql.ts'

interface Waiting {
  readonly body: string
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

const mostAtOnce = 500
/** More than this waiting for the database is "busy". */
const mostWaiting = 20_000

export function createAuditLog(database: Database): AuditLog & { flushed(): Promise<void> } {
  const queues = new Map<OrganizationId, Waiting[]>()
  const writing = new Map<OrganizationId, Promise<void>>()
  let waiting = 0

  const store = async (organization: OrganizationId, group: readonly Waiting[]): Promise<void> => {
    try {
      // As lines and not as an array, whose elements would all be escaped and unescaped: JSON has no bare line feed.
      const lines = group.map(({ body }) => body).join('\n')
      await database.query(sql`select append_audit(${organization}, string_to_array(${lines}, chr(10)))`)
      for (const one of group) one.done()
    } catch (error) {
      // A record that the database refuses must not take those with it that wait beside it.
      const refused = error instanceof DatabaseError && !isTimeout(error) && !isRetryable(error)
      if (refused && group.length > 1) {
        const half = group.length >> 1
        await store(organization, group.slice(0, half))
        await store(organization, group.slice(half))
      } else for (const one of group) one.failed(error)
    }
  }

  const write = async (organization: OrganizationId): Promise<void> => {
    for (
      let queue = queues.get(organization) ?? [];
      queue.length > 0;
      queue = queues.get(organization) ?? []
    ) {
      const group = queue.splice(0, mostAtOnce)
      await store(organization, group)
      waiting -= group.length
    }
    queues.delete(organization)
    writing.delete(organization)
  }

  return {
    append(organization: OrganizationId, body: AuditBody) {
      if (waiting >= mostWaiting)
        return Promise.reject(new Fault('busy', 'too many audit records wait for the database'))
      waiting++
      return new Promise((done, failed) => {
        const queue = queues.get(organization) ?? []
        queue.push({ body: formatAudit(body), done, failed })
        queues.set(organization, queue)
        // In a later turn, so that what comes in together is written together.
        if (!writing.has(organization)) {
          writing.set(
            organization,
            new Promise((resolve) => setImmediate(() => void write(organization).then(resolve))),
          )
        }
      })
    },
    async flushed() {
      await Promise.all(writing.values())
    },
  }
}
