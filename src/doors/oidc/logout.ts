// Logout begun by an application (OIDC RP-Initiated Logout 1.0). A GET changes nothing: it answers with a form that sends itself where
// the application has shown an ID token of this very session, and asks the person in every other case.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Secret } from '../../base/secrets.ts'
import { newReference } from '../../core/access/reference.ts'
import type { OidcApplication, Organization } from '../../core/directory/types.ts'
import type { Session } from '../../core/ports.ts'
import { sparseLog } from '../../net/limits.ts'
import { sendPage } from '../../net/web/headers.ts'
import { cookiesOf, formOf, refusePost, slugOf, webScope } from '../../net/web/visitor.ts'
import { continuePage } from '../../web/continue.ts'
import { errorPage } from '../../web/error-page.ts'
import { html } from '../../web/html.ts'
import { brandOf, page } from '../../web/page.ts'
import { button, form, heading, linkButton } from '../../web/parts.ts'
import { isCompact } from './compact.ts'
import type { Issuer, Issuers } from './issuers.ts'
import { nameOf } from './names.ts'
import { printable, sendError, sentOnAnotherWay, unknownOrganization } from './pages.ts'
import type { OidcServices } from './services.ts'
import { logoutRoute } from './terms.ts'

const parameters = ['id_token_hint', 'client_id', 'post_logout_redirect_uri', 'state'] as const
type Parameters = Partial<Record<(typeof parameters)[number], string>>
const longestParameter = 8_192
const purpose = 'oidc-logout'
const csrfField = 'csrf'
/** What strangers can cause. */
const logRate = { perSecond: 5, burst: 200 }

/** What an application asks for, once it has been found to be allowed. */
interface Asked {
  /** Where to go on afterwards; null: nowhere. */
  readonly returnTo: string | null
  /** The ID token that was shown, where it is one of ours. */
  readonly hint: { readonly sub?: unknown; readonly sid?: unknown } | null
}

