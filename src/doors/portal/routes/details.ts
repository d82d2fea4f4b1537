// People see and change what of them they look after themselves. What that is, and what it leads to, the directory decides.
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Fault } from '../../../base/result.ts'
import type { Refusal } from '../../../core/directory/writing.ts'
import { formOf } from '../../../net/web/visitor.ts'
import { patchOf } from '../details-form.ts'
import { enter, type Guest } from '../enter.ts'
import { detailsPage } from '../pages/details.ts'
import type { PortalOptions } from '../services.ts'

const path = '/o/:slug/portal/details'
/** Texts are longer than codes, and there may be many. */
const bodyLimit = 64 * 1024

const statuses: Readonly<Partial<Record<Refusal['kind'], number>>> = {
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
}

const tooMany: Refusal['problems'] = [
  {
    ...{ field: '', code: 'busy' },
    message: 'Too many changes of your details at once: this one was not saved. Try again in a moment.',
  },
]

/** Null where it is just that; whatever else is thrown goes on. */
function busy(error: unknown): null {
  if (error instanceof Fault && error.reason === 'busy') return null
  throw error
}

export function detailRoutes(app: FastifyInstance, options: PortalOptions): void {
  const { ownDetails } = options.directory

  app.get(path, async (request, reply) => {
    const guest = await enter(request, reply, options)
    return guest === null ? reply : show(guest, 200, new Map(), [])
  })

  app.post(path, { bodyLimit }, async (request, reply) => {
    const guest = await enter(request, reply, options)
    if (guest === null) return reply
    const { organization, user, frame } = guest
    const form = formOf(request)
    const patch = patchOf(form, await ownDetails.of(organization, user.id))
    const changed = await ownDetails.change(organization, user.id, patch).catch(busy)
    if (changed === null) return show(guest, 503, new Map(form), tooMany)
    if (changed.ok) return reply.redirect(`${frame.base}?done=details-changed`, 303)
    return show(guest, statuses[changed.error.kind] ?? 409, new Map(form), changed.error.problems)
  })

  async function show(
    guest: Guest,
    status: number,
    typed: ReadonlyMap<string, string>,
    faults: Refusal['problems'],
  ): Promise<FastifyReply> {
    const details = await ownDetails.of(guest.organization, guest.user.id)
    const problems = new Map<string, string>()
    const others: string[] = []
    for (const { field, message } of faults) {
      // Of a list, the entry is named.
      const detail = details.find((one) => field === one.field || field.startsWith(`${one.field}[`))
      if (detail === undefined) others.push(message)
      else problems.set(detail.field, message)
    }
    const [first = null] = others
    return guest.show(status, detailsPage(guest.frame, { details, typed, problems, problem: first }))
  }
}
