// The policy of the house: from what is asked and what is known to what is answered, without effects, clock or
// randomness. Whoever wants to know who gets in, and why not, reads this file.
import type { ConversationId } from '../../base/ids.ts'
import type { Conversation } from '../ports.ts'
import type { Challenge, Deny, Permit, Principal, Trace } from './decision.ts'
import { attributesOf, type Demand, demandsOf, type Grant, grantsOf } from './demands.ts'
import { type Facts, subjectId } from './facts.ts'
import { type DenyReason, denyReasons } from './reasons.ts'
import type { AccessRequest } from './request.ts'

/** What is to be done because of a decision; `decide` performs it, `explain` does not. */
export type Effect =
  | { readonly do: 'park'; readonly id: ConversationId; readonly conversation: Conversation }
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
  const demands = demandsOf(facts)
  const proven = new Set(facts.shown.accepted.map((proof) => proof.kind))
  const open = demands.filter((demand) => !demand.anyOf.some((kind) => proven.has(kind)))
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
    demands: demands.map(({ anyOf, from }) => ({
      anyOf,
      from,
      satisfied: anyOf.some((kind) => proven.has(kind)),
    })),
    proofs: [...proven],
    steps,
  })
  const deny = (reason: DenyReason): Judgement => {
    steps.push(`denied: ${denyReasons[reason]}`)
    return { decision: { outcome: 'deny', reason, trace: trace() }, effects: returned(facts) }
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

  // 4. What was shown holds.
  if (facts.shown.rejected !== null) return deny(facts.shown.rejected)
  for (const kind of proven) steps.push(`${kind} proven`)

  // 5. Whatever is still missing is asked for if this door can, and if the subject can give it.
  if (open.length > 0) return ask(request, facts, open, proven.size > 0, fresh, trace, steps, deny)

  const decision: Permit = {
    outcome: 'permit',
    organization: request.organization,
    principal: principalOf(facts),
    resourceId: facts.resource.resource.id,
    proof: facts.shown.accepted,
    groups:
      subject.kind === 'user' ? subject.memberships.map(({ groupId, name }) => ({ id: groupId, name })) : [],
    attributes: attributesOf(facts),
    trace: trace(),
  }
  steps.push('permitted')
  return {
    decision,
    effects: facts.shown.counted ? [{ do: 'clear-failures', subject: subjectId(subject) }] : [],
  }
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

function ask(
  request: AccessRequest,
  facts: Facts,
  open: readonly Demand[],
  anythingProven: boolean,
  fresh: ConversationId,
  trace: () => Trace,
  steps: string[],
  deny: (reason: DenyReason) => Judgement,
): Judgement {
  const { subject, resource } = facts
  if (subject === null || resource === null || !anythingProven) return deny('no-proof')
  const enrolled = new Set(subject.factors.map(({ kind }) => kind))
  const unmet = open.find((demand) => !demand.anyOf.some((kind) => enrolled.has(kind)))
  if (unmet !== undefined) return deny('factor-not-enrolled')
  const byCode = open.every((demand) => demand.anyOf.includes('totp') && enrolled.has('totp'))
  if (!byCode || !request.means.includes('prompt')) return deny('factor-missing')
  steps.push('a one-time code is asked for')
  const conversation: Conversation = {
    organization: request.organization,
    subject: subjectId(subject),
    resource: resource.resource.id,
    peer: request.circumstance.peer,
    proof: facts.shown.accepted,
  }
  return {
    decision: {
      outcome: 'challenge',
      step: { kind: 'code', factors: ['totp'] },
      conversation: fresh,
      trace: trace(),
    },
    effects: [{ do: 'park', id: fresh, conversation }, ...returned(facts)],
  }
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
  if (subject?.kind === 'user') return { kind: 'user', id: subject.user.id, username: subject.user.username }
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
