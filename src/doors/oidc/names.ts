// Names of people, for what is recorded.
import type { OrganizationId, UserId } from '../../base/ids.ts'
import type { OidcServices } from './services.ts'

/** For the audit log. */
export async function nameOf(
  { facts }: Pick<OidcServices, 'facts'>,
  organization: OrganizationId,
  user: UserId,
): Promise<string> {
  const subject = await facts.findSubject(organization, { by: 'user-id', id: user })
  return subject?.kind === 'user' ? subject.user.username : user
}
