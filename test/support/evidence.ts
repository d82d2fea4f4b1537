// Looking at evidence with everything around it in memory: what is shown, in a few words.
import type { ConversationId, ResourceId } from '../../src/base/ids.ts'
import { Secret } from '../../src/base/secrets.ts'
import { demandsOf } from '../../src/core/access/demands.ts'
import type { Shown } from '../../src/core/access/facts.ts'
import { isWelcome } from '../../src/core/access/judge.ts'
import type { Evidence, Proof } from '../../src/core/access/request.ts'
import { checkEvidence } from '../../src/core/factors/evidence.ts'
import { Fakes } from './access.ts'
import {
  at,
  organizationOf,
  plain,
  requestOf,
  resourceOf,
  type Scene,
  subjectOf,
  theResource,
} from './scene.ts'

export const password = (text: string): Evidence => ({ kind: 'password', password: new Secret(text) })
export const code = (text: string): Evidence => ({ kind: 'code', code: new Secret(text) })
export const answerTo = (id: ConversationId): Evidence => ({ kind: 'conversation', id })
export const proof = (kind: 'password' | 'totp', factorVersion = `${kind}-1`): Proof => ({
  kind,
  factorVersion,
  at,
})

export function look(
  fakes: Fakes,
  evidence: readonly Evidence[],
  changes: { peer?: string | null; browser?: string; resource?: ResourceId; at?: Date } = {},
  ports = fakes.ports,
): Promise<Shown> {
  const { scene } = fakes
  const organization = organizationOf(scene)
  if (organization === null) throw new TypeError('evidence is looked at in an organization')
  const settings = { ...organization.settings, rememberPasswordSeconds: fakes.rememberSeconds }
  const request = requestOf(scene)
  const circumstance = {
    ...request.circumstance,
    peer: changes.peer === undefined ? scene.peer : changes.peer,
    ...(changes.browser !== undefined && { browser: changes.browser }),
  }
  const [subject, resource] = [subjectOf(scene), resourceOf(scene)]
  return checkEvidence(
    {
      request: { ...request, evidence, circumstance, at: changes.at ?? at },
      organization: { ...organization, settings },
      subject,
      resourceId: changes.resource ?? theResource,
      demands: demandsOf(request, { subject, resource }),
      mayBeRemembered: isWelcome({ subject, resource }),
    },
    ports,
  )
}

export const scene = (changes: Partial<Scene> = {}): Fakes => {
  const fakes = new Fakes()
  fakes.scene = { ...plain, ...changes }
  return fakes
}
export const demanding = { groups: { staff: ['totp'] } } as const

/** At `at`, for the seed of the fakes: of the step before, of this one, of the next, and of none of them. */
export async function codes() {
  const { generateSync } = await import('otplib')
  const of = (seconds: number) =>
    generateSync({
      secret: new Fakes().seed,
      epoch: at.getTime() / 1000 + seconds,
      digits: 6,
      period: 30,
      algorithm: 'sha1',
    })
  const found = { before: of(-30), now: of(0), next: of(30) }
  const taken = new Set(Object.values(found))
  return {
    ...found,
    none: ['000000', '000001', '000002', '000003'].find((text) => !taken.has(text)) as string,
  }
}
