// What the portal needs of the house. app.ts gives it the real parts.
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Access } from '../../core/access/decide.ts'
import type { OpenableApplications } from '../../core/access/openable.ts'
import type { WebSessions } from '../../core/access/web-sessions.ts'
import type { Directory } from '../../core/directory/directory.ts'
import type { Organization, Resource } from '../../core/directory/types.ts'
import type { Enrolment } from '../../core/factors/enrolment.ts'
import type { Conversations, Organizations, ResourceRecords } from '../../core/ports.ts'
import type { WebGround } from '../../net/web/visitor.ts'

export interface PortalOptions {
  readonly access: Pick<Access, 'decide' | 'holds'>
  readonly webSessions: Pick<
    WebSessions,
    'resume' | 'list' | 'listKept' | 'end' | 'endApplication' | 'endAll'
  >
  readonly conversations: Pick<Conversations, 'park'>
  readonly enrolment: Enrolment
  readonly openable: OpenableApplications
  readonly directory: Pick<Directory, 'ownDetails'>
  readonly organizations: Pick<Organizations, 'findBySlug'>
  /** For the names of applications that keep access. */
  readonly resources: Pick<ResourceRecords, 'find'>
  /** Where an application is opened: a URL of its own or a path of ours; null where it cannot be opened from here. */
  readonly launchPath: (organization: Organization, resource: Resource) => string | null
  readonly ground: WebGround
  readonly clock: Clock
  readonly log: Log
}
