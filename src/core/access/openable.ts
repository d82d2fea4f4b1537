// The applications that somebody may open: those for which the decision would be yes once the factors that they have are
// shown. The same judgement as at the doors, without effects.
import type { OrganizationId } from '../../base/ids.ts'
import { type FactorKind, factorKinds, type Resource } from '../directory/types.ts'
import type { AccessFacts, ResourceRecords, Session } from '../ports.ts'
import type { Access } from './decide.ts'
import type { Circumstance } from './request.ts'

export type OpenableApplications = (
  organization: OrganizationId,
  session: Pick<Session, 'userId'>,
  circumstance: Circumstance,
  at: Date,
) => Promise<readonly Resource[]>

const perPage = 200
const atOnce = 16

export function openableApplications({
  access,
  facts,
  resources,
}: {
  readonly access: Pick<Access, 'explain'>
  readonly facts: Pick<AccessFacts, 'findSubject'>
  readonly resources: Pick<ResourceRecords, 'list'>
}): OpenableApplications {
  return async (organization, { userId }, circumstance, at) => {
    const subject = await facts.findSubject(organization, { by: 'user-id', id: userId })
    const enrolled = new Set(subject?.factors.map(({ kind }) => kind))
    const assumed: readonly FactorKind[] = factorKinds.filter((kind) => enrolled.has(kind))
    const applications: Resource[] = []
    for (let after: string | undefined; ; ) {
      const page = await resources.list(
        organization,
        { op: 'eq', field: { standard: 'kind' }, value: 'application' },
        { limit: perPage, ...(after !== undefined && { after }) },
      )
      applications.push(...page.filter(({ enabled, application }) => enabled && application !== null))
      if (page.length < perPage) break
      after = page.at(-1)?.id
    }
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
