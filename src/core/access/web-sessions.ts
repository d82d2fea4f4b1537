// Sessions of browsers: who a cookie stands for, and their end, which takes along what was opened through them. They are
// opened by `decide` alone.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId, SessionId, UserId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Secret } from '../../base/secrets.ts'
import type { Actor, ChangeBody } from '../audit/record.ts'
import type { Organization } from '../directory/types.ts'
import type { ApplicationSession, ApplicationSessions, Session, Sessions } from '../ports.ts'
import { sessionDigest } from './session-token.ts'

/** Told of what was open at applications and is no more, so that a door can tell the application. Must not throw. */
export type EndedListener = (organization: OrganizationId, ended: readonly ApplicationSession[]) => void

/** Whose session it is, and what they are called in the record. */
export interface SessionOwner {
  readonly id: UserId
  readonly username: string
}

export interface WebSessions {
  /** The session of this cookie, unless it has ended or stood idle for too long. Counts as use of it. Throws Fault. */
  resume(organization: Organization, token: Secret): Promise<Session | null>
  /** Sessions of this user, the last used first. */
  list(organization: Organization, user: UserId): Promise<readonly Session[]>
  /** What applications keep of this user without a browser (offline access), in id order; the first two hundred. */
  listKept(organization: OrganizationId, user: UserId): Promise<readonly ApplicationSession[]>
  /** Ends a session of this user; gives what was open at applications through it. */
  end(
    organization: OrganizationId,
    session: SessionId,
    user: SessionOwner,
    actor: Actor,
    reason: string,
  ): Promise<readonly ApplicationSession[]>
  /** Ends what is open at one application; false where it had ended already. */
  endApplication(
    organization: OrganizationId,
    applicationSession: ApplicationSession,
    user: SessionOwner,
    actor: Actor,
    reason: string,
  ): Promise<boolean>
  /** Ends everything of this user, here and at applications, but for one session and what was opened through it. */
  endAll(
    organization: OrganizationId,
    user: SessionOwner,
    actor: Actor,
    reason: string,
    but: SessionId | null,
  ): Promise<void>
  onEnded(listener: EndedListener): void
  /** For whoever ends application sessions in another way. */
  tellEnded: EndedListener
}

/** Use is noted once a minute, not with every click. */
const noteEveryMs = 60_000
const atOnce = 200
/** Where all are to end, also those that stand idle: what was opened through them may not. */
const noIdleLimit = 10 * 365 * 24 * 3600

export function createWebSessions({
  sessions,
  applicationSessions,
  clock,
  log,
}: {
  readonly sessions: Sessions
  readonly applicationSessions: Pick<ApplicationSessions, 'list' | 'end'>
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
  const end: WebSessions['end'] = async (organization, session, user, actor, reason) => {
    const audit = sessionEnd('session', session, user.username, actor, reason, clock.now())
    const ended = (await sessions.end(organization, session, user.id, audit)) ?? []
    tellEnded(organization, ended)
    return ended
  }
  const endApplication: WebSessions['endApplication'] = async (organization, one, user, actor, reason) => {
    const audit = sessionEnd('application-session', one.id, user.username, actor, reason, clock.now())
    // Of several who end it at once, one is told so, and tells.
    const isEnded = await applicationSessions.end(organization, one.id, audit)
    if (isEnded) tellEnded(organization, [one])
    return isEnded
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
    listKept: (organization, user) =>
      applicationSessions.list(organization, { keptBy: user }, clock.now(), { limit: atOnce }),
    end,
    endApplication,
    async endAll(organization, user, actor, reason, but) {
      // A list has its bound, "all" has none.
      for (;;) {
        const found = await sessions.list(organization, user.id, clock.now(), noIdleLimit)
        const open = found.filter(({ id }) => id !== but)
        if (open.length === 0) break
        for (const { id } of open) await end(organization, id, user, actor, reason)
      }
      for (let after: string | undefined; ; ) {
        const page = { limit: atOnce, ...(after !== undefined && { after }) }
        const open = await applicationSessions.list(organization, { user: user.id }, clock.now(), page)
        for (const one of open) {
          if (but === null || one.sessionId !== but)
            await endApplication(organization, one, user, actor, reason)
        }
        if (open.length < atOnce) break
        after = open.at(-1)?.id
      }
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
