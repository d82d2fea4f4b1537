// Why is this person let in, or not? The same judgement as at every door, without effects.
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { schemaOf } from '../../../core/directory/spec.ts'
import { answerExplained } from '../answer.ts'
import { askToExplain, explainShape } from '../ask.ts'
import { caller } from '../authenticate.ts'
import * as document from '../openapi.ts'
import { sendRefusal } from '../problem-document.ts'
import type { ApiServices } from '../services.ts'

const decision = Type.Object({
  outcome: Type.String({ enum: ['permit', 'challenge', 'deny', 'indeterminate'] }),
  reason: Type.Optional(Type.String()),
  message: Type.Optional(Type.String()),
  cause: Type.Optional(Type.String()),
  attributes: Type.Optional(Type.Object({})),
  trace: Type.Object({}),
})

export function accessRoutes(
  app: FastifyInstance,
  services: Pick<ApiServices, 'directory' | 'explain' | 'clock'>,
): void {
  app.post(
    '/access/explain',
    {
      schema: document.operation('explainAccess', 'The decision with its trace, without effects', 'access', {
        body: schemaOf(explainShape),
        answer: decision,
      }),
    },
    async (request, reply) => {
      const question = await askToExplain(
        caller(request),
        request.body,
        services.clock.now(),
        services.directory,
      )
      if (!question.ok) return sendRefusal(reply, question.error)
      const { request: asked, assumed } = question.value
      return answerExplained(await services.explain(asked, assumed))
    },
  )
}
