// The feed of changes: what every process hears of what all processes write.
import type { OrganizationId } from '../../base/ids.ts'

export const changeKinds = [
  'user',
  'device',
  'group',
  'resource',
  'binding',
  'attribute',
  'service-account',
  'organization',
  'signing-key',
] as const
export type ChangeKind = (typeof changeKinds)[number]

/** "This object of this organization is not what it was." Idempotent; order between objects means nothing. */
export interface Change {
  readonly organization: OrganizationId
  readonly kind: ChangeKind
  readonly id: string
}

/** Behind by more than so many milliseconds, nothing that is kept in memory is used: the database is asked. */
export const longestBehindMs = 2_000

export interface ChangeFeed {
  /** Called with every change, own ones before the write returns, those of other processes within milliseconds. */
  subscribe(listener: (changes: readonly Change[]) => void): () => void
  /** Milliseconds since this process was last known to have seen every committed change. */
  stalenessMs(): number
  /**
   * Resolves once every change that was committed before this call has been told here. Waits while the database is away; throws
   * Fault when the feed is closed.
   */
  settled(): Promise<void>
  /** Grows whenever changes may have been missed: then every organization is told, and everything known of it is old. */
  readonly timesAway: number
}
