import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow } from '../http/times.ts'
import { windowParams } from '../questions/spans.ts'
import { topology } from '../questions/topology.ts'
import { thatMatch } from '../traceql/spans.ts'
import { askerOf, type RouteContext } from './context.ts'
import { conditionOf } from './read-filters.ts'
import { topologyQuery } from './schemas.ts'

export function topologyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof topologyQuery> }>(
    '/api/topology',
    { schema: { summary: 'Who calls whom: services, databases, topics, hosts', querystring: topologyQuery } },
    async (request) => {
      const asker = askerOf(context, request)
      const { q, service } = request.query
      const window = parseWindow(request.query)
      if (q === undefined) return topology(asker, window, service)
      const { condition } = await conditionOf(asker, { ...windowParams(window), q })
      return topology(asker, window, service, thatMatch(condition, window))
    },
  )
}
