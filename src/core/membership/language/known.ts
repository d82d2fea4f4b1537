// Rules in three-valued logic (Kleene): would the result stay as it is, whatever the missing values were? Tells for
// whom a rule decides only because something is not known of them.
import type { CheckedRule } from './checked.ts'
import { compileRule } from './compile.ts'
import type { Subject } from './facts.ts'
import { reader } from './read.ts'

/** `null`: it hangs on a value that is missing. */
export type Known = boolean | null

export type KnownPredicate = (subject: Subject, now: number) => Known

/** Where it is not null, it is what `compileRule` gives. Memberships and presence are always known. */
export function compileKnown(rule: CheckedRule): KnownPredicate {
  switch (rule.kind) {
    case 'and':
    case 'or': {
      const items = rule.items.map(compileKnown)
      const decisive = rule.kind === 'or'
      return (subject, now) =>
        combine(
          items.map((item) => item(subject, now)),
          decisive,
        )
    }
    case 'not': {
      const item = compileKnown(rule.item)
      return (subject, now) => {
        const known = item(subject, now)
        return known === null ? null : !known
      }
    }
    case 'any': {
      const where = compileKnown(rule.where)
      return (subject, now) =>
        combine(
          (subject.devices ?? []).map((device) => where(device, now)),
          true,
        )
    }
    case 'member':
    case 'present':
      return compileRule(rule)
    default: {
      const holds = compileRule(rule)
      const read = reader(rule.attribute)
      const { side } = rule
      return (subject, now) => {
        const facts = side === 'self' ? subject : subject.owner
        return facts === undefined || read(facts) === undefined ? null : holds(subject, now)
      }
    }
  }
}

/** One decisive item decides; otherwise one that is not known leaves all unknown. */
function combine(items: readonly Known[], decisive: boolean): Known {
  if (items.includes(decisive)) return decisive
  return items.includes(null) ? null : !decisive
}
