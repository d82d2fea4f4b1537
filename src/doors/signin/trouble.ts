// The pages for whatever keeps a sign-in from going on, and the handler of errors of this door: infrastructure that fails is
// told as such, never as a refusal.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import type { Organization } from '../../core/directory/types.ts'
import { sendPage } from '../../net/web/headers.ts'
import type { FormRefusal } from '../../net/web/origin.ts'
import { slugOf, type WebGround } from '../../net/web/visitor.ts'
import { type ErrorPage, errorPage } from '../../web/error-page.ts'
import { brandOf } from '../../web/page.ts'

type Words = Pick<ErrorPage, 'title' | 'text'> & { readonly status: number }

export const trouble = {
  nobody: {
    status: 404,
    title: 'There is no such organization here',
    text: 'Check the address, or go back to where you came from.',
  },
  expired: {
    status: 410,
    title: 'This sign-in has expired',
    text: 'It took too long, was used already, or was begun in another browser. Go back to the application and open it again.',
  },
  otherPage: {
    status: 403,
    title: 'This page has expired',
    text: 'What you sent did not come from a page that is still good. Nothing was done.',
  },
  noCookies: {
    status: 403,
    title: 'Cookies are needed',
    text: 'Your browser did not send the cookie that goes with this page. Allow cookies for this address, and open it with https://.',
  },
  insecure: {
    status: 403,
    title: 'This connection is not secure',
    text: 'Your password was not looked at, because it came in clear. Open this page with https://.',
  },
  tooMany: {
    status: 429,
    title: 'Too many tries from your network',
    text: 'Wait a moment, then go back and try again.',
  },
  unavailable: {
    status: 503,
    title: 'Not available at the moment',
    text: 'Your sign-in could not be looked at, and nothing is wrong with what you typed. Try again in a moment.',
  },
  unreadable: {
    status: 400,
    title: 'This request cannot be read',
    text: 'Go back, load the page again and try once more.',
  },
  broken: {
    status: 500,
    title: 'Something went wrong here',
    text: 'Try again. If it happens again, tell your administrator.',
  },
} as const satisfies Record<string, Words>
export type Trouble = keyof typeof trouble

const retrySeconds = 5

interface About {
  readonly organization?: Organization | null
  /** What was begun, where it can still be gone on with. */
  readonly to?: string | null
  readonly status?: number
}

export function sendTrouble(
  request: FastifyRequest,
  reply: FastifyReply,
  what: Trouble,
  ground: WebGround,
  { organization = null, to = null, status = trouble[what].status }: About = {},
): FastifyReply {
  const { nonce } = request.visitor
  const { title, text } = trouble[what]
  const slug = slugOf(request)
  const hasBeginning = what !== 'nobody' && slug !== ''
  const beginning = `/o/${slug}/signin${to === null ? '' : `?to=${encodeURIComponent(to)}`}`
  if (status === 503) reply.header('retry-after', String(retrySeconds))
  const page = errorPage({
    ...{ brand: brandOf(organization), nonce, title, text },
    ...(hasBeginning && { action: { label: 'Start again', href: beginning } }),
  })
  return sendPage(reply, status, page, { nonce, publicUrl: ground.publicUrl() })
}

/** A form that was not sent by one of our own pages, or whose page is too old. */
export function troubleOf(refusal: FormRefusal, isBrowserKnown: boolean): Trouble {
  return refusal === 'token' && !isBrowserKnown ? 'noCookies' : 'otherPage'
}

export function handleErrors(ground: WebGround, log: Log) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const { statusCode = 500 } = error
    if (error instanceof Fault) log.error({ err: error }, 'a page of sign-in could not be shown')
    else if (statusCode >= 500) log.error({ err: error }, 'a fault in sign-in')
    if (error instanceof Fault) return sendTrouble(request, reply, 'unavailable', ground)
    if (statusCode >= 500) return sendTrouble(request, reply, 'broken', ground)
    return sendTrouble(request, reply, 'unreadable', ground, { status: statusCode })
  }
}
