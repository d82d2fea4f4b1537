// Which factors people can have already: the directory stores demands for all of them, and some are not there yet.
import type { Item } from './api.ts'
import type { Kind } from './kinds.ts'
import { orList, printable } from './output.ts'

const within: ReadonlySet<string> = new Set(['totp', 'password', 'recovery-code'])

/** True where nobody at all can meet a demand for any one of these. */
export const nobodyCanHave = (anyOf: readonly string[]): boolean =>
  anyOf.length > 0 && !anyOf.some((factor) => within.has(factor))

/** What whoever saved such a demand has to know; null where it can be met. */
export function noteOnFactors({ name }: Kind, { factors }: Item): string | null {
  const anyOf = Array.isArray(factors) ? factors.map(String) : []
  if ((name !== 'group' && name !== 'binding') || !nobodyCanHave(anyOf)) return null
  const where = name === 'group' ? 'members are refused everywhere' : 'members of the group are refused there'
  return (
    `note: nobody can have ${orList(anyOf.map(printable))} yet, so ${where} until another factor is accepted, too: ` +
    `factors=totp,${anyOf.map(printable).join(',')}\n`
  )
}