export function logoutRoutes(services: OidcServices, issuers: Issuers) {
  const { ground, webSessions, applications, clock } = services
  const log = sparseLog(services.log, logRate, clock)
  const publicUrl = () => ground.publicUrl()

  /** A text is what is wrong with the request. */
  const understand = async (
    { organization, provider }: Issuer,
    given: Parameters,
  ): Promise<Asked | string> => {
    const { id_token_hint: token, post_logout_redirect_uri: returnTo, client_id: named } = given
    const audience = audienceOf(token)
    if (named !== undefined && audience !== undefined && named !== audience)
      return 'the client and the ID token do not belong together'
    const clientId = named ?? audience
    const known = clientId === undefined ? null : await applications.find(organization.id, 'oidc', clientId)
    if (returnTo !== undefined && !isRegistered(returnTo, known?.application))
      return 'the address to go on to is not registered for the application'
    const client = clientId === undefined ? undefined : await provider.Client.find(clientId)
    // Whatever is not an ID token that we made for this client counts as none.
    const hint =
      !isCompact(token) || client === undefined
        ? null
        : await provider.IdToken.validate(token, client).then(
            ({ payload }) => payload,
            () => null,
          )
    return { returnTo: returnTo === undefined ? null : withState(returnTo, given.state), hint }
  }

  const sessionOf = ({ visitor }: FastifyRequest, organization: Organization): Promise<Session | null> =>
    visitor.sessionToken === null
      ? Promise.resolve(null)
      : webSessions.resume(organization, new Secret(visitor.sessionToken))

  const show = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { visitor } = request
    const issuer = await issuers.find(slugOf(request))
    if (issuer === null) return sendError(reply, 404, visitor, null, unknownOrganization, publicUrl())
    const { organization } = issuer
    const given = parametersOf(new URL(request.url, 'http://own.invalid').searchParams)
    const asked = given === null ? 'a parameter comes twice' : await understand(issuer, given)
    if (given === null || typeof asked === 'string')
      return refuse(reply, request, organization, given, String(asked))
    const session = await sessionOf(request, organization)
    if (session === null) return leave(reply, request, organization, asked.returnTo)
    const frame = { brand: brandOf(organization), nonce: visitor.nonce }
    const isOwn = asked.hint?.sub === session.userId && (asked.hint.sid ?? session.id) === session.id
    const body = html`<div class="card stack">
${heading(isOwn ? 'Signing out' : 'Sign out?', isOwn ? 'One moment.' : `You are signed in to ${organization.name}. An application asks to sign you out, everywhere in this browser.`)}
${form({
  action: `/o/${organization.slug}${logoutRoute}`,
  csrf: visitor.csrf(purpose),
  hidden: { ...given },
  body: [
    button({ label: 'Sign out', full: true }),
    !isOwn &&
      linkButton({
        label: 'Stay signed in',
        href: `/o/${organization.slug}/portal`,
        kind: 'secondary',
        full: true,
      }),
  ],
})}
</div>`
    const text = page({
      ...frame,
      title: 'Sign out',
      body,
      ...(isOwn && { script: 'document.forms[0].submit()' }),
    })
    return sendPage(reply, 200, text, { nonce: visitor.nonce, publicUrl: publicUrl() })
  }

  const end = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const { visitor } = request
    const issuer = await issuers.find(slugOf(request))
    if (issuer === null) return sendError(reply, 404, visitor, null, unknownOrganization, publicUrl())
    const { organization } = issuer
    const given = parametersOf(formOf(request))
    // A form of the application's own: it goes on as the GET that it could have been, with the cookies that this one came without.
    if (!formOf(request).has(csrfField)) {
      const query = new URLSearchParams(given ?? {})
      return reply.redirect(`/o/${organization.slug}${logoutRoute}?${query}`, 303)
    }
    if (refusePost(request, ground, purpose) !== null)
      return sendError(reply, 403, visitor, organization, sentOnAnotherWay, publicUrl())
    const asked = given === null ? 'a parameter comes twice' : await understand(issuer, given)
    if (typeof asked === 'string') return refuse(reply, request, organization, given, asked)
    const session = await sessionOf(request, organization)
    if (session !== null) {
      const username = await nameOf(services, organization.id, session.userId)
      const actor = { kind: 'user', id: session.userId, name: username } as const
      const user = { id: session.userId, username }
      const reason = 'signed out from an application'
      const ended = await webSessions.end(organization.id, session.id, user, actor, reason)
      const next = await services.afterSignOut(organization, ended, visitor.browser, asked.returnTo)
      if (next !== null) {
        cookiesOf(ground).clearSession(reply, organization.slug)
        const { nonce } = visitor
        const text = continuePage({ brand: brandOf(organization), nonce, to: next, title: 'Signing out' })
        return sendPage(reply, 200, text, { nonce, publicUrl: publicUrl() })
      }
    }
    cookiesOf(ground).clearSession(reply, organization.slug)
    return leave(reply, request, organization, asked.returnTo)
  }

  const leave = (
    reply: FastifyReply,
    { visitor: { nonce } }: FastifyRequest,
    organization: Organization,
    returnTo: string | null,
  ): FastifyReply => {
    const frame = { brand: brandOf(organization), nonce }
    const text =
      returnTo === null
        ? errorPage({ ...frame, title: 'You are signed out', text: 'You can close this page.' })
        : continuePage({ ...frame, to: returnTo, title: 'You are signed out' })
    return sendPage(reply, 200, text, { nonce, publicUrl: publicUrl() })
  }

  /** Whoever wants to leave still can. */
  const refuse = async (
    reply: FastifyReply,
    request: FastifyRequest,
    organization: Organization,
    given: Parameters | null,
    why: string,
  ): Promise<FastifyReply> => {
    const { visitor } = request
    const { slug } = organization
    const reference = newReference()
    const client = printable(given?.client_id ?? audienceOf(given?.id_token_hint))
    const address = printable(given?.post_logout_redirect_uri)
    const told = { reference, organization: slug, client, postLogoutRedirectUri: address, why }
    log.info(told, 'a sign-out was not carried out')
    const isIn = (await sessionOf(request, organization)) !== null
    const text = isIn ? `You are not signed out: ${why}.` : `You are not signed in, and stay here: ${why}.`
    const page = {
      ...{ title: 'The application made a mistake', text, reference },
      ...(isIn && {
        action: { label: 'Sign out', href: `/o/${slug}/signin/out` },
        otherwise: { label: 'Stay signed in', href: `/o/${slug}/portal` },
      }),
    }
    return sendError(reply, 400, visitor, organization, page, publicUrl())
  }

  return async (scope: FastifyInstance): Promise<void> => {
    await webScope(scope, ground)
    scope.get(`/o/:slug${logoutRoute}`, show)
    scope.post(`/o/:slug${logoutRoute}`, end)
  }
}

/** The parameters that are known here; null where one comes twice, or is longer than any. */
function parametersOf(from: URLSearchParams): Parameters | null {
  const given: Parameters = {}
  for (const name of parameters) {
    const [value, ...more] = from.getAll(name)
    if (more.length > 0 || (value?.length ?? 0) > longestParameter) return null
    if (value !== undefined && value !== '') given[name] = value
  }
  return given
}

/** The client that an ID token says it is for; nothing is believed because of it. */
function audienceOf(token: string | undefined): string | undefined {
  if (token === undefined) return undefined
  try {
    const payload: unknown = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    const { aud } = payload as { aud?: unknown }
    return typeof aud === 'string' ? aud : undefined
  } catch {
    return undefined
  }
}

const isRegistered = (uri: string, application: OidcApplication | undefined): boolean =>
  application?.postLogoutRedirectUris.includes(uri) ?? false

function withState(uri: string, state: string | undefined): string {
  if (state === undefined) return uri
  const url = new URL(uri)
  url.searchParams.set('state', state)
  return url.href
}
