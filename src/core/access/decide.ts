// The shell around `judge`: gathers facts, has the evidence looked at, performs the effects, and leaves exactly one
// audit record. Any failure on the way is `indeterminate`: never a yes, and never shown as a wrong password.
import type { Clock } from '../../base/clock.ts'
import { type ConversationId, newId, type SessionId } from '../../base/ids.ts'
import type { Log } from '../../base/log.ts'
import { Fault, type FaultCause } from '../../base/result.ts'
import type { AuditBody } from '../audit/record.ts'
import type { FactorKind } from '../directory/types.ts'
import { checkEvidence, type EvidencePorts } from '../factors/evidence.ts'
import type { AccessFacts, AuditLog, ChangeFeed } from '../ports.ts'
import type { Decision, Permit, Trace } from './decision.ts'
import { demandsOf } from './demands.ts'
import { type Facts, type Shown, subjectId } from './facts.ts'
import { type Effect, isWelcome, judge, transportIsGood } from './judge.ts'
import type { AccessRequest } from './request.ts'
import { newSessionToken, sessionDigest } from './session-token.ts'
import type { EndedListener } from './web-sessions.ts'

export interface AccessPorts extends EvidencePorts {
  readonly facts: AccessFacts
  readonly audit: AuditLog
  readonly feed: Pick<ChangeFeed, 'stalenessMs'>
  readonly clock: Clock
  readonly log: Log
  /** Told of what was open at applications through a session that another person's has replaced. */
  readonly ended: EndedListener
  /** Told of every decision, for metrics. */
  readonly observe: (decision: Decision, request: AccessRequest, elapsedMs: number) => void
}

/** Factors that are guessed at, and counted. */
const typed: ReadonlySet<FactorKind> = new Set(['password', 'totp', 'recovery-code'])
/** A challenge waits this long for its answer. */
export const conversationSeconds = 120
/** A process that has not heard of changes for so long no longer says yes. */
export const longestStalenessMs = 10_000

export interface Access {
  /** The decision, with its effects done and its audit record durable. Never throws. */
  decide(request: AccessRequest): Promise<Decision>
  /**
   * The same judgement without any effect; `assumed` factors count as proven where the subject has them. A lock that is in force
   * is minded, unless what is asked for is what somebody may open in general.
   */
  explain(
    request: AccessRequest,
    assumed: readonly FactorKind[],
    locks?: 'minded' | 'left-out',
  ): Promise<Decision>
  /** Does a permit given earlier still hold? Asked when something changed; no audit record unless it ends. */
  review(request: AccessRequest): Promise<Decision>
  /** The same without any record: for whoever leaves one of the end itself. */
  holds(request: AccessRequest): Promise<Decision>
}

