// The policy of the house: from what is asked and what is known to what is answered, without effects, clock or
// randomness. Whoever wants to know who gets in, and why not, reads this file.
import type { ConversationId, UserId } from '../../base/ids.ts'
import type { FactorKind } from '../directory/types.ts'
import type { PendingChallenge } from '../ports.ts'
import type { Challenge, Deny, Permit, Principal, Step, Trace } from './decision.ts'
import { attributesOf, type Demand, demandsOf, firstFactors, type Grant, grantsOf, isMet } from './demands.ts'
import { type Facts, subjectId } from './facts.ts'
import { type DenyReason, denyReasons } from './reasons.ts'
import type { AccessRequest, Opening, Proof } from './request.ts'

/** What is to be done because of a decision; `decide` performs it, `explain` does not. */
export type Effect =
  | { readonly do: 'park'; readonly id: ConversationId; readonly conversation: PendingChallenge }
  /** A browser's session begins, resting on all that holds, also on what is too old for this request. */
  | {
      readonly do: 'open-session'
      readonly user: UserId
      readonly proof: readonly Proof[]
      readonly opening: Opening
    }
  /** The attempt that was counted before the evidence was looked at was no failure. Null: nobody's, for the same work. */
  | { readonly do: 'return-attempt'; readonly subject: string | null }
  /** The subject is in: earlier failures are forgotten. */
  | { readonly do: 'clear-failures'; readonly subject: string }

export interface Judgement {
  readonly decision: Permit | Challenge | Deny
  readonly effects: readonly Effect[]
}

/** @param fresh the id a challenge gets, if it comes to one */
export function judge(request: AccessRequest, facts: Facts, fresh: ConversationId): Judgement {
  const grants = grantsOf(facts)
  const demands = demandsOf(request, facts)
  const proof = freshEnough(request, facts.shown.accepted)
  const proven = new Set(proof.map(({ kind }) => kind))
  const open = demands.filter((demand) => !isMet(demand, proven))
  const steps: string[] = []

  const trace = (): Trace => ({
    subject: describeSubject(request, facts),
    resource: describeResource(request, facts),
    memberships:
      facts.subject?.kind === 'user'
        ? facts.subject.memberships.map(({ groupId, name, reasons }) => ({ groupId, name, reasons }))
        : [],
    bindings: grants.map(({ binding, membership }) => ({
      id: binding.id,
      group: membership.name,
      factors: binding.factors,
    })),
    demands: demands.map(({ anyOf, from }) => ({ anyOf, from, satisfied: isMet({ anyOf }, proven) })),
    proofs: [...proven],
    steps,
  })
  const deny = (reason: DenyReason): Judgement => {
    steps.push(`denied: ${denyReasons[reason]}`)
    return { decision: { outcome: 'deny', reason, trace: trace() }, effects: returned(facts) }
  }
  const challenge = (step: Step, effects: readonly Effect[]): Judgement => {
    steps.push(step.kind === 'code' ? 'a one-time code is asked for' : 'the person is asked to sign in')
    return {
      decision: { outcome: 'challenge', step, trace: trace() },
      effects: [...effects, ...returned(facts)],
    }
  }

  // 1. The organization and the resource exist.
  if (facts.organization === null || facts.resource === null || !facts.resource.resource.enabled)
    return deny('unknown-resource')
  if (!transportIsGood(request, facts)) return deny('transport-not-secure')
  steps.push(`resource ${facts.resource.resource.name} exists and is turned on`)

  // 2. The subject is known and may be let in at all.
  const { subject } = facts
  if (subject === null) return deny('unknown-subject')
  if (subject.kind === 'user' && subject.user.state === 'staged') return deny('subject-staged')
  if (subject.kind === 'user' && subject.user.state === 'suspended') return deny('subject-suspended')
  if (subject.kind === 'service' && !subject.account.enabled) return deny('account-disabled')
  steps.push('the subject is known and active')

  // 3. A binding grants it; to a service account, what it is allowed to read does.
  if (!isGranted(facts, grants)) return deny('no-binding')
  steps.push(
    subject.kind === 'user'
      ? `granted by ${grants.map(({ membership }) => `group ${membership.name}`).join(', ')}`
      : `the service account may read ${subject.account.reads.join(', ')}`,
  )

  // 4. What was shown holds. A wrong code may be asked for again where the door can, and what was proven before it stands.
  const { rejected, before = [] } = facts.shown
  if (rejected !== null) {
    const isWrongCode = (rejected === 'wrong-proof' || rejected === 'code-used') && before.length > 0
    if (!isWrongCode || !request.means.includes('retry')) return deny(rejected)
    steps.push(`refused: ${denyReasons[rejected]}`)
    return challenge(...codeStep(request, facts, before, fresh, rejected))
  }
  for (const kind of proven) steps.push(`${kind} proven`)

  // 5. Whatever is still missing is asked for if this door can, and if the subject can give it.
  if (open.length > 0) {
    const missing = whatIsMissing(request, facts, open, proven.size > 0)
    if (missing === 'sign-in') return challenge({ kind: 'sign-in', factors: firstFactors }, [])
    return missing === 'code'
      ? challenge(...codeStep(request, facts, facts.shown.accepted, fresh, null))
      : deny(missing)
  }

  const decision: Permit = {
    outcome: 'permit',
    organization: request.organization,
    principal: principalOf(facts),
    resourceId: facts.resource.resource.id,
    proof,
    groups:
      subject.kind === 'user' ? subject.memberships.map(({ groupId, name }) => ({ id: groupId, name })) : [],
    boundGroups: grants.map(({ membership }) => ({ id: membership.groupId, name: membership.name })),
    ...attributesOf(facts),
    trace: trace(),
  }
  steps.push('permitted')
  const effects: Effect[] = facts.shown.counted ? [{ do: 'clear-failures', subject: subjectId(subject) }] : []
  const { opening } = request
  if (opening !== undefined && subject.kind === 'user')
    effects.push({ do: 'open-session', user: subject.user.id, proof: facts.shown.accepted, opening })
  return { decision, effects }
}

