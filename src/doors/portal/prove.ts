// Where a page needs more than its visitor has shown: before somebody changes how they sign in they prove once more that it is them,
// with every factor they have. They are sent to sign-in for it and come back to the page; nothing is done on the way.
import { type ConversationId, newId } from '../../base/ids.ts'
import { nothingWanted, type Wanted } from '../../core/access/request.ts'
import type { PendingSignIn } from '../../core/ports.ts'
import { type Asking, askForMore } from './ask.ts'
import type { PortalOptions } from './services.ts'
import type { Trouble } from './trouble.ts'

const freshForMs = 10 * 60 * 1000
const parkedSeconds = 15 * 60

/** It is enough, it is not and a path leads to where it can be made so, or something stands in the way. */
export type Proven =
  | { readonly is: 'enough' }
  | { readonly is: 'missing'; readonly path: string }
  | { readonly is: 'trouble'; readonly what: Trouble }

type Ports = Pick<PortalOptions, 'access' | 'conversations'>

/** Every factor they have, in the last ten minutes. */
export function proveAgain(asking: Asking, returnTo: string, ports: Ports): Promise<Proven> {
  const freshSince = new Date(asking.at.getTime() - freshForMs)
  return prove(asking, { secondFactor: 'where-enrolled', freshSince }, returnTo, ports)
}

/** Leaves a record, each time. */
export async function prove(
  asking: Asking,
  wanted: Wanted,
  returnTo: string,
  { access, conversations }: Ports,
): Promise<Proven> {
  const { organization, visitor } = asking
  const decision = await access.decide(askForMore(asking, wanted))
  if (decision.outcome === 'permit') return { is: 'enough' }
  if (decision.outcome === 'indeterminate') return { is: 'trouble', what: 'unavailable' }
  const resource = decision.trace.resource.id
  if (decision.outcome === 'deny' || resource === null) return { is: 'trouble', what: 'refused' }
  const { step, trace } = decision
  const id = newId<ConversationId>()
  const pending: PendingSignIn = {
    ...{
      kind: 'sign-in',
      organization: organization.id,
      browser: visitor.browser,
      resource,
      wanted,
      returnTo,
    },
    login: trace.subject.name,
    challenge: step.kind === 'code' ? step.conversation : null,
  }
  await conversations.park(id, pending, parkedSeconds)
  return { is: 'missing', path: `/o/${organization.slug}/signin?to=${id}` }
}

/** Whatever the house demands, and no more. */
export const proveEnough = (asking: Asking, returnTo: string, ports: Ports): Promise<Proven> =>
  prove(asking, nothingWanted, returnTo, ports)
