// What people set up themselves: an authenticator for one-time codes, which counts once a first code from it was right, and the
// recovery codes that come with it. Whether somebody may do so now is decided before, as everything else.
import type { Clock } from '../../base/clock.ts'
import type { SessionId } from '../../base/ids.ts'
import { Fault, fail, ok, type Result } from '../../base/result.ts'
import type { Secret } from '../../base/secrets.ts'
import type { Actor, ChangeBody } from '../audit/record.ts'
import type { Organization, User } from '../directory/types.ts'
import type { Credentials, Factors, PendingFactors, WriteOutcome } from '../ports.ts'
import { newRecoveryCodes, recoveryCodeDigest } from './recovery.ts'
import { newTotpSeed, stepOfCode, totpUri } from './totp.ts'

export interface PendingAuthenticator {
  readonly seed: Secret
  /** What an authenticator scans: `otpauth://totp/…`. Holds the seed. */
  readonly uri: Secret
}

export interface Enrolment {
  /** Which kinds somebody has, and since when. */
  list(organization: Organization, user: User): ReturnType<Credentials['list']>
  /**
   * A seed that waits to be confirmed in this session: the same one until it is, or until its time is over. Another session has
   * another one, so that nobody confirms what somebody else has seen.
   */
  begin(organization: Organization, user: User, session: SessionId): Promise<PendingAuthenticator>
  /** Confirms it by its first code; gives the new recovery codes, which are shown now and never again. */
  confirm(
    organization: Organization,
    user: User,
    session: SessionId,
    code: string,
  ): Promise<Result<readonly Secret[], 'wrong-code' | 'expired'>>
  /** The codes before are worth nothing any more. */
  renewRecoveryCodes(organization: Organization, user: User): Promise<readonly Secret[]>
  /** Takes the authenticator away, and the recovery codes that stand in for it. */
  removeAuthenticator(organization: Organization, user: User): Promise<boolean>
}

export interface EnrolmentPorts {
  readonly credentials: Credentials
  readonly pendingFactors: PendingFactors
  readonly factors: Pick<Factors, 'useStep'>
  readonly clock: Clock
}

const pendingMinutes = 15

export function createEnrolment({ credentials, pendingFactors, factors, clock }: EnrolmentPorts): Enrolment {
  const described = (organization: Organization, user: User, seed: Secret): PendingAuthenticator => ({
    seed,
    uri: totpUri(seed, organization.name, user.username),
  })
  const renew = async (organization: Organization, user: User): Promise<readonly Secret[]> => {
    const codes = newRecoveryCodes()
    const audit = auditOf(user, 'user.recovery-codes', { count: codes.length }, clock.now())
    written(
      await credentials.saveRecoveryCodes(organization.id, user.id, codes.map(recoveryCodeDigest), audit),
    )
    return codes
  }
  return {
    list: (organization, user) => credentials.list(organization.id, user.id),

    async begin(organization, user, session) {
      const at = clock.now()
      const waiting = await pendingFactors.find(organization.id, session, 'totp', at)
      if (waiting !== null) return described(organization, user, waiting)
      const seed = newTotpSeed()
      const until = new Date(at.getTime() + pendingMinutes * 60_000)
      if (!(await pendingFactors.save(organization.id, session, 'totp', seed, until)))
        throw new Fault('unavailable', 'the session has ended')
      return described(organization, user, seed)
    },

    async confirm(organization, user, session, code) {
      const at = clock.now()
      const seed = await pendingFactors.find(organization.id, session, 'totp', at)
      if (seed === null) return fail('expired')
      const step = stepOfCode(seed, code.replace(/\s/g, ''), at)
      if (step === null) return fail('wrong-code')
      const audit = auditOf(user, 'user.factor-enrol', { factor: 'totp' }, at)
      written(await credentials.save(organization.id, user.id, 'totp', seed, audit))
      await pendingFactors.remove(organization.id, session, 'totp')
      const stored = (await credentials.list(organization.id, user.id)).find(({ kind }) => kind === 'totp')
      // The code that confirmed it is used, like any other.
      if (stored !== undefined) await factors.useStep(organization.id, stored.id, step)
      return ok(await renew(organization, user))
    },

    renewRecoveryCodes: renew,

    removeAuthenticator(organization, user) {
      const audit = auditOf(user, 'user.factor-remove', { factor: 'totp' }, clock.now())
      return credentials.remove(organization.id, user.id, 'totp', audit)
    },
  }
}

function auditOf(user: User, action: string, details: ChangeBody['details'], at: Date): ChangeBody {
  const actor: Actor = { kind: 'user', id: user.id, name: user.username }
  const target = { kind: 'user', id: user.id, name: user.username }
  return { kind: 'change', at: at.toISOString(), actor, action, target, details }
}

function written({ outcome }: WriteOutcome): void {
  if (outcome !== 'written') throw new Error(`a factor could not be stored: ${outcome}`)
}
