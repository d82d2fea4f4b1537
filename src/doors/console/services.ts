// What the API needs of the house. app.ts gives it the real parts; tests may give others.
import type { Clock } from '../../base/clock.ts'
import type { OrganizationId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import type { Result } from '../../base/result.ts'
import type { Decision } from '../../core/access/decision.ts'
import type { AccessRequest } from '../../core/access/request.ts'
import type { WebSessions } from '../../core/access/web-sessions.ts'
import type { ChainVerdict } from '../../core/audit/chain.ts'
import type { Directory } from '../../core/directory/directory.ts'
import type { ImportReport } from '../../core/directory/import.ts'
import type { FactorKind } from '../../core/directory/types.ts'
import type { By, Refusal } from '../../core/directory/writing.ts'
import type { KeyRing } from '../../core/keys/signing-keys.ts'
import type { ApplicationSessions, AuditReader, Organizations, RuleSource, Tokens } from '../../core/ports.ts'
import type { Fetched, FetchRequest } from '../../net/web/fetch.ts'

export interface ApiServices {
  readonly directory: Directory
  readonly organizations: Pick<Organizations, 'findBySlug' | 'list'>
  readonly tokens: Pick<Tokens, 'findByDigest' | 'organizationOf'>
  readonly rules: Pick<RuleSource, 'read'>
  readonly audit: AuditReader
  readonly verifyAudit: (organization: OrganizationId) => Promise<ChainVerdict>
  readonly explain: (request: AccessRequest, assumed: readonly FactorKind[]) => Promise<Decision>
  readonly importOrganization: (by: By, file: unknown) => Promise<Result<ImportReport, Refusal>>
  readonly keys: Pick<KeyRing, 'list' | 'rotate'>
  readonly webSessions: Pick<WebSessions, 'list' | 'endAll'>
  readonly applicationSessions: Pick<ApplicationSessions, 'list'>
  /** Metadata of others: guarded, because an administrator of one organization says from where. */
  readonly fetch: (request: FetchRequest) => Promise<Fetched>
  readonly clock: Clock
  readonly log: Log
}
