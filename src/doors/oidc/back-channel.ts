// Tells applications that a session ended, whoever ended it (OIDC Back-Channel Logout 1.0). Nobody waits for it: what the application
// was given counts for nothing from the moment core ended it.

import type { OrganizationId } from '../../base/ids.ts'
import type { ApplicationSession } from '../../core/ports.ts'
import type { Grants } from './grants.ts'
import type { Issuers } from './issuers.ts'
import type { OidcServices } from './services.ts'

export interface BackChannel {
  /** Resolves once everybody who is being told has been, or did not answer in time. */
  settled(): Promise<void>
}

const atOnce = 8

/** What the library's types leave out. */
interface TellsOfLogout {
  backchannelLogout(subject: string, sid: string): Promise<void>
}

export function startBackChannel(
  { webSessions, facts, log }: Pick<OidcServices, 'webSessions' | 'facts' | 'log'>,
  issuers: Issuers,
  grants: Pick<Grants, 'forget'>,
): BackChannel {
  const underWay = new Set<Promise<void>>()

  const tell = async (organization: OrganizationId, ended: readonly ApplicationSession[]): Promise<void> => {
    for (const { id } of ended) await grants.forget(organization, id)
    const slug = (await facts.findOrganization(organization))?.slug
    const issuer = slug === undefined ? null : await issuers.find(slug)
    if (issuer === null) return
    const due = [...distinct(ended).values()]
    const work = async (): Promise<void> => {
      for (let one = due.pop(); one !== undefined; one = due.pop()) await tellOne(issuer.provider, one)
    }
    await Promise.all(Array.from({ length: atOnce }, work))
  }

  const tellOne = async (
    provider: NonNullable<Awaited<ReturnType<Issuers['find']>>>['provider'],
    { userId, details }: ApplicationSession,
  ): Promise<void> => {
    const { clientId, sid } = details
    try {
      const client = await provider.Client.find(String(clientId))
      if (client?.backchannelLogoutUri)
        await (client as unknown as TellsOfLogout).backchannelLogout(userId, String(sid))
    } catch (error) {
      log.warn({ err: error, client: clientId }, 'an application could not be told that a session ended')
    }
  }

  webSessions.onEnded((organization, ended) => {
    const own = ended.filter(({ door }) => door === 'oidc')
    if (own.length === 0) return
    const telling = tell(organization, own)
      .catch((error: unknown) =>
        log.warn({ err: error }, 'applications could not be told that a session ended'),
      )
      .finally(() => underWay.delete(telling))
    underWay.add(telling)
  })
  return { settled: async () => void (await Promise.allSettled(underWay)) }
}

/** Somebody may have opened the same application many times in one session; it is told once. */
function distinct(ended: readonly ApplicationSession[]): ReadonlyMap<string, ApplicationSession> {
  return new Map(
    ended.map((one) => [JSON.stringify([one.details.clientId, one.details.sid, one.userId]), one]),
  )
}
