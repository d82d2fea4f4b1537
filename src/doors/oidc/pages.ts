// What a person sees where a request cannot be answered: a page of our own, and never a redirect before the address is known to be
// registered. Programs get JSON.

import type { FastifyReply } from 'fastify'
import type { ErrorOut, errors, KoaContextWithOIDC } from 'oidc-provider'
import { newReference } from '../../core/access/reference.ts'
import type { Organization } from '../../core/directory/types.ts'
import { pageHeaders, sendPage } from '../../net/web/headers.ts'
import type { Visitor } from '../../net/web/visitor.ts'
import { type ErrorPage, errorPage } from '../../web/error-page.ts'
import { brandOf } from '../../web/page.ts'
import type { OidcServices } from './services.ts'
import { visitOf } from './visit.ts'

/** Requests that people make, by being sent there. */
const forPeople = new Set(['authorization', 'resume'])

interface Words {
  readonly title: string
  readonly text: string
}

const words: Readonly<Record<string, Words>> = {
  invalid_client: {
    title: 'This application is not known here',
    text: 'It is not registered, or it has been turned off. Whoever looks after the application can tell you more.',
  },
  invalid_redirect_uri: {
    title: 'This request was stopped',
    text: 'The application asked to send you to an address that is not registered for it. Do not use the link that brought you here.',
  },
  temporarily_unavailable: {
    title: 'Not available at the moment',
    text: 'Your request could not be answered just now. Try again in a moment.',
  },
  server_error: {
    title: 'Something went wrong here',
    text: 'Your request could not be answered. Try again; if it happens again, tell your administrator.',
  },
}
const expired: Words = {
  title: 'This sign-in is over',
  text: 'It has expired, was used already, or was begun in another browser. Go back to the application and start again.',
}
const otherwise: Words = {
  title: 'The application made a mistake',
  text: 'Its request cannot be answered. Whoever looks after the application can mend it.',
}

/** The handler of oidc-provider for errors that are not sent to the application. */
export function renderError(
  ctx: KoaContextWithOIDC,
  out: ErrorOut,
  error: errors.OIDCProviderError | Error,
  { ground, log }: Pick<OidcServices, 'ground' | 'log'>,
): void {
  const { route } = ctx.oidc
  if (!forPeople.has(route)) {
    ctx.type = 'json'
    ctx.body = out
    return
  }
  const { organization, visitor } = visitOf(ctx)
  const reference = newReference()
  const detail = (error as { error_detail?: string }).error_detail
  const asked = askedOf(ctx)
  const told = { reference, organization: organization.slug, ...asked, error: out.error, detail }
  log.info({ ...told, why: whyOf(out, asked) }, 'a request was not answered')
  const { title, text } = error.name === 'SessionNotFound' ? expired : (words[out.error] ?? otherwise)
  const said = out.error_description === undefined ? out.error : `${out.error}: ${out.error_description}`
  ctx.set(pageHeaders({ nonce: visitor.nonce, publicUrl: ground.publicUrl() }))
  ctx.body = errorPage({
    brand: brandOf(organization),
    nonce: visitor.nonce,
    title,
    text: out.error in words || error.name === 'SessionNotFound' ? text : `${text} (${said})`,
    reference,
  })
}

interface AskedBy {
  readonly client: string | undefined
  readonly redirectUri: string | undefined
}

/** Who asks, and where an answer would go, as the request has it. */
function askedOf({ oidc: { params } }: KoaContextWithOIDC): AskedBy {
  return { client: printable(params?.client_id), redirectUri: printable(params?.redirect_uri) }
}

const longestTold = 300

/** Something that came from outside, for the log. */
export function printable(text: unknown): string | undefined {
  return typeof text === 'string' ? text.replace(/[^\x20-\x7e]/g, '').slice(0, longestTold) : undefined
}

/** What somebody who connects an application has to know; most often, the address is not quite the one that is registered. */
function whyOf({ error, error_description: description }: ErrorOut, asked: AskedBy): string {
  const { client = '(none)', redirectUri = '(none)' } = asked
  if (error === 'invalid_redirect_uri')
    return `redirect_uri ${redirectUri} is not registered for client ${client}`
  if (error === 'invalid_client') return `client ${client} is not registered, or is turned off`
  return description ?? error
}

/** A page of this door outside oidc-provider. */
export function sendError(
  reply: FastifyReply,
  status: number,
  visitor: Visitor,
  organization: Organization | null,
  page: Words & Pick<ErrorPage, 'reference' | 'action' | 'otherwise'>,
  publicUrl: string,
): FastifyReply {
  const { nonce } = visitor
  const brand = brandOf(organization)
  return sendPage(reply, status, errorPage({ brand, nonce, ...page }), { nonce, publicUrl })
}

export const unknownOrganization: Words = {
  title: 'There is no such organization here',
  text: 'Check the address, or go back to where you came from.',
}
export const sentOnAnotherWay: Words = {
  title: 'This page has expired',
  text: 'Go back, load the page again and try once more.',
}
