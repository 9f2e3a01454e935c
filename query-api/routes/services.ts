import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow } from '../http/times.ts'
import { operations } from '../questions/operations.ts'
import { services } from '../questions/services.ts'
import { askerOf, type RouteContext } from './context.ts'
import { serviceParams, windowQuery } from './schemas.ts'

export function serviceRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof windowQuery> }>(
    '/api/services',
    { schema: { summary: 'Services: requests, errors, rate, exact percentiles', querystring: windowQuery } },
    (request) => services(askerOf(context, request), parseWindow(request.query)),
  )
  app.get<{ Querystring: Static<typeof windowQuery>; Params: Static<typeof serviceParams> }>(
    '/api/services/:name/operations',
    { schema: { summary: 'The span names of a service', querystring: windowQuery, params: serviceParams } },
    (request) => operations(askerOf(context, request), parseWindow(request.query), request.params.name),
  )
}
