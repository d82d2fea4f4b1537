// Who is in a group and why, and membership by hand.
import type { FastifyInstance, FastifyReply, FastifySchema } from 'fastify'
import { Type } from 'typebox'
import type { ManualNote } from '../../../core/directory/members.ts'
import { optional } from '../../../core/directory/spec.ts'
import { id } from '../../../core/directory/values.ts'
import { notFound } from '../../../core/directory/writing.ts'
import type { ManualMember, Membership } from '../../../core/membership/cell.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'
import { listTimeoutMs, pageOf } from './collections.ts'
import { subjectNames } from './subject-names.ts'

const query = { limit, after: optional(id('the last member of the page before')) }

const member = Type.Object({
  subjectId: Type.String({ format: 'uuid' }),
  name: Type.Union([Type.String(), Type.Null()]),
  reasons: Type.Array(Type.String({ enum: ['rule', 'exemption', 'manual'] })),
  approved: Type.Boolean({ description: '`manual` by approval, or kept when the mode of the group changed' }),
})

const manualMember = Type.Object({
  subjectId: Type.String({ format: 'uuid' }),
  name: Type.Union([Type.String(), Type.Null()]),
  approved: Type.Boolean({ description: "Of review groups, or kept when the group's mode changed" }),
})

const note = Type.Object(
  { member: Type.Boolean(), message: Type.String() },
  { description: 'Done, and yet: an exemption keeps them out, or they stay by the rule or an exemption' },
)

const withNote = (schema: FastifySchema): FastifySchema => ({
  ...schema,
  response: { 200: note, ...(schema.response as object) },
})

const sendNote = (reply: FastifyReply, told: ManualNote | null): FastifyReply =>
  told === null ? reply.code(204).send() : reply.send(told)

type Listed = Partial<Membership> & ManualMember

export function memberRoutes(app: FastifyInstance, { directory }: Pick<ApiServices, 'directory'>): void {
  const { members } = directory
  const both = document.params('id', 'subjectId')
  const noGroup = notFound('group').error
  const noMember = notFound('member').error

  for (const { path, name, summary, shape, list, given } of [
    {
      ...{ path: 'members', name: 'listMembers', summary: 'Members of a group, each with its reasons' },
      ...{ shape: member, list: members.list },
      given: ({ reasons, approved }: Listed) => ({ reasons, approved: approved === true }),
    },
    {
      ...{ path: 'manual-members', name: 'listManualMembers', shape: manualMember, list: members.listManual },
      summary: 'Whoever was added by hand or by approval, also those whom an exemption keeps out',
      given: ({ approved }: Listed) => ({ approved: approved === true }),
    },
  ]) {
    app.get(
      `/groups/:id/${path}`,
      {
        schema: document.operation(name, summary, 'groups', {
          params: document.params('id'),
          query: Type.Object(document.pageQuery),
          answer: document.pageOf(shape),
        }),
      },
      async (request, reply) => {
        const organization = caller(request).organization.id
        const group = pathId(request)
        if (!group) return sendRefusal(reply, noGroup)
        const read = readQuery(query, request.query)
        if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
        const { limit: most, after } = read.value
        const page = { limit: most + 1, timeoutMs: listTimeoutMs, ...(after !== undefined && { after }) }
        const found: readonly Listed[] | null = await list(organization, group, page)
        if (!found) return sendRefusal(reply, noGroup)
        const ids = found.map(({ subjectId }) => subjectId)
        const names = await subjectNames(directory, organization, ids)
        return pageOf(
          found,
          most,
          ({ subjectId }) => subjectId,
          (one) => ({ subjectId: one.subjectId, name: names.get(one.subjectId) ?? null, ...given(one) }),
        )
      },
    )
  }

  app.put(
    '/groups/:id/members/:subjectId',
    {
      schema: withNote(document.operation('addMember', 'Adds a member by hand', 'groups', { params: both })),
    },
    async (request, reply) => {
      const [group, subject] = [pathId(request), pathId(request, 'subjectId')]
      if (!group || !subject) return sendRefusal(reply, noMember)
      const added = await members.add(caller(request), group, subject)
      return added.ok ? sendNote(reply, added.value) : sendRefusal(reply, added.error)
    },
  )

  app.delete(
    '/groups/:id/members/:subjectId',
    {
      schema: withNote(
        document.operation('removeMember', 'Removes a member that was added by hand', 'groups', {
          params: both,
        }),
      ),
    },
    async (request, reply) => {
      const [group, subject] = [pathId(request), pathId(request, 'subjectId')]
      if (!group || !subject) return sendRefusal(reply, noMember)
      const removed = await members.remove(caller(request), group, subject)
      return removed.ok ? sendNote(reply, removed.value) : sendRefusal(reply, removed.error)
    },
  )
}
