// Who brought a message and to whose door: the organization, the browser, and the session that it has, if any.
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Secret } from '../../base/secrets.ts'
import type { Organization } from '../../core/directory/types.ts'
import type { Session } from '../../core/ports.ts'
import { slugOf, type Visitor } from '../../net/web/visitor.ts'
import type { SamlServices } from './services.ts'
import { remember, stop } from './trouble.ts'

export interface Visit {
  readonly organization: Organization
  readonly visitor: Visitor
  readonly reply: FastifyReply
  /** Muster's session of this browser. Throws Fault. */
  session(): Promise<Session | null>
}

/** Throws Stopped where there is no such organization. */
export async function beginVisit(
  request: FastifyRequest,
  reply: FastifyReply,
  { organizations, webSessions }: Pick<SamlServices, 'organizations' | 'webSessions'>,
): Promise<Visit> {
  const { visitor } = request
  const slug = slugOf(request)
  const organization = slug === '' ? null : await organizations.findBySlug(slug)
  if (organization === null) stop('nobody', 'there is no organization by this name')
  remember(request, organization)
  const { sessionToken } = visitor
  return {
    organization,
    visitor,
    reply,
    session: async () =>
      sessionToken === null ? null : webSessions.resume(organization, new Secret(sessionToken)),
  }
}

/** As it came, because a signature covers these characters. */
export function rawQuery({ raw }: FastifyRequest): string {
  const url = raw.url ?? ''
  const mark = url.indexOf('?')
  return mark === -1 ? '' : url.slice(mark + 1)
}

/** The fields of the POST binding; one that comes twice is an array, which the codec refuses. */
export function messageFields(form: URLSearchParams): Readonly<Record<string, unknown>> {
  const names = ['SAMLRequest', 'SAMLResponse', 'RelayState']
  return Object.fromEntries(
    names.flatMap((name) => {
      const values = form.getAll(name)
      return values.length === 0 ? [] : [[name, values.length === 1 ? values[0] : values]]
    }),
  )
}
