// Facts that time has not overtaken: a subject whose memberships (or state) are due to change by now is evaluated before it is
// answered, so that what ends at noon has ended at noon, however late the timer is.
import type { Clock } from '../../base/clock.ts'
import { Fault } from '../../base/result.ts'
import type { MembershipEngine } from '../membership/change.ts'
import type { AccessFacts } from '../ports.ts'
import type { SubjectFacts } from './facts.ts'

/** Instants can follow each other closely; somebody else may be writing the same cell. */
const mostEvaluations = 5

export function exactFacts(
  inner: AccessFacts,
  engine: Pick<MembershipEngine, 'reevaluate'>,
  clock: Clock,
): AccessFacts {
  return {
    findOrganization: (organization) => inner.findOrganization(organization),
    findResource: (organization, claim) => inner.findResource(organization, claim),
    async findSubject(organization, claimed) {
      for (let evaluations = 0; ; evaluations++) {
        const facts = await inner.findSubject(organization, claimed)
        if (facts?.kind !== 'user' || !isDue(facts, clock.now())) return facts
        if (evaluations >= mostEvaluations)
          throw new Fault('busy', 'the memberships of a user are due, and cannot be brought up to date')
        await engine.reevaluate(organization, [{ kind: 'user', id: facts.user.id }])
      }
    },
  }
}

/** Has time changed, by now, what these facts say? */
export function isDue(facts: SubjectFacts, now: Date): boolean {
  return facts.kind === 'user' && facts.due !== null && facts.due <= now
}
