// When time alone can next change a membership of a cell: an exemption ends, or a value passes a distance from `now` that
// a rule asks about. Pure; who waits for that instant is schedule.ts.
import type { SubjectKind } from '../directory/types.ts'
import type { CellFacts } from './engine.ts'
import { deviceFacts, type Facts, userFacts } from './language/facts.ts'
import { reader } from './language/read.ts'
import type { RuleSet } from './rule-set.ts'

/** A comparison with `now` in some rule: it turns when the attribute's value equals now + `fromNow` milliseconds. */
export interface RelativeInstant {
  readonly whose: SubjectKind
  readonly attribute: string
  readonly fromNow: number
}

/** Later than that nobody waits: years of more digits are written differently everywhere. */
export const latestDue = Date.UTC(9999, 11, 31)

/**
 * The earliest instant after `now` at which a membership of this cell may differ from what it is at `now`; until then every
 * evaluation of the same facts gives the same. Null: time alone never changes anything. One that has passed: a planned state
 * is not in force yet, and must not be forgotten.
 */
export function nextDue(cell: CellFacts, rules: Pick<RuleSet, 'instants'>, now: Date): Date | null {
  const from = now.getTime()
  let earliest = Number.POSITIVE_INFINITY
  eachTurn(cell, rules, (instant) => {
    if (instant > from && instant < earliest) earliest = instant
  })
  // A planned state counts until it is in force: test/store/planned-states.test.ts.
  for (const { at } of cell.stateChanges ?? []) earliest = Math.min(earliest, at.getTime())
  return earliest <= latestDue ? new Date(earliest) : null
}

/** Every instant, past or to come and in no order, at which time alone may change a membership of this cell as it is. */
export function eachTurn(
  cell: CellFacts,
  rules: Pick<RuleSet, 'instants'>,
  consider: (instant: number) => void,
): void {
  // An exemption that ends at an instant has no effect any more at that instant.
  for (const { expiresAt } of cell.inputs) if (expiresAt !== null) consider(expiresAt.getTime())
  for (const { at } of cell.stateChanges ?? []) consider(at.getTime())
  if (rules.instants.length === 0) return
  const nobody = new Set<never>()
  const facts: Record<SubjectKind, readonly Facts[]> = {
    users: cell.user === null ? [] : [userFacts(cell.user, nobody)],
    devices: cell.devices.map((device) => deviceFacts(device, nobody)),
  }
  // Comparisons of one attribute follow each other: its values are read once.
  let last: Pick<RelativeInstant, 'whose' | 'attribute'> | null = null
  let values: readonly number[] = []
  for (const instant of rules.instants) {
    const { whose, attribute, fromNow } = instant
    if (last?.attribute !== attribute || last.whose !== whose) {
      const read = reader({ name: attribute, type: 'date' })
      values = facts[whose].map(read).filter((value) => typeof value === 'number')
      last = instant
    }
    for (const value of values) {
      // `gt` and `le` turn as the two become equal; `ge` and `lt` in the millisecond after; `eq` and `ne` in both.
      consider(Math.ceil(value - fromNow))
      consider(Math.floor(value - fromNow) + 1)
    }
  }
}

/**
 * What is to be stored: an instant that is stored and comes first may stay, since being evaluated too early is harmless.
 * Devices that report every hour would otherwise move their instant every hour.
 */
export function dueToStore(stored: Date | null, next: Date | null, now: Date): Date | null {
  return stored !== null && stored > now && (next === null || stored <= next) ? stored : next
}
