// What is odd about a rule that an administrator writes, with what is known of the organization: who has which values, and
// what users change themselves. Findings are warnings: they refuse nothing, and never fail.
import type { OrganizationId } from '../../base/ids.ts'
import { analyse, keyOfValue, valuesAsked } from '../membership/analysis/analyse.ts'
import type { Finding } from '../membership/analysis/finding.ts'
import type { CheckedRule } from '../membership/language/checked.ts'
import type { Expr } from '../membership/language/syntax.ts'
import type { SetEngine } from '../membership/sets/set-engine.ts'
import { selfEditableOf } from './holding.ts'
import type { AttributeDefinition, SubjectKind } from './types.ts'
import type { By } from './writing.ts'

export interface FindingPorts {
  /** Knows which values there are; without it, or when it fails, nothing is said of values. */
  readonly sets?: Pick<SetEngine, 'seen'>
}

/** A sound rule. */
export interface AnalysedRule {
  readonly of: SubjectKind
  readonly checked: CheckedRule
  /** What `checked` was made from; findings have their places in its text. */
  readonly expr: Expr
}

export async function findingsOf(
  { organization }: By,
  { of, checked, expr }: AnalysedRule,
  attributes: readonly AttributeDefinition[],
  { sets }: FindingPorts,
): Promise<readonly Finding[]> {
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
