import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow, type TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { operations } from '../questions/operations.ts'
import { services } from '../questions/services.ts'
import { serviceExceptions } from '../service/exceptions.ts'
import { serviceInstances } from '../service/instances.ts'
import { serviceSeries } from '../service/series.ts'
import { serviceStatements } from '../service/statements.ts'
import { askerOf, type RouteContext } from './context.ts'
import { serviceParams, windowQuery } from './schemas.ts'

export function serviceRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof windowQuery> }>(
    '/api/services',
    { schema: { summary: 'Services: requests, errors, rate, exact percentiles', querystring: windowQuery } },
    (request) => services(askerOf(context, request), parseWindow(request.query)),
  )
  for (const [path, summary, ask] of ofOne) {
    app.get<{ Querystring: Static<typeof windowQuery>; Params: Static<typeof serviceParams> }>(
      path,
      { schema: { summary, querystring: windowQuery, params: serviceParams } },
      (request) => ask(askerOf(context, request), parseWindow(request.query), request.params.name),
    )
  }
}

/** Questions about one service. */
const ofOne: readonly (readonly [
  path: string,
  summary: string,
  ask: (asker: Asker, window: TimeWindow, service: string) => Promise<object>,
])[] = [
  ['/api/services/:name', 'Requests of a service over time', serviceSeries],
  ['/api/services/:name/operations', 'The span names of a service', operations],
  ['/api/services/:name/statements', 'The statements that a service sends to databases', serviceStatements],
  ['/api/services/:name/exceptions', 'The exceptions of a service, by type and place', serviceExceptions],
  ['/api/services/:name/instances', 'The versions and instances of a service', serviceInstances],
]
