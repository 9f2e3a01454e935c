import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow } from '../http/times.ts'
import { serviceGroups } from '../questions/service-groups.ts'
import { windowParams } from '../questions/spans.ts'
import { topology } from '../questions/topology.ts'
import { callChains } from '../service/chains.ts'
import { thatMatch } from '../traceql/spans.ts'
import { askerOf, type RouteContext } from './context.ts'
import { conditionOf } from './read-filters.ts'
import { chainsQuery, topologyGroupsQuery, topologyQuery } from './schemas.ts'

export function topologyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof topologyQuery> }>(
    '/api/topology',
    { schema: { summary: 'Who calls whom: services, databases, topics, hosts', querystring: topologyQuery } },
    async (request) => {
      const asker = askerOf(context, request)
      const { q, service, proxies } = request.query
      const window = parseWindow(request.query)
      if (q === undefined) return topology(asker, window, service, undefined, { proxies })
      const { condition } = await conditionOf(asker, { ...windowParams(window), q })
      return topology(asker, window, service, thatMatch(condition, window), { proxies })
    },
  )
  app.get<{ Querystring: Static<typeof topologyGroupsQuery> }>(
    '/api/topology/groups',
    {
      schema: { summary: 'The value of a resource attribute that each service has', querystring: topologyGroupsQuery },
    },
    (request) => serviceGroups(askerOf(context, request), parseWindow(request.query), request.query.key),
  )
  app.get<{ Querystring: Static<typeof chainsQuery> }>(
    '/api/chains',
    { schema: { summary: 'The chains of calls from one service to another', querystring: chainsQuery } },
    (request) => {
      const { from, to, by = 'services', proxies } = request.query
      return callChains(askerOf(context, request), parseWindow(request.query), { from, to, by, proxies })
    },
  )
}
