// What stays open at an application: to core an application session, to oidc-provider a grant of the same id. It is stored once, as
// the former, so that what core ends is over for the library. Nobody is asked for consent: the administrator has given it by binding
// a group to the application.
import type { AdapterPayload, KoaContextWithOIDC } from 'oidc-provider'
import { type ApplicationSessionId, newId, type OrganizationId } from '../../base/ids.ts'
import type { Permit } from '../../core/access/decision.ts'
import type { ApplicationSession, Session } from '../../core/ports.ts'
import type { Authentication } from './authentication.ts'
import { nameOf } from './names.ts'
import { createEndOlder } from './older.ts'
import type { OidcServices } from './services.ts'
import { lifetimes } from './terms.ts'
import { resourceOf, visitOf, visitUnderWay } from './visit.ts'
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
  /** Within one request it is read once. */
  find(organization: OrganizationId, grantId: string): Promise<ApplicationSession | null>
  /** The same in the words of the library. */
  payload(organization: OrganizationId, grantId: string): Promise<AdapterPayload | undefined>
  /** Ends it with every code and token that came of it; the application is told. */
  end(organization: OrganizationId, grantId: string, reason: string): Promise<void>
  /** Removes the codes and tokens that came of them, once core has ended them: they count for nothing already. */
  forget(organization: OrganizationId, grantIds: readonly string[]): Promise<void>
}

export function createGrants(
  services: Pick<OidcServices, 'applicationSessions' | 'objects' | 'webSessions' | 'facts' | 'clock'>,
): Grants {
  const { applicationSessions, objects, webSessions, clock } = services

  const forget: Grants['forget'] = (organization, grantIds) => objects.removeGrants(organization, grantIds)
  const endOlder = createEndOlder({ ...services, forget })

  const read = async (organization: OrganizationId, grantId: string): Promise<ApplicationSession | null> => {
    const found = await applicationSessions.find(organization, grantId as ApplicationSessionId, clock.now())
    return found?.door === 'oidc' ? found : null
  }
  const find: Grants['find'] = (organization, grantId) => {
    const known = visitUnderWay()?.opened
    const reading = known?.get(grantId) ?? read(organization, grantId)
    known?.set(grantId, reading)
    return reading
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
          scope: [...oidc.requestParamOIDCScopes].join(' '),
          claims: [...oidc.requestParamClaims],
          secondFactor: wish.secondFactor,
          ...authentication,
        },
        openedAt: now,
        expiresAt,
      }
      await applicationSessions.save(organization.id, opened)
      // What outlives the session is told of its end all the same: the application's own session ends with it.
      if (isOffline) {
        const beside = {
          id: newId<ApplicationSessionId>(),
          sessionId: session.id,
          expiresAt: session.expiresAt,
        }
        await applicationSessions.save(organization.id, { ...opened, ...beside })
        await endOlder(organization.id, { ...opened, ...beside })
      }
      await endOlder(organization.id, opened)
      hand(ctx, session, new oidc.provider.Grant(payloadOf(opened) as never), authentication)
    },

    find,

    async payload(organization, grantId) {
      const opened = await find(organization, grantId)
      return opened === null ? undefined : payloadOf(opened)
    },

    async end(organization, grantId, reason) {
      const opened = await find(organization, grantId)
      visitUnderWay()?.opened.set(grantId, Promise.resolve(null))
      if (opened === null) return forget(organization, [grantId])
      const username = await nameOf(services, organization, opened.userId)
      const actor = { kind: 'system', name: 'oidc' } as const
      await webSessions.endApplication(organization, opened, { id: opened.userId, username }, actor, reason)
      await forget(organization, [grantId])
    },

    forget,
  }
}

function payloadOf({ id, userId, details, openedAt, expiresAt }: ApplicationSession): AdapterPayload {
  const { clientId, scope, claims } = details
  return {
    jti: id,
    kind: 'Grant',
    accountId: userId,
    clientId: String(clientId),
    openid: { scope, claims },
    iat: Math.floor(openedAt.getTime() / 1000),
    exp: Math.ceil(expiresAt.getTime() / 1000),
  } as AdapterPayload
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
