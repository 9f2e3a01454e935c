import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow } from '../http/times.ts'
import { topology } from '../questions/topology.ts'
import { askerOf, type RouteContext } from './context.ts'
import { topologyQuery } from './schemas.ts'

export function topologyRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof topologyQuery> }>(
    '/api/topology',
    { schema: { summary: 'Who calls whom: services, databases, topics, hosts', querystring: topologyQuery } },
    (request) => topology(askerOf(context, request), parseWindow(request.query), request.query.service),
  )
}
