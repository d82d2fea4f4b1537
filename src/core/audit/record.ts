// The shape of an audit record: one for every decision and every change an administrator makes, whatever the door.
import type { Decision, Trace } from '../access/decision.ts'
import type { Circumstance } from '../access/request.ts'

/** Who did it: an API token, a person, or the house itself (start, timers). */
export type Actor =
  | { readonly kind: 'token'; readonly id: string; readonly name: string }
  | { readonly kind: 'user'; readonly id: string; readonly name: string }
  | { readonly kind: 'system'; readonly name: string }

export interface DecisionBody {
  readonly kind: 'decision'
  readonly at: string
  readonly outcome: Decision['outcome']
  /** A reason from the closed list, or the cause of `indeterminate`. */
  readonly reason: string | null
  /** What the person was shown to quote, where the door shows one. */
  readonly reference?: string
  readonly circumstance: Circumstance
  /** A permit's has no steps: they follow from the rest, and most of what is kept for years is permits. */
  readonly trace: Omit<Trace, 'steps'> & Partial<Pick<Trace, 'steps'>>
}

export interface ChangeBody {
  readonly kind: 'change'
  readonly at: string
  readonly actor: Actor
  /** `user.create`, `group.update`, `membership.join` … */
  readonly action: string
  readonly target: { readonly kind: string; readonly id: string; readonly name: string }
  /** Old and new values of what changed; secrets are named, never shown. */
  readonly details: Readonly<Record<string, unknown>>
}

export type AuditBody = DecisionBody | ChangeBody

/** A stored record: `hash` covers the hash before it and the exact text of `body`. */
export interface AuditRecord {
  readonly sequence: bigint
  readonly body: string
  readonly previous: string
  readonly hash: string
}
