import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { parseWindow } from '../http/times.ts'
import { attributeKeys, attributeValues } from '../questions/attributes.ts'
import { splitLevel } from '../questions/filters.ts'
import { askerOf, type RouteContext } from './context.ts'
import { attributeKeysQuery, attributeValuesQuery } from './schemas.ts'

export function attributeRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof attributeKeysQuery> }>(
    '/api/attributes',
    { schema: { summary: 'Attribute keys seen in a window, for suggestions', querystring: attributeKeysQuery } },
    (request) => {
      const { service, prefix = '', limit = 200 } = request.query
      return attributeKeys(askerOf(context, request), { window: parseWindow(request.query), service, prefix, limit })
    },
  )
  app.get<{ Querystring: Static<typeof attributeValuesQuery> }>(
    '/api/attributes/values',
    {
      schema: {
        summary: 'Values of an attribute seen in a window, for suggestions',
        querystring: attributeValuesQuery,
      },
    },
    (request) => {
      const { key, service, prefix = '', limit = 50 } = request.query
      const asked = { window: parseWindow(request.query), service, prefix, limit }
      return attributeValues(askerOf(context, request), splitLevel(key), asked)
    },
  )
}
