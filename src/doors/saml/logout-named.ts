// Whose session does a logout request name? A session ends because this very service provider names what it has of this very browser
// (checklist S17).
import { type ApplicationSessionId, isId } from '../../base/ids.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import { nameIdFormats } from '../../wire/saml/vocabulary.ts'
import type { LogoutWish } from './logout-chain.ts'
import type { SamlServices, ServiceProvider } from './services.ts'

/** `own`: of this browser; `foreign`: somebody else's, or another service provider's; `none`: it is over. */
export type Named = 'own' | 'foreign' | 'none'

const mostLookedThrough = 200
const sessionIndex = /^_([0-9a-f-]{36})$/

/** @param session of the browser that brought the request. Throws Fault. */
export async function named(
  wish: LogoutWish,
  organization: Organization,
  sp: ServiceProvider,
  session: Session | null,
  services: Pick<SamlServices, 'applicationSessions' | 'clock'>,
): Promise<Named> {
  const open = await openUnder(wish, organization, sp, session, services)
  if (open.length === 0) return 'none'
  const isOwn = (one: ApplicationSession) => isNamed(one, sp, wish) && one.sessionId === session?.id
  return session !== null && open.some(isOwn) ? 'own' : 'foreign'
}

/** What is open under the names that the request gives. */
async function openUnder(
  wish: LogoutWish,
  { id: organization }: Organization,
  sp: ServiceProvider,
  session: Session | null,
  { applicationSessions, clock }: Pick<SamlServices, 'applicationSessions' | 'clock'>,
): Promise<readonly ApplicationSession[]> {
  const now = clock.now()
  if (wish.sessionIndexes.length === 0) {
    // Core §3.7.1: all of that person's; here, those of this browser.
    if (session === null) return []
    const page = { limit: mostLookedThrough }
    const open = await applicationSessions.list(organization, { session: session.id }, now, page)
    return open.filter((one) => isNamed(one, sp, wish))
  }
  const ids = wish.sessionIndexes.map((each) => sessionIndex.exec(each)?.[1] ?? '').filter(isId)
  const found = await Promise.all(
    ids.map((id) => applicationSessions.find(organization, id as ApplicationSessionId, now)),
  )
  return found.filter((one) => one !== null)
}

/** Is this what the service provider calls its own, and is it this person's? */
function isNamed(
  { door, resourceId, details }: ApplicationSession,
  { resource }: ServiceProvider,
  { nameId, nameIdFormat }: LogoutWish,
): boolean {
  const isFormat =
    nameIdFormat === null ||
    nameIdFormat === nameIdFormats.unspecified ||
    nameIdFormat === details.nameIdFormat
  return door === 'saml' && resourceId === resource.id && details.nameId === nameId && isFormat
}