export function createAccess(ports: AccessPorts): Access {
  const gather = async (request: AccessRequest): Promise<Omit<Facts, 'shown'>> => {
    const [organization, subject, resource] = await Promise.all([
      ports.facts.findOrganization(request.organization),
      ports.facts.findSubject(request.organization, request.subject),
      ports.facts.findResource(request.organization, request.resource),
    ])
    return { organization, subject, resource }
  }

  const look = async (request: AccessRequest, known: Omit<Facts, 'shown'>): Promise<Shown> => {
    const { organization, subject, resource } = known
    if (organization === null || !transportIsGood(request, known))
      return { accepted: [], rejected: null, counted: false }
    const demands = demandsOf(request, known)
    const situation = {
      ...{ request, organization, subject, demands, resourceId: resource?.resource.id ?? null },
      mayBeRemembered: isWelcome(known),
    }
    return checkEvidence(situation, ports)
  }

  const openSession = async (
    { organization: id, circumstance, at }: AccessRequest,
    { user, proof, opening }: Extract<Effect, { do: 'open-session' }>,
  ): Promise<Permit['session']> => {
    const organization = await ports.facts.findOrganization(id)
    if (organization === null) throw new Fault('internal', 'the organization is gone')
    const token = newSessionToken()
    const expiresAt = new Date(at.getTime() + organization.settings.session.longestSeconds * 1000)
    const { userAgent, replacing } = opening
    const times = { createdAt: at, seenAt: at, expiresAt }
    const session = {
      id: newId<SessionId>(),
      userId: user,
      proof,
      peer: circumstance.peer,
      userAgent,
      ...times,
    }
    const opened = await ports.sessions.open(id, session, sessionDigest(token), replacing)
    ports.ended(id, opened.ended)
    return { id: opened.id, token }
  }

  const perform = async (request: AccessRequest, effects: readonly Effect[]): Promise<Permit['session']> => {
    let session: Permit['session']
    for (const effect of effects) {
      if (effect.do === 'park')
        await ports.conversations.park(effect.id, effect.conversation, conversationSeconds)
      else if (effect.do === 'open-session') session = await openSession(request, effect)
      else {
        const how = effect.do === 'clear-failures' ? 'cleared' : 'returned'
        await ports.lockouts.settle(
          request.organization,
          effect.subject,
          request.circumstance.peer,
          request.at,
          how,
        )
      }
    }
    return session
  }

  const judged = async (request: AccessRequest, shown: (known: Omit<Facts, 'shown'>) => Promise<Shown>) => {
    const staleness = ports.feed.stalenessMs()
    if (!(staleness <= longestStalenessMs))
      throw new Fault('unavailable', `no word of changes for ${Math.round(staleness)} ms`)
    const known = await gather(request)
    return judge(request, { ...known, shown: await shown(known) }, newId<ConversationId>())
  }

  const held = async (request: AccessRequest): Promise<Decision> => {
    if (request.evidence.some(({ kind }) => kind !== 'standing'))
      throw new TypeError('only proofs that were given before can be asked about without effects')
    return (await judged(request, (known) => look(request, known))).decision
  }

  const undecided = (request: AccessRequest, error: unknown): Decision => {
    const cause: FaultCause = error instanceof Fault ? error.reason : 'internal'
    const { door } = request.circumstance
    if (cause === 'busy')
      ports.log.warn({ door, why: (error as Fault).message }, 'busy: a request was not decided')
    else ports.log.error({ err: error, door }, 'a request could not be decided')
    return { outcome: 'indeterminate', cause, trace: emptyTrace(request, error) }
  }

  const record = async (request: AccessRequest, decision: Decision): Promise<void> =>
    ports.audit.append(request.organization, auditOf(request, decision))

  return {
    async decide(request) {
      const began = ports.clock.monotonicMs()
      let decision: Decision
      try {
        const { decision: verdict, effects } = await judged(request, (known) => look(request, known))
        const session = await perform(request, effects)
        // Last: if an effect fails, this is not what was decided, and there is one record only.
        await record(request, verdict)
        decision = session === undefined ? verdict : { ...(verdict as Permit), session }
      } catch (error) {
        decision = undecided(request, error)
        await record(request, decision).catch((lost: unknown) => {
          ports.log.error(
            { err: lost, audit: auditOf(request, decision) },
            'an audit record could not be stored',
          )
        })
      }
      try {
        ports.observe(decision, request, ports.clock.monotonicMs() - began)
      } catch (error) {
        ports.log.error({ err: error }, 'a decision could not be observed')
      }
      return decision
    },

    async explain(request, assumed, locks = 'minded') {
      try {
        const shown = async ({ organization, subject }: Omit<Facts, 'shown'>): Promise<Shown> => {
          const accepted = (subject?.factors ?? [])
            .filter(({ kind }) => assumed.includes(kind))
            .map(({ kind, version }) => ({ kind, factorVersion: version, at: request.at }))
          // What is typed is worth nothing while the account is locked.
          const isTyped = accepted.some(({ kind }) => typed.has(kind))
          const isLocked =
            locks === 'minded' &&
            isTyped &&
            organization !== null &&
            subject !== null &&
            (await ports.lockouts.isLocked(
              organization.id,
              subjectId(subject),
              request.circumstance.peer,
              request.at,
              organization.settings.lockout,
            ))
          return isLocked
            ? { accepted: [], rejected: 'locked', counted: false }
            : { accepted, rejected: null, counted: false }
        }
        return (await judged(request, shown)).decision
      } catch (error) {
        return undecided(request, error)
      }
    },

    async review(request) {
      try {
        const decision = await held(request)
        if (decision.outcome !== 'permit') await record(request, decision)
        return decision
      } catch (error) {
        return undecided(request, error)
      }
    },

    holds: (request) => held(request).catch((error: unknown) => undecided(request, error)),
  }
}

function auditOf(request: AccessRequest, decision: Decision): AuditBody {
  const { peer, door, secured } = request.circumstance
  return {
    kind: 'decision',
    at: request.at.toISOString(),
    outcome: decision.outcome,
    reason: reasonOf(decision),
    ...(request.reference !== undefined && { reference: request.reference }),
    circumstance: { peer, door, secured },
    trace: decision.outcome === 'permit' ? withoutSteps(decision.trace) : decision.trace,
  }
}

/** Why it was refused, could not be decided, or was asked for again. */
function reasonOf(decision: Decision): string | null {
  switch (decision.outcome) {
    case 'permit':
      return null
    case 'challenge':
      return decision.step.kind === 'code' ? decision.step.because : null
    case 'deny':
      return decision.reason
    case 'indeterminate':
      return decision.cause
    default:
      return decision satisfies never
  }
}

function withoutSteps({ subject, resource, memberships, bindings, demands, proofs }: Trace) {
  return { subject, resource, memberships, bindings, demands, proofs }
}

function emptyTrace(request: AccessRequest, error: unknown): Trace {
  const claimed = 'name' in request.subject ? request.subject.name : request.subject.id
  return {
    subject: { claimed, id: null, name: null, state: null },
    resource: {
      claimed: request.resource.kind === 'id' ? request.resource.id : request.resource.kind,
      id: null,
      name: null,
    },
    memberships: [],
    bindings: [],
    demands: [],
    proofs: [],
    steps: [`undecided: ${error instanceof Error ? error.message : 'unknown failure'}`],
  }
}
