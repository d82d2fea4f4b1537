// One-time codes and recovery codes, looked at and used up: whatever succeeds in between, wrong ones are counted by the day.
import { fail, ok, type Result } from '../../base/result.ts'
import type { Secret } from '../../base/secrets.ts'
import { type EnrolledFactor, type Shown, type SubjectFacts, subjectId } from '../access/facts.ts'
import type { Proof } from '../access/request.ts'
import type { FactorKind } from '../directory/types.ts'
import type { EvidencePorts, Situation } from './evidence.ts'
import { normalizeRecoveryCode, recoveryCodeDigest } from './recovery.ts'
import { stepOfCode } from './totp.ts'

export function factorOf(subject: SubjectFacts | null, kind: FactorKind): EnrolledFactor | null {
  return subject?.factors.find((factor) => factor.kind === kind) ?? null
}

/** The proof, once nobody can use the code again. Which kind of code it is, its form tells. */
export async function checkCode(
  code: Secret,
  { request, organization, subject }: Pick<Situation, 'request' | 'organization' | 'subject'>,
  { lockouts, factors }: Pick<EvidencePorts, 'lockouts' | 'factors'>,
): Promise<Result<Proof, NonNullable<Shown['rejected']>>> {
  const id = subjectId(subject as SubjectFacts)
  if (!(await lockouts.reserveCode(organization.id, id, request.at, organization.settings.lockout)))
    return fail('locked')
  const recovery = normalizeRecoveryCode(code.reveal())
  const factor = factorOf(subject, recovery === null ? 'totp' : 'recovery-code')
  if (factor === null) return fail('wrong-proof')
  const proof: Proof = { kind: factor.kind, factorVersion: factor.version, at: request.at }
  if (recovery !== null) {
    if (!(await factors.useRecoveryCode(organization.id, factor.id, recoveryCodeDigest(recovery))))
      return fail('wrong-proof')
    await lockouts.returnCode(organization.id, id)
    return ok(proof)
  }
  const step = stepOfCode(factors.open(organization.id, factor), code.reveal(), request.at)
  if (step === null) return fail('wrong-proof')
  await lockouts.returnCode(organization.id, id)
  return (await factors.useStep(organization.id, factor.id, step)) ? ok(proof) : fail('code-used')
}
