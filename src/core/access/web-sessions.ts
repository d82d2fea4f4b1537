// Sessions of browsers: who a cookie stands for, and their end, which takes along what was opened through them. They are
// opened by `decide` alone.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, SessionId, UserId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Secret } from '../../base/secrets.ts'
import type { Actor, ChangeBody } from '../audit/record.ts'
import type { Organization } from '../directory/types.ts'
import type { ApplicationSession, Session, Sessions } from '../ports.ts'
import { sessionDigest } from './session-token.ts'

/** Told of what was open at applications and is no more, so that a door can tell the application. Must not throw. */
export type EndedListener = (organization: OrganizationId, ended: readonly ApplicationSession[]) => void

export interface WebSessions {
  /** The session of this cookie, unless it has ended or stood idle for too long. Counts as use of it. Throws Fault. */
  resume(organization: Organization, token: Secret): Promise<Session | null>
  /** Sessions of this user, the last used first. */
  list(organization: Organization, user: UserId): Promise<readonly Session[]>
  /** Ends a session of this user; gives what was open at applications through it. */
  end(
    organization: OrganizationId,
    session: SessionId,
    user: { readonly id: UserId; readonly username: string },
    actor: Actor,
    reason: string,
  ): Promise<readonly ApplicationSession[]>
  onEnded(listener: EndedListener): void
  /** For whoever ends application sessions in another way. */
  tellEnded: EndedListener
}

/** Use is noted once a minute, not with every click. */
const noteEveryMs = 60_000

export function createWebSessions({
  sessions,
  clock,
  log,
}: {
  readonly sessions: Sessions
  readonly clock: Clock
  readonly log: Log
}): WebSessions {
  const listeners: EndedListener[] = []
  const tellEnded: EndedListener = (organization, ended) => {
    if (ended.length === 0) return
    for (const listener of listeners) {
      try {
        listener(organization, ended)
      } catch (error) {
        log.error({ err: error }, 'an application could not be told of the end of a session')
      }
    }
  }
  return {
    async resume({ id, settings }, token) {
      const at = clock.now()
      const session = await sessions.findByDigest(id, sessionDigest(token), at, settings.session.idleSeconds)
      if (session !== null && at.getTime() - session.seenAt.getTime() >= noteEveryMs)
        await sessions.seen(id, session.id, at)
      return session
    },
    list: ({ id, settings }, user) => sessions.list(id, user, clock.now(), settings.session.idleSeconds),
    async end(organization, session, user, actor, reason) {
      const audit = sessionEnd('session', session, user.username, actor, reason, clock.now())
      const ended = (await sessions.end(organization, session, user.id, audit)) ?? []
      tellEnded(organization, ended)
      return ended
    },
    onEnded: (listener) => void listeners.push(listener),
    tellEnded,
  }
}

/** The audit record of an end. */
export function sessionEnd(
  kind: 'session' | 'application-session',
  id: string,
  name: string,
  actor: Actor,
  reason: string,
  at: Date,
): ChangeBody {
  const target = { kind, id, name }
  return { kind: 'change', at: at.toISOString(), actor, action: `${kind}.end`, target, details: { reason } }
}
