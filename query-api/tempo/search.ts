import { AppError } from '../../base/errors.ts'
import { parseDuration, type TimeWindow } from '../http/times.ts'
import { all, type Asker } from '../questions/ask.ts'
import { findMatching, type Match } from '../questions/search.ts'
import type { SearchCondition } from '../questions/search-condition.ts'
import { inTraces } from '../questions/spans.ts'
import { summaries } from '../questions/summaries.ts'
import { parseSearch } from '../traceql/parse.ts'
import { filterCondition, findTraceql, onlyFilter, type Found } from '../traceql/run.ts'
import { ofIds, spanRows, thatMatch, type SpanRow } from '../traceql/spans.ts'
import type { Expression, Field, Intrinsic, Pipeline, Stage } from '../traceql/syntax.ts'
import { hasValue } from '../traceql/values.ts'
import type { TypedValue } from '../types.ts'
import { anyValue, type AnyValue } from './any-value.ts'
import { nestedSets, outside } from './nested-sets.ts'

export interface TempoSearch {
  /** TraceQL. */
  readonly q?: string
  /** In place of `q`, Tempo's older way: logfmt, values as parts of what is sent. */
  readonly tags?: string
  readonly minDuration?: string
  readonly maxDuration?: string
  readonly limit: number
  /** Spans of each spanset that are told. */
  readonly spss: number
}

/** Tempo's `SearchResponse` as JSON (its tempo.proto): 64-bit numbers as text. */
export interface TempoSearchAnswer {
  traces: TempoTrace[]
  metrics: object
}
interface TempoTrace {
  traceID: string
  rootServiceName: string
  rootTraceName: string
  startTimeUnixNano: string
  durationMs: number
  spanSet?: TempoSpanset
  spanSets: TempoSpanset[]
  serviceStats: Record<string, { spanCount: number; errorCount?: number }>
}
interface TempoSpanset {
  spans: {
    spanID: string
    name: string
    startTimeUnixNano: string
    durationNanos: string
    attributes: { key: string; value: AnyValue }[]
  }[]
  matched: number
  attributes?: { key: string; value: AnyValue }[]
}

/**
 * Traces that match, the newest first, each with its spansets: of their spans the first few, with the fields that the query
 * selects or asks about. Throws BAD_INPUT.
 */
export async function searchTempo(asker: Asker, window: TimeWindow, asked: TempoSearch): Promise<TempoSearchAnswer> {
  const text = asked.q === undefined || asked.q === '' ? queryOfTags(asked) : asked.q
  const pipeline = parseSearch(text)
  const filter = onlyFilter(pipeline)
  const { fields, nested } = fieldsOf(pipeline)
  const wanted = { window, fields, order: 'newest' as const, limit: asked.limit * asked.spss, perTrace: asked.spss }
  let matches: readonly (Match | Found)[]
  let rows: readonly SpanRow[] = []
  let matched: ReadonlyMap<string, number> = new Map()
  if (filter === undefined) {
    ;({ matches } = await findTraceql(asker, pipeline, window, 'newest', asked.limit))
    const told = (matches as readonly Found[]).map((found) => ({
      ...found,
      spansets: found.spansets.map((set) => ({ ...set, spanIds: set.spanIds.slice(0, asked.spss) })),
    }))
    const most = told.reduce((sum, { spansets }) => sum + spansets.reduce((all, set) => all + set.spanIds.length, 0), 0)
    if (most > 0) rows = await spanRows(asker, { ...wanted, where: ofIds(told), limit: most, perTrace: most })
  } else {
    const condition = await filterCondition(asker, filter, window)
    ;({ matches } = await findMatching(asker, condition, window, 'newest', asked.limit))
    const within = ofTraces(condition, window, matches)
    if (matches.length > 0) {
      ;[rows, matched] = await Promise.all([
        spanRows(asker, { ...wanted, where: within }),
        countMatched(asker, within, matches.length),
      ])
    }
  }
  const traceIds = matches.map(({ traceId }) => traceId)
  const sets = nested.length === 0 || rows.length === 0 ? undefined : await nestedSets(asker, traceIds, window)
  const rowsOf = Map.groupBy(rows, ({ traceId }) => traceId)
  const found = new Map(matches.map((match) => [match.traceId, match]))
  const label = (field: { readonly place: { readonly start: number; readonly end: number } }): string =>
    text.slice(field.place.start, field.place.end)
  const spanset = (of: readonly SpanRow[], many: number): TempoSpanset => ({
    spans: of.map(({ traceId, spanId, name, start, duration, values }) => ({
      spanID: spanId,
      name,
      startTimeUnixNano: start.toString(),
      durationNanos: duration.toString(),
      attributes: [
        ...fields.flatMap((field, at) => attribute(label(field), values[at])),
        ...nested.flatMap((field) => {
          const set = sets?.get(traceId)?.get(spanId) ?? outside
          return attribute(label(field), { type: 'int', text: String(set[nestedPart[field.name]]) })
        }),
      ],
    })),
    matched: many,
  })
  const traces = await summaries(asker, matches)
  return {
    traces: traces.map((trace): TempoTrace => {
      const own = rowsOf.get(trace.traceId) ?? []
      const match = found.get(trace.traceId)
      const spanSets =
        match !== undefined && 'spansets' in match
          ? match.spansets.map(({ spanIds, by }) => ({
              ...spanset(
                own.filter(({ spanId }) => spanIds.slice(0, asked.spss).includes(spanId)),
                spanIds.length,
              ),
              ...(by.length > 0 && {
                attributes: by.flatMap(({ of, value }) => attribute(`by(${label(of)})`, value)),
              }),
            }))
          : [spanset(own, matched.get(trace.traceId) ?? own.length)]
      return {
        traceID: trace.traceId,
        rootServiceName: trace.hasRoot ? trace.rootService : '<root span not yet received>',
        rootTraceName: trace.hasRoot ? trace.rootName : '',
        startTimeUnixNano: trace.startTimeUnixNano,
        durationMs: Number(BigInt(trace.durationNanos) / 1_000_000n),
        // Older clients read one spanset.
        ...(spanSets[0] !== undefined && { spanSet: spanSets[0] }),
        spanSets,
        serviceStats: Object.fromEntries(
          trace.services.map(({ name, spans, errors }) => [
            name,
            { spanCount: spans, ...(errors > 0 && { errorCount: errors }) },
          ]),
        ),
      }
    }),
    metrics: {},
  }
}

