import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { AppError } from '../../base/errors.ts'
import { compared } from '../compare/compare.ts'
import { contextsOf, meanOf, type Contexts } from '../compare/paths.ts'
import { typicalTraces } from '../compare/typical.ts'
import type { Asker } from '../questions/ask.ts'
import { traceSkeleton } from '../questions/trace-skeleton.ts'
import type { CompareAnswer, ComparedTrace } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { unknownTrace } from './load-trace.ts'
import { compareQuery } from './schemas.ts'

export function compareRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: Static<typeof compareQuery> }>(
    '/api/compare',
    { schema: { summary: 'Two traces as one tree, or one against the typical', querystring: compareQuery } },
    async (request) => {
      const asker = askerOf(context, request)
      const leave = await context.slots.large.take(asker.signal)
      try {
        return await compare(asker, request.query.a.toLowerCase(), request.query.b.toLowerCase())
      } finally {
        leave()
      }
    },
  )
}

async function compare(asker: Asker, a: string, b: string): Promise<CompareAnswer> {
  const left = await load(asker, a)
  if (b !== 'typical') {
    const right = await load(asker, b)
    return { a: told(a, left), b: told(b, right), ...compared(left.roots, right.roots) }
  }
  const alike = await typicalTraces(asker, a, left)
  if (alike.length === 0) {
    throw new AppError('NOT_FOUND', 'no other trace begins with this operation within an hour of it')
  }
  const mean = (of: (trace: Contexts) => number): number =>
    alike.reduce((sum, trace) => sum + of(trace), 0) / alike.length
  const right: ComparedTrace = {
    traceId: null,
    traces: alike.length,
    rootService: left.rootService,
    rootName: left.rootName,
    startTimeUnixNano: null,
    durationNanos: mean(({ duration }) => Number(duration)),
    spans: mean(({ spans }) => spans),
    errors: mean(({ errors }) => errors),
  }
  return { a: told(a, left), b: right, ...compared(left.roots, meanOf(alike)) }
}

async function load(asker: Asker, traceId: string): Promise<Contexts> {
  const { rows } = await traceSkeleton(asker, traceId)
  if (rows.length === 0) throw unknownTrace(traceId)
  return contextsOf(rows)
}

const told = (traceId: string, { start, duration, spans, errors, rootService, rootName }: Contexts): ComparedTrace => ({
  traceId,
  traces: 1,
  rootService,
  rootName,
  startTimeUnixNano: start.toString(),
  durationNanos: Number(duration),
  spans,
  errors,
})
