// Reading what waits in cells: suggestions of review groups, and scheduled states. Cells write both.
import type {
  GroupId,
  OrganizationId,
  StateChangeId,
  SubjectId,
  SuggestionId,
  UserId,
} from '../../base/ids.ts'
import type { StateChange, Suggestion } from '../directory/types.ts'
import type { Page } from './reading.ts'

export interface SuggestionsWanted {
  readonly group: GroupId
  /** Those that were rejected, or (false) those that wait for an answer. */
  readonly rejected: boolean
  readonly subject?: SubjectId
}

export interface Suggestions {
  list(organization: OrganizationId, where: SuggestionsWanted, page: Page): Promise<readonly Suggestion[]>
  count(
    organization: OrganizationId,
    where: SuggestionsWanted,
  ): Promise<{ readonly joins: number; readonly leaves: number }>
  /** Those of these that there (still) are. */
  find(organization: OrganizationId, ids: readonly SuggestionId[]): Promise<readonly Suggestion[]>
}

export interface StateChanges {
  find(organization: OrganizationId, id: StateChangeId): Promise<StateChange | null>
  list(
    organization: OrganizationId,
    where: { readonly user?: UserId },
    page: Page,
  ): Promise<readonly StateChange[]>
}
