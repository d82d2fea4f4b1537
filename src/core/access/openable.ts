// The applications that somebody may open: of those that one of their groups is bound to, those for which the decision would be
// yes once the factors that they have are shown. The same judgement as at the doors, without effects.
import type { OrganizationId } from '../../base/ids.ts'
import { allRows } from '../all-rows.ts'
import { type FactorKind, factorKinds, type Resource } from '../directory/types.ts'
import type { AccessFacts, ResourceRecords, Session } from '../ports.ts'
import type { Access } from './decide.ts'
import type { Reach } from './reach.ts'
import type { Circumstance } from './request.ts'

export type OpenableApplications = (
  organization: OrganizationId,
  session: Pick<Session, 'userId'>,
  circumstance: Circumstance,
  at: Date,
) => Promise<readonly Resource[]>

const atOnce = 16

export function openableApplications({
  access,
  facts,
  resources,
  reach,
}: {
  readonly access: Pick<Access, 'explain'>
  readonly facts: Pick<AccessFacts, 'findSubject'>
  readonly resources: Pick<ResourceRecords, 'list'>
  readonly reach: Pick<Reach, 'resourcesOf'>
}): OpenableApplications {
  return async (organization, { userId }, circumstance, at) => {
    const subject = await facts.findSubject(organization, { by: 'user-id', id: userId })
    const enrolled = new Set(subject?.factors.map(({ kind }) => kind))
    const assumed: readonly FactorKind[] = factorKinds.filter((kind) => enrolled.has(kind))
    const areApplications = { op: 'eq', field: { standard: 'kind' }, value: 'application' } as const
    // After the facts: whatever is due by now is stored by then.
    const reached = await reach.resourcesOf(organization, userId)
    if (reached.size === 0) return []
    const applications = (
      await allRows((page) => resources.list(organization, areApplications, page))
    ).filter(({ id, enabled, application }) => enabled && application !== null && reached.has(id))
    const may: Resource[] = []
    for (let from = 0; from < applications.length; from += atOnce) {
      const some = applications.slice(from, from + atOnce)
      const decisions = await Promise.all(
        some.map(({ id }) =>
          access.explain(
            {
              organization,
              subject: { by: 'user-id', id: userId },
              evidence: [],
              resource: { kind: 'id', id },
              circumstance,
              means: [],
              at,
            },
            assumed,
            'left-out',
          ),
        ),
      )
      may.push(...some.filter((_, index) => decisions[index]?.outcome === 'permit'))
    }
    return may.sort((a, b) => a.name.localeCompare(b.name, 'en', { sensitivity: 'base' }))
  }
}
