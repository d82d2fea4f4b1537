// From a decision to what SAML has to say. Service providers learn that somebody was refused, never why; who could get further by
// signing in is sent there, unless nothing may be shown.
import type { ConversationId } from '../../base/ids.ts'
import type { Decision, Deny, Permit } from '../../core/access/decision.ts'
import { strengthOf } from '../../core/access/strength.ts'
import type { Attribute, NameId, Status } from '../../wire/saml/messages.ts'
import { statuses } from './authn-request.ts'
import { contextOf } from './context.ts'
import type { SignInWish } from './pending.ts'
import type { ServiceProvider } from './services.ts'
import { attributesOf, isMeant, nameIdOf } from './subject.ts'

/** What is stated of somebody who is let in. */
export interface Statement {
  readonly nameId: NameId
  readonly attributes: readonly Attribute[]
  readonly authnContextClassRef: string
  /** Of the oldest proof that counted. */
  readonly authnInstant: Date
}

export type Answer =
  | {
      readonly say: 'statement'
      readonly permit: Permit
      readonly statement: Statement
      /** Names of attributes with values that were left out. */
      readonly unwritable: readonly string[]
    }
  | { readonly say: 'status'; readonly status: Status }
  | { readonly say: 'sign-in'; readonly login: string | null; readonly challenge: ConversationId | null }
  | { readonly say: 'unavailable' }

export function answer(decision: Decision, wish: SignInWish, sp: ServiceProvider, reference: string): Answer {
  switch (decision.outcome) {
    case 'permit':
      return state(decision, wish, sp)
    case 'challenge': {
      const { step, trace } = decision
      const challenge = step.kind === 'code' ? step.conversation : null
      return askPerson(wish, trace.subject.name, challenge)
    }
    case 'deny':
      return { say: 'status', status: refusal(decision, wish, reference) }
    case 'indeterminate':
      return { say: 'unavailable' }
    default:
      return decision satisfies never
  }
}

/** Core §3.4.1: whoever is passive is shown nothing. */
export function askPerson(
  wish: SignInWish,
  login: string | null,
  challenge: ConversationId | null,
): Exclude<Answer, { say: 'statement' }> {
  return wish.isPassive ? { say: 'status', status: statuses.noPassive } : { say: 'sign-in', login, challenge }
}

function state(permit: Permit, wish: SignInWish, sp: ServiceProvider): Answer {
  const { principal, proof } = permit
  if (principal.kind !== 'user') throw new TypeError('only people are let in here')
  const { user } = principal
  if (wish.subject !== null && !isMeant(user, wish.subject))
    return { say: 'status', status: statuses.somebodyElse }
  const nameId = nameIdOf(user, wish.format, wish.entityId)
  if (nameId === null) return { say: 'status', status: statuses.noName }
  const authnContextClassRef = contextOf(proof, wish.context)
  if (authnContextClassRef === null) return { say: 'status', status: statuses.noContext }
  const { attributes, unwritable } = attributesOf(permit, sp)
  const { since: authnInstant } = strengthOf(proof)
  return {
    say: 'statement',
    permit,
    statement: { nameId, attributes, authnContextClassRef, authnInstant },
    unwritable,
  }
}

/** A second factor that was asked for and is out of reach is told, because the service provider may ask for less (Core §3.3.2.2.1). */
function refusal({ reason }: Deny, { secondFactor }: SignInWish, reference: string): Status {
  const isOutOfReach = reason === 'factor-not-enrolled' || reason === 'factor-missing'
  return secondFactor === 'demanded' && isOutOfReach ? statuses.noContext : statuses.denied(reference)
}
