// Looks at what was shown and says what it proves. The one place where a password or a code is compared, whatever the
// door: every try is counted before it is looked at, and costs the same for nobody as for somebody.
import type { FactorId } from '../../base/ids.ts'
import { Fault } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { Demand } from '../access/demands.ts'
import { type EnrolledFactor, type Shown, type SubjectFacts, subjectId } from '../access/facts.ts'
import type { AccessRequest, Evidence, Proof } from '../access/request.ts'
import type { FactorKind, Organization } from '../directory/types.ts'
import type { Conversations, Factors, Lockouts } from '../ports.ts'
import type { OneAtATime } from './one-at-a-time.ts'
import type { PasswordHasher } from './password.ts'
import type { RememberedPasswords } from './remembered.ts'
import { stepOfCode } from './totp.ts'

export interface EvidencePorts {
  readonly lockouts: Lockouts
  readonly factors: Factors
  readonly conversations: Conversations
  readonly hasher: PasswordHasher
  readonly remembered: RememberedPasswords
  /** Tries for one subject are looked at one after the other. */
  readonly turns: OneAtATime
}

/** What a check needs to know about the situation. */
export interface Situation {
  readonly request: AccessRequest
  readonly organization: Organization
  readonly subject: SubjectFacts | null
  readonly resourceId: string | null
  readonly demands: readonly Demand[]
  /**
   * Would the right evidence let the subject in? Where it would not, a right password costs the same as a wrong one every time:
   * a quick refusal would tell that it was right.
   */
  readonly mayBeRemembered: boolean
}

const nothingShown: Shown = { accepted: [], rejected: null, counted: false }
const held = (accepted: readonly Proof[], counted: boolean): Shown => ({ accepted, rejected: null, counted })
const refused = (rejected: NonNullable<Shown['rejected']>, counted = true): Shown => ({
  accepted: [],
  rejected,
  counted,
})

/** Throws Fault where it cannot be told; that is never taken for a wrong password. */
export async function checkEvidence(situation: Situation, ports: EvidencePorts): Promise<Shown> {
  const { evidence } = situation.request
  const standing = evidence.find((one) => one.kind === 'standing')
  if (standing !== undefined) return stillStanding(standing.proof, situation.subject)
  const conversation = evidence.find((one) => one.kind === 'conversation')
  const code = evidence.find((one) => one.kind === 'code')
  const password = evidence.find((one) => one.kind === 'password')
  if (conversation !== undefined) return checkAnswer(conversation, code ?? password, situation, ports)
  return password === undefined ? nothingShown : checkPassword(password.password, situation, ports)
}

/** Proofs that a permit rests on hold as long as the factors are the same ones. */
function stillStanding(proof: readonly Proof[], subject: SubjectFacts | null): Shown {
  const isCurrent = ({ kind, factorVersion }: Proof): boolean =>
    subject?.factors.some((factor) => factor.kind === kind && factor.version === factorVersion) ?? false
  return held(proof.filter(isCurrent), false)
}

async function checkPassword(shown: Secret, situation: Situation, ports: EvidencePorts): Promise<Shown> {
  const { request, organization, subject, demands } = situation
  const stored = factorOf(subject, 'password')
  const id = subject === null ? null : subjectId(subject)
  const accepted = (kind: EnrolledFactor): Proof => ({
    kind: kind.kind,
    factorVersion: kind.version,
    at: request.at,
  })

  const remembered = (): Shown | null =>
    situation.mayBeRemembered &&
    id !== null &&
    stored !== null &&
    ports.remembered.knows(id, stored.version, shown)
      ? held([accepted(stored)], false)
      : null

  const known = remembered()
  if (known !== null) return known
  return ports.turns.run(id ?? 'nobody', id === null, async () => {
    const knownByNow = remembered()
    if (knownByNow !== null) return knownByNow
    const turn = await ports.lockouts.reserve(
      organization.id,
      id,
      request.circumstance.peer,
      request.at,
      organization.settings.lockout,
    )
    if (turn === 'locked' && id !== null) ports.remembered.forgetSubject(id)
    // Somebody locked out waits as long as somebody wrong.
    const secret = turn === 'locked' || stored === null ? null : ports.factors.open(organization.id, stored)
    const wantsCode = demands.some((demand) => demand.anyOf.includes('totp'))
    const readings = candidates(shown, wantsCode)
    for (const [index, candidate] of readings.entries()) {
      if (!(await ports.hasher.matches(secret, candidate.password))) continue
      if (stored === null) throw new Fault('internal', 'a password matched where there is none')
      if (candidate.code === null) {
        const needsMore = demands.some((demand) => !demand.anyOf.includes('password'))
        if (!needsMore && situation.mayBeRemembered) {
          ports.remembered.remember(
            organization.id,
            id as string,
            stored.version,
            shown,
            organization.settings.rememberPasswordSeconds,
          )
        }
        return held([accepted(stored)], true)
      }
      const totp = factorOf(subject, 'totp')
      if (totp === null) continue
      const outcome = await checkCode(candidate.code, totp, situation, ports)
      if (outcome !== null) {
        // As slow as a wrong password: the code must not tell that the password was right.
        for (const rest of readings.slice(index + 1)) await ports.hasher.matches(null, rest.password)
        return refused(outcome)
      }
      return held([accepted(stored), accepted(totp)], true)
    }
    // Had the password been right, the code would have been counted: the same work, for nobody.
    if (readings.length > 1)
      await ports.lockouts.reserveCode(organization.id, null, request.at, organization.settings.lockout)
    return refused(turn === 'locked' ? 'locked' : 'wrong-proof')
  })
}

