// What the sign-in door needs of the house. app.ts gives it the real parts.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Access } from '../../core/access/decide.ts'
import type { WebSessions } from '../../core/access/web-sessions.ts'
import type { Organization } from '../../core/directory/types.ts'
import type {
  AccessFacts,
  ApplicationSession,
  Conversations,
  Organizations,
  ResourceRecords,
} from '../../core/ports.ts'
import type { Rate } from '../../net/limits.ts'
import type { WebGround } from '../../net/web/visitor.ts'

export interface SigninOptions {
  readonly access: Pick<Access, 'decide'>
  readonly webSessions: Pick<WebSessions, 'resume' | 'end'>
  readonly conversations: Pick<Conversations, 'find' | 'take'>
  readonly organizations: Pick<Organizations, 'findBySlug' | 'list'>
  /** For the name in the record of a sign-out. */
  readonly facts: Pick<AccessFacts, 'findSubject'>
  /** For the name of what is about to be opened. */
  readonly resources: Pick<ResourceRecords, 'find'>
  /** Where the browser has to go because applications must be told through it: a path of ours, or null. */
  readonly afterSignOut: (
    organization: Organization,
    ended: readonly ApplicationSession[],
    browser: string,
  ) => Promise<string | null>
  readonly ground: WebGround
  readonly clock: Clock
  readonly log: Log
  /** Of forms, for each peer; `signinRate` where absent. */
  readonly rate?: Rate
}

/**
 * An office of a hundred behind one address gets in at nine o'clock, with two forms each and at once; whoever tries one
 * password on many names gets no further than one a second. What is tried on one name, the lock of that name bounds.
 */
export const signinRate: Rate = { perSecond: 1, burst: 200 }
