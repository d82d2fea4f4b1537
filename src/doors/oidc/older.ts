// Bounds what stays open at one application. Every authorization opens a grant of its own, because a code or refresh token that comes
// twice ends its grant: shared, it would take along what others came by honestly. So of many some go: those that were never used, then the oldest.
import type { OrganizationId } from '../../base/ids.ts'
import { sessionEnd } from '../../core/access/web-sessions.ts'
import type { ApplicationSession } from '../../core/ports.ts'
import type { Grants } from './grants.ts'
import { nameOf } from './names.ts'
import type { OidcServices } from './services.ts'

type Ports = Pick<OidcServices, 'applicationSessions' | 'objects' | 'facts' | 'clock'> &
  Pick<Grants, 'forget'>

/** So many stay; they are counted with each that is opened, and ended some at a time. */
const kept = 20
const most = 30
const perPage = 200
const reason = 'newer ones of the same session and application took its place'

/**
 * Ends the older ones beside the one that was just opened: those of the same session, or of the same user where it outlives sessions.
 * The application is not told: a logout token names the session (`sid`), and that goes on.
 */
export function createEndOlder({ applicationSessions, objects, facts, clock, forget }: Ports) {
  const besides = async (
    organization: OrganizationId,
    { userId, sessionId, resourceId }: ApplicationSession,
  ): Promise<readonly ApplicationSession[]> => {
    const of = sessionId === null ? { user: userId } : { session: sessionId }
    const found: ApplicationSession[] = []
    for (let after: string | undefined; ; ) {
      const page = { limit: perPage, ...(after !== undefined && { after }) }
      const some = await applicationSessions.list(organization, of, clock.now(), page)
      found.push(
        ...some.filter(
          (one) => one.door === 'oidc' && one.resourceId === resourceId && one.sessionId === sessionId,
        ),
      )
      if (some.length < perPage) return found
      after = some.at(-1)?.id
    }
  }

  return async (organization: OrganizationId, opened: ApplicationSession): Promise<void> => {
    const found = await besides(organization, opened)
    if (found.length <= most) return
    // First those that nobody came back for: another site can send a browser here again and again, but has nothing of what it gets.
    const ids = found.map(({ id }) => id)
    const used = await objects.withTokens(organization, ids)
    const rank = ({ id }: ApplicationSession): number => (id === opened.id ? 2 : used.has(id) ? 1 : 0)
    const older = found.toSorted((a, b) => rank(b) - rank(a) || newestFirst(a, b)).slice(kept)
    const name = await nameOf({ facts }, organization, opened.userId)
    const actor = { kind: 'system', name: 'oidc' } as const
    for (const { id } of older) {
      const audit = sessionEnd('application-session', id, name, actor, reason, clock.now())
      await applicationSessions.end(organization, id, audit)
    }
    await forget(
      organization,
      older.map(({ id }) => id),
    )
  }
}

/** The same order for all who look at the same time. */
function newestFirst(a: ApplicationSession, b: ApplicationSession): number {
  return b.openedAt.getTime() - a.openedAt.getTime() || (a.id < b.id ? -1 : 1)
}
