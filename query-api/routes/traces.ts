import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { AppError } from '../../base/errors.ts'
import type { TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { countSpans, countTraces, findMatching, type Match } from '../questions/search.ts'
import { windowParams } from '../questions/spans.ts'
import { tooManySpans } from '../questions/trace-skeleton.ts'
import { wordsWithin } from '../questions/trace-words.ts'
import { summaries } from '../questions/summaries.ts'
import { jaegerJson } from '../file/jaeger.ts'
import { answerJson } from '../trace/answer.ts'
import { arrowStream, skeletonArrow } from '../trace/arrow.ts'
import { otlpJson } from '../trace/otlp.ts'
import { holdPlace } from '../http/slots.ts'
import { parseSearch } from '../traceql/parse.ts'
import { findTraceql } from '../traceql/run.ts'
import { filteredWithin, leftWithin, traceWindow } from '../traceql/within.ts'
import type { TraceMatchesAnswer, TracesAnswer, TraceSummary } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { hugeRows, loadDetails, loadTrace, unknownTrace } from './load-trace.ts'
import { readFilters } from './read-filters.ts'
import { detailsQuery, matchesQuery, traceParams, traceQuery, tracesQuery, query, type TracesQuery } from './schemas.ts'

export function traceRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: TracesQuery }>(
    '/api/traces',
    { schema: { summary: 'Search: traces with a span for which all filters hold', querystring: tracesQuery } },
    (request) => search(askerOf(context, request), request.query),
  )
  app.get<{ Params: Static<typeof traceParams>; Querystring: Static<typeof traceQuery> }>(
    '/api/traces/:traceId',
    {
      schema: {
        summary: 'One trace, put together',
        description: `Who also accepts ${arrowStream} gets traces of more than ${jsonUpTo} spans as such (docs/large-traces.md).`,
        produces: ['application/json', arrowStream],
        params: traceParams,
        querystring: traceQuery,
      },
    },
    async (request, reply) => {
      const traceId = request.params.traceId.toLowerCase()
      const takesArrow = request.headers.accept?.includes(arrowStream) === true
      const parts = await loadTrace(context, request, reply, traceId, {
        proxies: 'folded',
        ...request.query,
        detailsOf: takesArrow ? 'small' : 'any',
      })
      void reply.header('vary', 'accept')
      if (takesArrow && parts.rebuilt.spans.size > jsonUpTo) {
        return reply.type(arrowStream).send(Readable.from(skeletonArrow(parts.rebuilt), { objectMode: false }))
      }
      return reply.type('application/json; charset=utf-8').send(Readable.from(answerJson(parts), { objectMode: false }))
    },
  )
  app.get<{ Params: Static<typeof traceParams>; Querystring: Static<typeof matchesQuery> }>(
    '/api/traces/:traceId/matches',
    {
      schema: {
        summary: 'Which spans of a trace a query finds, or words',
        params: traceParams,
        querystring: matchesQuery,
      },
    },
    async (request, reply): Promise<TraceMatchesAnswer> => {
      const asker = askerOf(context, request)
      const traceId = request.params.traceId.toLowerCase()
      const { q, word = [] } = request.query
      if ((q === undefined) === (word.length === 0)) throw new AppError('BAD_INPUT', 'either q or word must be given')
      const pipeline = q === undefined ? undefined : parseSearch(q)
      const window = await traceWindow(asker, traceId)
      if (window === undefined) throw unknownTrace(traceId)
      if (pipeline === undefined) return { traceId, spanIds: await wordsWithin(asker, traceId, word) }
      const within = { traceId, window, pipeline }
      const filtered = await filteredWithin(asker, within)
      if (filtered !== undefined) return { traceId, spanIds: filtered }
      if (window.spans > context.mostSpans.objects) throw tooManySpans(context.mostSpans.objects)
      await holdPlace(context.slots.large, request, reply)
      if (window.spans > hugeRows) await holdPlace(context.slots.huge, request, reply)
      return { traceId, spanIds: await leftWithin(asker, within) }
    },
  )
  app.get<{ Params: Static<typeof traceParams>; Querystring: Static<typeof detailsQuery> }>(
    '/api/traces/:traceId/details',
    { schema: { summary: 'What was sent of some of its spans', params: traceParams, querystring: detailsQuery } },
    async (request, reply) => {
      const { params, query: asked } = request
      const ids = asked.span.map((id) => id.toLowerCase())
      const text = await loadDetails(context, request, reply, params.traceId.toLowerCase(), ids)
      return reply.type('application/json; charset=utf-8').send(text)
    },
  )
  for (const [form, summary, textOf] of downloads) {
    app.get<{ Params: Static<typeof traceParams> }>(
      `/api/traces/:traceId/${form}`,
      { schema: { summary, params: traceParams, querystring: query({}) } },
      async (request, reply) => {
        const traceId = request.params.traceId.toLowerCase()
        const parts = await loadTrace(context, request, reply, traceId)
        return reply
          .type('application/json; charset=utf-8')
          .header('content-disposition', `attachment; filename="trace-${traceId}.${form}.json"`)
          .send(Readable.from(textOf(parts), { objectMode: false }))
      },
    )
  }
}

/**
 * Up to so many spans a trace is JSON with everything in it, whoever asks: then one answer is all that its page needs, and
 * words in attributes are found as one types. It is on screen in 0.8 s, as columns in 0.5 (docs/large-traces.md).
 */
const jsonUpTo = 20_000

/** One trace for a file. */
const downloads = [
  ['otlp', 'One trace as it was sent, as OTLP/JSON', otlpJson],
  ['jaeger', 'One trace in the JSON of Jaeger’s UI', jaegerJson],
] as const

async function search(asker: Asker, asked: TracesQuery): Promise<TracesAnswer> {
  const { order = 'newest', limit = 50, count = false } = asked
  const { window, condition, pipeline } = await readFilters(asker, asked)
  if (condition === undefined) {
    const { matches, more, cut } = await findTraceql(asker, pipeline, window, order, limit)
    return answerOf(asker, window, asked, { matches, more, cut, total: more ? null : matches.length })
  }
  const { matches, more } = await findMatching(asker, condition, window, order, limit)
  const total = more && count ? await countTraces(asker, condition, window) : matches.length
  return answerOf(asker, window, asked, { matches, more, cut: false, total })
}

async function answerOf(
  asker: Asker,
  window: TimeWindow,
  { order = 'newest', limit = 50, count = false }: TracesQuery,
  found: {
    readonly matches: readonly Match[]
    readonly more: boolean
    readonly cut: boolean
    readonly total: number | null
  },
): Promise<TracesAnswer> {
  const { matches, more, cut, total } = found
  return {
    ...windowParams(window),
    order,
    limit,
    traces: (await summaries(asker, matches)).sort(byWhatIsShown[order]),
    more,
    cut,
    total: count ? total : null,
    spansInWindow: matches.length === 0 ? await countSpans(asker, window) : null,
  }
}

// Which traces are listed is decided by their matching spans; whoever reads the list sees the traces' own figures, and is to
// find them in order.
const descending = (a: string, b: string) => Number(BigInt(b) - BigInt(a))
const byWhatIsShown = {
  newest: (a: TraceSummary, b: TraceSummary) => descending(a.startTimeUnixNano, b.startTimeUnixNano),
  slowest: (a: TraceSummary, b: TraceSummary) => descending(a.durationNanos, b.durationNanos),
} as const
