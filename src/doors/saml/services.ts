// What the SAML door needs of the house. app.ts gives it the real parts; tests may give others.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Access } from '../../core/access/decide.ts'
import type { WebSessions } from '../../core/access/web-sessions.ts'
import type { SamlApplication } from '../../core/directory/types.ts'
import type { KeyRing } from '../../core/keys/signing-keys.ts'
import type {
  AccessFacts,
  ApplicationSessions,
  Applications,
  Conversations,
  KnownApplication,
  Organizations,
  ResourceRecords,
  UsedOnce,
} from '../../core/ports.ts'
import type { WebGround } from '../../net/web/visitor.ts'

export interface SamlServices {
  readonly access: Pick<Access, 'decide'>
  readonly webSessions: Pick<WebSessions, 'resume' | 'end'>
  readonly applicationSessions: Pick<ApplicationSessions, 'save' | 'find' | 'list'>
  readonly conversations: Pick<Conversations, 'park' | 'find' | 'take'>
  readonly applications: Applications
  readonly resources: Pick<ResourceRecords, 'find'>
  readonly usedOnce: UsedOnce
  readonly organizations: Pick<Organizations, 'findBySlug'>
  /** For the name in the record of a sign-out. */
  readonly facts: Pick<AccessFacts, 'findSubject'>
  readonly keys: Pick<KeyRing, 'current' | 'published'>
  readonly ground: WebGround
  readonly clock: Clock
  readonly log: Log
}

/** A service provider as it is registered. */
export type ServiceProvider = KnownApplication<SamlApplication>
