// What another door has begun and sent a person here for. It belongs to one organization and to one browser: whoever began it
// cannot have it finished by somebody else.
import { timingSafeEqual } from 'node:crypto'
import { type ConversationId, isId } from '../../base/ids.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { Conversations, PendingSignIn } from '../../core/ports.ts'
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

/** Is the code still waited for that the door asked for in its place? It is for two minutes, and once. */
export async function isAwaited(
  challenge: ConversationId,
  conversations: Pick<Conversations, 'find'>,
): Promise<boolean> {
  return (await conversations.find(challenge))?.kind === 'challenge'
}

function isSame(one: string, other: string): boolean {
  const [a, b] = [Buffer.from(one), Buffer.from(other)]
  return a.length === b.length && timingSafeEqual(a, b)
}
