// What is odd about a rule that an administrator writes, with what is known of the organization: who has which values, and
// what users change themselves. Findings are warnings: they refuse nothing, and never fail.
import type { OrganizationId } from '../../base/ids.ts'
import { analyse, keyOfValue, valuesAsked } from '../membership/analysis/analyse.ts'
import type { Finding } from '../membership/analysis/finding.ts'
import { parseRule } from '../membership/language/parse.ts'
import type { RuleSourceText } from '../membership/rule-set.ts'
import type { SetEngine } from '../membership/sets/set-engine.ts'
import { selfEditableOf } from './holding.ts'
import { Rules } from './rules.ts'
import type { SubjectKind } from './types.ts'
import type { By } from './writing.ts'

export interface FindingPorts {
  /** Knows which values there are; without it, or when it fails, nothing is said of values. */
  readonly sets?: Pick<SetEngine, 'seen'>
}

/** Of a rule that is sound beside these groups; of any other there are none. Places are those in its text. */
export async function findingsOf(
  { organization }: By,
  { of, rule }: { readonly of: SubjectKind; readonly rule: string },
  { groups, attributes }: Pick<RuleSourceText, 'groups' | 'attributes'>,
  { sets }: FindingPorts,
): Promise<readonly Finding[]> {
  const parsed = parseRule(rule)
  const read = new Rules(groups, attributes).check(of, rule)
  if (!parsed.ok || !read.ok) return []
  const [expr, checked] = [parsed.value, read.value]
  const asked = valuesAsked(checked, expr, of)
  const answers = sets === undefined || asked.length === 0 ? [] : await seen(organization.id, asked, sets)
  const known = new Map(asked.map((one, index) => [keyOfValue(one), answers[index]]))
  const editable = selfEditableOf(attributes, organization.settings)
  return analyse(checked, expr, {
    of,
    seen: (whose, attribute, value) => known.get(keyOfValue({ of: whose, attribute, value })),
    selfEditable: (whose, attribute) => whose === 'users' && editable.has(attribute),
  })
}

async function seen(
  organization: OrganizationId,
  asked: Parameters<SetEngine['seen']>[1],
  sets: Pick<SetEngine, 'seen'>,
): ReturnType<SetEngine['seen']> {
  try {
    return await sets.seen(organization, asked)
  } catch {
    // Whoever knows the values is away or busy: the other findings do not need it.
    return []
  }
}
