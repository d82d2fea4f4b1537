// What another door has begun and sent a person here for. It belongs to one organization and to one browser: whoever began it
// cannot have it finished by somebody else.
import { timingSafeEqual } from 'node:crypto'
import { type ConversationId, isId } from '../../base/ids.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { Conversations, PendingChallenge, PendingSignIn } from '../../core/ports.ts'
import type { Visitor } from '../../net/web/visitor.ts'

/** Null where there is none that this browser may go on with. Throws Fault. */
export async function findBegun(
  id: string,
  organization: Organization,
  visitor: Visitor,
  conversations: Pick<Conversations, 'find'>,
): Promise<PendingSignIn | null> {
  if (!isId(id)) return null
  const found = await conversations.find(id as ConversationId)
  if (found?.kind !== 'sign-in' || found.organization !== organization.id) return null
  return isSame(found.browser, visitor.browser) ? found : null
}

/** What waits for a code from this browser: for two minutes, and once. Null where nothing does. Throws Fault. */
export async function findChallenge(
  id: ConversationId,
  organization: Organization,
  { browser }: Visitor,
  conversations: Pick<Conversations, 'find'>,
): Promise<PendingChallenge | null> {
  const found = await conversations.find(id)
  if (found?.kind !== 'challenge' || found.organization !== organization.id) return null
  return found.browser !== null && isSame(found.browser, browser) ? found : null
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