/** Proofs that are not older than what is wanted. */
function freshEnough({ wanted }: AccessRequest, proof: readonly Proof[]): readonly Proof[] {
  const since = wanted?.freshSince ?? null
  return since === null ? proof : proof.filter(({ at }) => at >= since)
}

/** A password may only travel in the ways that the organization accepts. Asked before anything is looked at or counted. */
export function transportIsGood(request: AccessRequest, facts: Pick<Facts, 'organization'>): boolean {
  const { secured, peer } = request.circumstance
  if (secured || facts.organization === null) return true
  const { clearTextPasswords } = facts.organization.settings
  if (clearTextPasswords === 'always') return true
  return clearTextPasswords === 'loopback' && (peer === '::1' || peer?.startsWith('127.') === true)
}

/** Do steps 2 and 3 let this subject pass, so that what is shown decides? */
export function isWelcome(facts: Pick<Facts, 'subject' | 'resource'>): boolean {
  const { subject, resource } = facts
  if (subject === null || resource === null || !resource.resource.enabled) return false
  const isActive = subject.kind === 'user' ? subject.user.state === 'active' : subject.account.enabled
  return isActive && isGranted(facts, grantsOf(facts))
}

function isGranted(facts: Pick<Facts, 'subject' | 'resource'>, grants: readonly Grant[]): boolean {
  if (facts.subject?.kind === 'service') {
    return facts.resource?.resource.kind === 'directory' && facts.subject.account.reads.length > 0
  }
  return grants.length > 0
}

/** How to go on, or why there is no way on. */
function whatIsMissing(
  { means }: AccessRequest,
  { subject }: Facts,
  open: readonly Demand[],
  anythingProven: boolean,
): 'code' | 'sign-in' | DenyReason {
  if (subject === null) return 'no-proof'
  const maySignIn = means.includes('sign-in')
  if (!anythingProven && !maySignIn) return 'no-proof'
  if (maySignIn && open.some(({ anyOf }) => anyOf === firstFactors)) return 'sign-in'
  const enrolled = new Set(subject.factors.map(({ kind }) => kind))
  if (open.some((demand) => !isMet(demand, enrolled))) return 'factor-not-enrolled'
  const code: ReadonlySet<FactorKind> = new Set(['totp'])
  const byCode = open.every((demand) => isMet(demand, code)) && isMet({ anyOf: ['totp'] }, enrolled)
  return byCode && means.includes('prompt') ? 'code' : 'factor-missing'
}

/** A code is asked for in a conversation that keeps what was proven before. */
function codeStep(
  request: AccessRequest,
  { subject, resource }: Facts,
  proof: readonly Proof[],
  fresh: ConversationId,
  because: DenyReason | null,
): [Step, readonly Effect[]] {
  if (subject === null || resource === null) throw new TypeError('nobody to ask')
  const conversation: PendingChallenge = {
    kind: 'challenge',
    organization: request.organization,
    subject: subjectId(subject),
    resource: resource.resource.id,
    peer: request.circumstance.peer,
    browser: request.circumstance.browser ?? null,
    proof,
  }
  return [
    { kind: 'code', factors: ['totp'], conversation: fresh, because },
    [{ do: 'park', id: fresh, conversation }],
  ]
}

/**
 * A refusal after good evidence is no failed guess, so the attempt is given back. After bad evidence as much is done for
 * nobody: who is refused must not see by the time it took that the password was right.
 */
function returned({ shown, subject }: Facts): readonly Effect[] {
  if (!shown.counted) return []
  const isGood = shown.rejected === null && shown.accepted.length > 0
  return [{ do: 'return-attempt', subject: isGood && subject !== null ? subjectId(subject) : null }]
}

function principalOf(facts: Facts): Principal {
  const subject = facts.subject
  if (subject?.kind === 'user')
    return { kind: 'user', id: subject.user.id, username: subject.user.username, user: subject.user }
  if (subject?.kind === 'service') {
    return {
      kind: 'service',
      id: subject.account.id,
      name: subject.account.name,
      reads: subject.account.reads,
    }
  }
  throw new TypeError('nobody to permit')
}

function describeSubject(request: AccessRequest, facts: Facts): Trace['subject'] {
  const claimed = 'name' in request.subject ? request.subject.name : request.subject.id
  const { subject } = facts
  if (subject === null) return { claimed, id: null, name: null, state: null }
  return subject.kind === 'user'
    ? { claimed, id: subject.user.id, name: subject.user.username, state: subject.user.state }
    : {
        claimed,
        id: subject.account.id,
        name: subject.account.name,
        state: subject.account.enabled ? 'enabled' : 'disabled',
      }
}

function describeResource(request: AccessRequest, facts: Facts): Trace['resource'] {
  const claimed = request.resource.kind === 'id' ? request.resource.id : request.resource.kind
  const resource = facts.resource?.resource
  return { claimed, id: resource?.id ?? null, name: resource?.name ?? null }
}
