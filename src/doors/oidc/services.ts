// What the OIDC door needs of the house. app.ts gives it the real parts; tests may give others.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Access } from '../../core/access/decide.ts'
import type { WebSessions } from '../../core/access/web-sessions.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { KeyRing } from '../../core/keys/signing-keys.ts'
import type {
  AccessFacts,
  ApplicationSession,
  ApplicationSessions,
  Applications,
  ChangeFeed,
  Conversations,
  OidcObjects,
  Organizations,
  UsedOnce,
} from '../../core/ports.ts'
import type { WebGround } from '../../net/web/visitor.ts'

export interface OidcServices {
  readonly access: Pick<Access, 'decide' | 'review'>
  readonly webSessions: Pick<WebSessions, 'resume' | 'end' | 'endApplication' | 'onEnded'>
  readonly applicationSessions: Pick<ApplicationSessions, 'save' | 'find' | 'list' | 'end'>
  readonly conversations: Pick<Conversations, 'park'>
  readonly applications: Applications
  readonly objects: OidcObjects
  readonly usedOnce: UsedOnce
  readonly organizations: Pick<Organizations, 'findBySlug'>
  readonly facts: Pick<AccessFacts, 'findSubject' | 'findOrganization'>
  readonly keys: Pick<KeyRing, 'published' | 'privateKey'>
  readonly feed: Pick<ChangeFeed, 'subscribe'>
  /** Where the browser has to go because applications must be told through it, before it goes on to `returnTo`; null: nowhere. */
  readonly afterSignOut: (
    organization: Organization,
    ended: readonly ApplicationSession[],
    browser: string,
    returnTo: string | null,
  ) => Promise<string | null>
  readonly ground: WebGround
  /** Signs the cookies of what is under way; the same in all processes. */
  readonly cookieKey: Buffer
  /** For what leaves the house: `fetchFor` with the guard of the house. */
  readonly fetch: typeof fetch
  readonly clock: Clock
  readonly log: Log
}
