// What the rules of review groups suggest: listing it, and approving or rejecting it.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { GroupId, SubjectId } from '../../../base/ids.ts'
import { optional, otherwise, type Spec, schemaOf } from '../../../core/directory/spec.ts'
import { id } from '../../../core/directory/values.ts'
import { notFound } from '../../../core/directory/writing.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendProblem, sendRefusal } from '../problem-document.ts'
import { limit, pathId, readQuery } from '../request.ts'
import type { ApiServices } from '../services.ts'
import { listTimeoutMs, pageOf } from './collections.ts'
import { subjectNames } from './subject-names.ts'

/** A query has texts only. */
const flag: Spec<boolean> = {
  schema: { type: 'boolean' },
  absent: 'required',
  read: (value, field, problems) =>
    value === 'true' || value === 'false'
      ? value === 'true'
      : problems.add(field, 'wrong-type', 'true or false is expected here'),
}

const query = {
  rejected: otherwise(flag, false),
  subjectId: optional(id<SubjectId>('a user or device')),
  limit,
  after: optional(id('the last suggestion of the page before')),
}

const uuid = Type.String({ format: 'uuid' })
const instant = Type.String({ format: 'date-time' })
const suggestion = Type.Object({
  id: uuid,
  groupId: uuid,
  subjectId: uuid,
  name: Type.Union([Type.String(), Type.Null()]),
  operation: Type.String({ enum: ['join', 'leave'] }),
  since: instant,
  rejectedAt: Type.Union([instant, Type.Null()]),
})

export function suggestionRoutes(app: FastifyInstance, { directory }: Pick<ApiServices, 'directory'>): void {
  const { suggestions } = directory
  const noGroup = notFound('group').error

  app.get(
    '/groups/:id/suggestions',
    {
      schema: document.operation(
        'listSuggestions',
        'Who would join or leave, if it were approved',
        'suggestions',
        {
          params: document.params('id'),
          query: Type.Object({
            rejected: Type.Optional(Type.Boolean({ default: false })),
            subjectId: Type.Optional(uuid),
            ...document.pageQuery,
          }),
          answer: Type.Object({
            items: Type.Array(suggestion),
            next: Type.Union([uuid, Type.Null()]),
            counts: Type.Object({ joins: Type.Integer(), leaves: Type.Integer() }),
          }),
        },
      ),
    },
    async (request, reply) => {
      const organization = caller(request).organization.id
      const group = pathId(request)
      if (!group) return sendRefusal(reply, noGroup)
      const read = readQuery(query, request.query)
      if (!read.ok) return sendProblem(reply, 'bad-request', read.error)
      const { limit: most, after, rejected, subjectId } = read.value
      const where = {
        group: group as GroupId,
        rejected,
        ...(subjectId !== undefined && { subject: subjectId }),
      }
      const page = { limit: most + 1, timeoutMs: listTimeoutMs, ...(after !== undefined && { after }) }
      const found = await suggestions.list(organization, where, page)
      if (!found) return sendRefusal(reply, noGroup)
      const ids = found.items.map((one) => one.subjectId)
      const names = await subjectNames(directory, organization, ids)
      const shown = pageOf(
        found.items,
        most,
        (one) => one.id,
        (one) => ({
          ...{ id: one.id, groupId: one.groupId, subjectId: one.subjectId },
          name: names.get(one.subjectId) ?? null,
          ...{ operation: one.operation, since: one.since, rejectedAt: one.rejectedAt },
        }),
      )
      return { ...shown, counts: found.counts }
    },
  )

  for (const [verb, done, summary] of [
    ['approve', 'approved', 'Carries suggestions out: of these ids, or all that wait in a group'],
    ['reject', 'rejected', 'Not to be suggested again while the facts stay as they are'],
  ] as const) {
    app.post(
      `/suggestions/${verb}`,
      {
        schema: document.operation(`${verb}Suggestions`, summary, 'suggestions', {
          body: schemaOf(suggestions.shape),
          answer: Type.Object({
            [done]: Type.Integer(),
            withdrawn: Type.Integer({ description: 'They no longer stood when it was their turn' }),
            more: Type.Boolean({ description: 'Others of the group wait for another call' }),
          }),
        }),
      },
      async (request, reply) => {
        const answered = await suggestions.answer(caller(request), verb, request.body)
        if (!answered.ok) return sendRefusal(reply, answered.error)
        const { done: count, withdrawn, more } = answered.value
        return { [done]: count, withdrawn, more }
      },
    )
  }
}
