// What the main thread and the keeper of the replica (keeper.ts, in a thread of its own) say to each other. Both are heard in
// order: what a table holds when a batch is called applied has been told of before.
import type { GroupId, OrganizationId } from '../../../base/ids.ts'
import type { TableParts } from './layout.ts'

/**
 * Something of an organization is not what it was. `organization`: whether it is there; `everything`: nothing that is known of
 * it can be relied on. Batches are numbered upwards.
 */
export interface Changed {
  readonly kind: 'changed'
  readonly organization: OrganizationId
  readonly batch: number
  readonly what: 'subjects' | 'groups' | 'organization' | 'everything'
  /** Are other attributes declared? */
  readonly attributes: boolean
  /** Are other resources there, or bound to other groups? */
  readonly grants: boolean
  readonly users: readonly string[]
  readonly devices: readonly string[]
}

export type ToKeeper = { readonly kind: 'start' } | Changed

export type FromKeeper =
  /** Readers are to use these from now on. */
  | { readonly kind: 'table'; readonly organization: OrganizationId; readonly parts: TableParts }
  /** The groups with the numbers from `from` on. */
  | {
      readonly kind: 'groups'
      readonly organization: OrganizationId
      readonly from: number
      readonly ids: readonly GroupId[]
    }
  /** Every batch up to this one is in the table. */
  | { readonly kind: 'applied'; readonly organization: OrganizationId; readonly batch: number }
  | { readonly kind: 'gone'; readonly organization: OrganizationId }
  | {
      readonly kind: 'trouble'
      readonly organization: OrganizationId | null
      readonly message: string
    }
