// What must be proven before this subject may use this resource: a first factor always, and whatever the groups
// and bindings that grant the access demand beside it. All demands add up; each is met by any one of its factors.
import type { FactorKind } from '../directory/types.ts'
import type { BindingFact, Facts, MembershipFact, ResourceFacts, SubjectFacts } from './facts.ts'

export interface Demand {
  readonly anyOf: readonly FactorKind[]
  /** For the trace: which rule of the house, group or binding asks for it. */
  readonly from: string
}

/** A binding through which the subject has access, with the membership that makes it so. */
export interface Grant {
  readonly binding: BindingFact
  readonly membership: MembershipFact
}

export const firstFactors: readonly FactorKind[] = ['password', 'webauthn', 'certificate']

const noGrants: readonly Grant[] = []
/** Facts never change, so what follows from the same ones is worked out once for as long as they are kept. */
const lastGrants = new WeakMap<SubjectFacts, { resource: ResourceFacts; grants: readonly Grant[] }>()
const demandsOfGrants = new WeakMap<readonly Grant[], readonly Demand[]>()

/** The bindings that grant the user this resource, in the administrator's order. */
export function grantsOf({ resource, subject }: Pick<Facts, 'resource' | 'subject'>): readonly Grant[] {
  if (resource === null || subject?.kind !== 'user') return noGrants
  const last = lastGrants.get(subject)
  if (last?.resource === resource) return last.grants
  const byGroup = new Map(subject.memberships.map((membership) => [membership.groupId, membership]))
  const grants = resource.bindings.flatMap((binding) => {
    const membership = byGroup.get(binding.groupId)
    return membership === undefined ? [] : [{ binding, membership }]
  })
  lastGrants.set(subject, { resource, grants })
  return grants
}

export function demandsOf(grants: readonly Grant[]): readonly Demand[] {
  const known = demandsOfGrants.get(grants)
  if (known !== undefined) return known
  const demands: Demand[] = [{ anyOf: firstFactors, from: 'every way in' }]
  for (const { binding, membership } of grants) {
    if (membership.factors.length > 0)
      demands.push({ anyOf: membership.factors, from: `group ${membership.name}` })
    if (binding.factors.length > 0)
      demands.push({ anyOf: binding.factors, from: `binding of group ${membership.name}` })
  }
  demandsOfGrants.set(grants, demands)
  return demands
}
