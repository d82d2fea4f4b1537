// The pages for whatever cannot be answered, and the handler of errors of this door. Nothing of it leaves the house: as long as it
// is not known who asks and where an answer belongs, the person sees a page of ours, and the log says more under its reference.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { WireError } from '../../base/bytes.ts'
import { Fault } from '../../base/result.ts'
import { newReference } from '../../core/access/reference.ts'
import type { Organization } from '../../core/directory/types.ts'
import { sendPage } from '../../net/web/headers.ts'
import { type ErrorPage, errorPage } from '../../web/error-page.ts'
import { brandOf } from '../../web/page.ts'
import { explain } from '../../wire/saml/problems.ts'
import type { SamlServices } from './services.ts'

interface Words {
  readonly status: number
  readonly title: string
  readonly text: string
}

const otherwise = 'The application made a mistake'
const mend = 'Whoever looks after the application can mend it.'

export const troubles = {
  nobody: {
    status: 404,
    title: 'There is no such organization here',
    text: 'Check the address, or go back to where you came from.',
  },
  unreadable: { status: 400, title: otherwise, text: `Its request cannot be read. ${mend}` },
  unknownApplication: {
    status: 403,
    title: 'This application is not known here',
    text: 'It is not registered, or it has been turned off. Whoever looks after the application can tell you more.',
  },
  unproven: {
    status: 403,
    title: 'This request was stopped',
    text: 'It is not signed as it has to be, so it may not come from the application. Do not use the link that brought you here.',
  },
  elsewhere: {
    status: 403,
    title: 'This request was stopped',
    text: 'It asks to send you to an address that is not registered for the application. Do not use the link that brought you here.',
  },
  misdirected: { status: 400, title: otherwise, text: `Its request was meant for another address. ${mend}` },
  outdated: {
    status: 400,
    title: 'This request is too old',
    text: 'Go back to the application and start again. If it happens again, the clock of the application may be wrong.',
  },
  repeated: {
    status: 400,
    title: 'This request was used already',
    text: 'Go back to the application and start again.',
  },
  unsupported: {
    status: 400,
    title: otherwise,
    text: `It asks for something that is not offered here. ${mend}`,
  },
  expired: {
    status: 410,
    title: 'This sign-in is over',
    text: 'It took too long, was used already, or was begun in another browser. Go back to the application and start again.',
  },
  signOutOver: {
    status: 410,
    title: 'This sign-out is over',
    text: 'It took too long, or has gone on elsewhere. To be sure that you are signed out everywhere, close the browser.',
  },
  notFromHere: {
    status: 404,
    title: 'This application cannot be opened from here',
    text: 'Go to the application itself, and sign in there.',
  },
  tooMany: {
    status: 429,
    title: 'Too many requests from your network',
    text: 'Wait for a moment, then go back and try again.',
  },
  unavailable: {
    status: 503,
    title: 'Not available at the moment',
    text: 'Your request could not be answered just now. Try again in a moment.',
  },
  broken: {
    status: 500,
    title: 'Something went wrong here',
    text: 'Try again. If it happens again, tell your administrator.',
  },
} as const satisfies Record<string, Words>
export type Trouble = keyof typeof troubles

/** Ends a request with a page; `why` is for administrators, in the log. */
export class Stopped extends Error {
  readonly what: Trouble
  constructor(what: Trouble, why: string) {
    super(why)
    this.name = 'Stopped'
    this.what = what
  }
}

export function stop(what: Trouble, why: string): never {
  throw new Stopped(what, why)
}

const retrySeconds = 5
const organizations = new WeakMap<FastifyRequest, Organization>()

/** So that a page of trouble looks like the organization's. */
export const remember = (request: FastifyRequest, organization: Organization): void =>
  void organizations.set(request, organization)

export function sendTrouble(
  request: FastifyRequest,
  reply: FastifyReply,
  what: Trouble,
  { ground }: Pick<SamlServices, 'ground'>,
  more: Partial<Pick<ErrorPage, 'reference' | 'text' | 'action'>> = {},
  status: number = troubles[what].status,
): FastifyReply {
  const { nonce } = request.visitor
  const { title, text } = troubles[what]
  if (status === 503) reply.header('retry-after', String(retrySeconds))
  const brand = brandOf(organizations.get(request) ?? null)
  return sendPage(reply, status, errorPage({ brand, nonce, title, text, ...more }), {
    nonce,
    publicUrl: ground.publicUrl(),
  })
}

export function handleErrors({ ground, log }: Pick<SamlServices, 'ground' | 'log'>) {
  return (error: FastifyError, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const reference = newReference()
    const told = { reference, organization: organizations.get(request)?.slug }
    if (error instanceof Stopped) {
      log.info({ ...told, what: error.what, why: error.message }, 'a SAML message was not answered')
      return sendTrouble(request, reply, error.what, { ground }, { reference })
    }
    if (error instanceof WireError) {
      const why = explain(error)
      const { code, offset } = error
      log.info({ ...told, code, offset, why }, 'a SAML message was not answered')
      const what = /^signature-|^certificate-none$|^id-repeated$/.test(code) ? 'unproven' : 'unreadable'
      const text = `${troubles[what].text} (${why})`
      return sendTrouble(request, reply, what, { ground }, { reference, text })
    }
    if (error instanceof Fault) {
      log.error({ ...told, err: error }, 'a SAML message could not be answered')
      return sendTrouble(request, reply, 'unavailable', { ground }, { reference })
    }
    const { statusCode = 500 } = error
    if (statusCode < 500) return sendTrouble(request, reply, 'unreadable', { ground }, {}, statusCode)
    log.error({ ...told, err: error }, 'a fault in the SAML door')
    return sendTrouble(request, reply, 'broken', { ground }, { reference })
  }
}