interface Candidate {
  readonly password: Secret
  readonly code: Secret | null
}

/**
 * `password,123456` in one field, for doors that have no second one. A password may itself end that way, so both readings are
 * tried, the likelier first; how many are tried depends on the text alone, not on the subject.
 */
function candidates(shown: Secret, wantsCode: boolean): readonly Candidate[] {
  const text = shown.reveal()
  const whole: Candidate = { password: shown, code: null }
  if (!/.,\d{6}$/s.test(text)) return [whole]
  const split: Candidate = { password: new Secret(text.slice(0, -7)), code: new Secret(text.slice(-6)) }
  return wantsCode ? [split, whole] : [whole, split]
}

/** The answer to a challenge: the conversation gives back what was proven before, the code adds to it. */
async function checkAnswer(
  shown: Extract<Evidence, { kind: 'conversation' }>,
  answer: Extract<Evidence, { kind: 'code' | 'password' }> | undefined,
  situation: Situation,
  ports: EvidencePorts,
): Promise<Shown> {
  const { request, organization, subject, resourceId } = situation
  const parked = await ports.conversations.take(shown.id)
  const totp = factorOf(subject, 'totp')
  const mine =
    parked !== null &&
    subject !== null &&
    parked.organization === organization.id &&
    parked.subject === subjectId(subject) &&
    parked.resource === resourceId &&
    // Two peers that could not be established are not known to be the same one.
    parked.peer !== null &&
    parked.peer === request.circumstance.peer
  if (!mine) return refused('conversation-expired', false)
  const before = stillStanding(parked.proof, subject).accepted
  if (before.length < parked.proof.length || totp === null || answer === undefined)
    return refused('conversation-expired', false)
  const code = answer.kind === 'code' ? answer.code : answer.password
  return ports.turns.run(subjectId(subject), false, async () => {
    const turn = await ports.lockouts.reserve(
      organization.id,
      subjectId(subject),
      request.circumstance.peer,
      request.at,
      organization.settings.lockout,
    )
    if (turn === 'locked') return refused('locked')
    const outcome = await checkCode(code, totp, situation, ports)
    if (outcome !== null) return refused(outcome)
    return held([...before, { kind: 'totp', factorVersion: totp.version, at: request.at }], true)
  })
}

/** null: the code is right, and nobody can use it again. Wrong ones are counted by the day, whatever succeeds between. */
async function checkCode(
  code: Secret,
  totp: EnrolledFactor,
  situation: Situation,
  ports: EvidencePorts,
): Promise<Shown['rejected']> {
  const { request, organization, subject } = situation
  const id = subjectId(subject as SubjectFacts)
  if (!(await ports.lockouts.reserveCode(organization.id, id, request.at, organization.settings.lockout)))
    return 'locked'
  const step = stepOfCode(ports.factors.open(organization.id, totp), code.reveal(), request.at)
  if (step === null) return 'wrong-proof'
  await ports.lockouts.returnCode(organization.id, id)
  return (await ports.factors.useStep(organization.id, totp.id as FactorId, step)) ? null : 'code-used'
}

function factorOf(subject: SubjectFacts | null, kind: FactorKind): EnrolledFactor | null {
  return subject?.factors.find((factor) => factor.kind === kind) ?? null
}
