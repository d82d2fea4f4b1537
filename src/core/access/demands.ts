// What must be proven before this subject may use this resource: a first factor always, what any group of the subject
// demands of its members, what the bindings that grant the access demand, and what the application asks for. All demands add
// up; each is met by any one of its factors. Worked out with it: the grants, and what the resource receives because of them.
import type { AttributeValue, BindingAttributes, FactorKind } from '../directory/types.ts'
import { mergeAttributes, releasedOf } from './attributes.ts'
import type { BindingFact, Facts, MembershipFact, ResourceFacts, SubjectFacts } from './facts.ts'
import type { AccessRequest } from './request.ts'

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
/** What an application that wants two factors accepts beside a password. A passkey is something held and something known in one. */
export const secondFactors: readonly FactorKind[] = ['totp', 'push', 'webauthn']

/** Is it met by one of these? A recovery code stands in for the one-time code of an authenticator that was lost. */
export function isMet({ anyOf }: Pick<Demand, 'anyOf'>, proven: ReadonlySet<FactorKind>): boolean {
  return anyOf.some((kind) => proven.has(kind) || (kind === 'totp' && proven.has('recovery-code')))
}

interface WorkedOut {
  readonly grants: readonly Grant[]
  readonly demands: readonly Demand[]
  readonly attributes: BindingAttributes
  readonly released: Readonly<Record<string, AttributeValue>>
}

const first: Demand = { anyOf: firstFactors, from: 'every way in' }
const nobody: WorkedOut = { grants: [], demands: [first], attributes: mergeAttributes([]), released: {} }
/** Facts never change, so what follows from the same ones is worked out once for as long as they are kept. */
const known = new WeakMap<SubjectFacts, { resource: ResourceFacts; result: WorkedOut }>()

/** The bindings that grant the user this resource, in the administrator's order. */
export function grantsOf(facts: Pick<Facts, 'resource' | 'subject'>): readonly Grant[] {
  return workOut(facts).grants
}

export function demandsOf(
  request: Pick<AccessRequest, 'wanted'>,
  facts: Pick<Facts, 'resource' | 'subject'>,
): readonly Demand[] {
  const { demands } = workOut(facts)
  const wanted = request.wanted?.secondFactor ?? null
  if (wanted === null) return demands
  const enrolled = new Set(facts.subject?.factors.map(({ kind }) => kind))
  if (wanted === 'where-enrolled' && !isMet({ anyOf: secondFactors }, enrolled)) return demands
  return [...demands, { anyOf: secondFactors, from: 'what was asked for' }]
}

/** What the resource receives for this user. */
export function attributesOf(
  facts: Pick<Facts, 'resource' | 'subject'>,
): Pick<WorkedOut, 'attributes' | 'released'> {
  return workOut(facts)
}

function workOut({ resource, subject }: Pick<Facts, 'resource' | 'subject'>): WorkedOut {
  if (resource === null || subject?.kind !== 'user') return nobody
  const last = known.get(subject)
  if (last?.resource === resource) return last.result
  const byGroup = new Map(subject.memberships.map((membership) => [membership.groupId, membership]))
  const grants = resource.bindings.flatMap((binding) => {
    const membership = byGroup.get(binding.groupId)
    return membership === undefined ? [] : [{ binding, membership }]
  })
  const ofGroups = subject.memberships.filter(({ factors }) => factors.length > 0)
  const ofBindings = grants.filter(({ binding }) => binding.factors.length > 0)
  const demands = [
    first,
    ...ofGroups.map(({ name, factors }) => ({ anyOf: factors, from: `group ${name}` })),
    ...ofBindings.map(({ binding, membership }) => ({
      anyOf: binding.factors,
      from: `binding of group ${membership.name}`,
    })),
  ]
  const attributes = mergeAttributes(grants.map(({ binding }) => binding.attributes))
  const released = releasedOf(resource.resource.application, subject.user, attributes.claims)
  const result = { grants, demands, attributes, released }
  known.set(subject, { resource, result })
  return result
}