const attribute = (key: string, value: TypedValue | undefined): { key: string; value: AnyValue }[] =>
  value === undefined ? [] : [{ key, value: anyValue(value) }]

function ofTraces(condition: SearchCondition, window: TimeWindow, matches: readonly Match[]): ReturnType<typeof ofIds> {
  const { sql, params } = thatMatch(condition, window)
  return {
    sql: `${sql} AND ${inTraces}`,
    params: { ...params, traceIds: matches.map(({ traceId }) => traceId) },
  }
}

async function countMatched(
  asker: Asker,
  where: ReturnType<typeof ofIds>,
  traces: number,
): Promise<Map<string, number>> {
  const rows = await all(asker, {
    name: 'tempo_matched',
    sql: `SELECT lower(hex(trace_id)), uniqExact(span_id) FROM spans WHERE ${where.sql} GROUP BY trace_id`,
    params: where.params,
    maxRows: traces,
    decode: (row): [string, number] => [String(row[0]), Number(row[1])],
  })
  return new Map(rows)
}

type NestedName = 'nestedSetLeft' | 'nestedSetRight' | 'nestedSetParent'
const nestedPart = { nestedSetLeft: 'left', nestedSetRight: 'right', nestedSetParent: 'parent' } as const
const isNested = (field: Field): field is Intrinsic & { readonly name: NestedName } =>
  field.kind === 'intrinsic' && Object.hasOwn(nestedPart, field.name)

/** The fields that are told of each span: what is selected, and what is asked about. */
function fieldsOf(pipeline: Pipeline): {
  readonly fields: readonly Field[]
  /** Those selected that only the tree of a trace tells. */
  readonly nested: readonly (Intrinsic & { readonly name: NestedName })[]
} {
  const found = new Map<string, Field>()
  const nested: (Intrinsic & { readonly name: NestedName })[] = []
  const add = (field: Field): void => {
    const { place, ...name } = field
    if (place.end > place.start && hasValue(field)) found.set(JSON.stringify(name), field)
  }
  const ofExpression = (expression: Expression): void => {
    if (expression.kind === 'attribute' || expression.kind === 'intrinsic') add(expression)
    else if (expression.kind === 'unary') ofExpression(expression.of)
    else if (expression.kind === 'binary') [expression.left, expression.right].forEach(ofExpression)
  }
  const ofStage = (stage: Stage): void => {
    if (stage.kind === 'filter' && stage.condition !== undefined) ofExpression(stage.condition)
    if (stage.kind === 'spansets') [stage.left, stage.right].forEach(ofStage)
    if (stage.kind === 'pipeline') stage.stages.forEach(ofStage)
    if (stage.kind !== 'select') return
    stage.fields.forEach(add)
    nested.push(...stage.fields.filter(isNested))
  }
  ofStage(pipeline)
  return { fields: [...found.values()], nested }
}

/** Names that Tempo's older search has for what is no attribute. */
const oldNames: ReadonlyMap<string, string> = new Map([
  ['name', 'name'],
  ['root.name', 'rootName'],
  ['root.service.name', 'rootServiceName'],
])
const escapes: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' }
/** Text as TraceQL writes it. */
const quoted = (text: string): string => `"${text.replace(/[\n\r\t"\\]/g, (char) => escapes[char] ?? char)}"`

/** logfmt: key=value, or key="value with spaces". */
const pair = /\s*([^\s=]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))/gy

/** The older search as a query: every tag as part of the value, regardless of case; durations of the whole trace. */
function queryOfTags({ tags = '', minDuration, maxDuration }: TempoSearch): string {
  const conditions: string[] = []
  let read = 0
  for (const [whole, key = '', inQuotes, plain = ''] of tags.matchAll(pair)) {
    read += whole.length
    const value = inQuotes === undefined ? plain : inQuotes.replace(/\\(.)/gsu, '$1')
    if ((key === 'status.code' || key === 'status') && /^(?:unset|ok|error)$/.test(value)) {
      conditions.push(`status = ${value}`)
      continue
    }
    if (key === 'error' && value === 'true') {
      conditions.push('status = error')
      continue
    }
    const field = oldNames.get(key) ?? `.${quoted(key)}`
    const part = quoted(`(?is).*${value.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}.*`)
    const number = /^-?\d+(\.\d+)?$/.test(value) && !oldNames.has(key) ? ` || ${field} = ${value}` : ''
    const truth = /^(?:true|false)$/.test(value) ? ` || ${field} = ${value}` : ''
    conditions.push(`(${field} =~ ${part}${number}${truth})`)
  }
  if (tags.slice(read).trim() !== '') throw new AppError('BAD_INPUT', 'tags are key=value, with spaces between them')
  if (minDuration !== undefined) {
    conditions.push(`traceDuration >= ${parseDuration(minDuration, 'minDuration')}ns`)
  }
  if (maxDuration !== undefined) {
    conditions.push(`traceDuration <= ${parseDuration(maxDuration, 'maxDuration')}ns`)
  }
  return `{ ${conditions.join(' && ')} }`
}
