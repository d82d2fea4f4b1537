// What every column can do: take values by row, and test one comparison of a rule against all rows or against one.
import type { AttributeValue } from '../../directory/types.ts'
import type { CheckedRule } from '../language/checked.ts'
import { compileRule, type Missing } from '../language/compile.ts'
import type { Attribute } from '../language/schema.ts'

/** A comparison with an attribute. */
export type Term = Extract<CheckedRule, { readonly attribute: Attribute }>

export type RowTest = (row: number) => boolean

export interface Column {
  /** Memory it takes, without JavaScript objects. */
  readonly bytes: number
  /** Room for so many rows. */
  resize(rows: number): void
  /** A value as `reader` gives it, or undefined where it is missing. */
  set(row: number, value: AttributeValue | undefined): void
  /** Leaves in `mask` those for whom the test holds. */
  narrow(test: TermTest, mask: Uint8Array): void
  /** The test for single rows: cheaper than `narrow` where they are few. */
  rowTest(test: TermTest): RowTest
  estimate(test: TermTest): Estimate
  /** Gives back memory that is only there to grow into. */
  fit(): void
}

export interface Estimate {
  /** Nanoseconds for each row, roughly. */
  readonly cost: number
  /** For which part of the rows it holds, from 0 to 1. */
  readonly share: number
  /** Is `share` certain to be 0 only where it holds for no row? */
  readonly isExact: boolean
}

/** One comparison, ready to be asked of values. */
export interface TermTest {
  readonly term: Term
  /** What it is where there is no value. */
  readonly missing: boolean
  /** `ne`: of a list, no element may be equal. */
  readonly negated: boolean
  /** What it is for a value, by the closure that decides memberships. Texts as columns keep them: folded, unless case counts. */
  holds(value: AttributeValue): boolean
  /** Equal for tests that hold for the same values, whatever the time; null where that would take too many words. */
  readonly key: string | null
  /** What a date is compared with; otherwise 0. */
  readonly instant: number
}

const longestKey = 1_000

export function termTest(asked: Term, now: number, missing: Missing = 'as defined'): TermTest {
  const term: Term = { ...asked, side: 'self' }
  const { name } = term.attribute
  // Columns keep texts as they are compared: nothing is left to fold.
  const isRight = compileRule({ ...term, attribute: { ...term.attribute, caseExact: true } }, missing)
  const values: Record<string, AttributeValue | undefined> = Object.create(null)
  const facts = { values, memberOf: new Set<never>() }
  const holds = (value: AttributeValue | undefined): boolean => {
    values[name] = value
    return isRight(facts, now)
  }
  return {
    term,
    missing: holds(undefined),
    negated: term.kind !== 'present' && 'op' in term && term.op === 'ne',
    holds,
    key: keyOf(term),
    instant: term.kind !== 'date' ? 0 : 'at' in term.when ? term.when.at : now + term.when.fromNow,
  }
}

/** There is none for what depends on the time. */
function keyOf(term: Term): string | null {
  switch (term.kind) {
    case 'present':
      return 'pr'
    case 'date':
      return 'at' in term.when ? `${term.op} ${term.when.at}` : null
    case 'compare':
      return shortOrNull(`${term.op} ${JSON.stringify(term.value)}`)
    case 'matches':
      return shortOrNull(`matches ${term.source}`)
    case 'in':
      return term.values.length > longestKey ? null : shortOrNull(`in ${JSON.stringify(term.values)}`)
    default:
      return term satisfies never
  }
}

const shortOrNull = (key: string): string | null => (key.length > longestKey ? null : key)
