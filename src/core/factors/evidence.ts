// Looks at what was shown and says what it proves. The one place where a password or a code is compared, whatever the
// door: every try is counted before it is looked at, and costs the same for nobody as for somebody.
import { Fault } from '../../base/result.ts'
import { Secret } from '../../base/secrets.ts'
import type { Demand } from '../access/demands.ts'
import { type EnrolledFactor, type Shown, type SubjectFacts, subjectId } from '../access/facts.ts'
import type { AccessRequest, Circumstance, Evidence, Proof } from '../access/request.ts'
import { nameKey } from '../directory/names.ts'
import type { Organization } from '../directory/types.ts'
import type { Conversations, Factors, Lockouts, PendingChallenge, Sessions } from '../ports.ts'
import { checkCode, factorOf } from './codes.ts'
import type { OneAtATime } from './one-at-a-time.ts'
import type { PasswordHasher } from './password.ts'
import type { RememberedPasswords } from './remembered.ts'

export interface EvidencePorts {
  readonly lockouts: Lockouts
  readonly factors: Factors
  readonly conversations: Pick<Conversations, 'park' | 'take'>
  readonly sessions: Pick<Sessions, 'find' | 'open'>
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
  const session = evidence.find((one) => one.kind === 'session')
  const before = session === undefined ? [] : await provenBySession(session, situation, ports)
  const shown = await checkShown(situation, ports)
  return shown.rejected === null ? { ...shown, accepted: newest(before, shown.accepted) } : shown
}

async function checkShown(situation: Situation, ports: EvidencePorts): Promise<Shown> {
  const { evidence } = situation.request
  const conversation = evidence.find((one) => one.kind === 'conversation')
  const code = evidence.find((one) => one.kind === 'code')
  const password = evidence.find((one) => one.kind === 'password')
  if (conversation !== undefined) return checkAnswer(conversation, code ?? password, situation, ports)
  return password === undefined ? nothingShown : checkPassword(password.password, situation, ports)
}

/** What the subject's own session rests on, as far as it still holds. */
async function provenBySession(
  { id }: Extract<Evidence, { kind: 'session' }>,
  { request, organization, subject }: Situation,
  { sessions }: EvidencePorts,
): Promise<readonly Proof[]> {
  if (subject?.kind !== 'user') return []
  const { idleSeconds, longestSeconds } = organization.settings.session
  const session = await sessions.find(organization.id, id, request.at, idleSeconds)
  if (session?.userId !== subject.user.id) return []
  // A session that is renewed carries proofs along, and would otherwise carry them for ever.
  const since = request.at.getTime() - longestSeconds * 1000
  const { accepted } = stillStanding(session.proof, subject)
  return accepted.filter(({ at }) => at.getTime() > since)
}

/** One proof of each kind: the new one, where there are two. */
function newest(before: readonly Proof[], now: readonly Proof[]): readonly Proof[] {
  return [...now, ...before.filter(({ kind }) => !now.some((one) => one.kind === kind))]
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
  // Names that nobody has wait as long, and are told `busy` as soon, as names that somebody has. A crowd from elsewhere does not
  // keep people waiting where they have got in from before.
  const lane = id ?? `${organization.id} ${claimedKey(request)}`
  const { peer } = request.circumstance
  const isFamiliar =
    ports.turns.isWaitedFor(lane) && (await ports.lockouts.isFamiliar(organization.id, id, peer, request.at))
  return ports.turns.run(isFamiliar ? `${lane} ${peer}` : lane, async () => {
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
      const checked = await checkCode(candidate.code, situation, ports)
      if (!checked.ok) {
        // As slow as a wrong password: the code must not tell that the password was right.
        for (const rest of readings.slice(index + 1)) await ports.hasher.matches(null, rest.password)
        return refused(checked.error)
      }
      return held([accepted(stored), checked.value], true)
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

/** One spelling of the name that was claimed. */
const claimedKey = ({ subject }: AccessRequest): string =>
  'name' in subject ? nameKey(subject.name) : subject.id

/** The answer to a challenge: the conversation gives back what was proven before, the code adds to it. */
async function checkAnswer(
  shown: Extract<Evidence, { kind: 'conversation' }>,
  answer: Extract<Evidence, { kind: 'code' | 'password' }> | undefined,
  situation: Situation,
  ports: EvidencePorts,
): Promise<Shown> {
  const { request, organization, subject, resourceId } = situation
  const parked = await ports.conversations.take(shown.id)
  const mine =
    parked?.kind === 'challenge' &&
    subject !== null &&
    parked.organization === organization.id &&
    parked.subject === subjectId(subject) &&
    parked.resource === resourceId &&
    comesFrom(parked, request.circumstance)
  if (!mine || answer === undefined) return refused('conversation-expired', false)
  const before = stillStanding(parked.proof, subject).accepted
  if (before.length < parked.proof.length) return refused('conversation-expired', false)
  const code = answer.kind === 'code' ? answer.code : answer.password
  return ports.turns.run(subjectId(subject), async () => {
    const turn = await ports.lockouts.reserve(
      organization.id,
      subjectId(subject),
      request.circumstance.peer,
      request.at,
      organization.settings.lockout,
    )
    if (turn === 'locked') return refused('locked')
    const checked = await checkCode(code, situation, ports)
    return checked.ok ? held([...before, checked.value], true) : { ...refused(checked.error), before }
  })
}

/** The browser that was asked, or else the address; two peers that could not be established are not known to be the same one. */
function comesFrom(asked: PendingChallenge, { peer, browser }: Circumstance): boolean {
  if (asked.browser !== null || browser !== undefined) return asked.browser === browser
  return asked.peer !== null && asked.peer === peer
}
