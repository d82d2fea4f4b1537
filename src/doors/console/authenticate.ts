// Who asks: the API token of one organization. Another organization's token, an unknown organization and no token at
// all get the same answer.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Secret } from '../../base/secrets.ts'
import { tokenDigest } from '../../core/directory/tokens.ts'
import type { By } from '../../core/directory/writing.ts'
import { sendProblem } from './problem-document.ts'
import type { ApiServices } from './services.ts'

declare module 'fastify' {
  interface FastifyRequest {
    by: By | null
  }
}

/** RFC 6750 §2.1: one token of b64token characters. */
const bearer = /^Bearer +([A-Za-z0-9._~+/-]{16,512}=*) *$/i
const reading = new Set(['GET', 'HEAD'])
/** These ask by POST, and change nothing. */
const asking = ['/access/explain', '/groups/preview', '/rules/check']

export function bearerOf(request: FastifyRequest): string | undefined {
  return bearer.exec(request.headers.authorization ?? '')?.[1]
}

export function refuseToken(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // RFC 6750 §3: no error code where no token was sent
  const error = request.headers.authorization === undefined ? '' : ', error="invalid_token"'
  reply.header('www-authenticate', `Bearer realm="muster"${error}`)
  return sendProblem(reply, 'unauthenticated')
}

export function authenticate({ organizations, tokens }: Pick<ApiServices, 'organizations' | 'tokens'>) {
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const token = bearerOf(request)
    const { slug } = request.params as { slug?: string }
    const organization = token === undefined || !slug ? null : await organizations.findBySlug(slug)
    const found =
      organization && token !== undefined
        ? await tokens.findByDigest(organization.id, tokenDigest(new Secret(token)))
        : null
    if (!organization || !found) return refuseToken(request, reply)
    const reads =
      reading.has(request.method) || asking.some((path) => request.routeOptions.url?.endsWith(path))
    if (found.role === 'auditor' && !reads) {
      const message = 'the role "auditor" may read, and change nothing'
      return sendProblem(reply, 'forbidden', [{ field: '', code: 'forbidden', message }])
    }
    const { confirm } = request.query as { confirm?: unknown }
    request.by = {
      ...{ organization, actor: { kind: 'token', id: found.id, name: found.name }, role: found.role },
      confirmed: confirm === 'true',
    }
    return undefined
  }
}

/** The caller; routes behind `authenticate` always have one. */
export function caller(request: FastifyRequest): By {
  if (request.by === null) throw new Error('a route without authentication asked for its caller')
  return request.by
}
