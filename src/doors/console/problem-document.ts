// Everything that goes wrong, as RFC 9457 problem documents. The one place where refusals and failures get a status.
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import type { Log } from '../../base/log.ts'
import { Fault } from '../../base/result.ts'
import type { Problem } from '../../core/directory/problem.ts'
import type { Refusal } from '../../core/directory/writing.ts'

const refusals = {
  invalid: [422, 'What was sent cannot be accepted'],
  'not-found': [404, 'Not found'],
  stale: [412, 'Changed meanwhile'],
  conflict: [409, 'Changed by others at this moment'],
  taken: [409, 'Taken already'],
  'in-use': [409, 'Still in use'],
  forbidden: [403, 'Not allowed'],
  confirm: [409, 'This must be confirmed'],
} as const satisfies Record<Refusal['kind'], readonly [number, string]>

const failures = {
  unauthenticated: [401, 'An API token is needed'],
  'bad-request': [400, 'The request cannot be understood'],
  'too-large': [413, 'The request is too large'],
  'unsupported-media-type': [415, 'This media type is not accepted'],
  busy: [503, 'Busy: try again in a moment'],
  unavailable: [503, 'Unavailable: try again in a moment'],
  internal: [500, 'An error on our side, which was logged'],
} as const
export type Failure = keyof typeof failures

/** Sends a problem document. `problems` become `errors`, and the only one of them is the detail. */
export function sendProblem(
  reply: FastifyReply,
  kind: Refusal['kind'] | Failure,
  problems: readonly Problem[] = [],
): FastifyReply {
  const [status, title] = kind in refusals ? refusals[kind as Refusal['kind']] : failures[kind as Failure]
  const detail = problems.length === 1 ? problems[0]?.message : undefined
  // A missing object is told in the same words whatever it was asked for by.
  const errors = kind === 'not-found' || problems.length === 0 ? undefined : problems
  if (status === 503) reply.header('retry-after', '1')
  return reply
    .code(status)
    .type('application/problem+json')
    .send({ type: `urn:muster:problem:${kind}`, title, status, detail, errors })
}

export const sendRefusal = (reply: FastifyReply, { kind, problems }: Refusal): FastifyReply =>
  sendProblem(reply, kind, problems)

const byStatus: Readonly<Record<number, Failure | 'not-found'>> = {
  400: 'bad-request',
  404: 'not-found',
  413: 'too-large',
  415: 'unsupported-media-type',
}

/** Where Fastify's own words do not say what to do. */
const hints: Partial<Record<Failure | 'not-found', string>> = {
  'unsupported-media-type':
    'send JSON, with the header content-type: application/json (for PATCH also application/merge-patch+json)',
}

/** What was thrown: a Fault is the house being busy or away, Fastify's own are about the request, all else is a bug. */
export function errorHandler(log: Log) {
  return (
    error: FastifyError | Fault | Error,
    request: FastifyRequest,
    reply: FastifyReply,
  ): FastifyReply => {
    if (error instanceof Fault) {
      log.warn({ err: error, route: request.routeOptions.url }, 'a request could not be answered')
      return sendProblem(reply, error.reason)
    }
    const status = 'statusCode' in error ? error.statusCode : undefined
    const kind =
      status === undefined ? undefined : status < 500 ? (byStatus[status] ?? 'bad-request') : undefined
    if (kind !== undefined)
      return sendProblem(reply, kind, [{ field: '', code: kind, message: hints[kind] ?? error.message }])
    log.error({ err: error, route: request.routeOptions.url }, 'an API request failed')
    return sendProblem(reply, 'internal')
  }
}
