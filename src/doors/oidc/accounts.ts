// Every code, refresh token and access token that is used asks again whether what was opened then still may be: the token endpoint
// with a record in the audit log, userinfo and introspection without one while the answer is yes.
import type { AccessToken, Account, ClientCredentials, KoaContextWithOIDC, RefreshToken } from 'oidc-provider'
import type { Permit } from '../../core/access/decision.ts'
import type { ApplicationSession } from '../../core/ports.ts'
import { answering, unavailable } from './answer.ts'
import { askForStanding } from './ask.ts'
import { claimsOf } from './claims.ts'
import type { Grants } from './grants.ts'
import { isRegistered } from './registered.ts'
import type { OidcServices } from './services.ts'
import { resourceOf, visitOf } from './visit.ts'

type Ports = Pick<OidcServices, 'access' | 'clock'> & { readonly grants: Grants }

interface Standing {
  readonly opened: ApplicationSession
  readonly permit: Permit
}

export function createAccounts({ access, grants, clock }: Ports) {
  /** Null where it does not hold, and never will again. Throws where nobody can tell. */
  const stand = async (
    ctx: KoaContextWithOIDC,
    accountId: string,
    grantId: string | undefined,
    how: 'decide' | 'review',
  ): Promise<Standing | null> => {
    const { organization } = visitOf(ctx)
    const opened = grantId === undefined ? null : await grants.find(organization.id, grantId)
    if (opened === null || opened.userId !== accountId || opened.resourceId !== resourceOf(ctx)) return null
    const decision = await access[how](askForStanding(organization, opened, clock.now()))
    if (decision.outcome === 'permit') return { opened, permit: decision }
    if (decision.outcome === 'indeterminate') throw unavailable()
    await grants.end(organization.id, opened.id, 'access is not granted any more')
    return null
  }

  return {
    /** Undefined makes `invalid_grant` or `invalid_token` of it. */
    find: (ctx: KoaContextWithOIDC, accountId: string, token?: unknown): Promise<Account | undefined> =>
      answering(async () => {
        if (!isRegistered(ctx.oidc.client, token ?? {})) return undefined
        const { grantId } = (token ?? {}) as { grantId?: string }
        const how = ctx.oidc.route === 'token' ? 'decide' : 'review'
        const standing = await stand(ctx, accountId, grantId, how)
        if (standing === null) return undefined
        const { opened, permit } = standing
        return {
          accountId,
          claims: (_use: string, scope: string) => claimsOf(permit, scope),
          expiresAt: opened.expiresAt,
        }
      }),

    /** Is the token to be told of? To the client that it was issued to, while it holds. */
    tellsOf: (
      ctx: KoaContextWithOIDC,
      clientId: string,
      token: AccessToken | ClientCredentials | RefreshToken,
    ): Promise<boolean> =>
      answering(async () => {
        if (token.clientId !== clientId || ctx.oidc.client?.tokenEndpointAuthMethod === 'none') return false
        if (!('accountId' in token)) return true
        return (await stand(ctx, token.accountId, token.grantId, 'review')) !== null
      }),
  }
}

/** Seconds that are left of what the current request is about; at least one. */
export function remainingSeconds(ctx: KoaContextWithOIDC, at: Date): number {
  const until = ctx.oidc.account?.expiresAt
  if (!(until instanceof Date)) throw new TypeError('a refresh token of nobody')
  return Math.max(1, Math.floor((until.getTime() - at.getTime()) / 1000))
}
