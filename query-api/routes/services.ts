import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow, type TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { operations } from '../questions/operations.ts'
import { services } from '../questions/services.ts'
import { serviceCritical } from '../service/critical.ts'
import { serviceExceptions } from '../service/exceptions.ts'
import { serviceHosts } from '../service/hosts.ts'
import { serviceInstances } from '../service/instances.ts'
import { serviceQueues } from '../service/queues.ts'
import { serviceSeries } from '../service/series.ts'
import { serviceStatements } from '../service/statements.ts'
import type { Proxies } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { criticalQuery, serviceParams, windowQuery } from './schemas.ts'

export function serviceRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof windowQuery> }>(
    '/api/services',
    { schema: { summary: 'Services: requests, errors, rate, percentiles', querystring: windowQuery } },
    (request) => services(askerOf(context, request), parseWindow(request.query), request.query.proxies),
  )
  app.get<{ Querystring: Static<typeof criticalQuery>; Params: Static<typeof serviceParams> }>(
    '/api/services/:name/critical',
    {
      schema: {
        summary: 'Where the time goes on the critical paths of its slow requests, against its ordinary ones',
        querystring: criticalQuery,
        params: serviceParams,
      },
    },
    (request) => {
      const { name } = request.params
      const { operation, proxies } = request.query
      return serviceCritical(askerOf(context, request), parseWindow(request.query), name, operation, proxies)
    },
  )
  for (const [path, summary, ask] of ofOne) {
    app.get<{ Querystring: Static<typeof windowQuery>; Params: Static<typeof serviceParams> }>(
      path,
      { schema: { summary, querystring: windowQuery, params: serviceParams } },
      (request) =>
        ask(askerOf(context, request), parseWindow(request.query), request.params.name, request.query.proxies),
    )
  }
}

/** Questions about one service. */
const ofOne: readonly (readonly [
  path: string,
  summary: string,
  ask: (asker: Asker, window: TimeWindow, service: string, proxies?: Proxies) => Promise<object>,
])[] = [
  ['/api/services/:name', 'Requests of a service over time', serviceSeries],
  ['/api/services/:name/operations', 'The span names of a service', operations],
  ['/api/services/:name/statements', 'The statements that a service sends to databases', serviceStatements],
  ['/api/services/:name/queues', 'The topics and queues that a service sends to and takes from', serviceQueues],
  ['/api/services/:name/hosts', 'The hosts without an agent that a service calls', serviceHosts],
  ['/api/services/:name/exceptions', 'The exceptions of a service, by type and place', serviceExceptions],
  ['/api/services/:name/instances', 'The versions and instances of a service', serviceInstances],
]
