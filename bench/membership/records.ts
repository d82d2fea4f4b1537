// The audit records of what the benchmark writes, and what becomes of a write that was refused.
import type { ChangeBody } from '../../src/core/audit/record.ts'

export const actor = { kind: 'system', name: 'benchmark' } as const

export const changeRecord = (
  action: string,
  target: { readonly kind: string; readonly id: string; readonly name: string },
): ChangeBody => ({ kind: 'change', at: new Date().toISOString(), actor, action, target, details: {} })

/** Throws unless it was written. */
export async function written(writing: Promise<{ readonly outcome: string }>): Promise<void> {
  const { outcome } = await writing
  if (outcome !== 'written') throw new Error(`not written: ${outcome}`)
}
