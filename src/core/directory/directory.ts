// The directory's services joined over the ports: what the API, the command line and the start write through.
import type { Clock } from '../../base/clock.ts'
import type { UserId } from '../../base/ids.ts'
import type { Result } from '../../base/result.ts'
import type { Secret } from '../../base/secrets.ts'
import type { MembershipEngine } from '../membership/change.ts'
import type { SamplePage } from '../membership/preview/preview.ts'
import { createPreviewer } from '../membership/preview/previewer.ts'
import { either, type SetEngine } from '../membership/sets/set-engine.ts'
import type {
  ApiToken,
  AuditReader,
  Cells,
  Credentials,
  DirectoryReader,
  Exemptions,
  GroupRecords,
  Insight,
  Organizations,
  Records,
  ResourceRecords,
  RuleRecords,
  RuleSource,
  StateChanges,
  Suggestions,
  Tokens,
} from '../ports.ts'
import { attributeCollection } from './attributes.ts'
import { mayManage } from './authority.ts'
import { type AttributeCheck, bindingCollection } from './bindings.ts'
import type { CellWriter } from './cells.ts'
import type { Collection } from './collection.ts'
import { deviceCollection } from './device-collection.ts'
import { type ExemptionCollection, exemptionCollection } from './exemption-collection.ts'
import { type FactorsOf, factorsOf } from './factors.ts'
import { groupPreview, type RulePreview } from './group-preview.ts'
import { type GroupProposals, groupProposals } from './group-proposals.ts'
import { groupCollection, ruleTurns } from './groups.ts'
import { createInsights, type Insights } from './insights.ts'
import { type Members, members } from './members.ts'
import { updateOrganization } from './organizations.ts'
import { type OwnDetails, ownDetails } from './own-details.ts'
import { resourceCollection } from './resources.ts'
import { type RuleCheck, ruleCheck } from './rule-check.ts'
import { serviceAccountCollection } from './service-accounts.ts'
import { type ScheduledStates, scheduledStates } from './state-changes.ts'
import { type ReviewedSuggestions, reviewedSuggestions } from './suggestions.ts'
import { tokenCollection } from './tokens.ts'
import type {
  AttributeDefinition,
  Binding,
  Device,
  Group,
  Organization,
  Resource,
  ServiceAccount,
  User,
} from './types.ts'
import { userCollection } from './user-collection.ts'
import type { By, Outcome, Refusal } from './writing.ts'

export interface DirectoryPorts {
  readonly engine: CellWriter & Pick<MembershipEngine, 'activateGroup' | 'settle'>
  readonly rules: RuleSource
  readonly cells: Pick<Cells, 'read' | 'scan'>
  readonly reader: DirectoryReader
  readonly organizations: Organizations
  readonly groups: GroupRecords
  readonly resources: ResourceRecords
  readonly bindings: RuleRecords<Binding>
  readonly attributes: RuleRecords<AttributeDefinition>
  readonly serviceAccounts: Records<ServiceAccount>
  readonly exemptions: Exemptions
  readonly suggestions: Suggestions
  readonly stateChanges: StateChanges
  readonly tokens: Tokens
  readonly credentials: Credentials
  /** A PHC string; throws Fault `busy`. */
  readonly hashPassword: (password: Secret) => Promise<Secret>
  readonly checkAttributes: AttributeCheck
  readonly auditReader: Pick<AuditReader, 'list'>
  readonly insight: Insight
  /** Previews without going through every cell, and knows which values there are, where there is somebody who can. */
  readonly sets?: Pick<SetEngine, 'preview' | 'seen'>
  readonly clock: Clock
}

export interface Directory {
  readonly users: Collection<User>
  readonly devices: Collection<Device>
  readonly groups: Collection<Group>
  readonly resources: Collection<Resource>
  readonly bindings: Collection<Binding>
  readonly attributes: Collection<AttributeDefinition>
  readonly serviceAccounts: Collection<ServiceAccount>
  readonly tokens: Collection<ApiToken>
  readonly exemptions: ExemptionCollection
  readonly members: Members
  readonly insights: Insights
  readonly groupProposals: GroupProposals
  readonly suggestions: ReviewedSuggestions
  readonly stateChanges: ScheduledStates
  /** What a rule would change. */
  previewGroup(by: By, body: unknown, page: SamplePage): Promise<Result<RulePreview, Refusal>>
  /** A rule in both forms, and what is odd about it. */
  checkRule(by: By, body: unknown): Promise<Result<RuleCheck, Refusal>>
  /** What users look after themselves. */
  readonly ownDetails: OwnDetails
  readonly userFactors: FactorsOf
  readonly serviceAccountFactors: FactorsOf
  /** May they decide over this user: sign them out, for one? */
  mayManage(by: By, user: UserId): Promise<Result<unknown, Refusal>>
  updateOrganization(by: By, patch: unknown, version?: number): Promise<Outcome<Organization>>
}

export function createDirectory(ports: DirectoryPorts): Directory {
  const scanning = createPreviewer(ports)
  const previewer = ports.sets === undefined ? scanning : either(ports.sets, scanning)
  const turns = ruleTurns()
  return {
    users: userCollection(ports),
    devices: deviceCollection(ports),
    groups: groupCollection({
      ...ports,
      turns,
      previewer,
      activateGroup: (org, id) => ports.engine.activateGroup(org, id),
      settle: (org) => ports.engine.settle(org),
    }),
    resources: resourceCollection(ports),
    bindings: bindingCollection({ ...ports, turns }),
    attributes: attributeCollection({ ...ports, turns }),
    serviceAccounts: serviceAccountCollection(ports),
    tokens: tokenCollection(ports),
    exemptions: exemptionCollection(ports),
    members: members(ports),
    insights: createInsights(ports),
    groupProposals: groupProposals(ports, members(ports)),
    suggestions: reviewedSuggestions(ports),
    stateChanges: scheduledStates(ports),
    previewGroup: groupPreview({ ...ports, previewer }),
    checkRule: ruleCheck(ports),
    ownDetails: ownDetails(ports),
    userFactors: factorsOf('user', ports),
    serviceAccountFactors: factorsOf('service-account', ports),
    mayManage: (by, user) => mayManage(by, user, ports),
    updateOrganization: (by, patch, version) => updateOrganization(by, patch, version, ports),
  }
}
