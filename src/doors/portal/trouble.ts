// What is shown in place of a page of the portal, and the handler of errors of this door.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import type { Organization } from '../../core/directory/types.ts'
import { sendPage } from '../../net/web/headers.ts'
import { slugOf, type WebGround } from '../../net/web/visitor.ts'
import { type ErrorPage, errorPage } from '../../web/error-page.ts'
import { brandOf } from '../../web/page.ts'

type Words = Pick<ErrorPage, 'title' | 'text'> & {
  readonly status: number
  /** The button below: what it says, and where it leads, after `/o/<slug>`. */
  readonly button?: readonly [label: string, path: string]
}

const backToPortal = ['Back to the portal', '/portal'] as const

const trouble = {
  nobody: {
    status: 404,
    title: 'There is no such organization here',
    text: 'Check the address, or go back to where you came from.',
  },
  notFound: {
    status: 404,
    title: 'There is no such thing',
    text: 'It is not there, or not any more.',
    button: backToPortal,
  },
  otherPage: {
    status: 403,
    title: 'This page has expired',
    text: 'What you sent did not come from a page that is still good. Nothing was done.',
    button: backToPortal,
  },
  refused: {
    status: 403,
    title: 'You cannot use the portal',
    text: 'Your organization does not allow it at the moment. Your administrator finds the reason in the audit log.',
    button: ['Sign out', '/signin/out'],
  },
  noAuthenticator: {
    status: 409,
    title: 'You have no authenticator',
    text: 'Recovery codes stand in for an authenticator that was lost. Set one up first.',
    button: backToPortal,
  },
  unavailable: {
    status: 503,
    title: 'Not available at the moment',
    text: 'This page cannot be shown just now. Try again in a moment.',
    button: backToPortal,
  },
  unreadable: {
    status: 400,
    title: 'This request cannot be read',
    text: 'Go back, load the page again and try once more.',
    button: backToPortal,
  },
  broken: {
    status: 500,
    title: 'Something went wrong here',
    text: 'Try again. If it happens again, tell your administrator.',
    button: backToPortal,
  },
} as const satisfies Record<string, Words>
export type Trouble = keyof typeof trouble

const retrySeconds = 5

export function sendTrouble(
  request: FastifyRequest,
  reply: FastifyReply,
  what: Trouble,
  ground: WebGround,
  organization: Organization | null = null,
  status: number = trouble[what].status,
): FastifyReply {
  const { nonce } = request.visitor
  const { title, text, button }: Words = trouble[what]
  if (status === 503) reply.header('retry-after', String(retrySeconds))
  const page = errorPage({
    ...{ brand: brandOf(organization), nonce, title, text },
    ...(button && { action: { label: button[0], href: `/o/${slugOf(request)}${button[1]}` } }),
  })
  return sendPage(reply, status, page, { nonce, publicUrl: ground.publicUrl() })
}

export function handleErrors(ground: WebGround, log: Log) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { statusCode = 500 } = error
    if (error instanceof Fault) log.error({ err: error }, 'a page of the portal could not be shown')
    else if (statusCode >= 500) log.error({ err: error }, 'a fault in the portal')
    if (error instanceof Fault) return sendTrouble(request, reply, 'unavailable', ground)
    if (statusCode >= 500) return sendTrouble(request, reply, 'broken', ground)
    return sendTrouble(request, reply, 'unreadable', ground, null, statusCode)
  }
}
