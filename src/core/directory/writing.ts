// What every write to the directory shares: who does it, what can come of it, its audit record, and the merge patch.
import { fail, type Result } from '../../base/result.ts'
import type { Actor, ChangeBody } from '../audit/record.ts'
import type { WriteOutcome } from '../ports.ts'
import type { Problem } from './problem.ts'
import { isPlainObject, own } from './spec.ts'
import type { Organization } from './types.ts'

export type Role = 'owner' | 'administrator' | 'auditor'

/** On whose behalf and where something is written. */
export interface By {
  readonly organization: Organization
  readonly actor: Actor
  readonly role: Role
  /** Do they mean it, also where much would change (`?confirm=true`)? */
  readonly confirmed?: boolean
}

/** Why nothing was written. `problems` is never empty, so that every refusal says how to mend it. */
export interface Refusal {
  readonly kind: 'invalid' | 'not-found' | 'stale' | 'conflict' | 'taken' | 'in-use' | 'forbidden' | 'confirm'
  readonly problems: readonly Problem[]
}

export interface Written<T> {
  readonly object: T
  /** What this answer tells beside the object, and no other: generated secrets, what is odd about a rule. */
  readonly once?: Readonly<Record<string, unknown>>
}

export function refuse(kind: Refusal['kind'], field: string, message: string): { ok: false; error: Refusal } {
  return fail({ kind, problems: [{ field, code: kind, message }] })
}

export function invalid(problems: readonly Problem[]): { ok: false; error: Refusal } {
  return fail({ kind: 'invalid', problems })
}

export const notFound = (what: string) => refuse('not-found', '', `there is no such ${what}`)

export const stale = (what: string) =>
  refuse('stale', '', `this ${what} has changed since it was read: read it again and repeat the change`)

/** A store's outcome as a refusal; null when it was written. */
export function refusalOf(outcome: WriteOutcome, what: string): { ok: false; error: Refusal } | null {
  switch (outcome.outcome) {
    case 'written':
      return null
    case 'conflict':
      return refuse('conflict', '', `this ${what} is being changed by others at this moment: try again`)
    case 'taken':
      return refuse(
        'taken',
        outcome.field,
        'this value belongs to another object already: choose another one',
      )
    case 'missing':
      return invalid([{ field: outcome.field, code: 'missing', message: 'there is no such object' }])
    case 'in-use':
      return refuse('in-use', outcome.field, `this ${what} is still in use: remove what refers to it first`)
    default:
      return outcome satisfies never
  }
}

export function changeBody(
  by: { readonly actor: Actor },
  at: Date,
  action: string,
  target: { readonly kind: string; readonly id: string; readonly name: string },
  details: Readonly<Record<string, unknown>> = {},
): ChangeBody {
  return { kind: 'change', at: at.toISOString(), actor: by.actor, action, target, details }
}

type Document = Readonly<Record<string, unknown>>

/** Old and new value of each field that differs; a new or removed object shows only the one side. */
export function difference(before: Document | null, after: Document | null): Record<string, unknown> {
  const result: Record<string, unknown> = Object.create(null)
  for (const name of new Set([...Object.keys(before ?? {}), ...Object.keys(after ?? {})])) {
    const from = (before && own(before, name)) ?? null
    const to = (after && own(after, name)) ?? null
    if (JSON.stringify(from) === JSON.stringify(to)) continue
    result[name] = before && after ? { from, to } : after ? { to } : { from }
  }
  return result
}

/** Nothing that can be sent is deeper: what is, is not followed to its end, and refused by whoever reads it. */
const deepest = 32

/** JSON Merge Patch (RFC 7396) of plain values; the result has no prototypes and shares nothing that was patched. */
export function mergePatch(target: unknown, patch: unknown, depth = 0): unknown {
  if (!isPlainObject(patch) || depth >= deepest) return patch
  const result: Record<string, unknown> = Object.create(null)
  if (isPlainObject(target)) for (const name of Object.keys(target)) result[name] = target[name]
  for (const name of Object.keys(patch)) {
    if (patch[name] === null) delete result[name]
    else result[name] = mergePatch(result[name], patch[name], depth + 1)
  }
  return result
}

export type Outcome<T> = Result<Written<T>, Refusal>
