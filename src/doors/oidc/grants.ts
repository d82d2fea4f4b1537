// What stays open at an application: an oidc-provider grant, and the application session of the same id that core knows it by. The
// grant is made without asking for consent: the administrator has given it by binding a group to the application.
import type { KoaContextWithOIDC } from 'oidc-provider'
import { type ApplicationSessionId, newId, type OrganizationId, type UserId } from '../../base/ids.ts'
import type { Permit } from '../../core/access/decision.ts'
import { sessionEnd } from '../../core/access/web-sessions.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import type { Authentication } from './authentication.ts'
import type { OidcServices } from './services.ts'
import { lifetimes } from './terms.ts'
import { resourceOf, visitOf } from './visit.ts'
import type { Wish } from './wanted.ts'

export interface Grants {
  /** Opens the application for this browser's session, and lets oidc-provider go on with it. */
  open(
    ctx: KoaContextWithOIDC,
    permit: Permit,
    session: Session,
    authentication: Authentication,
    wish: Wish,
  ): Promise<void>
  find(organization: OrganizationId, grantId: string): Promise<ApplicationSession | null>
  /** Ends it with every code and token that came of it; the application is told. */
  end(organization: OrganizationId, grantId: string, reason: string): Promise<void>
  /** Removes what the library keeps of it, once core has ended it. */
  forget(organization: OrganizationId, grantId: string): Promise<void>
}

export function createGrants(
  services: Pick<OidcServices, 'applicationSessions' | 'objects' | 'webSessions' | 'facts' | 'clock'>,
): Grants {
  const { applicationSessions, objects, webSessions, clock } = services

  const forget = async (organization: OrganizationId, grantId: string): Promise<void> => {
    // First the grant: nothing of it counts without.
    await objects.remove(organization, 'Grant', grantId)
    await objects.removeGrant(organization, grantId)
  }
  const find: Grants['find'] = async (organization, grantId) => {
    const found = await applicationSessions.find(organization, grantId as ApplicationSessionId, clock.now())
    return found?.door === 'oidc' ? found : null
  }

  return {
    async open(ctx, permit, session, authentication, wish) {
      const { oidc } = ctx
      const { organization } = visitOf(ctx)
      const now = clock.now()
      const isOffline = oidc.requestParamOIDCScopes.has('offline_access')
      const expiresAt = isOffline ? new Date(now.getTime() + lifetimes.offline * 1000) : session.expiresAt
      const opened: ApplicationSession = {
        id: newId<ApplicationSessionId>(),
        userId: session.userId,
        resourceId: resourceOf(ctx),
        sessionId: isOffline ? null : session.id,
        door: 'oidc',
        proof: permit.proof,
        details: {
          clientId: oidc.client?.clientId,
          sid: session.id,
          secondFactor: wish.secondFactor,
          ...authentication,
        },
        openedAt: now,
        expiresAt,
      }
      const grant = new oidc.provider.Grant({
        accountId: session.userId,
        clientId: oidc.client?.clientId,
        jti: opened.id,
        expiresIn: Math.max(1, Math.ceil((expiresAt.getTime() - now.getTime()) / 1000)),
      } as never)
      grant.addOIDCScope([...oidc.requestParamOIDCScopes].join(' '))
      grant.addOIDCClaims([...oidc.requestParamClaims])
      await applicationSessions.save(organization.id, opened)
      // What outlives the session is told of its end all the same: the application's own session ends with it.
      if (isOffline) {
        const beside = {
          id: newId<ApplicationSessionId>(),
          sessionId: session.id,
          expiresAt: session.expiresAt,
        }
        await applicationSessions.save(organization.id, { ...opened, ...beside })
      }
      await grant.save()
      hand(ctx, session, grant, authentication)
    },

    find,

    async end(organization, grantId, reason) {
      await forget(organization, grantId)
      const opened = await find(organization, grantId)
      if (opened === null) return
      const name = await nameOf(services, organization, opened.userId)
      const actor = { kind: 'system', name: 'oidc' } as const
      const audit = sessionEnd('application-session', opened.id, name, actor, reason, clock.now())
      if (await applicationSessions.end(organization, opened.id, audit))
        webSessions.tellEnded(organization, [opened])
    },

    forget,
  }
}

/** Tells the library who is there. Its own session carries that to the end of this request, and is never kept. */
function hand(
  { oidc }: KoaContextWithOIDC,
  session: Session,
  grant: unknown,
  { acr, amr, authTime }: Authentication,
): void {
  const { session: own, client } = oidc
  if (own === undefined || client === undefined) throw new TypeError('not at the authorization endpoint')
  const accountId = session.userId
  own.loginAccount({ accountId, loginTs: authTime, acr, amr: [...amr] })
  own.ensureClientContainer(client.clientId)
  own.sidFor(client.clientId, session.id)
  own.grantIdFor(client.clientId, (grant as { jti: string }).jti)
  oidc.entity('Account', { accountId, claims: () => ({ sub: accountId }) })
  oidc.entity('Grant', grant)
}

/** For the audit log. */
export async function nameOf(
  { facts }: Pick<OidcServices, 'facts'>,
  organization: OrganizationId,
  user: UserId,
): Promise<string> {
  const subject = await facts.findSubject(organization, { by: 'user-id', id: user })
  return subject?.kind === 'user' ? subject.user.username : user
}
