import type { FastifyInstance } from 'fastify'
import { parseWindow, parseDuration } from '../http/times.ts'
import type { Asker } from '../questions/ask.ts'
import { windowParams } from '../questions/spans.ts'
import { Steps } from '../questions/steps.ts'
import { groups } from '../traceql/groups.ts'
import { metrics } from '../traceql/metrics.ts'
import { parse, parseField } from '../traceql/parse.ts'
import { findTraceql } from '../traceql/run.ts'
import { ofIds, spanRows, thatMatch } from '../traceql/spans.ts'
import type { Field, Pipeline } from '../traceql/syntax.ts'
import type { SpansAnswer } from '../types.ts'
import { askerOf, type RouteContext } from './context.ts'
import { conditionOf, readFilters } from './read-filters.ts'
import {
  groupsQuery,
  metricsQuery,
  spansQuery,
  type GroupsQuery,
  type MetricsQuery,
  type SpansQuery,
} from './schemas.ts'

/** What is found as other things than traces: spans, groups of spans, figures over time. */
export function listRoutes(app: FastifyInstance, context: RouteContext): void {
  app.get<{ Querystring: SpansQuery }>(
    '/api/spans',
    { schema: { summary: 'Spans that match, with the fields asked for', querystring: spansQuery } },
    (request) => listSpans(askerOf(context, request), request.query),
  )
  app.get<{ Querystring: GroupsQuery }>(
    '/api/groups',
    { schema: { summary: 'Spans that match, by the values of a field', querystring: groupsQuery } },
    async (request) => {
      const { of: which = 'spans', by, limit = 200 } = request.query
      const asker = askerOf(context, request)
      return groups(asker, { ...(await conditionOf(asker, request.query)), which }, by, limit)
    },
  )
  app.get<{ Querystring: MetricsQuery }>(
    '/api/metrics',
    { schema: { summary: 'Figures over time that a TraceQL query asks for', querystring: metricsQuery } },
    (request) => {
      const { q, step, exemplars } = request.query
      const steps = Steps.over(parseWindow(request.query), step === undefined ? undefined : parseDuration(step, 'step'))
      return metrics(askerOf(context, request), q, parse(q), steps, exemplars)
    },
  )
}

async function listSpans(asker: Asker, asked: SpansQuery): Promise<SpansAnswer> {
  const { order = 'newest', limit = 100 } = asked
  const { window, condition, pipeline } = await readFilters(asker, asked)
  const fields = shownFields(asked, pipeline)
  const wanted = { window, fields: fields.map(({ field }) => field), order, limit: limit + 1 }
  let cut = false
  let more = false
  let where
  if (condition !== undefined) where = thatMatch(condition, window)
  else {
    const found = await findTraceql(asker, pipeline, window, order, limit)
    ;({ cut, more } = found)
    where = ofIds(found.matches)
  }
  const rows = await spanRows(asker, { ...wanted, where })
  return {
    ...windowParams(window),
    order,
    limit,
    fields: fields.map(({ text }) => text),
    spans: rows.slice(0, limit).map(({ start, duration, status, values, ...row }) => ({
      ...row,
      statusCode: status,
      startTimeUnixNano: start.toString(),
      durationNanos: duration.toString(),
      values: values.map((value) => value ?? null),
    })),
    more: more || rows.length > limit,
    cut,
  }
}

/** Those that are asked for, else those that the query selects. */
function shownFields(
  { field, q = '' }: SpansQuery,
  pipeline: Pipeline | undefined,
): { readonly text: string; readonly field: Field }[] {
  if (field !== undefined) return field.map((text) => ({ text, field: parseField(text) }))
  return (pipeline?.stages ?? [])
    .flatMap((stage) => (stage.kind === 'select' ? stage.fields : []))
    .map((of) => ({ text: q.slice(of.place.start, of.place.end), field: of }))
}
