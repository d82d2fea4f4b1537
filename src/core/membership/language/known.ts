// Would the result of a rule stay as it is, whatever the missing values were? Tells for whom a rule decides only because
// something is not known of them.
import type { CheckedRule } from './checked.ts'
import { compileRule } from './compile.ts'
import type { Subject } from './facts.ts'

/** `null`: it hangs on a value that is missing. */
export type Known = boolean | null

export type KnownPredicate = (subject: Subject, now: number) => Known

/** Where it is not null, it is what `compileRule` gives. */
export function compileKnown(rule: CheckedRule): KnownPredicate {
  const certainly = compileRule(rule, 'false')
  const possibly = compileRule(rule, 'true')
  return (subject, now) => {
    const isCertain = certainly(subject, now)
    return isCertain === possibly(subject, now) ? isCertain : null
  }
}
