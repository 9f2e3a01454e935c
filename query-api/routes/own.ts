import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { progress } from '../questions/progress.ts'
import { retention } from '../questions/retention.ts'
import type { ConfigAnswer, HealthAnswer } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { progressQuery, query } from './schemas.ts'

/** What the server tells of itself. */
export interface OwnFacts {
  readonly config: ConfigAnswer
  readonly metricsText: () => Promise<string>
  readonly status: () => Promise<object>
}

const storeMustAnswerWithinMs = 3_000
const nothing = query({})

export function ownRoutes(app: FastifyInstance, context: RouteContext, facts: OwnFacts): void {
  app.get(
    '/api/health',
    { schema: { summary: 'Whether this server can answer', querystring: nothing } },
    async (request, reply) => {
      const signal = AbortSignal.any([request.signal, AbortSignal.timeout(storeMustAnswerWithinMs)])
      // A ping and no query: a store that has much to do is not an ill one.
      const [store, roles] = await Promise.all([context.reader.ping(signal), facts.status()])
      const answer: HealthAnswer = {
        status: store.ok ? 'ok' : 'unavailable',
        store,
        roles: roles as Record<string, unknown>,
      }
      return reply.code(store.ok ? 200 : 503).send(answer)
    },
  )
  app.get(
    '/api/config',
    { schema: { summary: 'What the UI has to know of this server', querystring: nothing } },
    () => facts.config,
  )
  app.get(
    '/api/retention',
    { schema: { summary: 'What is kept, and which days were removed', querystring: nothing } },
    (request) => retention(askerOf(context, request)),
  )
  app.get<{ Querystring: Static<typeof progressQuery> }>(
    '/api/progress',
    {
      schema: {
        summary: 'How far the store is with what was asked under these names (header x-weft-ask)',
        querystring: progressQuery,
      },
    },
    (request) => progress(askerOf(context, request), request.query.ask),
  )
  app.get(
    '/metrics',
    { schema: { summary: 'Own metrics, in the text format of Prometheus', querystring: nothing } },
    async (_, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await facts.metricsText()),
  )
}
