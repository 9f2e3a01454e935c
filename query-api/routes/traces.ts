import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
import type { Static } from 'typebox'
import { nowNanos } from '../../base/clock.ts'
import { AppError } from '../../base/errors.ts'
import { collectGarbage } from '../http/garbage.ts'
import type { Slots } from '../http/slots.ts'
import { parseDuration, parseWindow, type TimeWindow } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { parseAttributeFilter } from '../questions/filters.ts'
import { countSpans, countTraces, findMatching, type Match } from '../questions/search.ts'
import { searchCondition, type SearchCondition, type SearchFilter } from '../questions/search-condition.ts'
import { windowParams } from '../questions/spans.ts'
import { summaries } from '../questions/summaries.ts'
import { traceDetails } from '../questions/trace-details.ts'
import { resourcesById, traceResources } from '../questions/trace-resources.ts'
import { traceSkeleton } from '../questions/trace-skeleton.ts'
import { wholeTrace } from '../questions/trace-whole.ts'
import { answerJson, type TraceParts } from '../trace/answer.ts'
import { rebuild } from '../trace/rebuild.ts'
import { TraceqlError } from '../traceql/error.ts'
import { parse } from '../traceql/parse.ts'
import { filterCondition, findTraceql, onlyFilter } from '../traceql/run.ts'
import type { Pipeline } from '../traceql/syntax.ts'
import type { TracesAnswer, TraceSummary } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { traceParams, tracesQuery, query, type TracesQuery } from './schemas.ts'

export function traceRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: TracesQuery }>(
    '/api/traces',
    { schema: { summary: 'Search: traces with a span for which all filters hold', querystring: tracesQuery } },
    (request) => search(askerOf(context, request), request.query),
  )
  app.get<{ Params: Static<typeof traceParams> }>(
    '/api/traces/:traceId',
    { schema: { summary: 'One trace, put together', params: traceParams, querystring: query({}) } },
    async (request, reply) => {
      const asker = askerOf(context, request)
      // What an answer takes of the memory it takes until it is sent, or the caller has gone.
      const enter = async (slots: Slots) => {
        const leave = await slots.take(asker.signal)
        if (reply.raw.closed) leave()
        else reply.raw.once('close', leave)
      }
      await enter(context.slots.whole)
      const traceId = request.params.traceId.toLowerCase()
      let parts = await wholeParts(asker, traceId)
      if (parts === undefined) {
        await enter(context.slots.large)
        await collectGarbage()
        parts = await largeParts(asker, traceId)
      }
      return reply.type('application/json; charset=utf-8').send(Readable.from(answerJson(parts), { objectMode: false }))
    },
  )
}

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

type Filters = Omit<TracesQuery, 'order' | 'limit' | 'count'>

/** What is asked of single spans, or the query that is about whole traces. */
type Read = { readonly window: TimeWindow } & (
  | { readonly condition: SearchCondition; readonly pipeline?: undefined }
  | { readonly condition?: undefined; readonly pipeline: Pipeline }
)

/** Throws BAD_INPUT, also for other filters beside a query. */
async function readFilters(asker: Asker, asked: Filters): Promise<Read> {
  const window = parseWindow(asked)
  const { q, service, operation, minDuration, maxDuration, status, attribute } = asked
  if (q === undefined) return { window, condition: await searchCondition(asker, searchFilter(asked)) }
  const others = { service, operation, minDuration, maxDuration, status, attribute }
  const beside = Object.entries(others).find(([, value]) => value !== undefined)?.[0]
  if (beside !== undefined) throw new AppError('BAD_INPUT', `q holds the whole query: ${beside} does not go with it`)
  const pipeline = parse(q)
  const filter = onlyFilter(pipeline)
  return filter === undefined
    ? { window, pipeline }
    : { window, condition: await filterCondition(asker, filter, window) }
}

/**
 * The filter that search, heat map and diagnosis have alike: what is asked of one span. Throws BAD_INPUT, also for a query
 * that asks of whole traces.
 */
export async function conditionOf(
  asker: Asker,
  asked: Filters,
): Promise<{ readonly window: TimeWindow; readonly condition: SearchCondition }> {
  const { window, condition, pipeline } = await readFilters(asker, asked)
  if (condition !== undefined) return { window, condition }
  throw new TraceqlError('this is about single spans: the query must be one pair of braces, { … }', pipeline.place)
}

// Which traces are listed is decided by their matching spans; whoever reads the list sees the traces' own figures, and is to
// find them in order.
const descending = (a: string, b: string) => Number(BigInt(b) - BigInt(a))
const byWhatIsShown = {
  newest: (a: TraceSummary, b: TraceSummary) => descending(a.startTimeUnixNano, b.startTimeUnixNano),
  slowest: (a: TraceSummary, b: TraceSummary) => descending(a.durationNanos, b.durationNanos),
} as const

const unknown = (traceId: string) => new AppError('NOT_FOUND', `no span of trace ${traceId} is stored`)

/** Undefined for a trace that is too large for it. */
async function wholeParts(asker: Asker, traceId: string): Promise<TraceParts | undefined> {
  const whole = await wholeTrace(asker, traceId)
  if (whole === undefined) return undefined
  if (whole.rows.length === 0) throw unknown(traceId)
  const resources = await resourcesById(asker, [...new Set(whole.rows.map(({ resourceId }) => resourceId))])
  return {
    rebuilt: rebuild(traceId, whole.rows, nowNanos()),
    resources,
    scopes: whole.scopes,
    details: [whole.details],
  }
}

/** What is small of every span first, the rest as it comes and is written. */
async function largeParts(asker: Asker, traceId: string): Promise<TraceParts> {
  const unwanted = new AbortController()
  const details = traceDetails({ ...asker, signal: AbortSignal.any([asker.signal, unwanted.signal]) }, traceId)
  try {
    const [{ rows, scopes }, resources] = await Promise.all([
      traceSkeleton(asker, traceId),
      traceResources(asker, traceId),
    ])
    if (rows.length === 0) throw unknown(traceId)
    return { rebuilt: rebuild(traceId, rows, nowNanos()), resources, scopes, details }
  } catch (error) {
    unwanted.abort()
    throw error
  }
}

function searchFilter(asked: Filters): SearchFilter {
  const filter: SearchFilter = {
    ...(asked.service === undefined ? {} : { service: asked.service }),
    ...(asked.operation === undefined ? {} : { operation: asked.operation }),
    ...(asked.minDuration === undefined ? {} : { minDuration: parseDuration(asked.minDuration, 'minDuration') }),
    ...(asked.maxDuration === undefined ? {} : { maxDuration: parseDuration(asked.maxDuration, 'maxDuration') }),
    ...(asked.status === undefined ? {} : { status: asked.status }),
    attributes: (asked.attribute ?? []).map(parseAttributeFilter),
  }
  if ((filter.minDuration ?? 0n) > (filter.maxDuration ?? filter.minDuration ?? 0n)) {
    throw new AppError('BAD_INPUT', 'minDuration is greater than maxDuration')
  }
  return filter
}
