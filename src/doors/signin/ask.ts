// From what was typed to the one question: for the resource that somebody is on the way to, or for the portal.
import { type ConversationId, isId, type UserId } from '../../base/ids.ts'
import { Secret } from '../../base/secrets.ts'
import {
  type AccessRequest,
  type ClaimedSubject,
  type Evidence,
  nothingWanted,
} from '../../core/access/request.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { PendingChallenge, PendingSignIn, Session } from '../../core/ports.ts'
import type { Visitor } from '../../net/web/visitor.ts'

export interface TypedPassword {
  readonly step: 'password'
  readonly username: string
  readonly password: string
}

export interface TypedCode {
  readonly step: 'code'
  /** To be shown again, and no more: who it is, the challenge says. */
  readonly username: string
  readonly code: string
  readonly challenge: ConversationId
  /** Did the page ask for a recovery code? Only for what is said of it: either kind is taken. */
  readonly isRecovery: boolean
}

/** What a form of this door holds. */
export type Typed = TypedPassword | TypedCode

/** No name is longer, and the audit log keeps what was typed. */
const longestName = 512
/** Longer than any code, with whatever somebody pastes around it. */
const longestCode = 128

/** Null where the form is not one that this door has given out. */
export function readPassword(form: URLSearchParams): TypedPassword | null {
  const [username, password] = [form.get('username'), form.get('password')]
  if (username === null || password === null) return null
  return { step: 'password', username: nameOf(username), password }
}

export function readCode(form: URLSearchParams): TypedCode | null {
  const [username, code, challenge] = [form.get('username'), form.get('code'), form.get('challenge')]
  if (username === null || code === null || challenge === null || !isId(challenge)) return null
  const text = code.trim().slice(0, longestCode)
  return {
    ...{ step: 'code', username: nameOf(username), code: text, challenge: challenge as ConversationId },
    isRecovery: form.get('as') === 'recovery',
  }
}

export const isComplete = (typed: Typed): boolean =>
  typed.username !== '' && (typed.step === 'password' ? typed.password : typed.code) !== ''

export interface Asking {
  readonly organization: Organization
  readonly visitor: Visitor
  /** What the browser has already. */
  readonly session: Session | null
  /** Null: the portal. */
  readonly pending: PendingSignIn | null
  readonly reference: string
  readonly at: Date
}

/** To whoever typed their name, the question is about that name. */
export const named = ({ username }: TypedPassword): ClaimedSubject => ({ by: 'login', name: username })

/** At the code it is about whoever was asked for it: another name in the form would be looked up, and tell by the time it takes. */
export const challenged = ({ subject }: PendingChallenge): ClaimedSubject => ({
  by: 'user-id',
  id: subject as UserId,
})

export function ask(
  typed: Typed,
  subject: ClaimedSubject,
  { organization, visitor, session, pending, reference, at }: Asking,
): AccessRequest {
  const { peer, secured, browser, userAgent } = visitor
  return {
    organization: organization.id,
    subject,
    evidence: [...shown(typed), ...(session === null ? [] : [{ kind: 'session', id: session.id } as const])],
    resource: pending === null ? { kind: 'portal' } : { kind: 'id', id: pending.resource },
    circumstance: { peer, door: 'signin', secured, browser },
    means: ['prompt', 'retry'],
    wanted: pending?.wanted ?? nothingWanted,
    opening: { replacing: session?.id ?? null, userAgent },
    reference,
    at,
  }
}

function shown(typed: Typed): readonly Evidence[] {
  if (typed.step === 'password') return [{ kind: 'password', password: new Secret(typed.password) }]
  return [
    { kind: 'conversation', id: typed.challenge },
    // People write `123 456`, as their authenticator shows it.
    { kind: 'code', code: new Secret(typed.code.replace(/\s/g, '')) },
  ]
}

const nameOf = (text: string): string => text.trim().slice(0, longestName)
